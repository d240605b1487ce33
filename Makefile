# Each target sets itself up: make demo | make test | make lint. Everything lands in .venv, models/ and demo/.
PY := $(firstword $(foreach p,python3.12 python3.11 python3,$(shell $(p) -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null && echo $(p))))
BIN := .venv/bin
STAMP := .venv/installed
TORCH := $(shell sed -n 's/^torch==/torch==/p' constraints.txt)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test lint models install clean

demo: models
	$(BIN)/python -m examples.demo demo

test: models
	$(BIN)/python -m pytest

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

models: $(STAMP)
	$(BIN)/python -m examples.models models

install: $(STAMP)

# Without a GPU the CPU build of torch goes in first, from a local wheel or PyTorch's own index: the default wheel of
# PyPI brings gigabytes of CUDA. With torch in place the rest resolves from PyPI, pinned by the constraints.
$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PY)" || { echo "error: no Python 3.11 or 3.12 with venv was found. Install one (Debian: apt install python3-venv)."; exit 2; }
	test -x $(BIN)/python || $(PY) -m venv .venv
	@if ! command -v nvidia-smi >/dev/null 2>&1; then \
	  $(BIN)/python -c 'import torch' 2>/dev/null \
	  || $(BIN)/pip install -q --no-deps --no-index $(TORCH) 2>/dev/null \
	  || $(BIN)/pip install -q --no-deps --index-url https://download.pytorch.org/whl/cpu $(TORCH); fi
	$(BIN)/pip install -q -c constraints.txt -e '.[dev,parquet,onnx]'
	@touch $@

clean:
	rm -rf .venv demo models
