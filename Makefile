# make demo   train a small language model from scratch, then with verifiable rewards, and write a report
# make test   run the tests
# make docs   write the generated parts of the docs again
# make check  everything that has to hold before a change lands
# Each sets up what it needs in $(VENV) first; PYTHON chooses the interpreter.
# The viewer's page is tested in a headless chromium if it is installed; without it, those tests skip.
# Model-written programs are isolated by bubblewrap (bwrap) if it is installed; without it, tests that need it skip.

PYTHON ?= python3
VENV ?= .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test docs check
demo: $(VENV)/.demo
	$(RUN) examples/demo.py

test: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(RUN) -m pytest -q -n auto --dist loadgroup

docs: $(VENV)/.dev
	$(VENV)/bin/cog -r -P -I docs README.md docs/*.md

check:
	bash .ci/run

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) -e '.[tasks]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) -e '.[tasks,control,math,peft,sql,text,dev]'
	@touch $@
