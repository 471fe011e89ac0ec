# From raw files to submissions/<category>.csv. Each rule makes one file, so a run that was stopped goes on where it was.
#
#   make demo                       all of it on a sample that the toolkit draws itself
#   make all CATEGORY=c2            one category, with the competition's files in input/
#   make every                      all categories of a competition and their one submission
#   make all ENGINE=ray             by Ray, on this machine or on the cluster at ADDRESS=host:port
#   make -n all  ·  make -j4 all  ·  make all SET="net.epochs=1 run.weights=weights"

CATEGORY    ?= c2
COMPETITION ?= visual_taxonomy
SET         ?=
PARTS       ?=
ENGINE      ?= make
ADDRESS     ?=
FILE        ?= $(SUBMISSIONS)/$(CATEGORY).csv

# Kaggle has what is needed; elsewhere make sets up .venv, or uses the Python that you name: make PYTHON=python3 all
PYTHON      ?= $(if $(KAGGLE_KERNEL_RUN_TYPE),python3,.venv/bin/python)
BASE_PYTHON ?= python3
READY       := $(if $(filter .venv/bin/python,$(PYTHON)),.venv/ready)

WORKING     := $(or $(working_path),$(if $(KAGGLE_KERNEL_RUN_TYPE),/kaggle/working,$(CURDIR)/working))
SUBMISSIONS := $(or $(submissions_path),$(if $(KAGGLE_KERNEL_RUN_TYPE),$(WORKING),$(CURDIR)/submissions))
INPUT       := $(or $(input_path),$(if $(KAGGLE_KERNEL_RUN_TYPE),/kaggle/input,$(CURDIR)/input))
# run.time_limit counts from here, also in the makes that this one starts
MAKE_STARTED := $(or $(MAKE_STARTED),$(shell date +%s))
export MAKE_STARTED

$(if $(word 4,$(WORKING) $(SUBMISSIONS) $(INPUT)),$(error a path with a space in it: \
  move the project, or set input_path, working_path and submissions_path))
override WORKING := $(abspath $(WORKING))
override SUBMISSIONS := $(abspath $(SUBMISSIONS))
override INPUT := $(abspath $(INPUT))
export input_path := $(INPUT)
export working_path := $(WORKING)
export submissions_path := $(SUBMISSIONS)
WRONG := $(filter category competition set data.% images.% download.% net.% features.% heads.% knn.% encode.% fusion.% clip.% text.% words.% table.% ocr.% reader.% vlm.% refine.% svr.% ridge.% mlp.% stack.% infer.% post.% run.%,$(.VARIABLES))
$(if $(WRONG),$(error $(firstword $(WRONG)) is no variable of make: settings go into SET="section.key=value", the rest in capitals))
RAY    := $(filter ray,$(ENGINE))
$(if $(filter make ray,$(ENGINE)),,$(error no ENGINE=$(ENGINE): write ENGINE=make or ENGINE=ray))
$(if $(and $(ADDRESS),$(if $(RAY),,make)),$(error ADDRESS is for ENGINE=ray))
$(if $(and $(RAY),$(filter folds images features train merge,$(MAKECMDGOALS))),$(error ENGINE=ray is for make all, every, demo and predict))
NUMBERS := $(if $(findstring -,$(PARTS)),$(shell seq $(subst -, ,$(PARTS)) 2>/dev/null),$(PARTS))
$(if $(and $(PARTS),$(filter-out predict kernels,$(MAKECMDGOALS))),$(error PARTS is for make predict and make kernels))
W      := $(WORKING)/$(CATEGORY)
SUBMIT := $(SUBMISSIONS)/$(CATEGORY).csv
run     = $(PYTHON) scripts/$(1).py $(CATEGORY) $(SET)
ray     = $(call run,run_ray) $(if $(ADDRESS),--address $(ADDRESS),$(patsubst -j%,--jobs %,$(filter-out -j,$(filter -j%,$(MAKEFLAGS)))))
# a step as make shows it; where it fails the report says so, and gives back the step's exit code
step    = $(call shown,$(call run,$(1))$(if $(2), $(2)))
shown   = $(if $(DRY),$(1),$(info $(1))@$(1) || $(call run,10_report) --stopped $$? $@)
DRY     = $(findstring n,$(filter-out --%,$(firstword -$(MAKEFLAGS))))
name    = $(basename $(notdir $@))

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.PHONY: all folds images retry features train predict merge report compare every demo analysis check why test bench setup clean help FORCE

# plan.py prints `target:|prerequisite` and, for files that are not what today's config says, `target:FORCE`: rules as they are.
# They are read only by the make that planned targets are asked of, and only once its environment is there.
ifneq ($(filter $(if $(RAY),,all) folds images features train predict merge $(WORKING)/% $(SUBMISSIONS)/%,$(MAKECMDGOALS)),)
ifeq ($(wildcard $(READY)),$(READY))
RULES := $(shell input_path='$(INPUT)' working_path='$(WORKING)' submissions_path='$(SUBMISSIONS)' $(call run,plan) || echo FAILED)
$(if $(filter FAILED,$(RULES))$(filter-out 0,$(.SHELLSTATUS)),$(error stopped: the line above says why))
$(foreach rule,$(RULES),$(eval $(rule)))
FILES := $(sort $(subst |, ,$(subst :, ,$(RULES))))
.PRECIOUS: $(FILES)                        # a file that is there is whole: an interrupted make must not delete it
else
$(if $(DRY),$(error no .venv yet: make setup, then make -n))
include .venv/ready                        # made below; make then starts again
endif
endif

