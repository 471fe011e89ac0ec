# From raw files to submissions/<category>.csv, a file at a time: a run that was stopped goes on where it was.
#
#   make demo                       all of it on a sample that the toolkit draws itself
#   make all CATEGORY=c2            one category, with the competition's files in input/
#   make every                      all categories of COMPETITION, and its one submission
#   make all SET="net.epochs=1 run.weights=weights"      settings for this run
#   make -n all  ·  make -j4 all  ·  make all ENGINE=ray ADDRESS=host:port

CATEGORY    ?= c2
COMPETITION ?= visual_taxonomy
SET         ?=
PARTS       ?=
ENGINE      ?= make
ADDRESS     ?=
NEW         := $(FILE)
FILE        ?= $(SUBMISSIONS)/$(CATEGORY).csv
# Kaggle has what is needed; elsewhere make sets up .venv, or takes the Python that you name: make PYTHON=python3 all
PYTHON      ?= $(if $(KAGGLE_KERNEL_RUN_TYPE),python3,.venv/bin/python)
BASE_PYTHON ?= python3

# Reads from plan.py which files there are, what each needs, and which numbered script makes it
include scripts/pipeline/rules.mk
.PHONY: all answer folds images features train predict merge every demo retry analysis report compare kernels check why test lint bench setup clean help

# In the order of the data
folds: $(W)/folds.csv  ## the rows of CATEGORY with their folds

images: $(W)/images.csv $(W)/answers/test/images.csv  ## its images: downloaded where they are links, checked, cached

features: $(filter $(W)/features/%,$(FILES))  ## features of frozen networks, where its models need them

train: $(filter $(W)/model/%,$(FILES))  ## all its models

predict: $(if $(RAY),,$(ASKED))  ## all its members' predictions; PARTS=0-19, those of some parts
	$(if $(RAY),$(ray) --only $(ASKED:$(W)/%=%))

merge: $(W)/merged.npz  ## what is submitted of them, chosen by their out-of-fold scores

all: $(if $(RAY),$(READY),$(ALL))  ## everything, up to submissions/<CATEGORY>.csv and the report on it; ENGINE=ray ADDRESS=host:port
	$(if $(RAY),$(ray))

every: $(READY)  ## all categories of COMPETITION, then its one submission
	+$(if $(RAY),,set -e; for category in $$($(PYTHON) scripts/plan.py $(COMPETITION) --concat); do $(MAKE) all CATEGORY=$$category; done)
	+$(MAKE) all CATEGORY=$(COMPETITION)

# FORCE where an earlier version drew less
$(INPUT)/sample.json: $(if $(wildcard $(INPUT)/demo_entity/train.csv),,FORCE) | $(READY)
	$(PYTHON) scripts/00_sample_data.py

demo: $(READY) $(INPUT)/sample.json  ## draw the sample and take it from raw files to checked submissions
	+$(MAKE) every COMPETITION=demo_taxonomy
	+$(MAKE) all CATEGORY=demo_price
	+$(MAKE) all CATEGORY=demo_entity
	set -e; for category in demo_taxonomy demo_price demo_entity; do $(PYTHON) scripts/09_post_process.py $$category \
		--check $(SUBMISSIONS)/$$category.csv --truth $(INPUT)/$$category/solution.csv; done

answer: $(READY)  ## answer new rows with the models that are there: FILE=new.csv, images beside it; or today's test.csv
	+$(MAKE) all CATEGORY=$(CATEGORY) $(if $(NEW),ROWS=$(basename $(notdir $(FILE))) SET="$(SET) data.test=$(abspath $(FILE))",ROWS=test)

# Beside the way
analysis: $(READY)  ## what the training set of CATEGORY holds, and what is odd in it
	$(call run,00_data_analysis)

retry: $(READY)  ## fetch once more the links that could not be had, 404s too
	$(call run,02_download_images) --retry

why: $(READY)  ## what make all would make, and why
	@$(call run,plan) --why

report: $(READY)  ## working/<CATEGORY>/report.html as things are now, half way too
	$(call run,10_report)

compare: $(READY)  ## two runs side by side, what changed in config and in score: A=c2 B=/x/working/c2
	$(if $(and $(A),$(B)),,$(error which two? make compare A=$(CATEGORY) B=<another category, or a folder as working/$(CATEGORY)>))
	$(PYTHON) scripts/11_compare_runs.py '$(A)' '$(B)'

check: $(READY)  ## say what is wrong with FILE as a submission for CATEGORY
	$(call run,09_post_process) --check '$(FILE)'

kernels: $(READY)  ## Kaggle kernels of CATEGORY: PARTS=20 sessions and one that merges; ANSWER=1 one that answers with the models that are there; OWNER= DATASETS= COMPETITIONS= MODELS= GPU= INTERNET= TO=
	$(call run,write_kernels) --parts $(or $(PARTS),1) $(foreach option,ANSWER OWNER DATASETS COMPETITIONS MODELS GPU INTERNET TO,\
		$(if $($(option)),--$(shell echo $(option) | tr A-Z a-z) '$($(option))'))

test: $(READY)  ## the tests
	$(PYTHON) -m pytest -q -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder tests

lint: $(READY)  ## the code's layout, rules that ruff checks, and how full the lines are
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) tests/density.py

bench: $(READY)  ## how long things take against the way people do them today, as ratios
	$(PYTHON) tests/bench/bench.py

setup: $(READY)  ## the environment alone

clean:  ## remove what was made for CATEGORY; never the input
	$(if $(filter command environment,$(firstword $(origin CATEGORY))),,$(error which? make clean CATEGORY=$(CATEGORY)))
	$(if $(filter $(CATEGORY),$(notdir $(basename $(wildcard configs/*.py)))),,$(error no config '$(CATEGORY)'))
	rm -rf '$(W)' '$(SUBMISSIONS)/$(CATEGORY).csv' '$(SUBMISSIONS)/$(CATEGORY).csv.json'

help:  ## this list
	@echo "make <target> [CATEGORY=$(CATEGORY)] [COMPETITION=$(COMPETITION)] [SET=\"$(or $(SET),section.key=value ...)\"] [PYTHON=$(PYTHON)]"
	@echo "  input_path=$(INPUT)  working_path=$(WORKING)  submissions_path=$(SUBMISSIONS)"
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' Makefile
	@echo "  categories: $(notdir $(basename $(wildcard configs/*.py)))"
	@echo "  models: $(filter-out __%,$(notdir $(basename $(wildcard scripts/models/*.py) $(patsubst %/__init__.py,%,$(wildcard scripts/models/*/__init__.py)))))"
	@echo "  tasks: $(notdir $(patsubst %/__init__.py,%,$(wildcard scripts/tasks/*/__init__.py)))"
	@echo "  scripts: $(notdir $(basename $(wildcard scripts/[0-9]*.py)))"
