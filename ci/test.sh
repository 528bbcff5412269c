#!/usr/bin/env bash
# Unit tests, race detector, fuzz seeds, then the container scenarios, which want the two cores for themselves.
# Called by `make test` after set-up and build. Ends with go test's own lines.
set -euo pipefail
cd "$(dirname "$0")/.."
export HOLDFAST_BIN="$PWD/bin"
# A run that cannot do what it should fails here instead of skipping.
export CI="${CI:-true}"
packages=$(go list ./... | grep -v '/scenarios$')
echo "test: unit, properties, fuzz seeds, with the race detector"
go test -race -count=1 -p 2 -timeout 30m $packages
echo "test: scenarios on real servers in containers"
go test -count=1 -timeout 45m -v ./scenarios/... 2>&1
