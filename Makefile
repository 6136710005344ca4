# make demo: LLM labels and the main job on a small corpus, about three minutes on two cores.   make test: the tests.
# Both set up .venv first. PYTHON=python3.12 chooses another Python than python3; it must be 3.10 or newer.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test test-all label-studio lint clean-demo

demo: $(READY)
	$(BIN)/nerc-trainer sweep recipes/quickstart.yaml
	$(BIN)/nerc-trainer annotate recipes/quickstart.yaml
	$(BIN)/accelerate launch --config_file recipes/accelerate/cpu-2.yaml -m nerc_trainer active recipes/quickstart.yaml

test: $(READY)
	$(BIN)/python -m pytest -m "not slow"

test-all: $(READY)
	$(BIN)/python -m pytest

# A Label Studio of its own for tests/integration/test_label_studio.py: its pins would not fit beside ours.
label-studio: .venv-label-studio/.ready

.venv-label-studio/.ready:
	$(PYTHON) -m venv .venv-label-studio
	.venv-label-studio/bin/python -m pip install --quiet label-studio==1.23.2
	@touch $@

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean-demo:
	rm -rf runs/quickstart

$(READY): setup.cfg constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "error: $(PYTHON) is older than Python 3.10; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[demo,test]'
	@touch $(READY)
