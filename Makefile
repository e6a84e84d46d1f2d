# Every target works in a clean checkout: the first one that needs it makes .venv.
# Version control keeps no modes, and a key that others may read is a finding.
# PYTHON=… chooses the interpreter, ARGS=… adds arguments to pytest or to the benchmark.

VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
TABLES := smtpdsl/compiler/parser_tables.bin
READY  := $(STAMP) $(TABLES)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help test lint run tables bench-check clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

test: $(READY) ## run all tests
	$(BIN)/pytest $(ARGS)

lint: $(READY) ## ruff, mypy and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -q tests/test_imports.py

run: $(READY) ## check the example configuration and explain what it does with a message
	$(BIN)/smtpdsl check --root examples/root examples/quickstart.conf
	$(BIN)/smtpdsl explain --root examples/root -f examples/quickstart.conf --from local joe@example.net anybody@localhost

tables: $(STAMP) ## make the parser tables anew
	$(BIN)/python -m smtpdsl.compiler.tables

bench-check: $(READY) ## how long `smtpdsl check` takes
	@$(BIN)/python -m compileall -q smtpdsl
	$(BIN)/python benchmarks/bench_check.py $(ARGS)

clean: ## remove everything that make has made
	rm -rf $(VENV) $(TABLES) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find smtpdsl tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(TABLES): smtpdsl/grammar.lark smtpdsl/compiler/tables.py $(STAMP)
	@$(BIN)/python -m smtpdsl.compiler.tables >/dev/null
	@touch $@

# Some commands named python3 are only launchers without an interpreter behind them, so each candidate is tried.
$(STAMP): pyproject.toml hatch_build.py
	@python=; \
	for candidate in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11); do \
		if $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			python=$$candidate; break; \
		fi; \
	done; \
	if [ -z "$$python" ]; then \
		echo "$(or $(PYTHON),python3) is not Python 3.11 or newer, which smtpdsl needs;" \
			"install it with: apt-get install python3 python3-venv" >&2; \
		exit 1; \
	fi; \
	if ! $$python -c 'import ensurepip, venv' 2>/dev/null; then \
		echo "$$python cannot make a virtual environment;" \
			"install the missing piece with: apt-get install $${python##*/}-venv" >&2; \
		exit 1; \
	fi; \
	echo "installing smtpdsl and its development tools into $(VENV) with $$python"; \
	$$python -m venv $(VENV) && \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]' && \
	$(BIN)/python -m compileall -q smtpdsl && \
	chmod 0600 examples/root/etc/ssl/private/*.key examples/root/etc/letsencrypt/*/privkey.pem && \
	touch $@
