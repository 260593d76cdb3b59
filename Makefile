# Everything that a person, pre-commit and CI run. `make` alone prints what there is.

# The first Python that can run visop. `make venv PYTHON=/path/to/python` takes another.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$python"; break; }; done)

# What is served. The variables of the settings (OP_MODEL, ...) work, too.
MODEL ?= $(or $(OP_MODEL),auto)
WEIGHTS ?= $(or $(OP_WEIGHTS),auto)
ENDPOINT ?= $(or $(OP_ENDPOINT),127.0.0.1:50051)
HTTP ?= $(or $(OP_HTTP_ENDPOINT),127.0.0.1:8080)
# What is indexed; PHOTOS is its name of before.
PICTURES ?= $(PHOTOS)

# Container images. With no BASE_IMAGE, the Dockerfile's own is used; with no PORT, 50051.
IMAGE_NAME ?= visop
TAG ?= latest
OPERATOR ?= $(or $(OP_OPERATOR),auto)
# The first whose engine answers: many machines have the docker command alone. Looked for once, when it is needed.
ifeq ($(origin DOCKER),undefined)
DOCKER = $(eval DOCKER := $$(shell for tool in docker podman buildah; do \
	"$$$$tool" info >/dev/null 2>&1 && { echo "$$$$tool"; break; }; done))$(DOCKER)
DOCKER_FOR_HELP = docker, podman or buildah
else
DOCKER_FOR_HELP = $(DOCKER)
endif

# A .venv that was made for development serves, too.
SERVE_STAMP = .venv/stamp-$(if $(wildcard .venv/stamp-dev),dev,web)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help venv run serve weights test test-slow test-all coverage check lint types fix proto proto-check pins cpu web \
	analyses gpu test-cpu test-gpu docs docs-check screenshots secrets train-embedded clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile
	@echo
	@echo "Variables, as in make run MODEL=vgg16 WEIGHTS=random:"
	@echo "  MODEL=$(MODEL) (auto: the encoder that is shipped)  WEIGHTS=$(WEIGHTS) (imagenet, random or a file)"
	@echo "  ENDPOINT=$(ENDPOINT)  HTTP=$(HTTP)  PICTURES=$(PICTURES)"
	@echo "  PYTHON=$(PYTHON)  DOCKER=$(DOCKER_FOR_HELP)  IMAGE_NAME=$(IMAGE_NAME)  TAG=$(TAG)  BASE_IMAGE=$(BASE_IMAGE)"
	@echo "  OPERATOR=$(OPERATOR) (module:Class)  PORT=$(or $(PORT),50051)  of an image"

# --- environments: made once, and brought up to date when what they hold changes ---

