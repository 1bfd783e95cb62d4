# make book       set up, build the book, print where it is
# make again      build only the pages that have changed since, in seconds
# make test       set up, check everything
# make pdf        build the book and print it into _build/autoencoder-variants.pdf
# make linkcheck  ask every web address in the book whether it still answers (needs the internet)
# make lint       install what the tests need besides, then ruff and mypy
# make serve      serve the built book on this computer
# make lab        open the notebooks in JupyterLab
# make lite       build again the part of the book that runs in the reader's browser
# make launch     write the repository's address of _config.yml into the chapters, for Colab
# make notebooks  execute all chapters in place; make notebooks ONLY=05 only one
# make teach      set up what an instructor needs besides: nbgrader, for python -m aelib.teach
# make assignments  write the student versions of the assignments into notebooks/assignments
# make bench      measure the speed of the objective, of the chapters and of the book (a quarter of an hour)
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
TEACH := $(VENV)/teach-installed
TESTED := $(VENV)/tested-installed

.PHONY: book lite pdf linkcheck test lint serve lab launch notebooks teach assignments lighthouse bench again clean distclean

book: $(INSTALLED)
	rm -rf _build/html
	$(BIN)/jupyter-book build . --all -W -n --keep-going
	$(BIN)/python book/lite.py
	@echo
	@$(BIN)/python -c 'import pathlib; print("The book is ready. Open", pathlib.Path("_build/html/index.html").resolve().as_uri())'

# What has changed since the last `make book`, for whoever writes; the search and a page's
# neighbours may lag behind.
again: $(INSTALLED)
	$(BIN)/jupyter-book build . -W -n --keep-going

lite: $(INSTALLED)
	$(BIN)/python book/lite.py

pdf: book
	$(BIN)/python book/print/make_pdf.py

linkcheck: $(INSTALLED)
	$(BIN)/jupyter-book build . --all --builder linkcheck --path-output _build/links

test: lint book
	$(RUN) $(BIN)/python -m pytest --nbval -n 2 --dist loadscope notebooks/*.ipynb
	$(RUN) $(BIN)/python -m pytest -n 2 tests --ignore tests/grading
	$(RUN) $(BIN)/python -m pytest -n 2 --dist loadfile tests/grading

lint: $(TESTED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

serve: book
	$(BIN)/python -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

lab: $(INSTALLED)
	$(BIN)/jupyter lab notebooks

launch: $(INSTALLED)
	$(BIN)/python book/colab.py

notebooks: $(INSTALLED)
	$(RUN) $(BIN)/jupyter nbconvert --to notebook --execute --inplace \
	  --ExecutePreprocessor.record_timing=False notebooks/$(ONLY)*.ipynb
	$(BIN)/python book/tidy_notebooks.py notebooks/$(ONLY)*.ipynb

teach: $(TEACH)

assignments: $(TEACH)
	$(RUN) $(BIN)/python -m aelib.teach publish notebooks/exercises notebooks/assignments

$(TEACH): $(INSTALLED) requirements-teach.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-teach.txt
	touch $@

# On a machine with nothing else to do.
bench: $(INSTALLED)
	$(BIN)/python -m benchmarks.speed
	$(BIN)/python -m benchmarks.chapters
	$(BIN)/python -m benchmarks.book

# Needs Chromium and, the first time, the npm registry.
lighthouse: book
	$(BIN)/python -m benchmarks.lighthouse

# A real JupyterHub is started in the tests.
$(TESTED): $(TEACH) hub/requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r hub/requirements.txt
	touch $@

$(INSTALLED): requirements.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing; the first time this takes minutes, and pip says nothing meanwhile."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

clean:
	rm -rf _build build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

distclean: clean
	rm -rf $(VENV) aelib.egg-info
