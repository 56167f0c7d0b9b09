# `make demo` and `make test` do all set-up themselves, in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DEMO := demo
RUN := $(BIN)/fishcli

# Where the demo competition lies, its runs and its submissions: nothing of it touches data/ or models/.
PLACES := --data-dir $(DEMO)/data
MODELS := $(PLACES) --models-dir $(DEMO)/models
SUBMISSIONS := $(MODELS) --submissions-dir $(DEMO)/submissions

.DEFAULT_GOAL := help
.PHONY: help install demo check test lint format bench vulnerabilities clean

help: ## show this help
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(INSTALLED) ## create .venv and install fishcli with its development tools

$(INSTALLED): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev,openvino,lite]'
	touch $@

demo: $(INSTALLED) ## draw a competition and run the whole pipeline on it
	test -e $(DEMO)/data/solution.csv || $(RUN) demo $(DEMO)/data
	$(RUN) data $(PLACES) --out $(DEMO)/data_picture
	$(RUN) features $(PLACES) --views 2
	$(RUN) compare $(MODELS) --heads blend --metadata none,size --boxes none
	$(RUN) train $(MODELS) --views 2 --metadata none --name whole
	$(RUN) train $(MODELS) --views 2 --metadata size --boxes none --name size
	$(RUN) audit-leakage $(MODELS) --run whole --out $(DEMO)/audit
	$(RUN) locate $(MODELS)
	$(RUN) features $(PLACES) --views 2 --crop $(DEMO)/models/locate
	$(RUN) train $(MODELS) --views 2 --metadata none --boxes none --name crop
	$(RUN) train $(MODELS) --views 2 --metadata none --boxes none --head gap --name gap
	$(RUN) predict $(SUBMISSIONS) --tta 2 --run whole
	$(RUN) predict $(SUBMISSIONS) --tta 2 --run size
	$(RUN) predict $(SUBMISSIONS) --tta 2 --run crop
	$(RUN) ensemble $(SUBMISSIONS) --tta 2 crop gap --name both
	$(RUN) heatmap $(MODELS) crop --worst 12
	$(RUN) report $(MODELS) locate
	$(RUN) report $(MODELS) crop
	$(RUN) runs --models-dir $(DEMO)/models
	$(RUN) score $(foreach run,size whole crop both,$(DEMO)/submissions/$(run)_stg1.csv $(DEMO)/submissions/$(run)_stg2.csv) \
		--solution $(DEMO)/data/solution.csv $(PLACES)
	@echo "What stage 2 lost by size, and won by looking at the fish: $(DEMO)/models/crop/report.html"
	@echo "The submission: $(DEMO)/submissions/both_stg1.csv and both_stg2.csv"

test: $(INSTALLED) ## lint, type-check and run the tests
	$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

check: $(INSTALLED) ## lint, types, floors, and the tests that need no TensorFlow
	$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile -m "not tensorflow"

lint: $(INSTALLED) ## ruff, mypy and the floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(INSTALLED) ## let ruff rewrite the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(INSTALLED) ## run the benchmarks that need no data (minutes)
	$(BIN)/python benchmarks/features.py
	$(BIN)/python benchmarks/prediction.py
	$(BIN)/python benchmarks/latency.py
	$(BIN)/python benchmarks/scaling.py
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/faults.py

vulnerabilities: $(INSTALLED) ## look up all that is installed in the package index's list of known vulnerabilities
	$(BIN)/python -m pip install --quiet pip-audit
	$(BIN)/pip-audit --skip-editable --progress-spinner off

clean: ## remove the environment, the demo and caches; never data/, models/, submissions/
	rm -rf $(VENV) $(DEMO) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find fishcli tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
