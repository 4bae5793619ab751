# Each target is one line that a person could type; the README has them without make.
PYTHON ?= python3
BIN := .venv/bin
# Containers often forbid bytecode; then each of the many short processes compiles all anew.
export PYTHONDONTWRITEBYTECODE :=
# A file of tests stays in one process; more than four would need more memory than laptops have.
SIDE_BY_SIDE := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
INSTALL := $(BIN)/uv pip install --python $(BIN)/python

.PHONY: run test test-thorough test-oldest test-oldest-live notebooks file-facts lab live record check validate class site box bench lock clean
.DEFAULT_GOAL := run

run: .venv/ready      ## run all notebooks on the replica; pages and a table go to build/
	$(BIN)/python -m tools.run_notebooks

test: .venv/ready     ## pass the tests, a few files side by side
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

test-thorough: .venv/ready ## pass the tests with 100 times the examples of each property
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) --hypothesis-profile thorough --timeout 3600 -m 'slow or not slow'

# The types that are checked are those of the newest numpy.
test-oldest:          ## pass the tests with the oldest versions that are allowed
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet --disable-pip-version-check uv
	.venv-oldest/bin/uv pip install --compile-bytecode --python .venv-oldest/bin/python --resolution lowest-direct --editable '.[replica,notebooks,test,fast,site]'
	.venv-oldest/bin/python -m pytest $(SIDE_BY_SIDE) --deselect tests/test_project_files.py::test_types_hold

# Astropy before 8.0 has no cache of its own for the replica's files, so it is lent one.
test-oldest-live: .venv/ready ## run the notebooks as live ones, with the oldest that live use allows
	$(PYTHON) -m venv .venv-oldest-live
	.venv-oldest-live/bin/python -m pip install --quiet --disable-pip-version-check uv
	.venv-oldest-live/bin/uv pip install --python .venv-oldest-live/bin/python --resolution lowest-direct --editable '.[notebooks]'
	mkdir -p build/cache/astropy
	$(BIN)/python -m replica run -- env -u ARCHIVES_REPLICA ARCHIVES=live XDG_CACHE_HOME=build/cache .venv-oldest-live/bin/python -m tools.run_notebooks

lock: .venv/ready     ## write the versions of this day into the lock file for classes
	$(BIN)/uv pip compile --quiet --universal --no-header --no-annotate --extra replica --extra notebooks --extra lab --extra fast pyproject.toml --output-file requirements_class.txt

notebooks: .venv/ready ## execute the notebooks anew and write the paired .ipynb
	$(BIN)/python -m tools.pair_notebooks

file-facts: .venv/ready ## write the table from which listings tell sizes before files are made
	$(BIN)/python -m tools.file_facts

live: .venv/ready     ## run all notebooks on the real archives; report, never fail
	-ARCHIVES=live $(BIN)/python -m tools.run_notebooks

check: .venv/ready    ## compare what the real services answer with what the replica says
	$(BIN)/python -m replica check

# Those that are not Python packages: apt-get install stilts fitsverify awscli rclone
validate: .venv/ready ## let programs that nobody here wrote judge the replica: taplint, moto and others
	$(INSTALL) --quiet --editable '.[validate]'
	$(BIN)/python -m validation

record: .venv/ready   ## record the notebooks on the real archives, to run them without a network
	$(BIN)/python -m replica record recordings/notebooks -- $(BIN)/python -m tools.run_notebooks

lab: .venv/ready      ## open JupyterLab on the notebooks, offline
	$(INSTALL) --quiet --editable '.[lab]'
	$(BIN)/python -m tools.open_lab

site: .venv/ready     ## build the site from the executed notebooks; pages go to build/site
	$(BIN)/python -m tools.build_site

class: .venv/ready    ## write the notebooks for students and for the teacher; they go to build/class
	$(BIN)/python -m tools.class_notebooks

box: .venv/ready      ## pack the notebooks, packages and data into an archive for a class without a network
	$(BIN)/python -m tools.build_box

bench: .venv/ready    ## compare with what people do today; the tables go to build/
	$(INSTALL) --quiet --editable '.[bench]'
	$(BIN)/python -m benchmarks

# uv installs in seconds what takes pip minutes.
.venv/ready: pyproject.toml requirements_data_access.txt
	@$(PYTHON) -c "import helpers" || { echo "Choose another, such as: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(INSTALL) --compile-bytecode --editable '.[replica,notebooks,test,fast,site]'
	touch .venv/ready

clean:                ## remove what the targets made, but not the user's data cache
	rm -rf .venv .venv-oldest .venv-oldest-live build
