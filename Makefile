.PHONY: setup test test-isa lint results pictures docs

PYTHON ?= .venv/bin/python
DATA ?= ../shared/data/films

setup:
	python3 -m venv .venv
	$(PYTHON) -m pip install -q -c constraints.txt -e '.[dev]'

test:
	$(PYTHON) -m pytest -q -n 2 --dist loadfile

# As the machine is, then held to AVX-512 without bfloat16, and to AVX2 (docs/processors.md).
TESTS ?= tests
test-isa:
	$(PYTHON) -m pytest -q -n 2 --dist loadfile $(TESTS)
	ONEDNN_MAX_CPU_ISA=AVX512_CORE_VNNI ATEN_CPU_CAPABILITY=avx512 \
		$(PYTHON) -m pytest -q -n 2 --dist loadfile $(TESTS)
	ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 OPENBLAS_CORETYPE=Haswell \
		NPY_DISABLE_CPU_FEATURES=X86_V4 $(PYTHON) -m pytest -q -n 2 --dist loadfile $(TESTS)

lint:
	$(PYTHON) -m ruff check --fix src tests benchmarks docs shipping examples
	$(PYTHON) -m ruff format src tests benchmarks docs shipping examples
	$(PYTHON) -m mypy

# A table in benchmarks/README.md: the recipes of the encoder alone on the fixed split.
results:
	$(PYTHON) benchmarks/recipes.py $(DATA) --readme

# The pictures of docs/reading-a-report.md and docs/page.md, in a real browser (Debian's chromium).
pictures:
	$(PYTHON) docs/pictures/take.py runs/pictures
	$(PYTHON) docs/pictures/take_page.py

# The site, in build/site; needs the extra docs.
docs:
	$(PYTHON) -m mkdocs build --strict
