.DEFAULT_GOAL := help
PY  ?= python3
BIN := .venv/bin
ENV := $(BIN)/.ready
export MLFLOW_DISABLE_TELEMETRY := true

$(ENV): requirements/bootstrap.lock requirements/dev.lock pyproject.toml
	@$(PY) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { echo "Python 3.11, 3.12 or 3.13 is needed; name one with PY=python3.12"; exit 1; }
	@echo "building .venv from the locks (about 1 GB, once)"
	@$(PY) -m venv .venv || { echo "the venv module is missing: on Debian, apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/bootstrap.lock
	@$(BIN)/uv pip sync -q --compile-bytecode --python $(BIN)/python --require-hashes requirements/dev.lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: help demo up down status test test-oversight test-fab test-ui faults fuzz screenshots unit lint types layers ci lock clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(ENV)  ## Run the demo company from MLflow to committee pack (about 2 minutes)
	@$(BIN)/python -m include.demo run

up: $(ENV)  ## Serve what the demo left: Airflow and MLflow on this machine
	@$(BIN)/python -m include.demo up

down: $(ENV)  ## Stop what `make up` serves
	@$(BIN)/python -m include.demo down

status: $(ENV)  ## Tell what of the demo runs
	@$(BIN)/python -m include.demo status

test: $(ENV)  ## Run the tests; the slow suites have targets of their own
	$(BIN)/pytest -q -n 2 --dist loadfile

test-oversight: $(ENV)  ## Approvals, waivers, holds and guard against a real MLflow that fails, and one with logins
	$(BIN)/pytest -q -n 2 --dist loadfile tests/oversight

test-fab: $(ENV)  ## Attack approvals and holds under a real Airflow with accounts (about 5 minutes)
	$(BIN)/pytest -q -n 2 --dist loadfile tests/fab

test-ui: $(ENV)  ## Look at every page in a real browser, and go from a red task to an open gate (about 4 minutes)
	$(BIN)/pytest -q -n 2 --dist loadfile tests/ui

faults: $(ENV)  ## Kill workers and servers while they append, and count (about 2 minutes)
	timeout -s KILL 600 $(BIN)/pytest -q -s -p no:randomly tests/faults

fuzz: $(ENV)  ## Send 500 requests to each address that the pages describe (about 10 minutes)
	FUZZ_EXAMPLES=500 $(BIN)/pytest -q -n 2 -p no:randomly tests/integration/test_pages_by_schema.py

screenshots: $(ENV)  ## Take the pictures of the docs anew, from the demo (about 2 minutes, and the demo if there is none)
	@$(BIN)/python -m tools.screenshots

unit: $(ENV)  ## Run the fast tests only
	$(BIN)/pytest -q tests/unit

lint: $(ENV)  ## Check format, style, dependencies and spelling
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/deptry .
	$(BIN)/codespell

types: $(ENV)  ## Check types
	$(BIN)/mypy

layers: $(ENV)  ## Check that imports point down
	$(BIN)/lint-imports --no-logo

ci: lint types layers test test-oversight test-fab test-ui  ## Everything that has to hold, and one demo from nothing
	$(BIN)/pytest -q tests/fresh -p no:randomly

lock: $(ENV)  ## Resolve every pin again
	cd requirements && ../$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" --upgrade bootstrap.in -o bootstrap.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" --upgrade pyproject.toml -o requirements/runtime.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" --upgrade --group dev -c requirements/runtime.lock pyproject.toml -o requirements/dev.lock

clean:  ## Stop the demo and remove all that was built
	@test ! -x $(BIN)/python || $(BIN)/python -m include.demo down
	rm -rf .venv .demo .governance .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