.venv/bin/python .venv-proto/bin/python .venv-pins/bin/python:
	@test -n "$(PYTHON)" || { echo "visop needs Python 3.11 or newer, and none was found: make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' || { echo "$(PYTHON) cannot make virtual environments." \
		"On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(@:/bin/python=)

venv: .venv/stamp-dev ## Make .venv with everything that tests and development need

.venv/stamp-%: pyproject.toml requirements-operator.txt | .venv/bin/python
	.venv/bin/python -m pip install --disable-pip-version-check --editable '.[$*]' -r requirements-operator.txt
	@touch $@

# Old on purpose: stubs run with the grpcio and protobuf that made them and with newer ones, never with older.
.venv-proto/stamp: Makefile | .venv-proto/bin/python
	.venv-proto/bin/python -m pip install --quiet --disable-pip-version-check \
		grpcio-tools==1.74.0 protobuf==6.33.6 mypy-protobuf==5.1.0
	@touch $@

# --- serving ---

run: weights $(SERVE_STAMP) ## Operator, HTTP and the search page; PICTURES=FOLDER indexes that folder
	OP_MODEL='$(MODEL)' OP_WEIGHTS='$(WEIGHTS)' OP_ENDPOINT='$(ENDPOINT)' \
		exec .venv/bin/python -m visop run --http-endpoint '$(HTTP)' $(if $(PICTURES),--pictures '$(PICTURES)')

serve: weights $(SERVE_STAMP) ## The operator alone
	OP_MODEL='$(MODEL)' OP_WEIGHTS='$(WEIGHTS)' OP_ENDPOINT='$(ENDPOINT)' exec .venv/bin/python server.py

# The published weights are needed where they are named, and by every model but the one that is shipped.
PUBLISHED = $(or $(filter imagenet,$(WEIGHTS)),$(and $(filter auto,$(WEIGHTS)),$(filter-out auto embedded,$(MODEL))))

weights: ## Fetch the published weights of MODEL into data/, if it needs them
	@$(if $(PUBLISHED),PYTHON='$(PYTHON)' bash data/prepare_model.sh '$(MODEL)' || { \
		echo "To try visop without the published weights: make $(or $(MAKECMDGOALS),run) WEIGHTS=random" >&2; exit 1; })

# --- the encoder that is shipped ---

# Pictures and states of the runs; what is there already is gone on with.
EMBEDDED_DIR ?= build/embedded
VISOP = .venv/bin/python -m visop

# Most of the training is at less than half the cost of the size that is served, the end of it at that size: cut and
# scaled copies show larger things than originals do (Touvron et al. 2019, "Fixing the train-test resolution discrepancy").
# On a GPU: make train-embedded COUNT=200000 EPOCHS=100 LAST_EPOCHS=100
COUNT ?= 32000
EPOCHS ?= 30
LAST_EPOCHS ?= 10
TRAIN = $(VISOP) train $(EMBEDDED_DIR)/pictures --card data/embedded-card.json --model embedded \
	--identities 128 --neighbours 4 --spread 3 --patience 0 --held-out 0.03

train-embedded: .venv/stamp-dev ## Train the encoder that is shipped once more, from nothing: hours on a CPU
	$(VISOP) generate --out $(EMBEDDED_DIR)/pictures --count $(COUNT) --size 256 --seed 0
	$(TRAIN) --out $(EMBEDDED_DIR)/small.safetensors --weights random --dimension 256 --side 128 \
		--epochs $(EPOCHS) --learning-rate 0.002
	$(TRAIN) --out $(EMBEDDED_DIR)/embedded.safetensors --weights $(EMBEDDED_DIR)/small.safetensors --side 192 \
		--epochs $(LAST_EPOCHS) --learning-rate 0.0003 --half
	.venv/bin/python -m benchmarks.photos $(EMBEDDED_DIR)/photograph-crops
	$(VISOP) evaluate $(EMBEDDED_DIR)/photograph-crops --groups --encoder $(EMBEDDED_DIR)/embedded.safetensors \
		--calibrate --out $(EMBEDDED_DIR)/evaluation
	cp $(EMBEDDED_DIR)/embedded.safetensors visop/models/embedded.safetensors

# --- quality ---

# One process for each core, but no more than eight: each has an inference engine of its own. Tests of one module have
# fixtures in common, so they stay together until a process has nothing left to do.
PYTEST = .venv/bin/python -m pytest --numprocesses auto --maxprocesses 8 --dist worksteal

test: .venv/stamp-dev ## Run the fast tests
	$(PYTEST) $(PYTEST_FLAGS)

# File by file: what they share, such as an environment with the wheel, takes minutes to make.
test-slow: .venv/stamp-dev ## Run the slow tests alone
	$(PYTEST) -m slow --dist loadfile $(PYTEST_FLAGS)

test-all: .venv/stamp-dev ## Run all tests, the slow ones too
	$(PYTEST) -m '' $(PYTEST_FLAGS)

coverage: .venv/stamp-dev ## Run all tests, and say which lines of visop no test runs; under 95 % is an error
	$(PYTEST) -m '' --cov --cov-fail-under=0 --cov-report= $(PYTEST_FLAGS)
	.venv/bin/python -m coverage report

check: lint types proto-check docs-check test ## What must pass before a commit: format, lint, types, stubs, fast tests

lint: .venv/stamp-dev
	.venv/bin/ruff format --check
	.venv/bin/ruff check
	.venv/bin/deno fmt --check --quiet
	.venv/bin/deno lint --quiet

types: .venv/stamp-dev
	.venv/bin/mypy
	.venv/bin/deno check --quiet visop/analyses/page/ visop/http/page/ visop/page/ visop/search/show/page/ visop/web/page/

fix: .venv/stamp-dev ## Format, mend what the linter can mend, and refresh what docs are generated from code
	.venv/bin/ruff format
	.venv/bin/ruff check --fix
	.venv/bin/deno fmt --quiet
	.venv/bin/deno lint --fix --quiet
	$(COG) -r $(COGGED)

# $(call protoc,DIRECTORY): the stubs of rpc/*.proto in DIRECTORY/visop/rpc. Their messages are in pools of their own,
# because a process may have messages of the same names in protobuf's: those of a client of the original contracts.
PROTOS = rpc fxwatcher
protoc = PATH="$$PWD/.venv-proto/bin:$$PATH" .venv-proto/bin/python -m grpc_tools.protoc -Ivisop/rpc=rpc \
	$(PROTOS:%=visop/rpc/%.proto) \
	--python_out=$(1) --grpc_python_out=$(1) --mypy_out=quiet:$(1) --mypy_grpc_out=quiet:$(1) && \
	sed -i.bak 's/_descriptor_pool\.Default()/_descriptor_pool.DescriptorPool()/' $(PROTOS:%=$(1)/visop/rpc/%_pb2.py) && \
	rm $(PROTOS:%=$(1)/visop/rpc/%_pb2.py.bak)

proto: .venv-proto/stamp ## Generate the stubs from rpc/*.proto
	$(call protoc,.)

proto-check: .venv-proto/stamp
	@new=$$(mktemp -d) && trap 'rm -rf "$$new"' EXIT && $(call protoc,"$$new") && \
	diff -u -x '*.proto' -x __init__.py -x statuses.py -x __pycache__ visop/rpc "$$new/visop/rpc" || { \
		echo "The stubs in visop/rpc/ are not those of rpc/: run make proto" >&2; exit 1; }

screenshots: .venv/stamp-dev ## Take the pictures of docs/images anew, with Chromium
	.venv/bin/python docs/screenshots.py

pins: .venv-pins/bin/python ## Refresh the pins of the images from pyproject.toml
	.venv-pins/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	$(call pin,cpu --extra http,requirements.txt)
	$(call pin,web --extra milvus,requirements-web.txt)
	$(call pin,analyses --extra parquet,requirements-analyses.txt,s3fs>=2026.9)
	$(call pin,gpu --extra http,requirements-gpu.txt)

# $(call pin,EXTRA,FILE,MORE): one version of everything that EXTRA and MORE need, for the oldest Python that we support.
pin = printf '%s\n' 'grpcio-tools>=1.74' $(if $(3),'$(3)') | .venv-pins/bin/uv pip compile --quiet --upgrade \
	--python-version 3.11 --python-platform linux --annotation-style line --custom-compile-command 'make pins' \
	--extra $(1) --output-file $(2) pyproject.toml -

# --- documentation ---

# The text between [[[cog]]] and [[[end]]] is made from the code.
COG = .venv/bin/python -m cogapp --verbosity=1 -I docs/generators
COGGED = README.md docs/*/*.md

docs: .venv/stamp-dev ## Build the documentation in build/docs; a warning is an error
	.venv/bin/python -m sphinx --quiet --fail-on-warning --keep-going docs build/docs

docs-check: .venv/stamp-dev
	@$(COG) --check --diff --check-fail-msg='The docs are not what the code says: run make fix' $(COGGED)

# --- container images ---

cpu: DOCKERFILE = Dockerfile
cpu: IMAGE = $(IMAGE_NAME):$(TAG)
web: DOCKERFILE = Dockerfile
web: IMAGE = $(IMAGE_NAME):$(TAG)-web
web: REQUIREMENTS = requirements-web.txt
analyses: DOCKERFILE = Dockerfile
analyses: IMAGE = $(IMAGE_NAME):$(TAG)-analyses
analyses: REQUIREMENTS = requirements-analyses.txt
analyses: override WEIGHTS =
gpu: DOCKERFILE = Dockerfile-gpu
gpu: IMAGE = $(IMAGE_NAME):$(TAG)-gpu
cpu: weights ## Build the CPU image, with MODEL and WEIGHTS in it
gpu: weights ## Build the GPU image, with MODEL and WEIGHTS in it
web: weights ## Build the CPU image with the search page in it, for deploy/compose.yaml
analyses: ## Build the image of the service of analyses and its workers, with no model in it, for deploy/analyses.yaml
cpu web gpu analyses:
	@$(if $(DOCKER),true,echo "No container engine answers: 'docker info', 'podman info' and 'buildah info' all fail." \
		"Start one, or name another: make $@ DOCKER=..." >&2; exit 1)
	BUILDAH_FORMAT=docker $(DOCKER) build -f $(DOCKERFILE) -t '$(IMAGE)' \
		$(if $(BASE_IMAGE),--build-arg BASE_IMAGE='$(BASE_IMAGE)') \
		$(if $(REQUIREMENTS),--build-arg REQUIREMENTS='$(REQUIREMENTS)') \
		$(if $(PORT),--build-arg PORT='$(PORT)') --build-arg OPERATOR='$(OPERATOR)' \
		--build-arg MODEL='$(MODEL)' --build-arg WEIGHTS='$(WEIGHTS)' \
		--build-arg REVISION="$$(git rev-parse HEAD 2>/dev/null || true)" .

# Passwords that nobody needs to know. Those that are there stay, for volumes have been made with them.
SECRETS = MINIO_PASSWORD POSTGRES_PASSWORD RABBITMQ_PASSWORD VISOP_WEBHOOK_SECRET

secrets: ## Make the passwords that deploy/*.yaml need, in deploy/.env
	@umask 077 && touch deploy/.env && for name in $(SECRETS); do \
		grep -q "^$$name=" deploy/.env || \
		echo "$$name=$$($(PYTHON) -c 'import secrets; print(secrets.token_hex(24))')" >> deploy/.env || exit 1; done

test-cpu: $(SERVE_STAMP) ## Start the CPU image and call it
	bash .ci/smoke.sh $(DOCKER) '$(IMAGE_NAME):$(TAG)'

test-gpu: $(SERVE_STAMP) ## Start the GPU image and call it
	bash .ci/smoke.sh $(DOCKER) '$(IMAGE_NAME):$(TAG)-gpu' --gpus all

clean: ## Remove environments and caches; weights in data/ stay
	rm -rf .venv .venv-proto .venv-pins .venv-newest build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage
