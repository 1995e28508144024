# The book's workflow. Each target makes its own .venv when it is missing or out of date.
# Choose a Python with `make PYTHON=python3.14 book`.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	$$python -c $(python_fits) 2>/dev/null && echo $$python && break; done)
python_fits = 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))'

python = .venv/bin/python
installed = .venv/.installed
browser = .venv/.browser
libraries = node_modules/.package-lock.json

.PHONY: help book pdf test lab refresh test-browser test-lab test-mutants test-matrix test-accidents bench clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

book: $(installed) $(libraries) ## build the book into _build/html; fails on any error or warning
	@$(python) -m tools.build
	@echo "$(CURDIR)/_build/html/index.html"

pdf: book $(browser) ## print the book, and each chapter, into _build/html/pdf; needs Chromium
	@$(python) -m tools.pdf

test: $(installed) ## lint, unit tests, and every notebook against its stored outputs
	@$(python) -m pytest -q -n auto --dist loadfile --no-loadscope-reorder --nbval-keep

lab: $(installed) ## open JupyterLab on the chapters
	$(python) -m tools.lab

refresh: $(installed) ## execute every notebook and store its outputs in place
	$(python) -m tools.refresh

test-browser: book $(browser) ## test the built book in headless Chromium with the network closed
	$(python) -m pytest tests/browser -n auto --dist loadgroup

test-lab: $(installed) $(browser) ## run the short notebooks (ALL=1: all) in a real JupyterLab, in headless Chromium
	$(python) -m pytest tests/lab

test-mutants: $(installed) ## plant faults in lib, one at a time, and store in results/mutants.json which tests notice
	$(python) -m tools.mutants

test-matrix: $(installed) ## run every notebook on other kernels, threads and versions, into results/matrix.json
	$(python) -m tools.matrix

test-accidents: $(installed) ## kill the build of the book at random moments, and see that the next one succeeds
	$(python) -m pytest tests/accidents -s

bench: $(installed) ## measure how fast lib is, beside PyTorch and JAX if they are installed, into benchmarks/results.json
	$(python) -m benchmarks

clean: ## remove everything that was built or installed
	rm -rf .venv _build node_modules .pytest_cache .ruff_cache .import_linter_cache *.egg-info

# The stamps are made last: an interrupted installation does not count.
$(installed): requirements.txt constraints.txt pyproject.toml
	@"$(PYTHON)" -c $(python_fits) 2>/dev/null || \
		{ echo "The book needs Python 3.11, 3.12, 3.13 or 3.14 with venv and pip. To install it:"; \
		echo "  Debian, Ubuntu   apt install python3 python3-venv    (if that is older: python3.14-venv)"; \
		echo "  Fedora           dnf install python3.14"; \
		echo "  macOS            brew install python@3.14"; \
		echo "  elsewhere        https://www.python.org/downloads"; \
		echo "One that is not found by its name: make PYTHON=/path/to/python"; exit 1; }
	@echo "Installing the book's packages into .venv; this takes a few minutes."
	@"$(PYTHON)" -m venv --clear .venv
	@$(python) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(browser): $(installed) tests/browser/requirements.txt
	@$(python) -m pip install --quiet --disable-pip-version-check -r tests/browser/requirements.txt
	@touch $@

# MathJax and the widgets for reading offline, and axe for the browser tests. The book also builds without
# them: then tools/book.py says so, and the next build tries again. An installation that fails leaves the one
# before it in place.
download = _build/npm
$(libraries): package.json package-lock.json
	@rm -rf $(download) && mkdir -p $(download) && cp $^ $(download)
	@if (cd $(download) && npm ci --include=dev --ignore-scripts --no-audit --no-fund --prefer-offline \
		--fetch-retries=0) >$(download)/npm.log 2>&1; \
	then rm -rf node_modules && mv $(download)/node_modules . && touch $@ && rm -r $(download); fi
