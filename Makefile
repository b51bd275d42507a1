# Everything a person types. `make run` sets up what is missing, the first time and every time.
PY := .venv/bin/python
TRISCORE := .venv/bin/triscore
#: What the project is written in, for `make check`.
CODE := inference triggers cache deploy local cli triscore_client bench function_app.py
#: `make run PORT=7072 SAMPLE=request.json`
OPTIONS := $(if $(PORT),--port $(PORT)) $(if $(SAMPLE),--sample '$(SAMPLE)')
#: Brought by `make lock` alone, into a folder of its own.
UV := uv==0.13.9
COMPILE := .triscore/lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.13 \
	--generate-hashes --no-annotate --custom-compile-command 'make lock'

#: Ends a run whose process crashed: pytest-xdist waits for ever for the modules of a crashed one.
XDIST := --dist loadfile --max-worker-restart 0

# So that Python compiles a module once, and not in each of the hundreds of processes of the tests.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run demo stop help test test-long test-faults test-servicebus coverage check bench bench-quick docs lock \
	setup-run setup-test setup-test-long clean

##@ Run it
run: setup-run        ## set up what is missing, score through all three triggers, stay up until Ctrl-C
	@exec $(TRISCORE) up $(OPTIONS)

demo: setup-run       ## the same tour, then stop; exit 0 only if every answer is right
	@$(TRISCORE) demo $(OPTIONS)

stop:                 ## stop a `make run` of this folder, from another terminal
	@test ! -x $(TRISCORE) || $(TRISCORE) emulators down

clean:                ## forget the emulators' data; programs stay installed
	@rm -rf .triscore/data .triscore/logs

help:                 ## these lines
	@awk -F ':.*## ' '/^##@ / { printf "%s%s\n", (n++ ? "\n" : ""), substr($$0, 5) } \
	/^## / { print "  " substr($$0, 4) } \
	/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

##@ With your own model
## ./triscore describe models/mine              write its triscore.json; --rows FILE for named columns
## AZUREML_MODEL_DIR=models/mine make run       serve it; a folder with a score.py needs no triscore.json
## make run SAMPLE=request.json                 what the tour sends to a script that declares no sample
## make run PORT=7072                           another port for HTTP
## TRISCORE_PORTS=20000 make run                other ports for Redis, Azurite, Service Bus: 20001 to 20005
## ./triscore --help                            every other command

##@ Test and measure it
test: setup-test      ## all tests but the long ones, in under 7 minutes
	@$(PY) -m pytest -q -n 5 $(XDIST) -m "not long and not timed"
	@$(PY) -m pytest -q -m "timed and not long" $$(grep -rl 'mark\.timed' tests --include='*.py')

test-long: setup-test-long ## the tests that take their time
	@$(PY) -m pytest -q -n 2 $(XDIST) -m long --timeout 3600

test-faults: setup-test ## kills, outages, overload and hostile input: a table of what was lost, in under 15 minutes; QUICK=1: in one
	@exec $(PY) -m tests.faults $(if $(QUICK),--quick)

test-servicebus: setup-test ## Microsoft's own tests of azure-servicebus, run against our emulator
	@exec $(PY) -m tests.service_bus_live

coverage: setup-test  ## the same tests, and which lines and branches they run; fails below the floor in pyproject.toml
	@$(PY) -m pytest -q -n 5 $(XDIST) -m "not long and not timed" --cov --cov-report=term

check: setup-test     ## linters, types, and no function that is too complex
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy .
	@found=$$($(PY) -m radon cc -s -n C $(CODE)); test -z "$$found" || \
	{ echo "A function may have 10 paths through it, as radon counts them; these have more:"; echo "$$found"; exit 1; }

bench: setup-test     ## the app beside its peers and limits, in about 45 minutes; bench/README.md
	@exec $(TRISCORE) bench

bench-quick: setup-test ## the main ratios, in about 4 minutes
	@exec $(TRISCORE) bench --quick

docs:                 ## the pages as a site, in .triscore/docs/site
	@sh local/demo/bootstrap.sh
	@test -x .triscore/docs/env/bin/mkdocs || $(PY) -m venv .triscore/docs/env
	@.triscore/docs/env/bin/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r locks/docs.txt
	@NO_MKDOCS_2_WARNING=1 $(PY) -m docs.site.build

lock: setup-run       ## write locks/ from the requirements, with today's newest versions of what they need
	@test -x .triscore/lock/bin/uv || $(PY) -m venv .triscore/lock
	@.triscore/lock/bin/python -m pip install -q --disable-pip-version-check $(UV)
	@$(COMPILE) pyproject.toml locks/build.in --extra local -o locks/run.txt
	@$(COMPILE) pyproject.toml locks/build.in tests/requirements.txt --all-extras -c locks/run.txt -o locks/test.txt
	@$(COMPILE) --no-deps tests/requirements-long.txt -o locks/test-long.txt
	@$(COMPILE) docs/site/requirements.txt -o locks/docs.txt
	@$(COMPILE) --no-deps locks/node.in -o locks/node.txt

setup-run:
	@sh local/demo/bootstrap.sh
	@$(PY) -m local.demo.install run

setup-test:
	@sh local/demo/bootstrap.sh
	@$(PY) -m local.demo.install test

setup-test-long:
	@sh local/demo/bootstrap.sh
	@$(PY) -m local.demo.install test-long
