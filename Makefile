# keyturn: `make help` lists what there is.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/keyturn
VENV  := $(CACHE)/venv
BIN   := $(CACHE)/bin
SIM   := ./internal/simulation

export KEYTURN_MOTO_SERVER ?= $(VENV)/bin/moto_server
export PATH := $(VENV)/bin:$(PATH)

help: ## List the targets
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

build: ## Build bin/keyturn
	CGO_ENABLED=0 go build -trimpath -o bin/keyturn ./cmd/keyturn

demo: build ## Run the demo: a fleet of users rotated before your eyes against a simulated AWS
	./bin/keyturn demo

REST = $$(go list ./... | grep -v /internal/simulation)

test: tools vet ## Everything that must pass: unit tests, scripts, conformance, 20,000 simulated rotations, the race detector
	go test -timeout 20m $(REST)
	go test -timeout 20m -v $(SIM) -args -sim.rotations=20000 -sim.interleavings=1000 | $(QUIET)
	go test -timeout 20m -race ./internal/reconcile ./internal/awscloud ./internal/store ./internal/fleet
	go test -timeout 20m -race -v -run 'TestSimulation$$' $(SIM) -args -sim.rotations=1000 | $(QUIET)

# of a verbose run: what tests print, failures, and the closing lines
QUIET = { grep -vE '^ *(=== |--- PASS|PASS$$)' || true; }

vet: ## go vet and gofmt
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "not gofmt-ed:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	go vet ./...

lint: ## golangci-lint with .golangci.yml (built into the cache folder on first use)
	@test -x $(BIN)/golangci-lint || GOBIN=$(BIN) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
	$(BIN)/golangci-lint run ./...

soak: ## 1,000,000 simulated rotations; hours on a small machine
	go test -timeout 24h -v -run 'TestSimulation$$' $(SIM) -args -sim.rotations=1000000 -sim.least=200

mutants: ## Switch off every rule in turn; the test that bears its name must fail
	go run ./internal/mutants

bench: build ## Measure what users wait for; writes bench/RESULTS.md
	go run ./bench

golden: ## Rewrite the golden files; commit them only when understood
	go test ./internal/rotation ./cmd/keyturn ./deploy ./internal/config ./internal/doctest -args -update

tools: $(VENV)/.ready ## Set up what the tests need: a Python venv with moto, boto3 and the aws CLI in the cache folder

$(VENV)/.ready:
	@if command -v python3 >/dev/null && python3 -m venv $(VENV) && \
	    $(VENV)/bin/pip install -q 'moto[server]==5.2.5' boto3 awscli; then touch $@; \
	else echo "NOT RUN: the conformance suite against moto, boto3 and the aws CLI: no Python venv could be made at $(VENV)" >&2; \
	    test -z "$${CI:-}"; fi

clean: ## Remove what was built
	rm -rf bin

.PHONY: help build demo test vet lint soak mutants bench golden tools clean
