# make up: install everything and run the service.   make test: install everything and pass the tests.
# make soak: break everything for half an hour while cases flow, then check every acknowledgement; MINUTES=5 is shorter.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: up test soak faults bench demo install lint lock browser screenshots
up: install
	@./shouhu up
demo: install
	@./shouhu demo
test: install
	@$(BIN)/python -m pytest $(TEST_ARGS)
soak: install
	@$(BIN)/python -m tests.faults.soak
# The fault tests at the length that was promised (200 kills, 200 keys, 300 cases, 3 minutes of silence): some hours.
faults: install
	@SHOUHU_LONG=1 $(BIN)/python -m pytest tests/faults $(TEST_ARGS)
# Every page at desk and phone width, in the folder screenshots.
screenshots: install browser
	@SHOUHU_SCREENSHOTS=screenshots $(BIN)/python -m pytest tests/web/test_every_page.py
# The browser that the tests drive and a Chinese font, by apt-get where that is allowed; elsewhere it says what is missing.
browser:
	@deploy/browser.sh
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
lock:
	uv lock --quiet
	$(EXPORT) --all-groups -o requirements.lock
	$(EXPORT) --no-dev -o deploy/requirements.lock
