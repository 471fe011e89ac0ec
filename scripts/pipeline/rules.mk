# The machinery of the Makefile: where files lie, which words it takes, and the rules of a category's
# files, which plan.py prints. No member, model or section of the config stands here by name.

ifeq ($(filter undefine,$(.FEATURES)),)
$(error this needs GNU make 3.82 or newer and this is $(MAKE_VERSION); on macOS: brew install make, then gmake)
endif

TAKEN := CATEGORY COMPETITION SET PARTS ENGINE ADDRESS FILE A B PYTHON BASE_PYTHON OWNER DATASETS COMPETITIONS \
	MODELS GPU INTERNET TO ANSWER ROWS input_path working_path submissions_path
GIVEN := $(foreach word,$(.VARIABLES),$(if $(findstring command line,$(origin $(word))),$(word)))
WRONG := $(firstword $(filter-out $(TAKEN) MAKEFLAGS MFLAGS -%,$(GIVEN)))
$(if $(findstring .,$(WRONG)),$(error $(WRONG) is a setting: write SET="$(WRONG)=$($(WRONG))"))
$(if $(WRONG),$(error make takes no $(WRONG)=$($(WRONG)); it takes: $(TAKEN). A setting goes into SET="section.key=value"))

WORKING     := $(or $(working_path),$(if $(KAGGLE_KERNEL_RUN_TYPE),/kaggle/working,$(CURDIR)/working))
SUBMISSIONS := $(or $(submissions_path),$(if $(KAGGLE_KERNEL_RUN_TYPE),$(WORKING),$(CURDIR)/submissions))
INPUT       := $(or $(input_path),$(if $(KAGGLE_KERNEL_RUN_TYPE),/kaggle/input,$(CURDIR)/input))
$(if $(word 4,$(WORKING) $(SUBMISSIONS) $(INPUT)),$(error a path with a space in it: \
  move the project, or set input_path, working_path and submissions_path))
override WORKING := $(abspath $(WORKING))
override SUBMISSIONS := $(abspath $(SUBMISSIONS))
override INPUT := $(abspath $(INPUT))
export input_path := $(INPUT)
export working_path := $(WORKING)
export submissions_path := $(SUBMISSIONS)
W := $(WORKING)/$(CATEGORY)
# run.time_limit counts from here, also in the makes that this one starts
MAKE_STARTED := $(or $(MAKE_STARTED),$(shell date +%s))
export MAKE_STARTED

# .venv, unless PYTHON names another
READY := $(if $(filter .venv/bin/python,$(PYTHON)),.venv/ready)
RAY   := $(filter ray,$(ENGINE))
$(if $(filter make ray,$(ENGINE)),,$(error no ENGINE=$(ENGINE): write ENGINE=make or ENGINE=ray))
$(if $(and $(ADDRESS),$(if $(RAY),,make)),$(error ADDRESS is for ENGINE=ray))
$(if $(and $(RAY),$(filter folds images features train merge,$(MAKECMDGOALS))),$(error ENGINE=ray is for make all, every, demo and predict))
$(if $(and $(PARTS),$(filter-out predict kernels,$(MAKECMDGOALS))),$(error PARTS is for make predict and make kernels))

run = $(PYTHON) scripts/$(1).py $(CATEGORY) $(SET)
ray = $(call run,run_ray) $(if $(ADDRESS),--address $(ADDRESS),$(patsubst -j%,--jobs %,$(filter -j%,$(filter-out -j,$(MAKEFLAGS)))))
DRY = $(findstring n,$(filter-out --%,$(firstword -$(MAKEFLAGS))))

# plan.py prints words that are make's: FILES+=file and ALL+=file, file:|needed file, file:STEP=script,option,rows and,
# for files that are not what today's config says, file:FORCE. ROWS: make answer's, and no one else's. It is asked only by the make that files are asked of, and only
# once its environment is there.
FILES :=
ALL   :=
ifneq ($(filter $(if $(RAY),,all) folds images features train predict merge $(WORKING)/% $(SUBMISSIONS)/%,$(MAKECMDGOALS)),)
ifeq ($(wildcard $(READY)),$(READY))
PLAN := $(shell input_path='$(INPUT)' working_path='$(WORKING)' submissions_path='$(SUBMISSIONS)' $(call run,plan) $(if $(ROWS),--rows $(ROWS) --answer) || echo FAILED)
$(if $(filter FAILED,$(PLAN)),$(error stopped: the line above says why))
$(foreach rule,$(PLAN),$(eval $(rule)))
else
$(if $(DRY),$(error no .venv yet: make setup, then make -n))
include .venv/ready   # made below; make then starts again
endif
endif

# the members' predictions that make predict is asked for: all, or those of PARTS
NUMBERS := $(if $(findstring -,$(PARTS)),$(shell seq $(subst -, ,$(PARTS)) 2>/dev/null),$(PARTS))
PREDS   := $(W)/pred $(W)/answers/test/pred
ASKED   := $(filter $(foreach folder,$(PREDS),$(if $(PARTS),$(foreach k,$(NUMBERS),$(folder)/%_$(k).csv),$(folder)/%)),$(FILES))
ABSENT  := $(strip $(if $(and $(PARTS),$(FILES)),$(foreach k,$(or $(NUMBERS),$(PARTS)),$(if $(filter %_$(k).csv,$(ASKED)),,$(k)))))
$(if $(ABSENT),$(error no part $(firstword $(ABSENT)) of $(CATEGORY); write PARTS=3 or PARTS=0-19, below data.parts))

# One recipe for every file; an option has the file's name without folder and suffix. Where a step fails the report says
# so, and gives back the step's exit code.
comma  := ,
words   = $(subst $(comma), ,$(STEP))
script  = $(word 1,$(words))
option  = $(filter-out -,$(word 2,$(words)))
rows    = $(filter-out -,$(word 3,$(words)))
command = $(call run,$(script))$(if $(option), $(option) $(basename $(notdir $@)))$(if $(rows), --rows $(rows))
report  = $(if $(filter %/report.html,$@),,|| $(call run,10_report) --stopped $$? $@)
ifneq ($(FILES),)
.PRECIOUS: $(FILES)   # a file that is there is whole: an interrupted make must not delete it
$(FILES):
	$(if $(DRY),$(command),$(info $(command))@$(command) $(report))
endif

.venv/ready: requirements.txt constraints.txt
	$(BASE_PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt --constraint constraints.txt
	touch $@

FORCE:

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.PHONY: FORCE
