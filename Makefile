# Holdfast's targets. `make demo` and `make test` are all that a new user needs.
SHELL := /bin/bash
BIN   := bin
GO    := go
TOOL  := $(GO) tool -modfile=tools/go.mod
# Static, so that the same files run on this machine and in the lab's containers.
BUILD := CGO_ENABLED=0 $(GO) build -trimpath
MAINS := daemons/cmd/holdfast-broker daemons/cmd/holdfast-agent harness/cmd/holdfast harness/cmd/holdfast-attendant \
         harness/cmd/holdfast-probe faults/cmd/holdfast-faultfs fixtures/standin/cmd/holdfast-standin
FUZZTIME ?= 10m

export PATH := $(PATH):/usr/local/go/bin:/usr/sbin:/sbin

.PHONY: help setup build images demo test test-short test-long mutants fuzz lint rpc-table bench clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

setup: ## what a fresh Debian 12 needs: packages, Go, a Docker engine
	@ci/setup.sh

build: setup ## the daemons and the harness, static, in bin/
	@mkdir -p $(BIN)
	@for m in $(MAINS); do $(BUILD) -o $(BIN)/$$(basename $$m) ./$$m || exit 1; done
	@$(BUILD) -o $(BIN)/holdfast-engine ./fixtures/engine

images: build ## the container image of the lab
	@$(BIN)/holdfast images

demo: images ## hang the storage under one host, on NFS and on iSCSI, and show what happens
	@$(BIN)/holdfast run scenarios/hang_write_nfs.txt scenarios/hang_write_iscsi.txt --out runs/demo-$$(date +%Y%m%d-%H%M%S)

test: images ## everything that CI runs: unit, race, fuzz seeds, container scenarios
	@ci/test.sh

test-short: ## what needs no Docker, no FUSE and no root
	@$(GO) test ./...

test-long: images ## race detector 1,000 times, scenarios that take minutes, mutants, fuzzing
	@ci/test-long.sh

mutants: images ## each known defect put back must make its scenario fail
	@HOLDFAST_BIN=$(CURDIR)/$(BIN) HOLDFAST_MUTANTS=all $(GO) test -count=1 -timeout 60m -run 'Mutant' -v ./scenarios/...

fuzz: ## each fuzz target for FUZZTIME (default 10m)
	@ci/fuzz.sh $(FUZZTIME)

lint: setup ## go vet, golangci-lint with the import rules, gofumpt
	@ci/lint.sh

rpc-table: images ## how fast each method answers under each fault, measured from outside
	@ci/rpctable.sh

bench: images ## speed and memory, as a table and as JSON in bench.json
	@ci/bench.sh

clean: ## built files; clusters that a killed harness left
	@if [ -x $(BIN)/holdfast ]; then $(BIN)/holdfast gc; fi
	@rm -rf $(BIN) bench.json
