# Every target does its own set-up. `make` alone says what there is.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

SWIFT_FLAGS := --explicit-target-dependency-import-check error
SOURCES := Package.swift Sources Tests Functions

.PHONY: help setup dev serve release test test-threads test-addresses simulate fuzz kills lint bench clean

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

# A sanitizer puts its own handlers before those of ours that name a crash.
CRASHES := --skip "a crash names" --skip "Swift's own backtrace" --skip "a stack overflow is named"

test-threads: setup ## The tests under the thread sanitizer (a build of its own)
	swift build --build-tests --sanitize=thread --scratch-path .build-threads
	@./.ci/each-room swift test --skip-build --sanitize=thread --scratch-path .build-threads $(CRASHES)

test-addresses: setup ## The tests under the address sanitizer (a build of its own)
	swift build --build-tests --sanitize=address --scratch-path .build-addresses
	# What a process still holds when it ends is no leak.
	@ASAN_OPTIONS=detect_leaks=0 ./.ci/each-room \
	  swift test --skip-build --sanitize=address --scratch-path .build-addresses $(CRASHES)

SEEDS ?= 100000
FROM ?= 1

simulate: setup ## Histories with every fault, each of its own seed: make simulate SEEDS=100000 FROM=1 TELL=
	swift build -c release --product Simulate --scratch-path .build-simulate
	@$(if $(TELL),TELL=$(TELL)) ./.ci/simulate .build-simulate/release/Simulate $(FROM) $(SEEDS)

KILLS ?= 500

kills: setup ## The sample shop under load while hosts and workers are killed: make kills KILLS=500
	swift build --build-tests $(SWIFT_FLAGS)
	APUS_KILLS=$(KILLS) swift test --skip-build $(SWIFT_FLAGS) --filter "^HostTests.KillingTests"

lint: ## Formatting and house rules of every source file
	swift format lint --strict --recursive --parallel $(SOURCES)

fuzz: setup ## Each fuzz target for SECONDS=60 under libFuzzer (a build of its own); TARGETS="cron json" for some
	swift build -c release --product Fuzz --sanitize=fuzzer -Xswiftc -DFUZZING \
	  -Xswiftc -enable-testing --scratch-path .build-fuzz
	@./.ci/fuzz .build-fuzz/release/Fuzz $(or $(SECONDS),60) $(TARGETS)

bench: setup ## Measure the parts that every event passes, on this machine
	swift build -c release --product Benchmarks
	.build/release/Benchmarks --check

clean: ## Remove what was built; the store in .apus/ stays
	rm -rf .build .build-threads .build-addresses .build-release .build-simulate .build-fuzz
