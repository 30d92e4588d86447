# The tasks: people, hooks and CI call these same ones. Needs git, make and Python 3.11 to 3.13.
PYTHON ?= python3
UV := $(or $(shell command -v uv 2>/dev/null),.tools/bin/uv)
RUN := .venv/bin
ACT := .tools/act-0.2.89/act
ACTIONLINT := .tools/actionlint-1.7.12/actionlint
MINIO := .tools/minio-20260212/minio
GATEWAY := .tools/gateway-api-1.4.1/httproutes.yaml
MERMAID := .tools/mermaid-11.17.2/mermaid.min.js
MERMAID_HASH := 6ad2f42c3fc26bbf9e45cbb6d11898972573ea52b33a5f4ff51952899f950ffd
CML := .tools/cml-0.20.6
CML_FROM := https://github.com/iterative/cml
CML_COMMIT := a3a66c74b218b08710f42bf599b066e37cb4cba7
CML_HASH := 34c8c3c00334088705dfc433de94c46c184186e38345802f47654c8a8ad1e8fb
export MLFLOW_DISABLE_TELEMETRY := true
# What a shell may hold of another project: uv, pip and Python would install or import elsewhere than in .venv.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME
# It says how packages are reached, as by an index, a cache, a certificate; the lock says which, and we where to.
unexport $(filter-out UV_INDEX% UV_DEFAULT_INDEX UV_EXTRA_INDEX_URL UV_FIND_LINKS UV_CACHE_DIR UV_NO_CACHE UV_OFFLINE \
  UV_NATIVE_TLS UV_SYSTEM_CERTS UV_INSECURE_HOST UV_KEYRING_PROVIDER UV_CREDENTIALS_DIR UV_HTTP% UV_REQUEST% UV_CONCURRENT% \
  UV_LINK_MODE UV_LOCK_TIMEOUT UV_PYTHON_INSTALL% UV_NO_BUILD UV_MALWARE%,$(filter UV_%,$(.VARIABLES)))
unexport $(filter-out PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_NO_INDEX PIP_FIND_LINKS PIP_CACHE_DIR PIP_NO_CACHE_DIR PIP_CERT \
  PIP_CLIENT_CERT PIP_TRUSTED_HOST PIP_PROXY PIP_KEYRING_PROVIDER PIP_TIMEOUT PIP_DEFAULT_TIMEOUT PIP_RETRIES PIP_CONFIG_FILE \
  PIP_USE_FEATURE,$(filter PIP_%,$(.VARIABLES)))
# A pip.conf may say `user` too (and `target`, `prefix`, `root`: see below), and an environment of its own takes no packages of a user.
export PIP_USER := 0
unexport PYTHONWARNINGS SOURCE_DATE_EPOCH  # what pip itself warns of, or a year before zip's first, would end the set-up
unexport PYTHONDONTWRITEBYTECODE  # each process would compile its libraries anew: three times the work
# Where HOME takes no cache (a service's user; after `su` that keeps another's HOME), uv has its own beside it.
ifneq ($(shell d="$${UV_CACHE_DIR:-$${XDG_CACHE_HOME:-$$HOME/.cache}/uv}"; mkdir -p "$$d" 2>/dev/null && test -w "$$d" || echo no),)
export UV_CACHE_DIR := $(CURDIR)/.tools/uv-cache
endif

.DEFAULT_GOAL := help
.PHONY: .python help run review serve image test test-fast lint audit setup ui docs bench clean cml

help:  ## list the tasks
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 11

run: setup  ## run the stages that are out of date, and say how good the model is
	@$(RUN)/loop run

review: setup  ## run, then judge the model against the champion of BASE (the default branch)
	@$(RUN)/loop run
	@exec $(RUN)/loop review $(if $(BASE),--against "$(BASE)")

serve: setup  ## serve the model on PORT (3000) of this machine
	@exec $(RUN)/loop serve --port "$(or $(PORT),3000)"

image: setup  ## build the image of production, as TAG (loop:MODEL)
	@exec $(RUN)/loop image $(if $(TAG),--tag "$(TAG)")

OF_MACHINERY := $(if $(wildcard tests/workflows),$(ACT) $(GATEWAY) $(MERMAID))  # what tests of the machinery use

test: setup $(OF_MACHINERY)  ## run every test, or with PART=1/3 one of three parts
	@$(RUN)/pytest -n auto --maxprocesses 4 --max-worker-restart 0 --no-loadscope-reorder --durations=10 $(if $(PART),--part "$(PART)")

