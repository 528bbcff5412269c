#!/usr/bin/env bash
# How fast each RPC method answers under each fault, measured by a process outside the broker: p50 / p99 / longest, in milliseconds.
# Runs scenarios/rpc one after the other and keeps the run directories.
set -euo pipefail
cd "$(dirname "$0")/.."
out="${OUT:-runs/rpc-$(date +%Y%m%d-%H%M%S)}"
runs=()
for name in writes_hung reads_hung all_hung sanlock_frozen vdsm_frozen smtp_frozen; do
  bin/holdfast run "scenarios/rpc/$name.txt" --out "$out/$name" || true # the table says which claims broke
  runs+=("$out/$name")
done
go run ./harness/cmd/holdfast-bench --rpc-table host2 "${runs[@]}"
