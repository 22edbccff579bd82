# Every target works in a fresh clone with Go and make; Go fetches the modules by itself.
# `make help` lists the targets.

GO        ?= go
PKG       ?= ./...
BENCH     ?= .
COUNT     ?= 6
FUZZTIME  ?= 30s
PLATFORMS ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 freebsd/amd64 freebsd/arm64 windows/amd64 windows/arm64

# 1: what a test needs and does not find is a failure, not a skip. CI sets it.
WEIR_REQUIRE_CLIENTS ?=
export WEIR_REQUIRE_CLIENTS

PEERS   = bench/peers
CLIENTS = engine/testdata/clients

# The tests that talk to clients which are not ours live in packages of this name. They run on their own, verbosely,
# so that what is skipped is read by name.
CLIENT_TESTS = $(shell $(GO) list ./... | grep '/clienttest$$')
OTHER_TESTS  = $(shell $(GO) list ./... | grep -v '/clienttest$$')

.PHONY: help build run test test-race test-invariants test-facts test-peers test-clients test-docs
.PHONY: vet fmt-check check bench bench-peers million fuzz soak clients clean storm

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

build: ## build bin/weir
	$(GO) build -o bin/weir ./cmd/weir

run: build ## build bin/weir and start `weir serve` (ARGS='--listen 127.0.0.1:9000' ...)
	@exec ./bin/weir serve $(ARGS)

test: test-race test-invariants test-facts test-peers test-clients ## all tests: with -race, with -tags invariants, the facts, the real clients

# The race detector needs a C compiler. Without one the tests run all the same, and it is said.
test-race: ## tests under the race detector
	@if command -v "$$($(GO) env CC | cut -d ' ' -f 1)" >/dev/null; then race=-race; \
	elif [ "$$WEIR_REQUIRE_CLIENTS" = 1 ]; then echo "make test: there is no C compiler, and -race needs one" >&2; exit 1; \
	else race=; echo "make test: there is no C compiler, so the race detector is left out"; fi; \
	echo "$(GO) test $$race ./..."; $(GO) test $$race -timeout 8m $(OTHER_TESTS)

test-invariants: ## tests with poisoned buffers and views (-tags invariants)
	@echo "$(GO) test -tags invariants ./..."; $(GO) test -tags invariants -timeout 8m $(OTHER_TESTS)

# Allocation counts and sizes are those of the program that ships: no race detector, no invariants. The names of tests
# that only run here match FACTS; docs/facts_test.go sees to it.
FACTS = Alloc|Size|Inline
test-facts: ## allocation counts and sizes, as they are in production
	$(GO) test -run '$(FACTS)' ./codec/... ./poller/... ./pool/... ./engine/... ./bench

test-clients: clients ## tests with real clients and servers: ws, Node, Bun, gorilla, coder, Python's websockets, Chromium, nginx
	@if [ -z "$(CLIENT_TESTS)" ]; then echo "make test: there are no tests with real clients" >&2; [ "$$WEIR_REQUIRE_CLIENTS" != 1 ]; exit; fi; \
	mkdir -p bin; echo "$(GO) test -v $(CLIENT_TESTS)"; \
	if $(GO) test -count=1 -v -timeout 8m $(CLIENT_TESTS) >bin/clients.log 2>&1; then \
		awk '/--- SKIP/ { print; print why } /^--- PASS|^ok/ { print } { why = $$0 }' bin/clients.log; \
	else cat bin/clients.log; exit 1; fi

test-peers: ## tests of the comparison, which is a module of its own
	cd $(PEERS) && $(GO) test ./...

test-docs: ## the tests that hold the tree to its documents
	$(GO) test -count=1 ./docs

clients: ## install the npm packages that the real-client tests use
	@if ! command -v npm >/dev/null; then why='npm is not here'; \
	elif ! $(MAKE) -s $(CLIENTS)/node_modules/.package-lock.json; then why='npm failed'; \
	else exit 0; fi; \
	echo "make clients: $$why, and the tests with ws and Bun from npm need it" >&2; [ "$$WEIR_REQUIRE_CLIENTS" != 1 ]

$(CLIENTS)/node_modules/.package-lock.json: $(CLIENTS)/package.json $(CLIENTS)/package-lock.json
	@echo 'npm ci in $(CLIENTS)'; cd $(CLIENTS) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error

fmt-check:
	@bad=$$("$$($(GO) env GOROOT)/bin/gofmt" -l .) || exit 1; [ -z "$$bad" ] || { echo "gofmt would change:"; echo "$$bad"; exit 1; }

vet: fmt-check ## gofmt, go vet for every platform, staticcheck, go mod tidy -diff
	@for p in $(PLATFORMS); do \
		echo "go vet $$p"; GOOS=$${p%/*} GOARCH=$${p#*/} $(GO) vet ./... || exit 1; \
	done
	$(GO) vet -tags invariants ./...
	$(GO) tool staticcheck ./...
	$(GO) tool staticcheck -tags invariants ./...
	$(GO) mod tidy -diff
	@if [ -f $(PEERS)/go.mod ]; then cd $(PEERS) && echo "go vet $(PEERS)" && $(GO) vet ./... && $(GO) mod tidy -diff; fi

check: vet test ## what CI runs: vet, test, 10 s of each fuzz target, 20 s of soak, the document tests
	@$(MAKE) --no-print-directory fuzz FUZZTIME=10s
	@$(MAKE) --no-print-directory soak SOAKTIME=20s
	@$(MAKE) --no-print-directory test-docs

bench: ## micro-benchmarks: BENCH=regexp COUNT=n PKG=./codec; BASE=old.txt compares with an earlier run
	@mkdir -p bin
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) $(PKG) | tee bin/bench.txt
	@! grep -q '^FAIL' bin/bench.txt
	$(GO) tool benchstat $(BASE) bin/bench.txt

bench-peers: ## weir beside other servers, interleaved; writes docs/benchmarks.md (ARGS='--rounds 5 --notes notes.md' ...)
	cd $(PEERS) && $(GO) run ./compare $(ARGS)

million: ## a million connections to one weir, in a guest kernel where need be (CONNS=50000, ARGS='--budget 300 --json' ...)
	CGO_ENABLED=0 $(GO) build -o bin/static/weir ./cmd/weir
	@exec bin/static/weir bench million $(if $(CONNS),--conns $(CONNS)) $(ARGS)

STORMTIME ?= 1m
storm: ## topics under the race detector for STORMTIME in each mode, and beside 1000 stalled readers
	WEIR_STORM=$(STORMTIME) WEIR_STALLED=1000 $(GO) test -race -count=1 -v -timeout 1h -run 'TopicStorm|Hostile58Stalled' ./engine

# A target's failure either leaves the input that failed in testdata/fuzz, or is the toolchain's race at the end of
# -fuzztime (go.dev/issue/75804: "context deadline exceeded" and nothing else, mended in Go 1.27); that one runs again.
# Inputs that reach new code are minimized by a hundred tries and not for a minute, which would be all of a short run.
fuzz: ## every fuzz target for FUZZTIME each (FUZZ=regexp picks some)
	@mkdir -p bin
	@for f in $$(find . \( -name testdata -o -name node_modules -o -path ./$(PEERS) \) -prune -o -name '*_test.go' -print | sort); do \
		for t in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$$f" | grep -E '$(FUZZ)'); do \
			for try in 1 2 3; do \
				echo "fuzz $$t $$(dirname "$$f") $(FUZZTIME)"; \
				if $(GO) test -run '^$$' -fuzz "^$$t\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 100x "./$$(dirname "$$f")" >bin/fuzz.log 2>&1; then \
					grep '^fuzz: ' bin/fuzz.log | tail -n 1; break; \
				fi; \
				if [ $$try = 3 ] || grep -q 'Failing input written' bin/fuzz.log || ! grep -q '^ *context deadline exceeded$$' bin/fuzz.log; then \
					cat bin/fuzz.log; exit 1; \
				fi; \
			done; \
		done; \
	done

SOAKTIME ?= 2m
soak: ## churn, stalled readers, panics and lost packets for SOAKTIME, and what is left of them
	$(GO) test ./engine -count=1 -timeout 0 -run '^TestSoak$$' -soak $(SOAKTIME) -v

clean: ## remove what was built
	rm -rf bin $(PEERS)/bin