test-fast: setup  ## before a commit: the tests that need no pipeline, workflow, browser or server
	@$(RUN)/pytest -n auto --maxprocesses 4 --max-worker-restart 0 --no-loadscope-reorder --fast

lint: setup $(ACTIONLINT)  ## ruff, mypy; zizmor, actionlint and a schema for the workflows
	@$(RUN)/ruff check .
	@$(RUN)/ruff format --check .
	@$(RUN)/mypy
	@$(RUN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(RUN)/check-jsonschema --quiet --builtin-schema vendor.github-actions .github/actions/*/action.yml
	@$(RUN)/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	@$(RUN)/check-jsonschema --quiet --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/[!c]*.yml
	@$(RUN)/check-jsonschema --quiet --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	@$(RUN)/zizmor --offline --quiet --persona pedantic .github
	@test ! -x $(ACTIONLINT) || $(ACTIONLINT)

audit: setup  ## known vulnerabilities of the locked packages; SILENT=warning: no error where PyPI is silent
	@$(RUN)/python -m loop.repo.vulnerabilities --today "$$(date -u +%F)" $(if $(SILENT),--silent "$(SILENT)")

ui: setup  ## look at the runs in MLflow, on PORT (5000) of this machine
	@case "$${MLFLOW_TRACKING_URI:-}" in \
	  [Hh][Tt][Tt][Pp]*) echo "the runs are on the server: $$MLFLOW_TRACKING_URI" | sed -E 's#//.*@#//…@#; s#\?.*##' ;; \
	  [Dd]atabricks*|[Uu][Cc]:*|arn:*) echo "the runs are on the server that MLFLOW_TRACKING_URI names: look at them there" ;; \
	  *) $(RUN)/python -c 'import sys; from loop.base import errors, port; \
       errors.guard(lambda: port.free("127.0.0.1", int(sys.argv[1]), "make ui PORT="))' "$(or $(PORT),5000)" || exit; \
     test -z "$${MLFLOW_TRACKING_URI:-}" || \
	       $(RUN)/python -c 'from loop.base.errors import guard; from loop.model import tracking; guard(tracking.connect)' || exit; \
	     exec $(RUN)/mlflow ui --backend-store-uri "$${MLFLOW_TRACKING_URI:-sqlite:///mlflow.db}" --host 127.0.0.1 --port "$(or $(PORT),5000)" ;; \
	esac

docs: setup $(if $(PICTURES),$(MERMAID))  ## write the pages that are made from the code; with PICTURES=1 the README's pictures too
	@$(RUN)/python -m docs.make $(if $(PICTURES),--pictures)

bench: setup  ## measure speed, beside peers
	@$(RUN)/python -m benchmarks

clean:  ## remove the environment; data, models and caches stay
	rm -rf .venv .tools

-include .ci/template.mk

# Spark is half a gigabyte: for a params.yaml that asks for it, and for the tests in CI, where nothing may be skipped.
SPARK := $(or $(shell sed -n 's/ *\#.*//; /^engine:/,/^[a-z]/{/spark *:/p;}' params.yaml 2>/dev/null), \
  $(and $(CI),$(filter test,$(MAKECMDGOALS)),$(wildcard tests/system/test_spark.py)))

# DVC starts the workers of its queue as `dvc`, by the PATH. So that it finds itself from any shell, its processes, and no
# others of the environment, have the environment's programs first there.
define DVC_BY_PATH
import os, sys; "dvc" in [os.path.basename(one) for one in sys.orig_argv[1:3]] and os.environ.update(PATH=os.pathsep.join(dict.fromkeys([os.path.join(sys.prefix, "bin"), *os.environ.get("PATH", os.defpath).split(os.pathsep)])))
endef

.python:
	@command -v "$(PYTHON)" >/dev/null || { printf 'error: %s\n  expected: %s\n  to do:    %s\n' \
	  "$(PYTHON) is no program here" "Python 3.11, 3.12 or 3.13" "install one, or make PYTHON=python3.13 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if (3, 11) <= v[:2] <= (3, 13) else \
	  "error: $(PYTHON) is Python %d.%d\n  expected: Python 3.11, 3.12 or 3.13\n  to do:    make PYTHON=python3.13 $(MAKECMDGOALS)" % v[:2])'

setup: .python $(if $(filter .tools/bin/uv,$(UV)),.tools/bin/uv)  ## the locked environment, in .venv
	@$(PYTHON) -I src/loop/repo/uv_lock.py
	@$(UV) sync --locked --quiet $(if $(SPARK),--group spark) --python "$(PYTHON)"
	@test -L .venv || for path in .venv/lib/python*/site-packages/_editable_impl_loop.pth; do echo ../../../../src > "$$path.new" && mv "$$path.new" "$$path"; done  # in any locale
	@test -L .venv || for path in .venv/lib/python*/site-packages; do echo '$(DVC_BY_PATH)' > "$$path/dvc_by_path.pth"; done

.tools/bin/uv: requirements-uv.txt | .python
	@echo "setting up uv in .tools"
	@$(PYTHON) -m venv .tools || { printf 'error: %s\n  expected: %s\n  to do:    %s\n' \
	  "$(PYTHON) cannot make a virtual environment" "its module venv" "on Debian: apt install python3-venv" >&2; exit 1; }
	@.tools/bin/python -m pip install --quiet --disable-pip-version-check --force-reinstall --require-hashes \
	  --target= --root=/ --prefix="$$PWD/.tools" -r requirements-uv.txt
	@touch -c $@

# CML for the workflows, where no action but GitHub's own is allowed too: one commit and what its lock names, held
# to one hash before any of it runs. A runner that has CML keeps its own.
cml:  ## CML for the workflows, held to one hash
	@command -v cml >/dev/null || test -x $(CML)/path/cml || { \
	  rm -rf $(CML) && git init --quiet $(CML) && cd $(CML) && \
	  git fetch --quiet --depth 1 "$(CML_FROM)" $(CML_COMMIT) && git checkout --quiet FETCH_HEAD && rm -rf .git && \
	  npm ci --ignore-scripts --omit=dev --no-audit --no-fund --loglevel=error >/dev/null && \
	  found="$$(find . -type f ! -name .package-lock.json -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c-64)" && \
	  { test "$$found" = "$(CML_HASH)" || { echo "error: CML's files have the hash $$found, not $(CML_HASH)" >&2; exit 1; }; } && \
	  mkdir path && ln -s ../bin/cml.js path/cml && chmod +x bin/cml.js; }

# Tools that only Go builds, at one version each. Without Go the tasks go on, and say what they leave out.
$(ACT): TOOL = github.com/nektos/act@v0.2.89
$(ACT): WITHOUT = the workflows in .github are NOT executed by the tests
$(ACTIONLINT): TOOL = github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
$(ACTIONLINT): WITHOUT = the workflows in .github are NOT checked by actionlint
$(MINIO): TOOL = github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c
$(MINIO): WITHOUT = S3 is NOT asked by the tests
$(GATEWAY): WITHOUT = the route for Kubernetes is NOT held to its schema by the tests
$(ACT) $(ACTIONLINT) $(MINIO):
	@if command -v go >/dev/null; then \
	  echo "building $(notdir $@) in .tools" && GOBIN="$$PWD/$(dir $@)" GOFLAGS=-mod=mod go install -trimpath -ldflags "-s -w" $(TOOL); \
	else echo "SKIPPED: $(WITHOUT), for want of Go (https://go.dev/doc/install)" >&2; fi

$(GATEWAY):  # the schema of a route, as its makers ship it
	@if command -v go >/dev/null; then mkdir -p $(dir $@) && \
	  found="$$(go mod download -json sigs.k8s.io/gateway-api@v1.4.1 | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')" && \
	  install -m 644 "$$found"/config/crd/standard/*_httproutes.yaml $@; \
	else echo "SKIPPED: $(WITHOUT), for want of Go (https://go.dev/doc/install)" >&2; fi

$(MERMAID):  # draws the figures of a comment as GitHub does: its makers' package, held to a hash
	@if command -v npm >/dev/null; then rm -rf $(dir $@) && mkdir -p $(dir $@)from && cd $(dir $@)from && \
	  npm pack --silent mermaid@11.17.2 >/dev/null && echo "$(MERMAID_HASH)  mermaid-11.17.2.tgz" | sha256sum --check --status && \
	  tar -xzf *.tgz package/dist/mermaid.min.js && cp package/dist/mermaid.min.js .. && rm -rf ../from || \
	  { echo "error: npm brought no mermaid 11.17.2 of the hash $(MERMAID_HASH)" >&2; exit 1; }; \
	else echo "SKIPPED: the figures of a comment are NOT drawn by the tests, for want of npm (https://nodejs.org)" >&2; fi
