#!/usr/bin/env bash
# go vet, golangci-lint (with the import rules of .golangci.yml) and gofumpt over the whole module.
set -euo pipefail
cd "$(dirname "$0")/.."
tool=(go tool -modfile=tools/go.mod)
echo "lint: go vet"
go vet ./...
echo "lint: golangci-lint (the first run builds it, about two minutes)"
"${tool[@]}" golangci-lint run ./...
echo "lint: gofumpt"
unformatted=$("${tool[@]}" gofumpt -l $(git ls-files '*.go'))
if [ -n "$unformatted" ]; then
  echo "lint: not formatted; run: go tool -modfile=tools/go.mod gofumpt -w $unformatted" >&2
  exit 1
fi
echo "lint: ok"
