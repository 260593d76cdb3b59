# Everything that a person, pre-commit and CI run. `make` alone prints what there is.

# The first Python that can run opkit. `make venv PYTHON=/path/to/python` takes another.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$python"; break; }; done)

# What is served. The variables of the settings (OP_MODEL, ...) work, too.
MODEL ?= $(or $(OP_MODEL),vgg19)
WEIGHTS ?= $(or $(OP_WEIGHTS),imagenet)
ENDPOINT ?= $(or $(OP_ENDPOINT),127.0.0.1:50051)

# Container images. With no BASE_IMAGE, the Dockerfile's own is used.
DOCKER ?= $(or $(notdir $(firstword $(foreach tool,docker podman buildah,$(shell command -v $(tool))))),docker)
IMAGE_NAME ?= opkit
TAG ?= latest

# A .venv that was made for development serves, too.
SERVE_STAMP = .venv/stamp-$(if $(wildcard .venv/stamp-dev),dev,cpu)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help venv run weights test test-all check lint types fix proto proto-check pins cpu gpu test-cpu test-gpu clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile
	@echo
	@echo "Variables, as in make run MODEL=vgg16 WEIGHTS=random:"
	@echo "  MODEL=$(MODEL)  WEIGHTS=$(WEIGHTS) (imagenet, random or a file)  ENDPOINT=$(ENDPOINT)"
	@echo "  PYTHON=$(PYTHON)  DOCKER=$(DOCKER)  IMAGE_NAME=$(IMAGE_NAME)  TAG=$(TAG)  BASE_IMAGE=$(BASE_IMAGE)"

# --- environments: made once, and brought up to date when what they hold changes ---

.venv/bin/python .venv-proto/bin/python .venv-pins/bin/python:
	@test -n "$(PYTHON)" || { echo "opkit needs Python 3.11 or newer, and none was found: make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' || { echo "$(PYTHON) cannot make virtual environments." \
		"On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(@:/bin/python=)

venv: .venv/stamp-dev ## Make .venv with everything that tests and development need

.venv/stamp-%: pyproject.toml | .venv/bin/python
	.venv/bin/python -m pip install --disable-pip-version-check --editable '.[$*]'
	@touch $@

# Old on purpose: stubs run with the grpcio and protobuf that made them and with newer ones, never with older.
.venv-proto/stamp: Makefile | .venv-proto/bin/python
	.venv-proto/bin/python -m pip install --quiet --disable-pip-version-check \
		grpcio-tools==1.74.0 protobuf==6.33.6 mypy-protobuf==5.1.0
	@touch $@

# --- serving ---

run: weights $(SERVE_STAMP) ## Serve MODEL with WEIGHTS on ENDPOINT
	OP_MODEL='$(MODEL)' OP_WEIGHTS='$(WEIGHTS)' OP_ENDPOINT='$(ENDPOINT)' exec .venv/bin/python server.py

weights: ## Fetch the published weights of MODEL into data/, unless WEIGHTS names others
	@$(if $(filter imagenet,$(WEIGHTS)),PYTHON='$(PYTHON)' bash data/prepare_model.sh '$(MODEL)' || { \
		echo "To try opkit without the published weights: make $(or $(MAKECMDGOALS),run) WEIGHTS=random" >&2; exit 1; })

# --- quality ---

test: .venv/stamp-dev ## Run the fast tests
	.venv/bin/python -m pytest

test-all: .venv/stamp-dev ## Run all tests, the slow ones too
	.venv/bin/python -m pytest -m ''

check: lint types proto-check test ## What must pass before a commit: format, lint, types, stubs, fast tests

lint: .venv/stamp-dev
	.venv/bin/ruff format --check
	.venv/bin/ruff check

types: .venv/stamp-dev
	.venv/bin/mypy

fix: .venv/stamp-dev ## Format, and mend what the linter can mend
	.venv/bin/ruff format
	.venv/bin/ruff check --fix

# $(call protoc,DIRECTORY): the stubs of rpc/rpc.proto in DIRECTORY/rpc.
protoc = PATH="$$PWD/.venv-proto/bin:$$PATH" .venv-proto/bin/python -m grpc_tools.protoc -I. rpc/rpc.proto \
	--python_out=$(1) --grpc_python_out=$(1) --mypy_out=quiet:$(1) --mypy_grpc_out=quiet:$(1)

proto: .venv-proto/stamp ## Generate the stubs from rpc/rpc.proto
	$(call protoc,.)

proto-check: .venv-proto/stamp
	@new=$$(mktemp -d) && trap 'rm -rf "$$new"' EXIT && $(call protoc,"$$new") && \
	diff -u -x '*.proto' -x __init__.py -x __pycache__ rpc "$$new/rpc" || { \
		echo "The stubs in rpc/ are not those of rpc.proto: run make proto" >&2; exit 1; }

pins: .venv-pins/bin/python ## Refresh the pins of the images from pyproject.toml
	.venv-pins/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	$(call pin,cpu,requirements.txt)
	$(call pin,gpu,requirements-gpu.txt)

# $(call pin,EXTRA,FILE): one version of everything that EXTRA needs, for the oldest Python that we support.
pin = echo 'grpcio-tools>=1.74' | .venv-pins/bin/uv pip compile --quiet --upgrade --python-version 3.11 \
	--python-platform linux --annotation-style line --custom-compile-command 'make pins' \
	--extra $(1) --output-file $(2) pyproject.toml -

# --- container images ---

cpu: DOCKERFILE = Dockerfile
cpu: IMAGE = $(IMAGE_NAME):$(TAG)
gpu: DOCKERFILE = Dockerfile-gpu
gpu: IMAGE = $(IMAGE_NAME):$(TAG)-gpu
cpu: weights ## Build the CPU image, with MODEL and WEIGHTS in it
gpu: weights ## Build the GPU image, with MODEL and WEIGHTS in it
cpu gpu:
	BUILDAH_FORMAT=docker $(DOCKER) build -f $(DOCKERFILE) -t '$(IMAGE)' \
		$(if $(BASE_IMAGE),--build-arg BASE_IMAGE='$(BASE_IMAGE)') \
		--build-arg MODEL='$(MODEL)' --build-arg WEIGHTS='$(WEIGHTS)' \
		--build-arg REVISION="$$(git rev-parse HEAD 2>/dev/null || true)" .

test-cpu: $(SERVE_STAMP) ## Start the CPU image and call it
	bash .ci/smoke.sh $(DOCKER) '$(IMAGE_NAME):$(TAG)'

test-gpu: $(SERVE_STAMP) ## Start the GPU image and call it
	bash .ci/smoke.sh $(DOCKER) '$(IMAGE_NAME):$(TAG)-gpu' --gpus all

clean: ## Remove environments and caches; weights in data/ stay
	rm -rf .venv .venv-proto .venv-pins build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
