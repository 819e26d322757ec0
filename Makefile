# Every target builds the environment it needs, from a bare clone and again afterwards.
.DEFAULT_GOAL := help
.PHONY: help demo animation app test lint types bench evidence tables training pictures notebooks docs release requirements clean

# The first Python that is new enough; name another with `make PYTHON=...`.
PYTHON ?= $(firstword $(foreach name,python3.12 python3 python3.13 python3.14 python,$(shell \
	$(name) -c 'import sys; print("$(name)") if sys.version_info >= (3, 12) else None' 2>/dev/null)))
ENVIRONMENT := .venv
READY := $(ENVIRONMENT)/ready
RUN := $(ENVIRONMENT)/bin

help:
	@echo "make demo   run the carbon market and the short-seller: tables and pictures in results/runs"
	@echo "make app    open the live dashboard, a page in the browser"
	@echo "make animation  a moving picture of a carbon market with a cartel, in results/runs"
	@echo "make test   run the tests"
	@echo "make lint   check style and types"
	@echo "make bench  measure speed, as ratios against what a user would otherwise write"
	@echo "make evidence  slow evidence: properties on new examples, sweeps killed and on full disks, the core, damaged files"
	@echo "make tables  the tables of docs/: sweeps, institutions, the carbon cartel, price impact, learners"
	@echo "make training  the table of the example of training, with a library for reinforcement learning that it installs"
	@echo "make pictures  the pictures that the README and the guide show"
	@echo "make notebooks  execute the notebooks of docs/notebooks, and keep what they show"
	@echo "make docs   build the book, docs/_build/html/index.html, which opens without a network"
	@echo "make release  check that this is a version, build it, try it in an empty environment, and tag it"
	@echo "make types  check types alone"
	@echo "make requirements  pin what pyproject.toml asks for"
	@echo "make clean  remove the environment and what tools keep"

$(READY): requirements.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "marketgame needs Python 3.12 or newer; none was found" >&2; exit 2; }
	$(PYTHON) -m venv --clear $(ENVIRONMENT) || $(PYTHON) -m venv --clear --without-pip $(ENVIRONMENT)
	$(PYTHON) -m pip --python $(RUN)/python install -qq --require-hashes -r requirements.txt
	$(PYTHON) -m pip --python $(RUN)/python install -qq --no-deps --no-build-isolation --editable .
	@touch $(READY)

demo: $(READY)
	$(RUN)/marketgame solve experiments/economies/annex-b.toml
	$(RUN)/marketgame run experiments/scenarios/annex-b-obedient.toml
	$(RUN)/marketgame run experiments/scenarios/annex-b-one-short-seller.toml
	$(RUN)/marketgame run experiments/scenarios/annex-b-one-short-seller-no-short-sales.toml

app: $(READY)
	$(RUN)/marketgame app

animation: $(READY)
	$(RUN)/marketgame animate

# How many processes run the tests, each a stretch of them, and then what the other has not come to yet.
TESTERS ?= 2

test: $(READY)
	$(RUN)/pytest --numprocesses $(TESTERS) --dist worksteal

lint: $(READY)
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .
	@$(MAKE) --no-print-directory types

# The packages as they are imported, for the type checker, which cannot follow where `marketgame` finds them.
LAYOUT := .mypy_cache/layout

types: $(READY)
	@rm -rf $(LAYOUT) && mkdir -p $(LAYOUT)/marketgame
	@ln -s $(CURDIR)/marketgame/* $(addprefix $(CURDIR)/,mechanisms agents simulation experiments results) $(LAYOUT)/marketgame
	@ln -s $(addprefix $(CURDIR)/,tests benchmarks release.py) $(LAYOUT)
	@mkdir $(LAYOUT)/docs && ln -s $(CURDIR)/docs/book $(LAYOUT)/docs
	$(RUN)/mypy

bench: $(READY)
	$(RUN)/python -m benchmarks

# How many damaged files are tried, a new selection every day.
FUZZED ?= 10000 --seed $(shell date +%Y%m%d)

# Slow evidence: properties on examples never tried before; sweeps whose workers are killed, hang or run out of disk;
# the core, game by game; lies followed by disobedience, looked for by searches that know no theorem; liars who realise
# what was promised; every claim of the papers on a thousand economies; notebooks that still show what they show; damaged
# files of every kind through every command.
evidence: $(READY)
	$(RUN)/pytest -m hypothesis --hypothesis-profile=search tests
	$(RUN)/pytest benchmarks/evidence
	$(RUN)/python -m benchmarks.core_evidence
	$(RUN)/python -m benchmarks.converse_evidence
	$(RUN)/python -m marketgame.experiments.claims docs --seed $(shell date +%Y%m%d)
	$(RUN)/python -m marketgame.experiments.studies.lies_and_disobedience docs/tables
	$(RUN)/python -m benchmarks.joint_lies
	$(RUN)/python -m marketgame.experiments.studies.notebooks docs/notebooks --check
	$(RUN)/python -m benchmarks.fuzzing $(FUZZED)

# The tables of the documentation, an hour on two cores; stopped, they go on where they were. The last line alone writes
# the institutions' and the cartel's.
tables: $(READY)
	$(RUN)/python -m marketgame.experiments.commands.cases_page docs
	$(RUN)/python -m marketgame.experiments.studies.sweep_pages
	$(RUN)/python -m marketgame.experiments.studies.institutions docs
	$(RUN)/python -m marketgame.experiments.studies.price_impact docs
	$(RUN)/python -m marketgame.experiments.studies.stability_answers docs/tables/stability-answers.csv
	$(RUN)/python -m marketgame.experiments.studies.learning docs

# A few minutes on two cores.
training: $(READY)
	$(RUN)/python -m pip install --quiet --editable ".[training]"
	$(RUN)/python docs/examples/train_with_skrl.py docs

# The pictures that the README and the guide show.
pictures: $(READY)
	$(RUN)/python -m marketgame.experiments.studies.pictures docs/pictures
	$(RUN)/python -m marketgame.experiments.studies.sweep_pictures docs/pictures

# A minute on one core.
notebooks: $(READY)
	$(RUN)/python -m marketgame.experiments.studies.notebooks docs/notebooks

# What is made of the book: `dummy` makes nothing and checks everything.
BUILDER ?= html

# The book: a warning is an error. Two minutes.
docs: $(READY)
	$(RUN)/python -m docs.book.equations
	$(RUN)/sphinx-build --quiet --fail-on-warning --keep-going --write-all -b $(BUILDER) -c docs/book docs docs/_build/$(BUILDER)
	@test $(BUILDER) != html || echo "the book is docs/_build/html/index.html"

# What is built is in dist/. Nothing is pushed, and no tag is replaced.
release: $(READY)
	$(RUN)/python -m release

# Pins what pyproject.toml asks for; the file names no package registry.
requirements: $(READY)
	$(RUN)/pip install --quiet pip-tools
	$(RUN)/pip-compile --quiet --strip-extras --generate-hashes --extra dev --build-deps-for editable \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header --no-annotate \
		--output-file requirements.txt pyproject.toml

clean:
	rm -rf $(ENVIRONMENT) .mypy_cache .ruff_cache .pytest_cache .hypothesis docs/_build docs/reference dist
