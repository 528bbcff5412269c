#!/usr/bin/env bash
# What takes too long for every push: the race detector 1,000 times over lane, mailbox and broker core, then fuzzing.
set -euo pipefail
cd "$(dirname "$0")/.."
RUNS="${RUNS:-1000}"
echo "test-long: race detector, $RUNS runs over the unit tests of lane, mailbox and broker core"
go test -race -count="$RUNS" -timeout 6h ./daemons/lane
# Three cases of each property a run: over all runs that is 30 times what one run of the unit tests does.
go test -race -count="$RUNS" -timeout 6h ./daemons/broker -rapid.checks=3
export HOLDFAST_BIN="$PWD/bin" CI="${CI:-true}"
echo "test-long: scenarios that take minutes"
HOLDFAST_LONG=1 go test -count=1 -timeout 90m -run LongScenarios -v ./scenarios/...
echo "test-long: mutants"
HOLDFAST_MUTANTS=all go test -count=1 -timeout 90m -run Mutant -v ./scenarios/...
ci/fuzz.sh "${FUZZTIME:-10m}"
