# The README's two commands are `make run` and `make test`; `make setup` comes before each by itself.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
READY_FOR_SERVICES := .venv/.ready-for-services
SYSTEM_PACKAGES := dataset-fashion-mnist chromium postgresql redis-server haproxy default-jre-headless

.PHONY: setup run up down lint test services test-services bench bench-quality peers soak lock clean

setup: $(READY)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "aeflow needs Python 3.11 to 3.13: say which with 'make PYTHON=python3.12 ...'" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip sync --require-hashes --compile-bytecode requirements.lock
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q aeflow flows
	@touch $@

$(READY_FOR_SERVICES): $(READY) tests/services/requirements.lock
	$(BIN)/uv pip install --quiet --require-hashes --compile-bytecode -r tests/services/requirements.lock
	@touch $@

run: setup  ## the whole pipeline on scikit-learn's digits, into ./aeflow-store
	$(BIN)/aeflow run

up: setup  ## the whole service on this machine: PostgreSQL, Prefect, workers, TensorBoard
	@$(BIN)/python -m infra.service up

down:  ## stops it; what is under .aeflow/ stays
	@$(BIN)/python -m infra.service down

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright

test: setup
	$(BIN)/pytest --numprocesses=logical --maxprocesses=4 --dist=worksteal

services:  ## system packages that the service tests need (Debian, Ubuntu)
	$(if $(filter-out 0,$(shell id -u)),sudo )apt-get update -q
	$(if $(filter-out 0,$(shell id -u)),sudo )apt-get install -q -y --no-install-recommends $(SYSTEM_PACKAGES)

test-services: $(READY_FOR_SERVICES)
	$(BIN)/pytest tests/services --timeout=900 --numprocesses=2 --dist=loadfile

bench: setup  ## measures; run it on an otherwise idle machine; BENCH='dense wide convolutional post encoding'
	$(BIN)/python -m benchmarks $(BENCH)

bench-quality: setup  ## what the kinds learn of Fashion-MNIST, for hours; BENCH='--seeds 1 "dense, plain"'
	$(BIN)/python -m benchmarks.quality $(BENCH)

peers: .peers/torch/.ready .peers/jax/.ready .peers/encoders/.ready .peers/quality/.ready  ## what the benchmarks measure beside, in environments of their own

.peers/%/.ready: benchmarks/contenders/%.txt
	$(PYTHON) -m venv .peers/$*
	.peers/$*/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

soak: $(READY_FOR_SERVICES)  ## kills runs fifty times, locally and on S3, starts pairs at once, queues sixty, fails each storage call, trains all kinds from five seeds; SOAK='--kills 5 --runs 12'
	$(BIN)/python -m benchmarks.soak $(SOAK)

LOCK := $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --universal --python-version 3.11
IMAGE := --extra docker --extra kubernetes --extra redis --extra s3 --extra tune -c requirements.lock pyproject.toml
IMAGES := infra/images/requirements

lock:  ## after a change of dependencies; the locks hold hashes and no addresses
	$(LOCK) --extra dev pyproject.toml -o requirements.lock
	$(LOCK) --extra dev --group services -c requirements.lock pyproject.toml -o tests/services/requirements.lock
	$(LOCK) $(IMAGE) -o $(IMAGES)-cpu.lock
	$(LOCK) --extra gpu $(IMAGE) -c $(IMAGES)-cpu.lock -o $(IMAGES)-gpu.lock
	$(LOCK) --group image -o $(IMAGES)-build.lock

clean:
	rm -rf .venv .pytest_cache .ruff_cache dist
	find aeflow flows tests deployments -name __pycache__ -type d -prune -exec rm -rf {} +
