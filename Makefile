# The whole set-up happens here: a virtual environment in the checkout, from Python 3.11 on.
PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
NPM := $(if $(shell command -v npm),.venv/npm)

# The tests start hundreds of Python processes. Without bytecode on disk, each of them compiles all
# that it imports, which takes as long as the tests themselves.
unexport PYTHONDONTWRITEBYTECODE

# How long `make attack` looks for faults.
MINUTES ?= 20

# The commands are in this file; their output is enough.
.SILENT:

.PHONY: demo lab test tutorials attack libraries review windows check docs links bench lock clean

# The demo and the lab install only what they need, unless all is there.
demo: $(or $(wildcard .venv/ready),.venv/demo)
	$(BIN)/python -m ipy_awsprofile demo

lab: $(or $(wildcard .venv/ready),.venv/lab)
	$(BIN)/python -m ipy_awsprofile lab

# The tests and tutorials, or a part: make test ARGS="tests/config -k role". Of two options -n, the
# last one counts: ARGS="-n 0 --pdb tests/config". COVERAGE=yes adds a check of the coverage.
# The browser and the kernels wait more than they compute: three workers are quicker on two cores, too.
# The random tests are for the night, see `attack`, except for a fixed part of the sequences of actions.
# nbval is for the tutorials only; without it, pytest starts two seconds sooner.
TUTORIALS := notebooks --nbval --nbval-current-env --nbval-cell-timeout=60 \
  --nbval-sanitize-with notebooks/sanitize.cfg
RANDOM_TESTS := $(addprefix tests/attack/test_,interrupts.py secrets.py switches.py)
test: .venv/ready $(NPM)
	$(PYTEST) -n 3 --dist=loadgroup $(if $(ARGS),-p no:nbval $(ARGS),$(TUTORIALS) tests $(RANDOM_TESTS:%=--ignore=%)) $(if $(COVERAGE),--cov)

# The outputs of the tutorials, where the tests would compare another output.
tutorials: .venv/ready
	UPDATE_OUTPUTS=yes $(PYTEST) -n 3 --dist=loadgroup $(TUTORIALS)

# The random tests, with new numbers, for MINUTES in all.
attack: .venv/ready
	ATTACK_MINUTES=$(MINUTES) $(PYTEST) -p no:nbval tests/attack -n 2 --dist=worksteal --timeout=0

# Which identity signs after a switch, for each of the libraries in matrix/uses.py, or for some:
# make libraries ARGS="boto3 anthropic -v"
libraries: .venv-libraries/ready
	.venv-libraries/bin/python -m matrix $(ARGS)

# Always the newest versions, because users install them.
.venv-libraries/ready: pyproject.toml matrix/requirements.txt
	$(PYTHON) -m venv .venv-libraries
	.venv-libraries/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.7'
	.venv-libraries/bin/uv pip install --quiet --python .venv-libraries/bin/python --upgrade \
	  --editable '.[s3fs,polars]' --requirement matrix/requirements.txt
	touch $@

# What the newest boto3, botocore, IPython and ipykernel have changed in the code that we rely on.
# ARGS=--accept records that you have read it.
review: .venv-review/ready
	.venv-review/bin/python -m tests.review $(ARGS)

# Without aiobotocore, which would hold botocore below the newest version.
.venv-review/ready: pyproject.toml
	$(PYTHON) -m venv .venv-review
	.venv-review/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.7'
	.venv-review/bin/uv pip install --quiet --python .venv-review/bin/python --upgrade \
	  --editable . ipykernel packaging
	touch $@

# The tests where operating systems differ, with Windows' Python under Wine, or other ones.
windows:
	bash .ci/windows -n 2 $(or $(ARGS),@tests/systems.txt)

check: .venv/ready $(NPM)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32 ipy_awsprofile
	$(BIN)/lint-imports
	$(if $(NPM),.venv/node_modules/.bin/tsc --project jsconfig.json,@echo \
	  "The JavaScript isn't checked, because npm is missing (Debian: apt install npm)."; test -z "$$CI")

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
.venv/demo: PACKAGES := '.[demo]'
.venv/lab: PACKAGES := '.[lab]'
.venv/ready: PACKAGES := '.[lab,polars,duckdb,dask,crt]' --group test
.venv/demo .venv/lab .venv/ready: pyproject.toml constraints.txt $(LABEXTENSION)
	echo 'Installing into .venv …'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.7'
	# uv finds the boto3 that aiobotocore and the AWS CLI agree on in seconds, pip in minutes.
	# The constraints make two checkouts the same; UV_RESOLUTION=lowest-direct tests the lower bounds.
	$(BIN)/uv pip install --quiet --python $(BIN)/python \
	  --reinstall-package ipy-awsprofile --editable $(PACKAGES) \
	  $(if $(UV_RESOLUTION),,--constraint constraints.txt)
	touch $@

# Takes the newest versions that fit together. The comments say what requires each, for .ci/sbom.
# Only the build tools have hashes: with hashes in the constraints, pip would refuse to install the
# checkout, because it can't hash a folder.
lock: .venv/ready
	$(BIN)/uv pip compile --quiet --upgrade pyproject.toml --all-extras --group test --universal \
	  --python-version 3.11 --no-header --annotation-style line --output-file constraints.txt
	$(BIN)/uv pip compile --quiet --upgrade --group build --universal --python-version 3.11 \
	  --generate-hashes --no-annotate --custom-compile-command 'make lock' \
	  --output-file .ci/build-tools.txt

# One command for both, because npm removes what it isn't asked for.
.venv/npm:
	npm install --loglevel=error --ignore-scripts --no-save --no-audit --no-fund --prefix .venv \
	  'axe-core@^4' 'typescript@^7'
	touch $@

clean:
	rm -rf .venv .venv-docs .venv-libraries .venv-review .venv-windows build dist
