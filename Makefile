# nlops: make demo starts everything on this machine, make test tests it. Both set up .venv first.
# Needs make and Python 3.11 or newer (with venv and pip); PYTHON=python3.12 names another one.

PYTHON ?= python3
PORT ?= 8000
VAR ?= var

VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
PACKAGES := nlops accounts specs conversations evaluation

# Commands that only look at the code need settings, but nothing of them is used. The production ones are checked.
CHECK_ENVIRONMENT = \
	SECRET_KEY=only-to-look-at-the-code-3f9a1c7b5e8d2064-nothing-is-signed-with-it \
	NLOPS_ENCRYPTION_KEYS=check:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE= \
	DATABASE_URL=postgresql://nlops_app@127.0.0.1:1/nlops \
	DATABASE_OWNER_URL=postgresql://nlops_owner@127.0.0.1:1/nlops \
	CELERY_BROKER_URL=redis://127.0.0.1:1/0 CACHE_URL=redis://127.0.0.1:1/1 \
	ALLOWED_HOSTS=nlops.example DEBUG=0 NLOPS_INSECURE_HTTP=0

.PHONY: help setup demo test test-fast eval check chromium clean

help: ## These lines
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

setup: $(READY) ## Create .venv and install what is needed (the other targets do it by themselves)

# The list is read from pyproject.toml here, so that any pip will do, and a complete .venv asks no registry.
$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "nlops needs Python 3.11 or newer: make PYTHON=python3.12 …")'
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@$(PY) -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb")); print(*p["project"]["dependencies"], *p["dependency-groups"]["dev"], sep="\n")' > $(VENV)/requirements.txt
	@echo "Installing what nlops needs into $(VENV) …"
	@$(PY) -m pip install --quiet --disable-pip-version-check -r $(VENV)/requirements.txt
	@touch $@

demo: $(READY) ## Run it all: make demo [PORT=8123] [VAR=directory]; Ctrl-C stops it
	@exec $(PY) manage.py demo --port "$(PORT)" --var "$(VAR)"

# A file's tests stay in one process: some share a running demo, or roles of the whole database server.
test: $(READY) chromium ## All tests
	@exec $(PY) -m pytest -n 2 --dist loadfile

test-fast: $(READY) ## The tests that take no seconds and no browser
	@exec $(PY) -m pytest -n 2 --dist loadfile -m "not slow and not browser"

eval: $(READY) ## How well requests are understood: all suites, against the running demo; MODEL=… JOBS=… ONLY=…
	@exec $(PY) manage.py evaluate --targets --model "$(MODEL)" --jobs "$(or $(JOBS),1)" --only "$(ONLY)"

check: $(READY) ## Style, types, import layers, migrations, templates, deployment, security
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(CHECK_ENVIRONMENT) $(VENV)/bin/mypy $(PACKAGES)
	$(VENV)/bin/lint-imports
	$(CHECK_ENVIRONMENT) $(PY) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	$(CHECK_ENVIRONMENT) $(PY) manage.py check_templates
	$(CHECK_ENVIRONMENT) $(PY) manage.py check --deploy --fail-level WARNING
	$(VENV)/bin/bandit --quiet --recursive --configfile pyproject.toml $(PACKAGES)

chromium: # The browser tests drive it.
	@for name in chromium chromium-browser google-chrome; do command -v $$name > /dev/null && exit 0; done; \
	echo "No Chromium here; installing it for the browser tests …"; \
	if command -v apt-get > /dev/null && [ "$$(id -u)" = 0 ]; then sudo=; \
	elif command -v apt-get > /dev/null && sudo -n true 2> /dev/null; then sudo="sudo -n"; \
	else echo "The browser tests need Chromium: install the package chromium, then run make test again." >&2; exit 1; fi; \
	$$sudo apt-get update -qq && \
	$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium > /dev/null || \
	{ echo "Chromium could not be installed: install the package chromium, then run make test again." >&2; exit 1; }

clean: ## Remove .venv and caches; the data under var stays
	rm -rf $(VENV) staticfiles test-results .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './var/*' -exec rm -rf {} +
