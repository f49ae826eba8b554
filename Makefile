# Everything this checkout can do; `make` lists it. Needs Python 3.11 and make, nothing else.
PYTHON ?= python3
RUN := runs/demo-$(shell date +%Y%m%d-%H%M%S)
BIN := .venv/bin
INSTALLED := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo test lint check bench ui screenshots constraints clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

install: $(INSTALLED) ## Create .venv with everything in it, exactly as constraints.txt says

# The stamp is written last, so an install that broke off is done again.
$(INSTALLED): pyproject.toml constraints.txt
	@rm -f $@
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and \
	  f"clinfed needs Python 3.11, and $(PYTHON) is {sys.version.split()[0]}: make install PYTHON=/path/to/python3.11")'
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || $(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt uv
	UV_FIND_LINKS="$${PIP_FIND_LINKS:-}" $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -c constraints.txt -e '.[all]'
	@touch $@

demo: install ## Train one extractor privately across synthetic hospitals; takes minutes, writes runs/demo-<time>/report.html
	$(BIN)/clinfed aggregator demo --out $(RUN)
	@echo "The report is $(CURDIR)/$(RUN)/report.html (make ui shows the run)."

test: install ## Run the tests
	$(BIN)/python -m pytest

lint: install ## Check style, types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test ## What must pass before a commit: lint and test

bench: install ## Measure how a federation grows with its hospitals, and secure sums against Flower's
	$(BIN)/clinfed bench scale
	$(BIN)/clinfed bench secagg

ui: install ## Serve the app on 127.0.0.1:8501, to this machine only, on the runs of this checkout
	$(BIN)/clinfed ui

screenshots: install ## Draw the pictures of the app in docs/img anew, with the newest runs; needs chromium
	$(BIN)/python -m tests.ui.browser.screenshots

constraints: install ## Write constraints.txt anew from pyproject.toml
	UV_FIND_LINKS="$${PIP_FIND_LINKS:-}" $(BIN)/uv pip compile --quiet --all-extras --upgrade --python-version 3.11 \
	  --no-header --no-annotate --no-emit-find-links --no-emit-index-url pyproject.toml --output-file .venv/constraints.new
	@{ sed 's/+cpu$$//' .venv/constraints.new; $(BIN)/uv --version | awk '{print "uv==" $$2}'; } \
	  | LC_ALL=C sort -u -t= -k1,1 > .venv/constraints.sorted
	@{ echo "# Exact versions of everything clinfed installs. Made by \`make constraints\`."; \
	  cat .venv/constraints.sorted; } > constraints.txt
	@rm .venv/constraints.new .venv/constraints.sorted
	@echo "constraints.txt is written; make check, and look at git diff constraints.txt."

clean: ## Remove .venv and caches; runs/ stays
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
