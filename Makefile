# inferencehealth: `make` alone prints what there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CLUSTER_NAME ?= default
# Tests on an API server mostly wait: so many run side by side, each part with a server of its own.
WAITING ?= 4

# What has to hold on the oldest API server too, beside tests/integration/{admission,installation},
# which have one of their own. It runs without controllers: these ask none.
OLDEST := 1.35
ESSENTIALS := tests/integration/api tests/integration/kube/test_verbs.py \
  tests/integration/controller/test_injection.py

.DEFAULT_GOAL := help
.PHONY: parts help demo docs image install-manifest release generated test setup setup-system generate lint types test-unit test-integration \
  test-conformance conformance record test-browser setup-browser e2e e2e-in-cluster e2e-language-models e2e-ecosystem setup-bench bench fuzz lock clean clean-demo

help: ## Print this list
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  \033[1m%-18s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: setup setup-system ## Show the main job on a local cluster with a real Triton, from nothing
	@$(BIN)/python -m e2e.demo

clean-demo: ## Take down what the demo left running for you to look at
	@$(BIN)/python -m e2e.demo --clean

test: ## Run every test: lint, types, unit, integration, conformance, e2e (what CI runs)
	@./.ci/stages setup setup-system lint types generated docs test-unit parts test-integration test-conformance e2e-beside e2e-in-cluster

setup: $(VENV)/.installed ## Create .venv with the locked dependencies

$(VENV)/.installed: requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name one: make setup PYTHON=python3.11"; exit 1; }
	@echo "setup: installing the locked Python packages into $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

setup-system: setup ## Install the Debian packages that the local cluster needs (apt, root)
	@$(BIN)/python -m e2e.prerequisites --install

parts: setup # Builds what the cluster tests run, with progress; quick when the cache has it
	@$(BIN)/python -m e2e.cluster build
	@$(BIN)/python -m e2e.servers build

generate: setup ## Regenerate what is made from code: crds/, schemas/, pages of docs/, the dashboard, rights
	@$(BIN)/python -m inferencehealth.api.crds crds
	@$(BIN)/python -m inferencehealth.api.editors schemas
	@$(BIN)/python -m inferencehealth.api.documentation docs/fields.md
	@$(BIN)/python -m inferencehealth.profiles.documentation docs/servers.md
	@$(BIN)/python -m inferencehealth.findings.documentation docs/findings.md
	@$(BIN)/python -m inferencehealth.monitoring.documentation docs/metrics.md
	@$(BIN)/python -m tests.conformance.page docs/what-green-hides.md
	@$(BIN)/python -m inferencehealth.monitoring.dashboard manifests/monitoring/dashboard.json
	@$(BIN)/python -m inferencehealth.installation.generate manifests docs >/dev/null
	@$(BIN)/python -m inferencehealth.installation.chart manifests/chart

generated: setup # Fails when a generated file is stale
	@$(BIN)/python -m inferencehealth.api.crds crds >/dev/null
	@$(BIN)/python -m inferencehealth.api.editors schemas >/dev/null
	@$(BIN)/python -m inferencehealth.api.documentation docs/fields.md
	@$(BIN)/python -m inferencehealth.profiles.documentation docs/servers.md
	@$(BIN)/python -m inferencehealth.findings.documentation docs/findings.md
	@$(BIN)/python -m inferencehealth.monitoring.documentation docs/metrics.md
	@$(BIN)/python -m tests.conformance.page docs/what-green-hides.md
	@$(BIN)/python -m inferencehealth.monitoring.dashboard manifests/monitoring/dashboard.json
	@$(BIN)/python -m inferencehealth.installation.generate manifests docs >/dev/null
	@$(BIN)/python -m inferencehealth.installation.chart manifests/chart
	@git diff --exit-code --stat -- crds schemas manifests/monitoring docs/fields.md docs/servers.md docs/findings.md docs/metrics.md docs/what-green-hides.md docs/rights.md \
	  manifests/base/rbac manifests/base/restraint.yaml manifests/overlays/namespaced/rbac manifests/components/initial-mode manifests/chart \
	  || { echo "crds/, schemas/, the dashboard or a generated page of docs/ is stale: run 'make generate' and commit the result"; exit 1; }

image: setup ## Build the operator's image (with Docker, or without a registry by buildah)
	@$(BIN)/python -m releasing image

install-manifest: setup ## Write build/install.yaml, one file for kubectl apply; IMAGE names yours
	@$(BIN)/python -m releasing manifest $(if $(IMAGE),--image "$(IMAGE)")

release: setup ## Make all files of a release in build/release (docs/releasing.md)
	@$(BIN)/python -m releasing all

docs: setup ## Build docs/ into build/docs; fails on a link or an anchor that leads nowhere
	@$(BIN)/mkdocs build --strict

lint: setup ## ruff (lint and format) and the layering contract
	@$(BIN)/ruff check . && $(BIN)/ruff format --check --quiet . && $(BIN)/lint-imports --no-cache | tail -n 3

types: setup ## mypy, strict
	@$(BIN)/mypy

test-unit: setup ## Pure tests, no cluster
	@$(BIN)/pytest -q -n auto tests/unit tests/docs -m "not integration"

test-integration: setup ## Tests on a real kube-apiserver
	@$(BIN)/pytest -q -n $(WAITING) --dist loadfile tests/integration tests/docs -m integration
	@echo "the same essentials on the oldest API server that is supported, $(OLDEST)"
	@KUBERNETES=$(OLDEST) CLUSTER=source $(BIN)/pytest -q -n 2 --dist loadfile $(ESSENTIALS) -m integration

test-conformance: setup ## Tests on real model servers
	@$(BIN)/pytest -q tests/conformance -m "not conformance_more"

conformance: setup ## The same on every server that installs from a registry (slow, not in CI)
	@$(BIN)/python -m e2e.servers install
	@$(BIN)/pytest -q tests/conformance

record: conformance ## Make docs/what-green-hides.md of a new run of the fault matrix
	@$(BIN)/python -m tests.conformance.page --keep docs/what-green-hides.md

test-browser: setup ## The dashboard in a real Chromium (make setup-browser installs it)
	@$(BIN)/pytest -q tests/browser

setup-browser: setup ## Install the Debian packages that the browser tests need (apt, root)
	@$(BIN)/python -m tests.browser.prerequisites

e2e: setup ## Tests on a real kubelet with real servers
	@$(BIN)/pytest -q e2e -m "not node_more" --ignore=e2e/ecosystem

# What needs the operator beside the cluster, or none; the rest of CI's runs have it in pods.
e2e-beside: setup
	@$(BIN)/pytest -q e2e/cluster e2e/image e2e/loopback e2e/node/test_story.py e2e/node/test_drill.py

e2e-in-cluster: setup ## The node suites with the operator in pods of its own image; faults, upgrade, uninstall
	@OPERATOR=pods $(BIN)/pytest -q e2e/node -m "not node_more" --ignore=e2e/node/test_drill.py

e2e-language-models: setup ## The same with vLLM and Ollama in pods (installs gigabytes, not in CI)
	@$(BIN)/pytest -q e2e/node/test_language_models.py

e2e-ecosystem: setup ## Tests with real Argo CD, Flux, KServe, LeaderWorkerSet (builds them, not in CI)
	@$(BIN)/python -m e2e.ecosystem.prerequisites
	@$(BIN)/pytest -q -n $(WAITING) --dist loadfile e2e/ecosystem

setup-bench: setup ## Install the Debian packages that the benchmarks need (apt, root)
	@$(BIN)/python -m bench.prerequisites

bench: setup-bench ## Run the benchmarks; fails when a bar is missed
	@./bench/all $(BIN)/python

fuzz: setup ## Fuzz what servers answer, for SECONDS (default 60)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/fuzz.txt
	@$(BIN)/python -m tests.fuzz.http_response $(or $(SECONDS),60)

lock: setup ## Resolve the dependencies anew, with hashes
	@$(BIN)/uv pip compile pyproject.toml --group dev --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --quiet --output-file requirements/dev.txt
	@$(BIN)/uv pip compile pyproject.toml --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --quiet --output-file requirements/run.txt
	@$(BIN)/uv pip compile --group build --constraint requirements/dev.txt --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --quiet --output-file requirements/build.txt
	@$(BIN)/uv pip compile --group release --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --quiet --output-file requirements/release.txt
	@$(BIN)/uv pip compile --group fuzz --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --quiet --output-file requirements/fuzz.txt

clean: ## Remove the virtual environment and caches of this checkout
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
