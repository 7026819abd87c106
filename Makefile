# Affekt: everything here needs Python >= 3.11 and make, nothing else. pip's own configuration is honoured.
#   make demo    read the example data, leave demo/report.html
#   make test    the whole test suite (browser tests need Chromium, data tests need AFFEKT_DATA)
#   make check   lint, types, test, docs
# VENV and PYTHON may be set: make test VENV=/tmp/venv PYTHON=python3.12

VENV ?= .venv
PYTHON ?= $(shell for p in python3 python python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -qq --no-compile --disable-pip-version-check
CODE := src tests benchmarks examples scripts

.DEFAULT_GOAL := help
.PHONY: help demo test test-train lint format types docs docs-pages bench check clean

help:
	@sed -n 's/^# \{0,1\}//p' Makefile | head -5

# One stamp for each set of dependencies; a changed pyproject.toml installs again.
$(VENV)/.base: pyproject.toml
	@test -n "$(PYTHON)" || { echo "Affekt needs Python 3.11 or newer; none was found. Set PYTHON=/path/to/python3." >&2; exit 1; }
	@# Python 3.11 puts setuptools (9 MB) into a new environment; nothing here needs it, and what does brings it.
	@test -x $(BIN)/python || \
		{ $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip uninstall -qq -y setuptools; } || \
		{ echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing Affekt into $(VENV)"
	@$(PIP) -e .
	@touch $@

$(VENV)/.test: $(VENV)/.base
	@echo "Installing what the tests need"
	@$(PIP) -e '.[test]'
	@touch $@

$(VENV)/.dev: $(VENV)/.base
	@echo "Installing the development tools"
	@$(PIP) -e '.[dev]'
	@touch $@

$(VENV)/.bench: $(VENV)/.base
	@echo "Installing torch and transformers for the comparison"
	@$(PIP) -e '.[bench]'
	@touch $@

demo: $(VENV)/.base
	@mkdir -p demo && rm -f demo/report.html*
	$(BIN)/affekt analyze examples/data/voices.csv --column text --id-column id --time-column time \
		--speaker-column speaker --explain --out demo/report.html
	@echo
	$(BIN)/affekt analyze examples/data/letter.txt --whole --explain
	@echo
	@echo "Installed: $$(du -scm $(VENV) src/affekt | tail -n 1 | cut -f1) MB in $(VENV) and src/affekt"
	@echo "Report:    $(CURDIR)/demo/report.html"

test: $(VENV)/.test
	$(BIN)/python -m pytest $(ARGS)

# The tests of training need torch; they have an environment of their own, so that all others run without it.
test-train:
	@$(MAKE) --no-print-directory VENV=$(VENV)-train $(VENV)-train/.train
	$(VENV)-train/bin/python -m pytest tests/training $(ARGS)

$(VENV)/.train: $(VENV)/.test
	@echo "Installing torch for the tests of training"
	@$(PIP) -e '.[train,bench]'
	@touch $@

lint: $(VENV)/.dev
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)

format: $(VENV)/.dev
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

types: $(VENV)/.dev
	$(BIN)/mypy

docs: $(VENV)/.dev
	$(BIN)/python scripts/cli_docs.py --check
	$(BIN)/python scripts/readme_model.py --check
	$(BIN)/python scripts/works_docs.py --check
	$(BIN)/python scripts/results_docs.py --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "Docs: $(CURDIR)/site/index.html"

docs-pages: $(VENV)/.base
	$(BIN)/python scripts/cli_docs.py
	$(BIN)/python scripts/readme_model.py
	$(BIN)/python scripts/works_docs.py
	$(BIN)/python scripts/results_docs.py

# The comparison with torch runs where REFERENCE names a folder with the same weights for transformers.
bench: $(VENV)/.base $(if $(REFERENCE),$(VENV)/.bench)
	$(BIN)/python benchmarks/cold_start.py
	$(BIN)/python benchmarks/memory.py $(if $(ROWS),--rows $(ROWS))
	@if [ -n "$$AFFEKT_DATA" ]; then $(BIN)/python benchmarks/throughput.py $(if $(REFERENCE),--reference $(REFERENCE)); \
		else echo "benchmarks/throughput.py is left out: AFFEKT_DATA is not set"; fi

check: lint types test docs

clean:
	rm -rf demo site build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis
