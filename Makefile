# keyturn: `make help` lists what there is.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/keyturn
VENV  := $(CACHE)/venv
BIN   := $(CACHE)/bin
SIM   := ./internal/simulation
# packages with properties over drawn cases: `make test` draws the same ones each time, `make soak` others and many more
DRAWN := ./internal/rotation ./internal/apikey ./internal/awscloud ./internal/config ./internal/credentials
SEED  := -args -rapid.seed=1
JS    := $(CACHE)/js
DEB   := $(CACHE)/debian

export KEYTURN_MOTO_SERVER ?= $(VENV)/bin/moto_server
export KEYTURN_NODE_MODULES ?= $(JS)/node_modules
export KEYTURN_DEBIAN_AWS ?= $(DEB)/root
export PATH := $(VENV)/bin:$(PATH)

help: ## List the targets
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

build: ## Build bin/keyturn
	CGO_ENABLED=0 go build -trimpath -o bin/keyturn ./cmd/keyturn

demo: build ## Run the demo: a fleet of users rotated before your eyes against a simulated AWS
	./bin/keyturn demo

# Much of what the tests take is waiting, so one half runs beside the other; what it prints comes when it is done.
test: tools vet ## Everything that must pass: unit tests, scripts, conformance, 100,000 simulated rotations, killed and starved daemons, the race detector
	@$(MAKE) --no-print-directory -j2 test-here test-beside

test-here:
	go test -timeout 40m -p 4 -parallel 8 $$(go list ./... | grep -vE '/internal/(simulation|endtoend)$$' | grep -vxF "$$(go list $(DRAWN))")
	go test -timeout 40m -p 4 -parallel 8 $(DRAWN) $(SEED)
	go test -timeout 60m -parallel 6 -v $(SIM) -args -sim.rotations=100000 -sim.least=20 -sim.interleavings=10000 | $(QUIET)
	go test -timeout 40m -race -v -run 'TestSimulation$$' $(SIM) -args -sim.rotations=5000 | $(QUIET)

test-beside:
	@log=$$(mktemp); code=0; \
	{ $(MAKE) --no-print-directory test-endtoend && $(MAKE) --no-print-directory test-race; } >$$log 2>&1 || code=$$?; \
	cat $$log; rm $$log; exit $$code

test-endtoend:
	go test -timeout 40m -parallel 16 -v ./internal/endtoend | $(QUIET)

# without what is only long, and has no goroutines beside its own
test-race:
	go test -timeout 40m -race -skip 'TestPagesOfALongHistory|TestHistoryOfOthersCostsLittle' ./client ./internal/agent ./internal/reconcile ./internal/awscloud ./internal/store ./internal/fleet ./internal/control ./internal/daemon ./internal/engine ./internal/server
	go test -timeout 40m -race -skip TestOutageOfAMinuteHurtsNobody ./internal/credentials $(SEED)

# of a verbose run: what tests print, failures, and the closing lines
QUIET = { grep -vE '^ *(=== |--- PASS|PASS$$)' || true; }

vet: ## go vet and gofmt
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "not gofmt-ed:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	go vet ./...

lint: ## golangci-lint with .golangci.yml (built into the cache folder on first use)
	@test -x $(BIN)/golangci-lint || GOBIN=$(BIN) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
	$(BIN)/golangci-lint run ./...

soak: tools ## 1,000,000 simulated rotations; newly drawn cases; real consumers in real time; hours on a small machine
	go test -timeout 24h -v -run 'TestSimulation$$' $(SIM) -args -sim.rotations=1000000 -sim.least=200
	go test -count=1 -timeout 2h $(DRAWN) -args -rapid.checks=4000
	go test -count=1 -timeout 1h -tags soak -v -run 'TestTiming' ./internal/apikey ./internal/server
	go test -count=1 -timeout 3h -tags soak -v -run 'TestConsumers(InRealTime)?$$' ./internal/endtoend -args -consumers.rotations=100
	go test -timeout 2h -v -run 'TestTiming$$' ./internal/endtoend -args -timing.samples=200000
	$(MAKE) fuzz FUZZTIME=5m

FUZZTIME ?= 10s

fuzz: ## Fuzz every parser that sees outside bytes, FUZZTIME=10s each; what fails is kept in testdata/fuzz
	go run ./internal/fuzz -time $(FUZZTIME)

mutants: ## Switch off every rule in turn; the test that bears its name must fail
	go run ./internal/mutants

bench: build ## Measure what users wait for; writes bench/RESULTS.md
	go run ./bench

screens: build ## Capture the screens of docs/screens and the demo's film; needs tmux. Look at them yourself
	go run ./internal/screens

golden: ## Rewrite the golden files; commit them only when understood
	go test ./internal/rotation ./internal/top ./cmd/keyturn ./deploy ./internal/config ./internal/doctest -args -update

tools: $(VENV)/.ready $(JS)/.ready $(DEB)/.ready ## Set up what the tests need in the cache folder: Python with moto, boto3 and the aws CLI; the AWS SDK for JavaScript

$(VENV)/.ready: Makefile
	@if command -v python3 >/dev/null && python3 -m venv $(VENV) && \
	    $(VENV)/bin/pip install -q 'moto[server]==5.2.5' boto3 awscli 'schemathesis==4.32.5'; then touch $@; \
	else echo "NOT RUN: the conformance suite against moto, boto3, the aws CLI and schemathesis: no Python venv could be made at $(VENV)" >&2; \
	    test -z "$${CI:-}"; fi

$(JS)/.ready: internal/endtoend/testdata/js/package-lock.json
	@if command -v npm >/dev/null && mkdir -p $(JS) && cp internal/endtoend/testdata/js/package*.json $(JS) && \
	    npm ci --prefix $(JS) --ignore-scripts --no-audit --no-fund --silent; then touch $@; \
	else echo "NOT RUN: the end-to-end tests with real consumers: npm could not install the AWS SDK for JavaScript into $(JS)" >&2; \
	    test -z "$${CI:-}"; fi

# The aws CLI as Debian has it, and the libraries that it names; unpacked, and not installed.
DEBIAN_AWS := awscli $(addprefix python3-,awscrt cffi-backend colorama cryptography dateutil distro docutils jmespath prompt-toolkit \
    pyasn1 roman ruamel.yaml ruamel.yaml.clib six urllib3 wcwidth)

$(DEB)/.ready:
	@mkdir -p $(DEB)/packages $(DEB)/root && cd $(DEB)/packages && if apt-get download -qq $(DEBIAN_AWS) 2>/dev/null && \
	    for p in *.deb; do dpkg-deb -x $$p ../root || exit 1; done && \
	    PYTHONPATH=../root/usr/lib/python3/dist-packages /usr/bin/python3 ../root/usr/bin/aws --version >/dev/null 2>&1; then touch $@; \
	else rm -rf $(DEB)/root; echo "NOT RUN: Debian's aws CLI as a consumer: it can be had on Debian alone" >&2; fi

clean: ## Remove what was built
	rm -rf bin

.PHONY: help build demo test test-here test-beside test-endtoend test-race vet lint soak fuzz mutants bench screens golden tools clean
