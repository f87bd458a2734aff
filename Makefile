# `make` lists the targets. Everything runs from .venv (VENV), which any target makes when it is missing or stale.
SHELL := /bin/sh
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
UV_VERSION := $(shell awk '/^name = "uv"$$/ {getline; gsub(/[^0-9.]/, ""); print}' uv.lock)
VENV ?= .venv
BIN := $(VENV)/bin
export UV_PYTHON_DOWNLOADS := never
# What the deployed functions run on: arm64 or x86_64.
ARCH ?= arm64
AI_SDK := tests/chatbase_client/node_modules
export SAM_CLI_TELEMETRY := 0
# The tests start hundreds of Pythons, and whoever compiles takes ten times as long to start.
KEEP_BYTECODE := PYTHONDONTWRITEBYTECODE=
# One more than the two processors of a small machine: many tests wait.
WORKERS ?= 3

.DEFAULT_GOAL := help
.PHONY: help dev test test-dynamodb test-sam lint format openapi events cost bench build build-host sam-local \
	invoke docker ai-sdk clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

dev: $(VENV)/.synced ## Serve everything on PORT (7001), with its table and bucket on AWS_PORT (7002)
	@exec $(BIN)/python -m local

test: $(VENV)/.synced .venv-litellm/.synced .venv-sam/.synced ai-sdk ## Run all tests that need PyPI only
	@$(KEEP_BYTECODE) $(BIN)/pytest -n $(WORKERS) --dist loadgroup $(ARGS)

test-dynamodb: $(VENV)/.synced build/dynamodb/.fetched ## Run the store's tests against DynamoDB Local (needs Maven and Java)
	@$(BIN)/python tests/dynamodb/run.py build/dynamodb -n 2 tests/store tests/engine/test_turns.py tests/engine/test_credits.py tests/engine/test_idempotency.py tests/engine/test_select.py tests/dynamodb $(ARGS)

test-sam: docker build-host ## Build, and walk through the built functions in containers (needs Docker)
	@exec $(BIN)/pytest -m sam tests/sam $(ARGS)

lint: $(VENV)/.synced ## Check format, style, types, import directions, the template and generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/cfn-lint template.yaml
	$(BIN)/python -m local.openapi --check
	$(BIN)/python -m local.sample_events --check
	$(BIN)/python -m local.cost --check

format: $(VENV)/.synced ## Format the code and mend what ruff can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

openapi: $(VENV)/.synced ## Write docs/openapi.json from the functions' own models
	@$(BIN)/python -m local.openapi

events: $(VENV)/.synced ## Write events/: a sample event for each function of the template
	@$(BIN)/python -m local.sample_events

cost: $(VENV)/.synced ## Write the tables of docs/cost.md from the figures in docs/prices.toml
	@$(BIN)/python -m local.cost

bench: $(VENV)/.synced .venv-litellm/.synced ## Measure, and print tables (ONLY=name for one)
	@$(BIN)/python -m bench $(ONLY)

build: $(VENV)/.synced .venv-sam/.synced ## Build what sam deploy deploys, for ARCH: arm64 (default) or x86_64
	@$(BIN)/python -m local.build $(ARCH)

build-host: $(VENV)/.synced .venv-sam/.synced
	@$(BIN)/python -m local.build host

sam-local: docker build-host ## Serve the built functions by sam local on PORT (3000), in containers (needs Docker)
	@exec $(BIN)/python -m local.sam

invoke: docker $(VENV)/.synced ## Call one function in a container with its event: F=ListVersions (needs Docker)
	@$(BIN)/python -m local.sam.functions "$(F)"
	@$(MAKE) --no-print-directory build-host >&2
	@exec $(BIN)/python -m local.sam "$(F)"

docker:
	@docker info >/dev/null 2>&1 || { echo "sam local runs functions in containers, and no Docker is running here: start it first." >&2; exit 1; }

clean: ## Remove what the other targets made
	rm -rf $(VENV) .venv-litellm .venv-sam $(AI_SDK) .aws-sam build/functions build/layers build/host .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/uv:
	@test -n "$(PYTHON)" || { echo "Reprise needs Python 3.11 or later: none of python3, python3.11 … is one. Install one, or set PYTHON=/path/to/python."; exit 1; }
	@echo "Making $(VENV) with $(PYTHON) …"
	@$(PYTHON) -m venv $(VENV) || { echo "python -m venv failed: on Debian and Ubuntu install python3-venv."; exit 1; }
	@$(BIN)/python -m pip install -q --disable-pip-version-check uv==$(UV_VERSION)

$(VENV)/.synced: pyproject.toml uv.lock | $(VENV)/bin/uv
	@echo "Installing the locked dependencies into $(VENV) …"
	@UV_PYTHON=$(BIN)/python UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv sync -q --locked
	@touch $@

# A second environment for SAM's command line, because its pins clash with ours.
.venv-sam/.synced: pyproject.toml uv.lock | $(VENV)/bin/uv
	@echo "Installing AWS SAM's command line into .venv-sam …"
	@$(PYTHON) -m venv .venv-sam
	@UV_PYTHON=.venv-sam/bin/python UV_PROJECT_ENVIRONMENT=.venv-sam $(BIN)/uv sync -q --locked --only-group sam
	@touch $@

# A third one for one test server, because its pins clash with ours.
.venv-litellm/.synced: pyproject.toml uv.lock | $(VENV)/bin/uv
	@echo "Installing LiteLLM, which some tests talk to, into .venv-litellm …"
	@$(PYTHON) -m venv .venv-litellm
	@UV_PYTHON=.venv-litellm/bin/python UV_PROJECT_ENVIRONMENT=.venv-litellm $(BIN)/uv sync -q --locked --only-group litellm
	@touch $@

# The AI SDK, whose reader some tests ask: the only ones that need more than PyPI, and they are skipped
# without it.
ai-sdk: $(if $(shell command -v npm),$(AI_SDK)/.installed)
	@command -v npm >/dev/null || echo "There is no Node here: the tests of the AI SDK's reader are skipped."

$(AI_SDK)/.installed: tests/chatbase_client/package-lock.json
	@echo "Installing the AI SDK for the tests of its reader into $(AI_SDK) …"
	@if npm ci --prefix tests/chatbase_client --silent; then touch $@; \
	else echo "npm could not: the tests of the AI SDK's reader are skipped."; fi

build/dynamodb/.fetched: tests/dynamodb/pom.xml
	@for tool in mvn java; do command -v $$tool >/dev/null || { echo "make test-dynamodb needs Maven and Java 17 or later: there is no $$tool here."; exit 1; }; done
	@echo "Fetching DynamoDB Local with Maven …"
	@mvn -q -B -f tests/dynamodb/pom.xml dependency:copy-dependencies -DoutputDirectory=$(CURDIR)/build/dynamodb
	@touch $@
