# make leaderboard   set up and run the benchmark; PLAN="--backbone vae --shots 1" runs something else
# make leaderboard-full   the same with all nine heads, about two hours on 2 cores (reckoned)
# make test          set up and run every check; make wheel-test runs the tests once more on the built wheel
# make examples      install the worked examples, each from its own folder, and run their tests; check the board
# make docs          build the documentation into build/docs, every warning an error
# make zoo           train all shipped weights again from nothing, about nine hours on 2 cores; may be interrupted
# Needs git, python3 (3.10 or later) and make. Everything else goes into .venv.

PYTHON ?= python3
# Options of `partbench run`; nothing is the whole benchmark.
PLAN ?=
PIP := .venv/bin/python -m pip --quiet --disable-pip-version-check
WHEEL_SITE := build/wheel-site
EXAMPLES := .venv/examples
# Those that are installed; the board is data.
PROJECTS := $(dir $(wildcard examples/*/pyproject.toml))

# Idle threads spin for a moment, then sleep. For ever, and torch is several times slower beside a busy neighbour;
# not at all, and it is half as fast on an idle machine.
export GOMP_SPINCOUNT = 10000

.PHONY: leaderboard leaderboard-full test lint pytest bench examples docs wheel-test zoo clean
.NOTPARALLEL:

leaderboard: .venv/.installed-run
	.venv/bin/partbench run $(PLAN)

leaderboard-full: .venv/.installed-run
	.venv/bin/partbench run $(addprefix --head ,ridge prototype knn linear mlp-1 mlp-2 cnn-s cnn-m cnn-l)

test: lint pytest

lint: .venv/.installed-test
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/mypy --no-namespace-packages examples/*/*.py
	.venv/bin/lint-imports --no-cache

# Two at a time, with one thread each; benchmarks by themselves, since neighbours would be measured too.
pytest: .venv/.installed-test
	OMP_NUM_THREADS=1 .venv/bin/pytest --numprocesses=2 --dist=worksteal --ignore=tests/benchmarks
	.venv/bin/pytest tests/benchmarks

bench: .venv/.installed-test
	.venv/bin/pytest tests/benchmarks

# In a folder of tests, python finds what is installed, and not the sources beside them.
examples: .venv/.installed-examples
	@set -e; for folder in $(PROJECTS); do echo "$$folder"; (cd $$folder/tests && \
	OMP_NUM_THREADS=1 ../../../$(EXAMPLES)/bin/python -m pytest -p no:cacheprovider); done
	@set -e; for name in sparse-code mlp-ensemble; do echo "partbench check $$name"; \
	$(EXAMPLES)/bin/python .venv/bin/partbench check "$$name"; done
	.venv/bin/partbench board check examples/board

docs: .venv/.installed-test
	@$(PIP) install --editable ".[docs]"
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --quiet --config-file docs/mkdocs.yml

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
	OMP_NUM_THREADS=1 "$$here/.venv/bin/pytest" -c "$$here/setup.cfg" --rootdir "$$away" -p no:cacheprovider \
	--numprocesses=2 --ignore=tests/benchmarks tests

# One network of the zoo: its name, images, when it ends, and the name of its file. It goes on where it was interrupted.
define train
	.venv/bin/partbench pretrain $(1) --images $(2) $(3) --resume --out runs/zoo/$(4).safetensors
	cp runs/zoo/$(4).safetensors runs/zoo/$(4).md backbones/$(firstword $(subst -, ,$(subst :, ,$(1))))/
	cd backbones && sha256sum */*.safetensors > SHA256SUMS
endef

# hed comes first: pix2pix-hed learns to draw its edges. Few images are drawn once and seen often. Of jigsaw the trunk
# is shipped, which is all that a representation reads.
zoo: .venv/.installed-run
	$(call train,hed,scenes --limit 20000,--minutes 6,hed-scenes64)
	$(call train,jigsaw,faces --limit 60000,--batch 64 --kimg 256,jigsaw-faces64)
	.venv/bin/python -c "from pathlib import Path; from partbench.backbones.weights import keep_parts; \
	from partbench.benchmark.pretrain.model_card import write_card; \
	file = Path('backbones/jigsaw/jigsaw-faces64.safetensors'); keep_parts(file, {'trunk'}); write_card(file)"
	$(call train,pix2pix-color,faces --limit 20000,--minutes 6,pix2pix-color-faces64)
	$(call train,pix2pix-hed,faces --limit 20000,--minutes 6,pix2pix-hed-faces64)
	$(call train,pix2pix-bilateral,faces --limit 20000,--minutes 6,pix2pix-bilateral-faces64)
	$(call train,vae,faces --limit 60000,--batch 64 --kimg 200,vae-faces64)
	$(call train,ddpm,faces --limit 20000,--kimg 38,ddpm-faces64)
	$(call train,stylegan2,faces --limit 60000,--kimg 302,stylegan2-faces64)
	$(call train,stylegan2:small,cars --limit 20000,--kimg 44,stylegan2-cars64)
	$(call train,stylegan2:small,horses --limit 20000,--kimg 44,stylegan2-horses64)
	.venv/bin/partbench annotate teach faces --limit 12000 --kimg 8.752 --resume --out runs/zoo/oracle-faces64.safetensors
	cp runs/zoo/oracle-faces64.safetensors runs/zoo/oracle-faces64.md benchmark/segment/
	cd benchmark/segment && sha256sum *.safetensors > SHA256SUMS

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

# A stamp per set of packages: until setup.cfg changes, a second call starts at once.
.venv/.installed-run: setup.cfg pyproject.toml | .venv/bin/python
	@echo "Installing partbench and what it needs into .venv (2 to 10 minutes the first time; torch is large) ..."
	@$(PIP) install --editable ".[report]"
	@touch $@

.venv/.installed-test: setup.cfg pyproject.toml | .venv/bin/python
	@echo "Installing partbench, what it needs and the test tools into .venv (2 to 10 minutes the first time) ..."
	@$(PIP) install --editable ".[test]"
	@mkdir -p .venv/src
	@ln -sfn ../.. .venv/src/partbench
	@touch $@ .venv/.installed-run

# An environment on top of .venv, so that no example is offered where partbench itself is tested.
.venv/.installed-examples: .venv/.installed-test $(wildcard examples/*/pyproject.toml examples/*/*.py)
	@echo "Installing the worked examples and what they need into $(EXAMPLES) (about a minute the first time) ..."
	@.venv/bin/python -m venv $(EXAMPLES)
	@.venv/bin/python -c "import sysconfig; print('import site; site.addsitedir(%r)' % sysconfig.get_path('purelib'))" \
	> $$($(EXAMPLES)/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/below.pth
	@rm -rf examples/*/build examples/*/*.egg-info
	@$(EXAMPLES)/bin/python -m pip --quiet --disable-pip-version-check install $(addprefix ./,$(PROJECTS))
	@rm -rf examples/*/build examples/*/*.egg-info
	@touch $@

.venv/bin/python:
	@echo "Making .venv with $(PYTHON) (a few seconds) ..."
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "$(PYTHON) cannot make a virtual environment;" \
	"install its venv package (Debian, Ubuntu: apt install python3-venv) or set PYTHON=..." >&2; exit 1; }
