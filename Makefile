# `make` alone lists the targets.
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install assets run test coverage unit integration browser chart e2e kubernetes faults fuzz bench growth lint format docs sbom version lock clean programs

help: ## list the targets
	@sed -nE 's/^([a-z0-9]+):.*## (.*)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

install: .venv/installed runtime/http/static ## make the environment in .venv

assets: runtime/http/static ## make what the pages load, of our modules and pinned npm packages

run: .venv/installed ## start everything on this machine, show the sample query, serve until Ctrl-C
	@$(MAKE) --silent assets 2>/dev/null || echo "The pages are not built, as npm can't be reached. Queries are answered all the same."
	@$(BIN)/python -m local.run

# Much of a test is waiting: there are more workers than cores. What tests need of Debian is
# installed before, in one go: workers would get in each other's way.
WORKERS ?= 3
test: ## run every test but the long ones, the real broker included
	@$(MAKE) --silent --jobs=2 install programs
	@$(BIN)/$(MEASURE)pytest --numprocesses=$(WORKERS) --dist=loadscope

programs:
	@[ -e .venv/installed ] || $(CHECK_PYTHON)
	@$(PYTHON) -m tests.programs

coverage: ## run every test as make test does, and tell which lines and branches none of them took
	@rm -rf .coverage
	@$(MAKE) --silent test MEASURE="coverage run -m "
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

unit: install ## run the tests that need no broker
	@$(BIN)/pytest tests/unit

integration: install ## run the tests over a real broker
	@$(BIN)/pytest tests/integration

browser: install ## test the pages in a real Chromium
	@$(BIN)/pytest tests/browser

chart: install ## check the Helm chart, the Dockerfiles and the compose files
	@$(BIN)/pytest tests/chart

e2e: install ## build the images, bring them up in a Docker engine, kill and scale them
	@$(BIN)/pytest tests/e2e

# KUBERNETES_LOAD is a command that gives the cluster an archive of images: kind load image-archive
kubernetes: install ## run the chart's modes on the cluster that KUBECONFIG names, and print a table
	@$(BIN)/pytest tests/kubernetes

RUNS ?= 1
faults: install programs .venv/bench ## break everything in full, RUNS times with different seeds, and print the table
	@$(BIN)/python -m tests.faults $(RUNS)

# Of each operation. The seed of a run is told, and repeats it: make fuzz SEED=1
CASES ?= 2000
fuzz: install programs ## ask both HTTP interfaces for thousands of things, CASES of each operation
	@FUZZ_CASES=$(CASES) FUZZ_SEED=$(SEED) $(BIN)/pytest --capture=no --timeout=7200 tests/integration/test_fuzz.py

bench: install .venv/bench ## measure the speed and write docs/performance.md, or compare with AGAINST=REVISION
	@$(BIN)/python -m benchmarks $(if $(MEMORY),--memory) $(if $(AGAINST),--against $(AGAINST))

EVENTS ?= 27_000_000
DATABASE ?= sqlite
CONSUMERS ?= 1
growth: install .venv/bench ## put a hospital's whole history in while queries are answered, and write docs/growth.md
	@$(BIN)/python -m benchmarks.growth --events $(EVENTS) --database $(DATABASE) --consumers $(CONSUMERS) $(if $(APART),--apart) $(if $(SCATTERED),--scattered)

lint: .venv/installed node_modules/installed ## check style, formatting and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/node node_modules/eslint/bin/eslint.js --max-warnings 0 .

format: .venv/installed ## format and mend what can be mended
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: install ## write the AsyncAPI documents, the page that shows them, and what RabbitMQ loads
	@mkdir -p asyncapi
	@env -u RABBITMQ_URL $(BIN)/faststream docs gen publisher_app.main:app --yaml -o asyncapi/publisher.yaml
	@env -u RABBITMQ_URL $(BIN)/faststream docs gen consumer_app.main:app --yaml -o asyncapi/consumer.yaml
	@$(BIN)/node pages/asyncapi_page.mjs asyncapi/index.html asyncapi/publisher.yaml asyncapi/consumer.yaml
	@$(BIN)/python -m contracts.definitions >charts/medication-periods/files/topology.json

sbom: .venv/installed ## list what is in each image, as CycloneDX, in sbom/
	@$(BIN)/python -m local.sbom

version: ## write the version of runtime/version.py wherever else it must stand
	@$(PYTHON) -m local.version

# The services are pinned to the versions that the tests run with.
COMPILE := uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-annotate --custom-compile-command "make lock"
lock: .venv/installed ## pin the newest versions of what pyproject.toml asks for
	@$(BIN)/$(COMPILE) --group dev -o requirements-dev.txt
	@$(BIN)/$(COMPILE) --group bench -c requirements-dev.txt -o benchmarks/requirements.txt
	@$(BIN)/$(COMPILE) --group publisher -c requirements-dev.txt -o publisher_app/requirements.txt
	@$(BIN)/$(COMPILE) --group consumer -c requirements-dev.txt -o consumer_app/requirements.txt

clean: ## remove the environment, the data and every cache
	@rm -rf runtime/http/static .venv node_modules data sbom .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# uv takes far less time than pip, but does not read pip's settings, such as another index.
# It compiles all here: a warning of somebody's module would fail the test that imports it first.
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r
CHECK_PYTHON = $(PYTHON) -c 'import importlib.util as i, sys; v = sys.version_info; \
	(3, 11) <= v < (3, 15) or sys.exit("Python 3.11 to 3.14 is needed; %s is %d.%d. Name another: \
	make PYTHON=python3.13" % (sys.executable, v[0], v[1])); i.find_spec("ensurepip") or sys.exit( \
	"%s makes no environments: install its venv (Debian and Ubuntu: apt-get install python3-venv)" \
	% sys.executable)'

.venv/installed: requirements-dev.txt
	@$(CHECK_PYTHON)
	@rm -rf .venv
	@$(PYTHON) -m venv .venv
	@sed -n '/^uv==/,/[^\\]$$/p' requirements-dev.txt >.venv/uv.txt
	@$(PIP) .venv/uv.txt
	@$(BIN)/uv pip install --quiet --python=.venv --compile-bytecode --require-hashes \
		-r requirements-dev.txt || $(PIP) requirements-dev.txt
	@touch $@

.venv/bench: benchmarks/requirements.txt .venv/installed
	@$(PIP) $<
	@touch $@

node_modules/installed: package.json package-lock.json .npmrc .venv/installed
	@$(BIN)/npm ci --loglevel=error --ignore-scripts >/dev/null
	@touch $@

TIMELINE := $(wildcard consumer_app/web/*.js consumer_app/web/*.css consumer_app/web/*.svg)
runtime/http/static: node_modules/installed pages/assets.mjs pages/timeline.mjs $(TIMELINE)
	@$(BIN)/node pages/assets.mjs
	@$(BIN)/node pages/timeline.mjs
	@touch $@
