# Copyright (c) 2026, Slipway contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Every target brings what it needs into .venv from pinned requirements; the second run finds it there.
# Paths are relative, so that a clone at a path with a space in it works.

PYTHON := ./scripts/with-python
VENV_PYTHON := .venv/bin/python
ARGS ?=

# What the caller has set for another Python, or has pip install to.
unexport $(filter PYTHON%,$(.VARIABLES)) PIP_USER PIP_TARGET PIP_PREFIX PIP_ROOT

.PHONY: help demo demo-stop lab lab-down test test-all test-hosts molecule recovery-matrix lint build clean

help: ## what there is
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

demo: ## a real shop on this machine: deployed, upgraded under load, brought back from a failed upgrade
	@$(PYTHON) scripts/workspace.py run demo
	@$(VENV_PYTHON) demo/setup.py
	@$(VENV_PYTHON) demo/run.py

demo-stop: ## end the demo's processes and remove its files
	@$(PYTHON) scripts/workspace.py run demo
	@$(VENV_PYTHON) demo/stop.py

lab: ## seven real hosts: containers with systemd and SSH, their inventory in .cache/lab/
	@$(PYTHON) scripts/lab.py up

lab-down: ## remove them
	@$(PYTHON) scripts/lab.py down

test: ## the tests; ARGS="tests/unit -k lock" gives one pytest run its arguments
	@$(PYTHON) scripts/test.py $(ARGS)

test-all: ## the tests, and those that repeat at length what a shorter one covers
	@$(PYTHON) scripts/test.py --all

test-hosts: ## only the tests on real hosts, in labs of their own (Docker); ARGS as above
	@$(PYTHON) scripts/test.py tests/hosts tests/oro $(ARGS)

molecule: ## bare hosts are provisioned, deployed to, upgraded, broken and looked at (Docker); ARGS="default" runs the named scenarios
	@$(PYTHON) scripts/molecule.py $(ARGS)

recovery-matrix: ## upgrades broken in every step in every way, and recovered; goes on where it was (Docker); ARGS="rolling --anew"
	@$(PYTHON) scripts/matrix.py $(ARGS)

lint: ## ansible-test sanity, ansible-lint, ruff, docs, changelog, YAML, licences; ARGS="docs" runs the named gates
	@$(PYTHON) scripts/lint.py $(ARGS)

build: ## the collection's artifact, in dist/
	@$(PYTHON) scripts/build.py

clean: ## end the demo and the lab and remove everything these targets made
	@if [ -d .demo ]; then $(MAKE) demo-stop; fi
	@if [ -d .cache/lab ]; then $(MAKE) lab-down; fi
	rm -rf .venv .build .cache .ansible .hypothesis dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
