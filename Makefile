# make book       set up, build the book, print where it is
# make test       set up, check everything
# make serve      serve the built book on this computer
# make lab        open the notebooks in JupyterLab
# make notebooks  execute all chapters in place; make notebooks ONLY=05 only one
# make lighthouse measure five pages of the built book: speed, accessibility, search engines
# make clean      remove what was built; the environment stays (make distclean removes it too)

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PORT ?= 8000
ONLY ?=

# One BLAS thread: with two, and another program on a core, the same training takes many times as
# long. No progress bars in stored outputs.
RUN := OMP_NUM_THREADS=1 TQDM_DISABLE=1 PATH="$(CURDIR)/$(BIN):$$PATH"
INSTALLED := $(VENV)/installed

.PHONY: book test lint serve lab notebooks lighthouse clean distclean

book: $(INSTALLED)
	rm -rf _build/html
	$(BIN)/jupyter-book build . --all -W -n --keep-going
	@echo
	@$(BIN)/python -c 'import pathlib; print("The book is ready. Open", pathlib.Path("_build/html/index.html").resolve().as_uri())'

test: lint book
	$(RUN) $(BIN)/python -m pytest --nbval -n 2 --dist loadscope notebooks
	$(RUN) $(BIN)/python -m pytest -n 2 tests

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

serve: book
	$(BIN)/python -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

lab: $(INSTALLED)
	$(BIN)/jupyter lab notebooks

notebooks: $(INSTALLED)
	$(RUN) $(BIN)/jupyter nbconvert --to notebook --execute --inplace \
	  --ExecutePreprocessor.record_timing=False notebooks/$(ONLY)*.ipynb

# Needs Chromium and, the first time, the npm registry.
lighthouse: book
	$(BIN)/python -m benchmarks.lighthouse

$(INSTALLED): requirements.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

clean:
	rm -rf _build .pytest_cache .mypy_cache .ruff_cache .hypothesis

distclean: clean
	rm -rf $(VENV) aelib.egg-info
