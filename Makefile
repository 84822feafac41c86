# Everything a fresh Debian or Ubuntu machine needs: `make demo`, `make test`. Targets are thin; the tools decide.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
DB     := $(VENV)/.ready-databases
FAULTS := $(VENV)/.ready-faults
READY  := $(VENV)/.ready-$(shell cat requirements.lock pyproject.toml 2>/dev/null | cksum | cut -d' ' -f1)
PO     := $(wildcard agent/locale/*/LC_MESSAGES/creneau.po)
MO     := $(PO:.po=.mo)

.PHONY: help demo test lint bench prove mutants wheel clean
help:            ## say what can be made
	@grep -hE '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

demo: $(READY) $(MO)  ## the whole job on a made-up clinic, no server needed
	$(BIN)/creneau demo

test: $(READY) $(MO) $(DB) $(FAULTS)  ## every test, with the coverage gates
	$(BIN)/python -m pytest -n 2 --cov --cov-report= tests
	$(BIN)/coverage report --include='agent/core/*' --fail-under=100 --skip-covered
	$(BIN)/coverage report --omit='agent/core/*' --fail-under=90 --skip-covered --sort=cover

lint: $(READY) $(MO)  ## style, types for Linux and Windows, import contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --platform win32
	$(BIN)/lint-imports

prove: $(READY)  ## every order of events with four faults, then a thousand simulated clinics (hours)
	$(BIN)/python -m tests.model.prove 4
	$(BIN)/python -m tests.sim 0 1000

mutants: $(READY)  ## take each guard of a booking away; the proof must miss it
	$(BIN)/python -m pytest -n 2 -v tests/model/test_mutants.py

bench: $(READY) $(MO) $(DB)  ## figures, each beside a peer or a limit of the same run
	@for script in bench/bench_*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

wheel: $(READY)  ## build dist/creneau-*.whl
	rm -rf dist build
	$(BIN)/python -m hatchling build -t wheel -d dist

lock: $(READY)  ## renew requirements.lock from pyproject.toml
	$(BIN)/python -m pip install -q uv
	$(BIN)/uv pip compile --universal --all-extras --generate-hashes --no-emit-index-url --no-header \
	  --python-version 3.11 --upgrade pyproject.toml -o requirements.lock

clean:           ## take away what the other targets made
	rm -rf $(VENV) .venvs dist build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage*
	find agent adapters hub tests bench -name __pycache__ -prune -exec rm -rf {} +

# python3-venv is the one Debian package that pip cannot bring.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: $(PYTHON) is older than 3.11; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  sudo=$$([ "$$(id -u)" = 0 ] || echo sudo); version=$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	  $$sudo apt-get update -q && { $$sudo apt-get install -yq --no-install-recommends "python$$version-venv" || \
	  $$sudo apt-get install -yq --no-install-recommends python3-venv; }; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	@rm -f $(VENV)/.ready-*; touch $@

# The programs of a database server and its ODBC driver, for tests; none of these packages starts a server.
# Without them the tests on MariaDB say why they are left out; CI does not go on without them.
DB_PACKAGES := mariadb-server-core mariadb-client-core unixodbc odbc-mariadb
$(DB): $(READY)
	@sudo=$$([ "$$(id -u)" = 0 ] || echo sudo); \
	$(BIN)/python -c 'import sys; from adapters.sql.private import missing; sys.exit(bool(missing()))' || \
	  { $$sudo apt-get update -q && $$sudo apt-get install -yq --no-install-recommends $(DB_PACKAGES); } || \
	  { echo "could not install: $(DB_PACKAGES)"; [ -z "$$CI" ]; }
	@touch $@

# What the tests under tests/faults do to a process from outside: a clock that lies, packets dropped in a network of its own.
FAULT_PACKAGES := faketime nftables iproute2
$(FAULTS): $(READY)
	@sudo=$$([ "$$(id -u)" = 0 ] || echo sudo); PATH="$$PATH:/usr/sbin"; \
	{ command -v nft && command -v ip && ls /usr/lib/*/faketime/libfaketimeMT.so.1; } >/dev/null 2>&1 || \
	  { $$sudo apt-get update -q && $$sudo apt-get install -yq --no-install-recommends $(FAULT_PACKAGES); } || \
	  { echo "could not install: $(FAULT_PACKAGES)"; [ -z "$$CI" ]; }
	@touch $@

%.mo: %.po | $(READY)
	$(BIN)/pybabel -q compile -i $< -o $@
