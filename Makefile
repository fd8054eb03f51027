.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 3
PYTEST_ARGS ?=

.PHONY: help run up console console-dev test test-console lint check-deploy format contracts migrate bench lock clean

help: ## Show what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

run: $(VENV)/.run console ## One process with its own database, on http://127.0.0.1:8000; needs only Python
	@exec $(BIN)/rounds up

up: $(VENV)/.run .cache/system console ## The real shape: five services, Apache Kafka, PostgreSQL and nginx
	@exec $(BIN)/python -m deploy.up

console: ## Build the web page, unless it is built from these very sources
	@PYTHON=$(PYTHON) bash console/build.sh

console-dev: ## The web page with hot reload, in front of the Rounds at ROUNDS_API (http://127.0.0.1:8000)
	@PYTHON=$(PYTHON) bash console/build.sh --dev

test: $(VENV)/.dev .cache/system .cache/mariadb .cache/browser ## All tests, on real PostgreSQL, Kafka, SMTP and HTTP servers and in a real browser
	@failed=0; PYTHON=$(PYTHON) bash deploy/node.sh bash console/test.sh || failed=1; \
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup --reruns 1 $(PYTEST_ARGS) || failed=1; exit $$failed

test-console: $(VENV)/.run .cache/browser ## The console alone: lock, types, lint, units, sizes, the pages in Chromium
	@PYTHON=$(PYTHON) bash deploy/node.sh bash console/test.sh

lint: $(VENV)/.dev ## Format, lint, types, boundaries, generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python -m contracts.generate --check
	$(BIN)/python -m contracts.compatibility
	$(BIN)/python -m caselang.schema --check
	$(BIN)/python -m cli.docs --check

check-deploy: $(VENV)/.dev ## Image, compose, Kubernetes, alerts: built and held against schemas and rules
	$(BIN)/python -m deploy.check

format: $(VENV)/.dev ## Put the code into the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only .

contracts: $(VENV)/.dev console/node_modules ## Generate schemas, AsyncAPI, OpenAPI and the console's types again
	$(BIN)/python -m contracts.generate
	$(BIN)/python -m caselang.schema
	$(BIN)/python -m cli.docs
	cd console && bash ../deploy/node.sh npm run --silent types

migrate: $(VENV)/.run ## Bring the schemas that ROUNDS_…DATABASE_URL name to the newest revision
	$(BIN)/rounds migrate

bench: $(VENV)/.dev ## Measure; tables and JSON go to build/bench
	$(BIN)/python -m bench

lock: $(VENV)/.dev ## Pin dependencies again, with hashes
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url -q -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url -q -o requirements-dev.lock

clean: ## Remove what was built; data stay
	rm -rf $(VENV) .cache build .mypy_cache .ruff_cache .pytest_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Rounds needs Python 3.11 or newer: make PYTHON=python3.11 …"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || bash deploy/require.sh python3-venv
	$(PYTHON) -m venv $(VENV)

# uv installs in seconds what takes pip minutes; where it cannot reach the index that pip is set to, pip does it.
define install
	@awk '/^[a-z]/ {on = /^uv==/} on' requirements-dev.lock > $(VENV)/uv.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r $(VENV)/uv.lock
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r $(1) || \
	  $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $(1)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
endef

$(VENV)/.run: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(call install,requirements.lock)
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(VENV)/bin/python
	$(call install,requirements-dev.lock)
	@touch $@ $(VENV)/.run

console/node_modules: console/package-lock.json
	cd console && bash ../deploy/node.sh npm ci --no-audit --no-fund --loglevel=error
	@touch $@

tests/deploy/stranger/node_modules: tests/deploy/stranger/package-lock.json
	cd tests/deploy/stranger && bash ../../../deploy/node.sh npm ci --no-audit --no-fund --loglevel=error
	@touch $@

.cache/system: deploy/require.sh deploy/kafka/pom.xml
	bash deploy/require.sh java maven nginx
	@mkdir -p .cache && touch $@

.cache/mariadb: deploy/require.sh
	bash deploy/require.sh mariadb-server
	@mkdir -p .cache && touch $@

.cache/browser: deploy/require.sh
	bash deploy/require.sh chromium fonts-noto-cjk
	@mkdir -p .cache && touch $@
