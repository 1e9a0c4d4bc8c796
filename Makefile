# make up: install everything and run the service.   make test: install everything and pass the tests, in three processes.
# make soak: break everything for half an hour while cases flow, check every acknowledgement, then all other proofs at their promised length,
# which takes a night; MINUTES=5 is so long and no more.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: up test soak faults fuzz bench demo install lint lock sbom audit-deps vendored browser screenshots pictures
up: install
	@./shouhu up
demo: install
	@./shouhu demo
test: install
	@$(BIN)/python -m pytest $(or $(TEST_ARGS),-n 3 --dist loadscope)
soak: install
	@$(BIN)/python -m tests.faults.soak
	@$(if $(MINUTES),,$(MAKE) faults fuzz)
# The tests of faults and of guarding at the length that was promised (200 kills, 300 cases, 200 children, 10,000 keys and guesses): some hours.
LONG := tests/faults tests/test_audit.py tests/test_rotation.py tests/api/test_limits.py tests/web/test_with_every_account.py \
	tests/web/test_inert.py tests/web/test_reporting_kept.py
faults: install browser
	@SHOUHU_LONG=1 $(BIN)/python -m pytest $(LONG) $(TEST_ARGS)
# Every page at desk and phone width, in the folder screenshots.
screenshots: install browser
	@SHOUHU_SCREENSHOTS=screenshots $(BIN)/python -m pytest tests/web/test_every_page.py tests/web/test_reporting.py -k "page_has_no_barrier or every_page_of_the_way"
# Those of them that README shows, cut and small, in docs/pictures.
pictures: install
	@$(BIN)/python -m tests.web.pictures
# The browser that the tests drive and a Chinese font, by apt-get where that is allowed; elsewhere it says what is missing.
browser:
	@deploy/browser.sh
# What schemathesis makes of the OpenAPI, so many requests an operation, other ones again and again for half an hour; MINUTES=5 is shorter.
fuzz: install
	@SHOUHU_FUZZ=$(or $(EXAMPLES),5) SHOUHU_FUZZ_MINUTES=$(or $(MINUTES),30) $(BIN)/python -m pytest tests/api/test_fuzz.py $(TEST_ARGS)
bench: install
	@$(BIN)/python -m tests.bench $(BENCH_ARGS)
lint: install
	@$(BIN)/ruff check . && $(BIN)/ruff format --check --quiet . && $(BIN)/pyright && $(BIN)/lint-imports
install: $(STAMP)

# By pip alone, for it heeds every way of naming a mirror: PIP_INDEX_URL, pip.conf, a proxy.
$(STAMP): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Shouhu needs Python 3.11 or newer: make PYTHON=python3.13" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@echo "Installing Shouhu's parts (once; a minute or less) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: -r requirements.lock
	@touch $@

# deploy/requirements.lock is the image's: the same without what only tests and tools need.
EXPORT := uv export --quiet --no-emit-project --no-header --no-annotate --format requirements-txt
# deploy/supply.lock is of the tools that look at the parts themselves, apart from what they look at.
lock:
	uv lock --quiet
	$(EXPORT) -o requirements.lock
	$(EXPORT) --no-dev -o deploy/requirements.lock
	$(EXPORT) --only-group supply -o deploy/supply.lock

# What the service is made of (CycloneDX), which of it has known weaknesses, and whether the scripts that are kept here are those that were
# published. The second needs the advisories of pypi.org, and fails where an index has none of them; the third needs npm.
SUPPLY := .venv-supply/.installed
sbom: install
	@$(BIN)/python -m deploy.sbom sbom.cdx.json
	@echo "sbom.cdx.json"
audit-deps: $(SUPPLY)
	@.venv-supply/bin/pip-audit --strict --disable-pip --require-hashes -r deploy/requirements.lock
$(SUPPLY): deploy/supply.lock
	@$(PYTHON) -m venv --clear .venv-supply
	@.venv-supply/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: -r deploy/supply.lock
	@touch $@
vendored:
	@deploy/vendored.sh
