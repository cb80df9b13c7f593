# Every target does its own set-up. `make` alone says what there is.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

SWIFT_FLAGS := --explicit-target-dependency-import-check error
SOURCES := Package.swift Sources Tests Functions

.PHONY: help setup dev serve release test test-threads simulate lint bench clean

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-13s %s\n", $$1, $$2}'

setup: ## Install what is missing (libuv, SQLite, pkg-config, time zones)
	@./.ci/setup

dev: setup ## Build, start the host with the sample shop, watch Functions/ and Manifests/
	swift build --product apus
	.build/debug/apus dev $(ARGS)

serve: setup ## Build for release and run the sample shop as in production
	swift build -c release --product apus
	swift build -c release --product Shop
	.build/release/apus serve --worker .build/release/Shop $(ARGS)

release: setup ## One executable without a Swift runtime beside it, in .build-release/
	# Exclusivity is proven by the tests, which check it; each check costs every event a little.
	swift build -c release --product apus --static-swift-stdlib --scratch-path .build-release \
	  -Xswiftc -enforce-exclusivity=unchecked
	strip -o .build-release/apus .build-release/release/apus
	@ls -l .build-release/apus | awk '{ printf "%s: %.1f MB\n", $$NF, $$5 / 1e6 }'

test: setup ## Build everything, warnings are errors, and run all tests
	swift build --build-tests $(SWIFT_FLAGS)
	@./.ci/each-room swift test --skip-build $(SWIFT_FLAGS)

test-threads: setup ## The tests under the thread sanitizer (a build of its own)
	swift build --build-tests --sanitize=thread --scratch-path .build-threads
	# A sanitizer takes the signals of the crashing children for itself.
	@./.ci/each-room swift test --skip-build --sanitize=thread --scratch-path .build-threads \
	  --skip WorkerProcessTests --skip "a crash names an attempt"

SEEDS ?= 100000
FROM ?= 1

simulate: setup ## Histories with every fault, each of its own seed: make simulate SEEDS=100000 FROM=1
	swift build -c release --product Simulate --scratch-path .build-simulate
	@./.ci/simulate .build-simulate/release/Simulate $(FROM) $(SEEDS)

lint: ## Formatting and house rules of every source file
	swift format lint --strict --recursive --parallel $(SOURCES)

bench: setup ## Measure the parts that every event passes, on this machine
	swift build -c release --product Benchmarks
	.build/release/Benchmarks --check

clean: ## Remove what was built; the store in .apus/ stays
	rm -rf .build .build-threads .build-release .build-simulate
