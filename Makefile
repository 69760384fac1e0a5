# make test is all that a change has to pass; it installs what it needs by itself.

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo development)
LINTER  := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
FUZZTIME ?= 10s
ROUNDS ?= 1
RUN ?= .

.PHONY: build test lint bench fuzz-short faults faults-cluster fault-rounds deploy chromium clean

build: ## bin/tanker
	go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/tanker ./cmd/tanker

test: lint test/sdk/node_modules/.installed test/console/node_modules/.installed chromium ## everything: lint, and all tests with the race detector
	go test -race -timeout 20m ./...

lint: ## formatting, go vet, golangci-lint with .golangci.yaml
	@unformatted=$$(gofmt -l $$(git ls-files -c -o --exclude-standard '*.go')); \
	  test -z "$$unformatted" || { echo "not formatted by gofmt:"; echo "$$unformatted"; exit 1; }
	go vet ./...
	go run $(LINTER) run ./...

bench: ## the benchmarks of the parts, then a whole Tanker under load
	go test -run '^$$' -bench . -benchmem ./...
	go run ./bench

fuzz-short: ## each fuzz target for $(FUZZTIME)
	@for file in $$(git grep -l '^func Fuzz' -- '*_test.go'); do \
	  for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$file); do \
	    echo "$$target in $$(dirname $$file)"; \
	    go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) ./$$(dirname $$file) || exit 1; \
	  done; done

# The real SDKs that tests run, and what the console's pages are checked with. Without npm these tests are left out,
# except in CI.
test/%/node_modules/.installed: test/%/package-lock.json
	@if command -v npm >/dev/null; then \
	  cd test/$* && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error && touch node_modules/.installed; \
	elif [ -n "$$CI" ]; then echo "npm is not installed: the tests need Node.js 18 or later"; exit 1; \
	else echo "npm is not installed: tests with the real SDKs are left out"; fi

# The browser that tests run in. Without it they are left out, except in CI.
chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	  if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	  elif [ -n "$$CI" ]; then echo "Chromium is not installed: the tests need it"; exit 1; \
	  else echo "Chromium is not installed: the tests in a browser are left out"; fi

faults: ## all that can go wrong, for minutes each; ROUNDS=20 repeats it, RUN=Kill selects
	go test ./test/faults -count 1 -v -timeout 24h -full -rounds $(ROUNDS) -run '$(RUN)'

faults-cluster: ## several Tankers on three NATS servers, each killed, stopped and cut off: takes a quarter of an hour
	go test ./internal/journal/clustertest -count 1 -v -timeout 1h -everything -run '$(RUN)'
	go test ./test/cluster -count 1 -v -timeout 2h -full -run '$(RUN)'

# Rows that mostly wait run side by side, and beside the others.
WAITING := TestRefinerSlow|TestStopped|TestWrongKey|TestLowerLimits|TestClock|TestTooManyRequests|TestGarbage
fault-rounds: ## as faults, in less time: ROUNDS=20 long rounds of everything, the results in bin/rounds-*.txt
	mkdir -p bin && go test -c -o bin/faults.test ./test/faults
	cd test/faults && for row in "waiting 8 -test.run=$(WAITING)" "down 3 -test.run=TestRefinerDown" \
	    "busy 2 -test.skip=$(WAITING)|TestRefinerDown"; do \
	  set -- $$row; ../../bin/faults.test -test.v -test.timeout 24h -full -rounds $(ROUNDS) -beside $$2 $$3 > ../../bin/rounds-$$1.txt 2>&1 & done; wait
	@grep -hE '^--- |^FAIL|_test.go.*(want|not after)' bin/rounds-*.txt

deploy: ## checks of what is in deploy/, with the programs that read it, as far as they are installed
	go test -count 1 ./deploy ./internal/telemetry
	cd deploy/check && go vet ./... && go test -count 1 ./...

clean:
	rm -rf bin test/sdk/node_modules test/console/node_modules
