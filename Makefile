# The tools are the go command and, for the tests with real clients and servers, Debian's packages: see test/install-peers.sh.

GOLANGCI := v2.15.0
BIN      := $(CURDIR)/bin
CROSS    := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 freebsd/amd64 freebsd/arm64

# What `make run` forwards; without DEST it is the demo, which takes another port than LISTEN unless that is given.
SHOWN := $(LISTEN)
PORT   = 80
LISTEN = 3000

.DEFAULT_GOAL := build
.PHONY: help build run test race lint cross conformance conformance-full peers havoc survive attack bench profile clean install-peers lab FORCE

help: ## show this list
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

build: $(patsubst cmd/%,bin/%,$(filter-out cmd/internal,$(wildcard cmd/*))) ## build every command into bin/ (the default)

bin/%: FORCE
	CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o $@ ./cmd/$*

run: bin/tcpproxy bin/tcpproxy-top ## try it and watch it, or make run DEST=example.org PORT=80 LISTEN=3000 [FLAGS=...]
	$< $(FLAGS) $(if $(DEST),$(DEST) $(PORT) $(LISTEN),--show $(SHOWN))

# Every test runs each time: the go command does not see that a test builds the program, and would show what an older one did.
test: install-peers conformance ## run all tests, real clients and servers among them
	go test -count 1 -timeout 10m ./...

race: install-peers ## run all tests under the race detector
	go test -race -count 1 -timeout 15m ./...

conformance: build ## run the black-box tester on the proxy, in its short form
	bin/test-proxy --phase 1,2,3,4,5,6 --many 500 --jobs 2 bin/tcpproxy
	bin/test-proxy --phase 7 --many 500 --jobs 2 'bin/tcpproxy --survive'

conformance-full: build ## the same with thousands of connections, 4 GiB in one, and all of it with --survive, too
	mkdir -p test/out
	bin/test-proxy --phase 1,2,3,4,5,6 --huge --many 4000 --json test/out/conformance.json --junit test/out/conformance.xml bin/tcpproxy
	bin/test-proxy --huge --many 4000 --kills 50 --json test/out/conformance-survive.json --junit test/out/conformance-survive.xml \
		'bin/tcpproxy --survive --max-restarts 1000'

peers: install-peers ## run the tester on other forwarders too, and write test/conformance/PEERS.md
	go run ./test/conformance/peers

havoc: ## kill actors at random under load: make havoc SEED=n
	HAVOC_SEED=$(SEED) go test -race -count 1 -run Havoc -v ./test

survive: install-peers ## kill the process under load, some 20 minutes: make survive [SURVIVE_SEED=n]
	SURVIVE=full SURVIVE_SEED=$(SURVIVE_SEED) go test -count=1 -timeout 60m -v ./test/survive

attack: install-peers ## the attacks in their long form, some minutes: make attack [ATTACK_SEED=n]
	ATTACK=full ATTACK_SEED=$(ATTACK_SEED) go test -count 1 -timeout 30m -v ./test/attack

bench: ## measure against HAProxy, nginx and io.Copy: make bench [WORK=rtt] [ROUNDS=3]
	go build -o bin/bench ./test/bench
	bin/bench $(if $(WORK),--work '$(WORK)') $(if $(ROUNDS),--rounds $(ROUNDS))

lab: bin/tcpproxy bin/supervision-lab ## experiments on supervision, the quick set: leaves bin/lab/report.html
	bin/supervision-lab run --quick --out bin/lab

PROFILED = rtt-1 rtt-64 churn bulk-up-1 bulk-down-1 idle
profile: ## leave CPU, heap and trace profiles of each kind of work in test/out/profile
	go build -o bin/bench ./test/bench
	CGO_ENABLED=0 go build -tags profile -o bin/tcpproxy-profile ./cmd/tcpproxy
	for w in $(PROFILED); do \
		mkdir -p test/out/profile/$$w && \
		TCPPROXY_PROFILE=$(CURDIR)/test/out/profile/$$w bin/bench --work "$$w$$" --peers tcpproxy --rounds 1 \
			--tcpproxy bin/tcpproxy-profile --out test/out/profile/$$w || true; \
	done

install-peers: # install what the tests talk to, where that may be done
	@test/install-peers.sh

lint: bin/golangci-lint-$(GOLANGCI) ## check style, comments and the direction of imports
	$< run ./...

bin/golangci-lint-$(GOLANGCI):
	GOBIN=$(BIN) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI)
	mv bin/golangci-lint $@

cross: $(CROSS) ## build the proxy for every system and processor supported, and vet it for every system

.PHONY: $(CROSS)
$(CROSS):
	GOOS=$(@D) GOARCH=$(@F) CGO_ENABLED=0 go build -o /dev/null ./cmd/tcpproxy ./cmd/tcpproxy-top
	$(if $(filter amd64,$(@F)),GOOS=$(@D) GOARCH=$(@F) CGO_ENABLED=0 go vet ./cmd/tcpproxy ./cmd/tcpproxy-top ./actors/... ./messages/...)

clean: ## remove what the other targets made
	rm -rf bin test/out
