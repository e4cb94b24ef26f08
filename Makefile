# make demo [DATA=folder]   napari with real DICOM in it; with no screen: screenshots in demo/
# make test                 all checks and all tests, as CI runs them
# Both install what they need, where they may, and say what is missing where they may not.
# Requires: make, Python >= 3.11 (another one: PYTHON=python3.12), the package registries.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.made-from-pyproject
OLDEST_VENV := .venv-oldest
DATA ?=

.PHONY: help demo test check types imports manifest format pytest test-oldest bench validate wheel clean system

help:
	@sed -n 's/^# //p' Makefile | head -n 4
	@echo "also: check (lint, types, layers, manifest), format, pytest [ARGS=...], test-oldest, bench, validate, wheel, clean"

$(STAMP): pyproject.toml scripts/setup-venv.sh
	@scripts/setup-venv.sh $(VENV) dev
	@touch $@

system:
	@scripts/setup-system.sh display peers

demo: $(STAMP)
	@scripts/setup-system.sh display
	@scripts/with-display.sh --real $(BIN)/python scripts/demo.py $(if $(DATA),"$(DATA)")

test: system check pytest

check: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/npe2 validate napari.yaml

format: $(STAMP)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Tests that open windows share one process, the others run in the second one.
pytest: $(STAMP)
	@scripts/run-tests.sh $(BIN)/python $(ARGS)

# The oldest versions that pyproject.toml allows, napari's among them. That they use what newer
# versions of their own dependencies deprecate is no fault of ours.
test-oldest: system
	@scripts/setup-venv.sh $(OLDEST_VENV) test -c tests/oldest-constraints.txt
	@COVERAGE=no PYTEST_ADDOPTS="-W default::DeprecationWarning -W default::FutureWarning" \
		scripts/run-tests.sh $(OLDEST_VENV)/bin/python $(ARGS)

bench: $(STAMP)
	$(BIN)/python -m benchmarks

# Compares what we load with known answers; writes docs/validation.md. Then what we write with
# what other programs read of it; writes docs/validation-export.md.
validate: $(STAMP)
	$(BIN)/python scripts/validate.py
	@scripts/setup-system.sh peers
	$(BIN)/python scripts/validate_export.py

wheel: $(STAMP)
	$(BIN)/python -m build --outdir dist

clean:
	rm -rf $(VENV) $(OLDEST_VENV) build dist demo .coverage .coverage.* htmlcov \
		.pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
