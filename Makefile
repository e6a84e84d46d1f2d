# Every target works in a clean checkout: the first one that needs it makes .venv.
# Version control keeps no modes, and a key that others may read is a finding.
# PYTHON=… chooses the interpreter, ARGS=… adds arguments to pytest or to the benchmark.

VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
TABLES := smtpdsl/compiler/parser_tables.bin
READY  := $(STAMP) $(TABLES)
# Sphinx and its company are many packages, and only the documentation needs them.
SPHINX := $(VENV)/.sphinx-installed

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help test vectors lint run editors docs tables bench-check bench-decide bench-dkim bench-accept bench-delivery bench-restart bench-durability bench-relay clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-17s %s\n", $$1, $$2 }' Makefile

# A file of tests stays with one worker, for its tests share servers; the files that take longest come first.
test: $(READY) ## run all tests, on all cores; ARGS="-n 0 …" runs them in one process
	$(BIN)/pytest --numprocesses auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder $(ARGS)

vectors: $(READY) ## hostile input for a running server, cut in every way; FILE=… takes another file of vectors
	@$(BIN)/python -m tests.vectors.runner $(FILE) $(ARGS)

lint: $(READY) ## ruff, mypy and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -q tests/test_imports.py

run: $(READY) ## serve mail on 127.0.0.1:2525, with everything that is kept below ./var
	@mkdir -p var/home/mail
	@if [ "$$(id -u)" = 0 ]; then chown 1000:1000 var/home/mail; fi
	@printf '%s\n' 'send a first mail from another terminal, with one of these:' \
		'    swaks --to anybody@localhost --server 127.0.0.1:2525' \
		"    printf 'Subject: hello\\r\\n\\r\\nfirst mail\\r\\n' | curl -T - --mail-from you@example.net --mail-rcpt anybody@localhost smtp://127.0.0.1:2525" \
		'and find it in var/home/mail/Maildir/new; Ctrl-C stops the server'
	@exec $(BIN)/smtpdsl run --root var examples/quickstart.conf

docs: $(READY) $(SPHINX) ## build the documentation: build/docs/html/index.html, build/docs/man
	$(BIN)/sphinx-build -q -W --keep-going --fresh-env -d build/docs/doctrees -b html docs build/docs/html
	$(BIN)/sphinx-build -q -W --keep-going -d build/docs/doctrees -b man docs build/docs/man
	@echo 'open build/docs/html/index.html, or read with: man -l build/docs/man/smtpd.conf.5'

tables: $(STAMP) ## make the parser tables anew
	$(BIN)/python -m smtpdsl.compiler.tables

editors: $(READY) ## make the files of editors/ and the Pygments lexer anew, after a change to the grammar
	@$(BIN)/smtpdsl highlight vim --output editors/vim
	@$(BIN)/smtpdsl highlight textmate --output editors/vscode
	@$(BIN)/smtpdsl highlight emacs --output editors/emacs
	@$(BIN)/smtpdsl highlight pygments --output smtpdsl/tooling

bench-check: $(READY) ## how long `smtpdsl check` takes
	@$(BIN)/python -m compileall -q smtpdsl
	$(BIN)/python -m benchmarks.bench_check $(ARGS)

bench-decide: $(READY) ## how long a decision takes, beside reading the rules one by one
	@$(BIN)/python -m compileall -q smtpdsl
	$(BIN)/python -m benchmarks.bench_decide $(ARGS)

bench-dkim: $(READY) ## how long a signature takes
	@$(BIN)/python -m compileall -q smtpdsl
	$(BIN)/python -m benchmarks.bench_dkim $(ARGS)

bench-accept: $(READY) ## how fast mail is taken, beside Postfix and OpenSMTPD (root; `.ci/peers` gets them)
	@$(BIN)/python -m compileall -q smtpdsl
	$(BIN)/python -m benchmarks.bench_accept $(ARGS)

bench-delivery: $(READY) ## how fast mail reaches its maildir, beside Postfix and OpenSMTPD (root; `.ci/peers` gets them)
	@$(BIN)/python -m compileall -q smtpdsl
	$(BIN)/python -m benchmarks.bench_delivery $(ARGS)

bench-restart: $(READY) ## how long a restart takes with 100,000 queued messages
	@$(BIN)/python -m compileall -q smtpdsl
	$(BIN)/python -m benchmarks.bench_restart $(ARGS)

bench-durability: $(READY) ## what kills and power cuts lose (root); ARGS="--peers --seconds 3600" shows others, for an hour
	@$(BIN)/python -m compileall -q smtpdsl
	$(BIN)/python -m benchmarks.bench_durability $(ARGS)

bench-relay: $(READY) ## how fast mail is relayed, beside Postfix and OpenSMTPD (root; `.ci/peers` gets them)
	@$(BIN)/python -m compileall -q smtpdsl
	$(BIN)/python -m benchmarks.bench_relay $(ARGS)

clean: ## remove everything that make has made
	rm -rf $(VENV) $(TABLES) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find smtpdsl tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(TABLES): smtpdsl/grammar.lark smtpdsl/compiler/tables.py $(STAMP)
	@$(BIN)/python -m smtpdsl.compiler.tables >/dev/null
	@touch $@

$(SPHINX): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch $@

# That of the system comes first: distributions build theirs with profiles and link-time optimisation, and a server
# that runs on it needs a quarter less of the processor than on one that was built without.
# Some commands named python3 are only launchers without an interpreter behind them, so each candidate is tried.
$(STAMP): pyproject.toml hatch_build.py
	@python=; lacking=; \
	for candidate in $(or $(PYTHON),/usr/bin/python3 python3 python3.14 python3.13 python3.12 python3.11); do \
		if $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			if $$candidate -c 'import ensurepip, venv' 2>/dev/null; then \
				python=$$candidate; break; \
			fi; \
			lacking=$${lacking:-$$candidate}; \
		fi; \
	done; \
	if [ -z "$$python" ] && [ -n "$$lacking" ]; then \
		echo "$$lacking cannot make a virtual environment;" \
			"install the missing piece with: apt-get install $${lacking##*/}-venv" >&2; \
		exit 1; \
	elif [ -z "$$python" ]; then \
		echo "$(or $(PYTHON),python3) is not Python 3.11 or newer, which smtpdsl needs;" \
			"install it with: apt-get install python3 python3-venv" >&2; \
		exit 1; \
	fi; \
	echo "installing smtpdsl and its development tools into $(VENV) with $$python"; \
	$$python -m venv $(VENV) && \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]' && \
	$(BIN)/python -m compileall -q smtpdsl && \
	chmod 0600 examples/root/etc/ssl/private/*.key examples/root/etc/letsencrypt/*/privkey.pem examples/root/etc/mail/dkim/*.key && \
	touch $@
