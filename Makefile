# Two commands do everything: `make demo` and `make test`. Both need Python 3.11 to 3.13, make and the package registries.
SHELL := /bin/bash
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do command -v $$p >/dev/null && \
  $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
RUN := .venv/.run
TEST := .venv/.test
BENCH := .venv/.bench

.DEFAULT_GOAL := help
.PHONY: help demo setup test check style types imports bench lock migration clean browser npm

help: ## what each target does
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/'

demo: $(RUN) ## the main job on bundled posts, with the feed on http://127.0.0.1:8080
	$(BIN)/python run_monitor.py demo

setup: $(RUN) ## make .venv with what Qulaq runs on

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 to 3.13 found; install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 2; }
	@"$(PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { echo "make: $(PYTHON) is no Python 3.11 to 3.13" >&2; exit 2; }
	@"$(PYTHON)" -m venv .venv || { echo "make: $(PYTHON) cannot make a virtual environment; on Debian install python3-venv" >&2; rm -rf .venv; exit 2; }

$(RUN): requirements/run.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(TEST): requirements/test.txt $(RUN)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/test.txt
	@touch $@

$(BENCH): requirements/bench.txt $(TEST)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	@touch $@

# What the whole suite needs beside Python; where it cannot be had, those tests skip with the reason (under CI=true they fail).
browser:
	@command -v chromium chromium-browser google-chrome >/dev/null || { \
	  echo "Installing Debian's chromium for the browser tests"; \
	  S=$$([ "$$(id -u)" = 0 ] || echo "sudo -n"); \
	  { $$S apt-get update -qq && $$S apt-get install -y -qq --no-install-recommends chromium fonts-noto-core; } >/dev/null 2>&1 \
	  || echo "chromium cannot be installed here: the browser tests will be skipped"; }

npm: tests/telegram/node_modules/.done
tests/telegram/node_modules/.done: $(wildcard tests/telegram/package-lock.json)
	@if command -v npm >/dev/null; then npm ci --prefix tests/telegram --no-audit --no-fund --silent && touch $@ \
	  || echo "the Bot API test server cannot be installed here: its tests will be skipped"; \
	else echo "npm is absent: the tests against the Bot API test server will be skipped"; fi

test: $(TEST) browser npm ## set up and run the suite
	$(BIN)/python -m pytest -n 3 --dist loadgroup $(ARGS)

check: style types imports ## style, types, import rules

style: $(TEST)
	$(BIN)/ruff check .

types: $(TEST)
	$(BIN)/mypy

imports: $(TEST)
	$(BIN)/lint-imports

bench: $(BENCH) ## the long trials: kills by the dozen, rates, latency, accuracy
	$(BIN)/python -m bench $(ARGS)

lock: | $(BIN)/python ## pin requirements/*.in anew, with hashes and without registry addresses
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet requirements/run.in -o requirements/run.txt
	$(BIN)/uv pip compile --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet -c requirements/run.txt requirements/test.in -o requirements/test.txt
	$(BIN)/uv pip compile --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet -c requirements/test.txt requirements/bench.in -o requirements/bench.txt

migration: $(TEST) ## write a migration: make migration n=0002 m="why"
	$(BIN)/python tools/new_migration.py "$(m)" "$(n)"

clean: ## remove what make made
	rm -rf .venv build *.egg-info tests/telegram/node_modules
