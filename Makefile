# make leaderboard   set up and run the benchmark
# make test          set up and run every check; make wheel-test runs the tests once more on the built wheel
# Needs git, python3 (3.10 or later) and make. Everything else goes into .venv.

PYTHON ?= python3
PIP := .venv/bin/python -m pip --quiet --disable-pip-version-check
WHEEL_SITE := build/wheel-site

# Idle threads spin for a moment, then sleep. For ever, and torch is several times slower beside a busy neighbour;
# not at all, and it is half as fast on an idle machine.
export GOMP_SPINCOUNT = 10000

.PHONY: leaderboard test lint pytest bench wheel-test clean
.NOTPARALLEL:

leaderboard: .venv/.installed-run
	.venv/bin/partbench run

test: lint pytest

lint: .venv/.installed-test
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports --no-cache

pytest: .venv/.installed-test
	.venv/bin/pytest

bench: .venv/.installed-test
	.venv/bin/pytest tests/benchmarks

# The sdist, the wheel made from it, and the tests on that wheel from a folder without the sources.
wheel-test: .venv/.installed-test
	@echo "Building the sdist and the wheel (about a minute) ..."
	@rm -rf build dist *.egg-info; mkdir build
	@.venv/bin/pyproject-build . > build/log 2>&1 || { cat build/log; exit 1; }
	@$(PIP) install --no-deps --target $(WHEEL_SITE) dist/*.whl
	@set -e; away=$$(mktemp -d); trap 'rm -rf "$$away"' EXIT; here=$$PWD; cp -R tests "$$away"; cd "$$away"; \
	export PYTHONPATH="$$here/$(WHEEL_SITE)"; \
	"$$here/.venv/bin/python" -c 'import os, partbench; found = os.path.realpath(partbench.__file__); \
	wheel = os.path.realpath(os.environ["PYTHONPATH"]); print("Testing", found); \
	assert found.startswith(wheel + os.sep), "these are the sources, not the wheel"'; \
	"$$here/.venv/bin/pytest" -c "$$here/setup.cfg" --rootdir "$$away" -p no:cacheprovider tests

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

# A stamp per set of packages: until setup.cfg changes, a second call starts at once.
.venv/.installed-run: setup.cfg pyproject.toml | .venv/bin/python
	@echo "Installing partbench and what it needs into .venv (2 to 10 minutes the first time; torch is large) ..."
	@$(PIP) install --editable .
	@touch $@

.venv/.installed-test: setup.cfg pyproject.toml | .venv/bin/python
	@echo "Installing partbench, what it needs and the test tools into .venv (2 to 10 minutes the first time) ..."
	@$(PIP) install --editable ".[test]"
	@mkdir -p .venv/src
	@ln -sfn ../.. .venv/src/partbench
	@touch $@ .venv/.installed-run

.venv/bin/python:
	@echo "Making .venv with $(PYTHON) (a few seconds) ..."
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "$(PYTHON) cannot make a virtual environment;" \
	"install its venv package (Debian, Ubuntu: apt install python3-venv) or set PYTHON=..." >&2; exit 1; }
