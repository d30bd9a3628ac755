# What a person needs: `make demo` and `make test`. Everything else is listed by `make help`.
# Each target sets up what it needs; a second run finds it done and takes no time.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo test lint format bench up clean

UV := scripts/uv
RUN := $(UV) run --frozen --no-sync
# loadfile: the tests of a file share its store, its site, its twin, so they stay in one worker.
PYTEST_ARGS ?= -n 2 --dist loadfile

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1	/' | expand -t 16

setup: ## Set up the virtual environment (.venv) from uv.lock
	@scripts/setup.sh

setup-dev: ## The same with the tools for tests, checks and benchmarks
	@scripts/setup.sh dev

demo: setup ## Run a demo city of 163 units on real endpoints; Ctrl-C stops it
	@scripts/install-packages.sh demo
	@GOVNET_DATA_DIR=$${GOVNET_DATA_DIR:-var/demo} exec $(RUN) govnet demo $(DEMO_ARGS)

test: setup-dev ## Run the whole test suite
	@scripts/install-packages.sh test
	@$(RUN) pytest $(PYTEST_ARGS) --ignore=tests/e2e
	@$(RUN) pytest tests/e2e # alone: a city of real daemons needs both cores

lint: setup-dev ## Check style and types
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) mypy

format: setup-dev ## Let ruff format and fix
	@$(RUN) ruff format .
	@$(RUN) ruff check --fix .

bench: setup-dev ## Measure beside the reference programs and print the ratios
	@scripts/install-packages.sh bench
	@$(RUN) python -m benchmarks --write docs/reference/benchmarks.md

up: setup ## Run GovNet itself, without demo data
	@exec $(RUN) govnet up

clean: ## Remove the environment, the caches and the demo's data
	rm -rf .venv .uv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	rm -rf var/demo benchmarks/out dist
