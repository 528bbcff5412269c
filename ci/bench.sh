#!/usr/bin/env bash
# Speed and memory of the daemons: a table, and bench.json.
set -euo pipefail
cd "$(dirname "$0")/.."
go run ./harness/cmd/holdfast-bench --bin bin --out bench.json
echo "written: bench.json"
