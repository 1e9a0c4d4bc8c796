# make up: install everything and run the service.   make test: install everything and pass the tests.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: up test demo install lint lock
up: install
	@./shouhu up
demo: install
	@./shouhu demo
test: install
	@$(BIN)/python -m pytest $(TEST_ARGS)
lint: install
	@$(BIN)/ruff check . && $(BIN)/pyright && $(BIN)/lint-imports
install: $(STAMP)

$(STAMP): requirements.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing Shouhu's parts (once; a minute or less) ..."
	@if command -v uv >/dev/null 2>&1; then uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock; \
	else $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock; fi
	@touch $@

lock:
	uv lock --quiet
	uv export --quiet --all-groups --no-emit-project --no-header --no-annotate --format requirements-txt -o requirements.lock
