# The whole set-up happens here: a virtual environment in the checkout, from Python 3.11 on.
PYTHON ?= python3
BIN := .venv/bin
# nbval is for the tutorials only; without it, pytest starts two seconds sooner.
PYTEST := $(BIN)/python -m pytest -p no:nbval
# Tests of the browser wait more than they compute: three workers are quicker on two cores, too.
WORKERS := -n 3
AXE := .venv/node_modules/axe-core/axe.min.js

SAMPLE := --sample

# The tests start hundreds of Python processes. Without bytecode on disk, each of them compiles all
# that it imports, which takes as long as the tests themselves.
unexport PYTHONDONTWRITEBYTECODE

# How long `make attack` looks for faults.
MINUTES ?= 20

.PHONY: demo lab test nightly attack check docs links bench lock clean

demo: .venv/ready
	$(BIN)/python -m ipy_awsprofile demo

lab: .venv/ready
	$(BIN)/python -m ipy_awsprofile lab

# A part of the tests, in parallel: make test ARGS="tests/config -k role". Of two options -n, the last
# one counts: ARGS="-n 0 --pdb tests/config".
ifdef ARGS
test: .venv/ready $(if $(shell command -v npm),$(AXE))
	$(PYTEST) $(WORKERS) --dist=loadgroup $(ARGS)
else
# Of the tables with the marker `nightly`, only a sample; with SLOW=yes, the tests marked `slow`, too.
# The tutorials come first: so what the other tests leave out, for want of a tool, is said at the end.
# COVERAGE=yes adds a check of the coverage of the tests' own processes; a tutorial's kernel isn't measured.
test: .venv/ready $(if $(shell command -v npm),$(AXE))
	$(BIN)/python -m pytest notebooks -n 2 --dist=loadfile \
	  --nbval --nbval-current-env --nbval-cell-timeout=60 \
	  --nbval-sanitize-with notebooks/sanitize.cfg
	$(PYTEST) tests $(SAMPLE) $(if $(SLOW),,-m "not slow") $(WORKERS) --dist=loadgroup \
	  $(if $(COVERAGE),--cov=ipy_awsprofile --cov-report=)
	$(if $(COVERAGE),$(BIN)/python -m coverage report --fail-under=95)
endif

# All tests, with new random examples.
nightly: SAMPLE :=
nightly: SLOW := yes
nightly: test

# The random tests, with other numbers than in `make test`, for MINUTES in all.
attack: .venv/ready
	ATTACK_MINUTES=$(MINUTES) $(PYTEST) tests/attack -n 2 --dist=worksteal --timeout=0

check: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The pages in build/docs; a warning is an error.
docs: .venv-docs/ready
	.venv-docs/bin/python -m sphinx -q -W --keep-going -b html docs build/docs

# Whether links to other sites lead somewhere. It needs the network, so it isn't a part of `docs`.
links: .venv-docs/ready
	.venv-docs/bin/python -m sphinx -q -b linkcheck docs build/links

# The AWS CLI that the tests need wants an older docutils than Sphinx does.
.venv-docs/ready: pyproject.toml
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.7'
	.venv-docs/bin/uv pip install --quiet --python .venv-docs/bin/python --editable . --group docs
	touch $@

bench: .venv/ready
	$(BIN)/python -m benchmarks

# JupyterLab loads the labextension from .venv, so a change of it is installed again.
LABEXTENSION := $(wildcard labextension/*.json labextension/s*/* labextension/s*/*/*)
.venv/ready: pyproject.toml constraints.txt $(LABEXTENSION)
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.7'
	# uv finds the boto3 that aiobotocore and the AWS CLI agree on in seconds, pip in minutes.
	# The constraints make two checkouts the same; UV_RESOLUTION=lowest-direct tests the lower bounds.
	$(BIN)/uv pip install --quiet --python $(BIN)/python \
	  --reinstall-package ipy-awsprofile --editable '.[lab,duckdb,dask,crt]' --group test \
	  $(if $(UV_RESOLUTION),,--constraint constraints.txt)
	touch $@

# Takes the newest versions that fit together.
lock: .venv/ready
	$(BIN)/uv pip compile --quiet --upgrade pyproject.toml --all-extras --group test --universal \
	  --python-version 3.11 --no-header --no-annotate --output-file constraints.txt

$(AXE):
	npm install --loglevel=error --no-save --no-audit --no-fund --prefix .venv 'axe-core@^4'

clean:
	rm -rf .venv .venv-docs build dist