all: $(if $(RAY),$(READY),$(W)/report.html)  ## everything, up to submissions/<CATEGORY>.csv and the report on it; ENGINE=ray ADDRESS=host:port
	$(if $(RAY),$(ray))
folds: $(W)/folds.csv  ## the rows of CATEGORY with their folds
images: $(W)/images.csv  ## its pictures: downloaded where they are links, checked, cached
features: $(filter $(W)/features/%,$(FILES))  ## features of frozen networks, where its models need them
train: $(filter $(W)/model/%,$(FILES))  ## all its models
ASKED  := $(filter $(if $(PARTS),$(foreach k,$(NUMBERS),$(W)/pred/%_$(k).csv),$(W)/pred/%),$(FILES))
ABSENT := $(strip $(if $(and $(PARTS),$(FILES)),$(foreach k,$(or $(NUMBERS),$(PARTS)),$(if $(filter %_$(k).csv,$(ASKED)),,$(k)))))
$(if $(ABSENT),$(error no part $(firstword $(ABSENT)) of $(CATEGORY); write PARTS=3 or PARTS=0-19, below data.parts))
predict: $(if $(RAY),,$(ASKED))  ## all its members' predictions; PARTS=0-19, those of some parts
	$(if $(RAY),$(ray) --only $(ASKED:$(W)/%=%))
merge: $(W)/merged.npz  ## their ensemble, with the table of out-of-fold scores

$(W)/folds.csv:
	$(call step,01_split_files)

$(W)/images.csv:
	$(call step,02_download_images)

$(W)/features/%.npy $(W)/features/%.npz $(W)/features/%.csv:
	$(call step,03_extract_features,--source $*)

$(W)/model/%.safetensors:
	$(call step,04_train_fold,--member $(name))

$(W)/model/heads_%.safetensors:
	$(call step,05_train_attr_heads,--member $(name))

$(W)/pred/%.npz $(W)/pred/%.csv:
	$(call step,06_infer,--member $*)

$(W)/pred/stack_0.npz:
	$(call step,07_stack)

$(W)/merged.npz:
	$(call step,08_merge_files)

$(SUBMIT):
	$(call step,09_post_process)

$(W)/report.html:
	$(call run,10_report)

every: $(READY)  ## all categories of COMPETITION, then its one submission
	+$(if $(RAY),,set -e; for category in $$($(PYTHON) scripts/plan.py $(COMPETITION) --joined); do $(MAKE) all CATEGORY=$$category; done)
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

retry: $(READY)  ## fetch once more the links that could not be had, 404s too
	$(call run,02_download_images) --retry

analysis: $(READY)  ## what the training set of CATEGORY holds, and what is odd in it
	$(call run,00_data_analysis)

report: $(READY)  ## working/<CATEGORY>/report.html as things are now, half way too
	$(call run,10_report)

compare: $(READY)  ## two runs side by side, what changed in config and in score: A=c2 B=/x/working/c2
	$(if $(and $(A),$(B)),,$(error which two? make compare A=$(CATEGORY) B=<another category, or a folder as working/$(CATEGORY)>))
	$(PYTHON) scripts/11_compare_runs.py '$(A)' '$(B)'

kernels: $(READY)  ## Kaggle kernels of CATEGORY: PARTS=20 sessions and one that merges; OWNER= DATASETS= COMPETITIONS= MODELS= GPU= INTERNET= TO=
	$(call run,write_kernels) --parts $(or $(PARTS),1) $(foreach option,OWNER DATASETS COMPETITIONS MODELS GPU INTERNET TO,\
		$(if $($(option)),--$(shell echo $(option) | tr A-Z a-z) '$($(option))'))

check: $(READY)  ## say what is wrong with FILE as a submission for CATEGORY
	$(call run,09_post_process) --check '$(FILE)'

why: $(READY)  ## what make all would make, and why
	@$(call run,plan) --why

test: $(READY)  ## the tests
	$(PYTHON) -m pytest -q -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder tests

bench: $(READY)  ## how long things take against the way people do them today, as ratios
	$(PYTHON) tests/bench/bench.py

setup: $(READY)  ## the environment alone

.venv/ready: requirements.txt constraints.txt
	$(BASE_PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt --constraint constraints.txt
	touch $@

clean:  ## remove what was made for CATEGORY; never the input
	$(if $(filter command environment,$(firstword $(origin CATEGORY))),,$(error which? make clean CATEGORY=$(CATEGORY)))
	$(if $(filter $(CATEGORY),$(notdir $(basename $(wildcard configs/*.py)))),,$(error no config '$(CATEGORY)'))
	rm -rf '$(W)' '$(SUBMIT)' '$(SUBMIT).json'

help:  ## this list
	@echo "make <target> [CATEGORY=$(CATEGORY)] [COMPETITION=$(COMPETITION)] [SET=\"$(or $(SET),section.key=value ...)\"] [PYTHON=$(PYTHON)]"
	@echo "  input_path=$(INPUT)  working_path=$(WORKING)  submissions_path=$(SUBMISSIONS)"
	@echo "  categories: $(notdir $(basename $(wildcard configs/*.py)))"
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
