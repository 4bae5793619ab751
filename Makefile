# Each target is one line that a person could type; the README has them without make.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/uv pip install --python $(BIN)/python

.PHONY: run test notebooks lab live bench clean
.DEFAULT_GOAL := run

run: .venv/ready      ## run all notebooks on the replica; pages and a table go to build/
	$(BIN)/python -m tools.run_notebooks

test: .venv/ready     ## pass the tests
	$(BIN)/python -m pytest

notebooks: .venv/ready ## execute the notebooks anew and write the paired .ipynb
	$(BIN)/python -m tools.pair_notebooks

live: .venv/ready     ## run all notebooks on the real archives; report, never fail
	-ARCHIVES=live $(BIN)/python -m tools.run_notebooks

lab: .venv/ready      ## open JupyterLab on the notebooks, offline
	$(INSTALL) --quiet --editable '.[lab]'
	ARCHIVES=$${ARCHIVES:-replica} $(BIN)/jupyter lab notebooks

bench: .venv/ready    ## compare with what people do today; the tables go to build/
	$(INSTALL) --quiet --editable '.[bench]'
	$(BIN)/python -m benchmarks

# uv installs in seconds what takes pip minutes.
.venv/ready: pyproject.toml requirements_data_access.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(INSTALL) --editable '.[replica,notebooks,test,fast]'
	touch .venv/ready

clean:                ## remove what the targets made, but not the user's data cache
	rm -rf .venv build
