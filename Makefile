# The two commands a newcomer needs are `make demo` and `make test`.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help install lock check format test demo bench bench-lanes bench-quality faults fuzz clean servers

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

install: .venv/.installed ## make .venv with the pinned dependencies

.venv/.installed: requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Scorelane needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Call make PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing the pinned dependencies (about a minute the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

lock: install ## compile requirements*.in into the lock files
	@for name in requirements requirements-dev; do \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-emit-find-links --no-annotate --no-header -o $$name.lock $$name.in; done

check: install ## Ruff, mypy, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: install ## let Ruff rewrite what it can
	@$(BIN)/ruff check --fix-only --quiet . ; $(BIN)/ruff format .

servers:
	@tests/browser/install-chromium
	@tests/db/install-debian-servers
	@tests/doors/install-swaks
	@tests/doors/install-postfix

test: install servers ## every test, on real servers and in a real browser
	@$(BIN)/pytest

.PHONY: screenshots
screenshots: install servers ## take the pictures of docs/console again
	@PYTHONPATH=. $(BIN)/python tests/browser/take_screenshots.py

demo: install ## score a sample mailbox through the lanes, print verdicts, leave nothing running
	@$(BIN)/scorelane demo

CORPORA ?= ../shared/corpora
export CORPORA

bench: install ## accept, compute, end-to-end messages/s and the cost of each part, beside the peers
	@benchmarks/install-peers
	@$(BIN)/python benchmarks/run.py

bench-lanes: install ## realtime beside a bulk load of 200,000, broker memory, dispatch cost (about 3 minutes)
	@$(BIN)/python benchmarks/lanes.py

faults: install ## break the real stack in every way of tests/faults in full; prints recovery times (about 15 minutes)
	@$(BIN)/pytest tests/faults tests/enrichment -m slow --timeout 900

bench-quality: install ## recall beside bogofilter and byte 4-grams, trained and judged on the same messages
	@benchmarks/install-peers
	@$(BIN)/python benchmarks/quality.py

fuzz: install ## parser and signals against generated mail, 90 s unless SECONDS_TO_FUZZ says otherwise
	@$(BIN)/python benchmarks/fuzz.py

.PHONY: soak
soak: install ## LMTP and Maildir under load, killed and without a database in between (about a minute; MESSAGES for more)
	@$(BIN)/python benchmarks/doors.py

differential: install ## the parser against Python's email on every archive of CORPORA
	@$(BIN)/python benchmarks/differential.py

clean: ## remove what the targets made
	rm -rf .venv .scorelane .fuzz .pytest_cache .mypy_cache .ruff_cache .hypothesis
