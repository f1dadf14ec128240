# Every target makes .venv by itself from the pinned requirements, and anew when those change.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PINS   := requirements/test.txt requirements/torch.txt
STAMP  := $(VENV)/.installed-$(shell cat $(PINS) pyproject.toml | cksum | cut -d' ' -f1)

# Small networks on shared processors are fastest on one thread per process.
export OMP_NUM_THREADS ?= 1

.PHONY: demo test test-all lint format bench install requirements clean

demo: $(STAMP)
	rm -rf runs/demo
	$(BIN)/ranvier train breast-cancer --out runs/demo

test: lint
	$(BIN)/python -m pytest -m "not slow" -n 2

test-all: lint
	$(BIN)/python -m pytest -n 2

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)
	for part in startup overhead tables memory pictures speed diagnostics; do $(BIN)/python -m benchmarks.$$part || exit 1; done

install: $(STAMP)

# torch stands in a file and a call of its own because pip, once it checks one hash, asks for all.
# test.txt names every package that is needed, so pip need not look for what those need.
# Quiet twice, so that only errors are printed.
$(STAMP):
	@$(PYTHON) -c 'import sys; sys.exit("Ranvier needs Python 3.11 or newer; run: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/test.txt
	$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check -r requirements/torch.txt
	$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# Writes requirements/test.txt anew: the newest versions, with the hashes of every platform's files.
requirements:
	uv pip compile requirements/test.in --universal --python-version 3.11 --generate-hashes \
		--override requirements/overrides.txt --upgrade --quiet --output-file requirements/test.txt

clean:
	rm -rf $(VENV) .venv-peers build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis runs/demo
	find ranvier tests -name __pycache__ -type d -prune -exec rm -rf {} +
