# Everything a fresh machine needs: `make demo` and `make test` create .venv, install into it and run.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
THREADS := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

.PHONY: help install demo test reproduce fuzz lint docs benchmark clean

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

install: $(READY)  ## create .venv and install Ritz with its development tools

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=24"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev,docs,fem,files]"
	touch $(READY)

demo: $(READY)  ## compare solvers on a 2-D and a 3-D Poisson problem; tables, pictures and a report
	$(BIN)/ritz demo

test: $(READY)  ## the test suite and every documented example, in under twelve minutes
	$(THREADS) $(BIN)/python -m pytest -n 2 -m "not slow" tests
	$(THREADS) $(BIN)/python -m pytest -q --doctest-modules ritz

reproduce: $(READY)  ## the full-size reproductions left out of `make test`
	$(THREADS) $(BIN)/python -m pytest -m slow tests

fuzz: $(READY)  ## 20,000 random calls, each compared with a reference; docs/reliability.md says what is promised
	$(THREADS) $(BIN)/python -m tests.fuzz --calls 20000 --jobs 2 --report output/fuzz.json

lint: $(READY)  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

docs: $(READY)  ## build the documentation into docs/_build/html, warnings being errors
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html

benchmark: $(READY)  ## measure against SciPy and PyAMG; JSON lines and plots in output/benchmarks
	$(BIN)/python -m benchmarks

clean:  ## remove what the targets above made
	rm -rf .venv build dist output docs/_build docs/generated *.egg-info
