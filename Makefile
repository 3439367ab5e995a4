# What a contributor does, and what .github/workflows call. `make` lists it.
# The first command makes the virtual environment that it needs in .venv; nothing has to be activated.

PYTHON ?= python3
VENV ?= .venv
# What pip may install: `make lock` writes it. `make test LOCK=` takes the newest of everything.
LOCK ?= -c constraints.txt
# Which extras of pyproject.toml the environment has.
EXTRAS ?= dev,docs
# What installs them: pip, or uv, which takes a fifth of the time: make install PIP='uv pip'.
PIP ?= $(BIN)/python -m pip
# How many tests run side by side: a number, or auto for one a core, and two more, as some tests wait.
JOBS ?= auto

ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif

INSTALLED := $(VENV)/.installed
# Compiled modules are kept, also where PYTHONDONTWRITEBYTECODE is set: compiling the tests takes 7 s in each process.
KEPT := PYTHONDONTWRITEBYTECODE= PYTHONPYCACHEPREFIX=$(abspath $(VENV))/pycache
PYTEST := $(KEPT) $(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal
WHAT ?=
# The extras whose tests need an environment of their own, as their pins must not meet ours.
SEPARATE := $(notdir $(patsubst %/,%,$(filter-out %__pycache__/,$(wildcard tests/separate/*/))))

.DEFAULT_GOAL := help
.PHONY: help install test test-all test-exhaustive test-separate integration lint format types docs docs-serve reference bench demo lock hooks build clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | awk -F '\t' '{printf "  make %-15s %s\n", $$1, $$2}'

install: $(INSTALLED) ## the virtual environment, with all that the other commands need

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	VIRTUAL_ENV=$(abspath $(VENV)) $(PIP) install -q -e '.[$(EXTRAS)]' $(LOCK)
	@touch $@

test: $(INSTALLED) ## the quick tests; those of one room: make test WHAT=tests/unit/checks
	$(PYTEST) -m "not slow and not integration" $(WHAT)

test-all: $(INSTALLED) ## every test but the exhaustive ones; those of servers are skipped where there is no server
	$(PYTEST)

test-exhaustive: $(INSTALLED) ## the checks at full size of which the others have samples
	$(PYTEST) -m exhaustive $(WHAT)

test-separate: ## the tests of an extra with an environment of its own, .venv-dagster: make test-separate EXTRA=dagster
	@test -n "$(EXTRA)" || { echo "name one: make test-separate EXTRA=dagster; there are" $(SEPARATE); exit 2; }
	$(MAKE) --no-print-directory install VENV=$(VENV)-$(EXTRA) EXTRAS=$(EXTRA),separate LOCK=
	PYTHONDONTWRITEBYTECODE= PYTHONPYCACHEPREFIX=$(abspath $(VENV)-$(EXTRA))/pycache \
	  $(VENV)-$(EXTRA)/bin/python -m pytest -q --confcutdir tests/separate tests/separate/$(EXTRA)

integration: $(INSTALLED) ## the tests with databases and object stores
	$(PYTEST) -m integration

lint: $(INSTALLED) ## format, lint, who may import whom, and names that nobody uses
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/python tests/architecture/dead_code.py

format: $(INSTALLED) ## put the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

types: $(INSTALLED) ## mypy, strictly
	$(BIN)/mypy

docs: $(INSTALLED) ## the site, into site/; a link that leads nowhere is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

docs-serve: $(INSTALLED) ## the site on http://127.0.0.1:8000, built anew when a page changes
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve

reference: $(INSTALLED) ## docs/settings.md, docs/commands.md, docs/json.md, the table in docs/metrics.md, docs/asyncapi.yaml, the JSON Schemas of events and examples/my_provider, from the code
	$(BIN)/python docs/site/reference.py

bench: $(INSTALLED) ## the benchmarks; one of them: make bench WHAT=benchmarks/ingest.py
	$(BIN)/python $(if $(WHAT),$(WHAT),benchmarks/all.py)

demo: $(INSTALLED) ## a simulated season, in ./ingestify-demo
	$(BIN)/ingestify demo

lock: $(INSTALLED) ## constraints.txt anew: the newest version of everything
	$(BIN)/python -m pip install -q uv
	$(BIN)/uv pip compile pyproject.toml --extra dev --extra docs --universal --python-version 3.11 --upgrade \
	  --no-annotate --no-emit-index-url --custom-compile-command 'make lock' --quiet --output-file constraints.txt

hooks: $(INSTALLED) ## let git run the quick ones before each commit
	$(BIN)/python -m pip install -q pre-commit
	$(BIN)/pre-commit install

build: $(INSTALLED) ## the wheel and the source distribution, into dist/
	$(BIN)/python -m pip install -q build
	$(BIN)/python -m build

clean: ## remove what these commands made
	rm -rf $(VENV) $(addprefix $(VENV)-,$(SEPARATE)) site dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache ingestify-demo
