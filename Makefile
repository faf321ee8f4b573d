# ntio from a bare clone: needs only python3 (3.11 or later), its venv module and make. No root.
#
#   make run      read this Python's library through rings and show what happened (ntio demo)
#   make test     the whole test suite          ARGS="-k ring -x" passes options to pytest
#   make bench    the benchmarks in full size   (the suite runs them tiny)
#   make lint     ruff and strict mypy
#   make clean    remove the environment and everything that was generated
#
# PYTHON chooses the interpreter, VENV where the environment lives:  make test PYTHON=python3.13 VENV=.venv313

PYTHON ?= python3
VENV ?= .venv
ARGS ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
# What the installation depends on. The installation is editable, so a change of code needs no new one.
SOURCES := pyproject.toml src/ntio/_version.py

.PHONY: run test bench lint clean

run: $(VENV)/.stamp-run
	$(BIN)/ntio demo $(ARGS)

test: $(VENV)/.stamp-test
	$(BIN)/python -m pytest $(ARGS)

bench: $(VENV)/.stamp-test
	$(BIN)/python -m pytest bench --bench $(ARGS)

lint: $(VENV)/.stamp-lint
	$(BIN)/ruff check .
	$(BIN)/mypy --strict src

$(VENV)/.stamp-venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ntio needs Python 3.11 or later: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.stamp-run: $(VENV)/.stamp-venv $(SOURCES)
	$(PIP) -e .
	@touch $@

$(VENV)/.stamp-test: $(VENV)/.stamp-venv $(SOURCES)
	$(PIP) -e '.[test]'
	@touch $@ $(VENV)/.stamp-run

# The test kit is checked too, so the types of pytest and hypothesis are needed.
$(VENV)/.stamp-lint: $(VENV)/.stamp-venv $(SOURCES)
	$(PIP) -e '.[lint,test]'
	@touch $@ $(VENV)/.stamp-run $(VENV)/.stamp-test

clean:
	rm -rf .venv build dist bench/results .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
