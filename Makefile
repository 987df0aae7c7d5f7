# Everything that is run by hand or by CI. Needed: Go, make and a C compiler (the race detector is built with it).
# Java and Maven are needed for `make kafka-test` alone.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

GO       ?= go
PKGS     ?= ./...
FUZZTIME ?= 10s
BENCH    ?= .
SHARED   ?= ../shared

BENCH_ONLY    ?=
BENCH_REPEATS ?= 3
BENCH_SECONDS ?= 0

.PHONY: help build docs test lint arrows race crash fuzz bench microbench run demo kafka-test shared-checks

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## bin/recsvc
	$(GO) build -trimpath -o bin/recsvc ./cmd/recsvc

docs: ## what is made from the code: docs/features.md, the schema of the configuration
	$(GO) run ./internal/tools/docs

test: lint arrows race ## everything that CI runs on the code: lint, import arrows, all tests under the race detector

lint: ## gofmt, go vet, staticcheck
	@unformatted=$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go')); \
	  [ -z "$$unformatted" ] || { echo "not formatted by gofmt:"; echo "$$unformatted"; exit 1; }
	$(GO) vet $(PKGS)
	$(GO) tool staticcheck $(PKGS)

arrows: ## which room may import which
	$(GO) test ./internal/arrows

race: ## all tests under the race detector, with their counts
	$(GO) test -race -timeout 30m -json $(PKGS) | $(GO) run ./internal/tools/testsum
	@if [ -z "$${KAFKA_BROKERS:-}" ]; then \
	  echo "NOTE: KAFKA_BROKERS is not set: the Kafka tests ran against the broker inside the test process only."; \
	  echo "      'make kafka-test' runs them against a real one (Java and Maven needed)."; \
	fi

crash: ## the crash battery in its long form, about 20 minutes, with its counts (KAFKA_BROKERS: against a real broker too)
	CRASH=long $(GO) test -race -count=1 -timeout 60m -json ./internal/crash ./internal/engine ./cmd/recsvc | $(GO) run ./internal/tools/testsum

kafka-test: ## the Kafka tests against a real broker, started and stopped here
	trap scripts/kafka-stop.sh EXIT; \
	  KAFKA_BROKERS=$$(scripts/kafka-start.sh); export KAFKA_BROKERS REQUIRE_KAFKA=1; \
	  $(GO) test -race -count=1 -run Kafka ./internal/ingest

fuzz: ## each fuzz target for FUZZTIME (10s)
	@$(GO) list $(PKGS) | while read -r pkg; do \
	  for target in $$($(GO) test -list '^Fuzz' "$$pkg" | grep '^Fuzz' || true); do \
	    echo "$$pkg $$target"; \
	    $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$pkg"; \
	  done; \
	done

bench: ## the figures of docs/benchmarks.md, on this machine with the data in SHARED (BENCH_ONLY, BENCH_REPEATS, BENCH_SECONDS)
	$(GO) run ./internal/tools/bench -shared '$(SHARED)' -only '$(BENCH_ONLY)' -repeats $(BENCH_REPEATS) -seconds $(BENCH_SECONDS)

microbench: ## micro benchmarks of every room (BENCH=regexp)
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem $(PKGS)

run: ## the server on 127.0.0.1:8080 with its data in ./data
	$(GO) run ./cmd/recsvc serve

demo: ## a fresh server that learns from a slice of real traffic and keeps serving
	$(GO) run ./cmd/recsvc demo

shared-checks: ## the feature store against Flink, then the large data sets in SHARED (../shared) twice: equal digests, AUC floors
	SHARED='$(SHARED)' scripts/shared-checks.sh
