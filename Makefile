# make quickstart: an environment, then the whole benchmark at small scale. make test: the same environment, then the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: quickstart test lint clean

quickstart: $(INSTALLED)
	$(BIN)/robustbench-mt quickstart

# Two at a time, a file each, the longest first: most of a test is one thread's work, and a file's tests share what they
# make.
# glibc keeps memory in place of giving it back and asking for it again, which takes processes that train 5% more time.
test: export MALLOC_MMAP_THRESHOLD_ = 33554432
test: export MALLOC_TRIM_THRESHOLD_ = 1073741824
test: $(INSTALLED)
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV)

# torch first: an unpinned torch, asked for by another package, would pull gigabytes of CUDA.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)) and "Python 3.11 or 3.12 is needed: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[embedded,dev]'
	touch $@
