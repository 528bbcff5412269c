#!/usr/bin/env bash
# Every fuzz target of the module for the given time (default 10m).
set -euo pipefail
cd "$(dirname "$0")/.."
time="${1:-10m}"
grep -rlE '^func Fuzz' --include='*_test.go' . | while read -r file; do
  dir=$(dirname "$file")
  grep -oE '^func Fuzz[A-Za-z0-9_]+' "$file" | awk '{print $2}' | while read -r target; do
    echo "fuzz: $dir $target for $time"
    go test -run '^$' -fuzz "^${target}\$" -fuzztime "$time" -fuzzminimizetime 10x "$dir"
  done
done
