# `make help` lists what can be done here.
SHELL := bash
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup java jars setup-kafka setup-node demo test lint protos protos-check lock docs clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

setup: $(STAMP) java jars ## make the virtual environment, install the lock, see to Java and Delta's jars

$(STAMP): requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the pinned dependencies (2 to 4 minutes the first time) …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@# A folder `mangrove` beside a script, such as a clone, would be found before the editable install's import hook.
	@printf '%s\n' "$(CURDIR)" "$(CURDIR)/protos/gen/python" > $$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/mangrove-clone.pth
	@touch $(STAMP)

java:
	@infra/spark/ensure-java.sh

jars: $(STAMP) java
	@$(BIN)/python -m spark_jobs.session --fetch

setup-kafka: $(STAMP) java ## fetch a Kafka broker's jars, for the tests of the Kafka journal
	@infra/kafka/fetch.sh

setup-node: ## fetch the Segment and RudderStack libraries for Node, for the tests of the HTTP edge
	@command -v npm >/dev/null || { echo "npm is not installed: the tests of the Node SDK will be skipped."; exit 0; }; npm ci --silent --prefix tests/node

demo: setup ## from raw channel events to private answers and a report (about 5 minutes)
	@$(BIN)/mangrove demo

test: setup ## all tests
	@$(BIN)/pytest

lint: $(STAMP) protos-check ## ruff, mypy, import-linter, buf
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@infra/lint-protos.sh

protos: $(STAMP) ## regenerate the Python of the protos
	@$(BIN)/python protos/generate.py protos/gen/python

protos-check: $(STAMP)
	@rm -rf .protos-check && $(BIN)/python protos/generate.py .protos-check
	@diff -r -x __pycache__ .protos-check protos/gen/python || { echo "The generated Python is out of date: run 'make protos' and commit."; rm -rf .protos-check; exit 1; }
	@rm -rf .protos-check

lock: $(STAMP) ## resolve the dependencies again
	@$(BIN)/uv pip compile --universal --python-version 3.11 --extra dev --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --quiet --output-file requirements.lock pyproject.toml

docs: $(STAMP) ## write the data model page from the table declarations
	@$(BIN)/python -m spark_jobs.lake.data_model > docs/data-model.md

bench-collector: setup ## acknowledged events a second, as JSON lines
	@$(BIN)/python tests/benchmarks/bench_collector.py

chaos-collector: setup ## kill workers, supervisor and lander 100 times under load, and count what landed
	@$(BIN)/python -m tests.chaos.run --kills 100

fuzz-collector: setup ## look for requests that break the collector (10 minutes)
	@$(BIN)/python -m tests.benchmarks.fuzz_collector --minutes 10

bench-masking: setup ## masked texts a second beside Presidio, as JSON lines
	@$(BIN)/python tests/benchmarks/bench_masking.py

fuzz-masking: setup ## look for texts on which masking breaks its promises (10 minutes)
	@$(BIN)/python tests/benchmarks/fuzz_masking.py --minutes 10

bench-private-query: setup ## private answers beside the same questions without privacy, as JSON lines
	@$(BIN)/python -m tests.benchmarks.bench_private_query

bench-prediction: setup ## predictions while conversations run beside MLflow's own serving function, as JSON lines
	@OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.bench_prediction

audit-long: setup ## all attacks on private answers, as large as is worth publishing (hours)
	@MANGROVE_AUDIT=long MANGROVE_AUDIT_ANSWERS=$${MANGROVE_AUDIT_ANSWERS:-200} MANGROVE_RACE_TRIALS=$${MANGROVE_RACE_TRIALS:-100000} \
		$(BIN)/pytest -v tests/statistical tests/integration/test_private_audit.py tests/integration/test_ledger_race.py

bench-next-action: setup ## models of the next action beside the best possible on simulated worlds, as JSON lines
	@OMP_NUM_THREADS=1 $(BIN)/python -m tests.benchmarks.bench_next_action --people 40000

bench-identity-graph: setup ## 10 million links resolved, and 1 % more of them, as JSON lines
	@$(BIN)/python -m tests.benchmarks.bench_identity_graph

bench-journeys: setup ## 10 million events to journeys beside DuckDB, as JSON lines
	@$(BIN)/python -m tests.benchmarks.bench_journeys

clean: ## remove what the demo and the tests wrote
	@rm -rf .mangrove .protos-check
