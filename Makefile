# Everything a person types. `make run` sets up what is missing, the first time and every time.
PY := .venv/bin/python
TRISCORE := .venv/bin/triscore

.PHONY: run demo test test-long test-faults check bench bench-quick setup-run setup-test setup-test-long clean

run: setup-run        ## score through all three doors, then stay up until Ctrl-C
	@exec $(TRISCORE) up

demo: setup-run       ## the same tour, then stop; exit 0 only if every answer is right
	@$(TRISCORE) demo

test: setup-test      ## all tests but the long ones, in under 7 minutes
	@$(PY) -m pytest -q -n 3 --dist loadfile -m "not long"

test-long: setup-test-long ## the tests that take their time, one in a browser
	@$(PY) -m pytest -q -m long --timeout 3600

test-faults: setup-test ## kills, outages, overload and hostile input: a table of what was lost, in under 15 minutes; QUICK=1: in one
	@exec $(PY) -m tests.faults $(if $(QUICK),--quick)

check: setup-test     ## linters and types
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy .

bench: setup-test     ## the app beside its peers and limits, in under 25 minutes; bench/README.md
	@exec $(PY) -m bench

bench-quick: setup-test ## the main ratios, in under 3 minutes
	@exec $(PY) -m bench --quick

setup-run:
	@sh local/demo/bootstrap.sh
	@$(PY) -m local.demo.install run

setup-test:
	@sh local/demo/bootstrap.sh
	@$(PY) -m local.demo.install test

setup-test-long:
	@sh local/demo/bootstrap.sh
	@$(PY) -m local.demo.install test-long

clean:                ## forget the emulators' data; programs stay installed
	@rm -rf .triscore/data .triscore/logs
