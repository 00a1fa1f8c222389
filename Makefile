# Everything a person or CI does with this checkout. `make` alone lists it.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:

TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
export CARGO_TARGET_DIR := $(TARGET)
export PGRX_HOME := $(TARGET)/pgrx

.PHONY: help
help: ## list what can be made
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /\1\t/' | expand -t 20

.PHONY: dependencies
dependencies: ## install what building and testing need and the machine lacks (as root)
	@scripts/install-dependencies

.PHONY: build
build: dependencies ## build the extension in release mode
	@scripts/build

.PHONY: install
install: dependencies ## build the extension and install it into Postgres (as root)
	@scripts/build install

.PHONY: demo
demo: install ## build what is needed, then show a row's change become a verified call (as root)
	@scripts/demo

.PHONY: test
test: format lint test-unit test-regress test-isolation test-e2e ## run everything that CI runs
	@echo "All tests passed."

.PHONY: format
format: dependencies ## check the formatting
	cargo fmt --all --check

.PHONY: lint
lint: dependencies ## run clippy over the workspace
	source scripts/common.sh && cargo clippy --workspace --all-targets --no-default-features --features "$$(pg_feature)" -- -D warnings

.PHONY: test-unit
test-unit: dependencies ## run the tests of the delivery crate: no Postgres
	cargo test -p webhooks-delivery

.PHONY: fuzz
fuzz: dependencies ## look for inputs that the fuzz target T fails on, for SECONDS (default: 600)
	@scripts/fuzz run $(T) $(or $(SECONDS),600)

.PHONY: fuzz-keep
fuzz-keep: dependencies ## add to the corpus of T what `make fuzz` has found and reaches new code
	@scripts/fuzz keep $(T)

.PHONY: test-regress
test-regress: install ## run the SQL tests; T="name …" for some of them
	@scripts/regress sql $(T)

.PHONY: test-isolation
test-isolation: install ## run the tests of concurrent sessions; T="name …" for some of them
	@scripts/regress isolation $(T)

# The tests mostly wait for a server or a receiver, so more of them run at once than there are cores.
.PHONY: test-e2e
test-e2e: install ## run the tests with real servers and receivers; T=name for those whose name contains it
	cargo test -p webhooks-e2e -- --test-threads=4 $(T)

# FLIGHTS=336776 is the whole table.
.PHONY: test-flights
test-flights: install ## send FLIGHTS rows (default: all) of a real data set and show the worker's memory
	WEBHOOKS_E2E_FLIGHTS=$(or $(FLIGHTS),336776) cargo test -p webhooks-e2e -- --nocapture flights

# Measures, prints, and judges nothing. A="--rows 20000" and the like; docs/benchmarks.md has the options and what it means.
.PHONY: bench
bench: install ## run all benchmarks on an otherwise idle machine
	@bench/run

.PHONY: bench-capture
bench-capture: install ## what capturing adds to a statement, beside PgQ
	@bench/run capture $(A)

.PHONY: bench-latency
bench-latency: install ## from a commit to the receiver's socket
	@bench/run latency $(A)

.PHONY: bench-throughput
bench-throughput: install ## calls a second, beside the bare client and an open transaction
	@bench/run throughput $(A)

.PHONY: bench-neighbours
bench-neighbours: install ## what a dead endpoint does to a good one
	@bench/run neighbours $(A)

.PHONY: bench-crowd
bench-crowd: install ## what a thousand dead endpoints do to a good one
	@bench/run crowd $(A)

.PHONY: bench-scale
bench-scale: install ## what ten events on a table and 100,000 accounts cost
	@bench/run scale $(A)
