#!/usr/bin/env bash
# The long checks: the feature store against Flink's results, then the data sets that stand beside the project (SHARED,
# default ../shared) through the whole engine, each twice: the two runs must end in the same state, and the model must
# be as good as it has been.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
data=${SHARED:-../shared}/data
[ -d "$data" ] || {
  echo "shared-checks.sh: no folder $data: set SHARED" >&2
  exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go build -o "$work/recsvc" ./cmd/recsvc
go build -o "$work/replaycheck" ./internal/tools/replaycheck

echo "windows, rings and patterns of two million events against Flink's"
STREAM=long go test -count=1 ./internal/tools/stream

# replay NAME [FLAG…] replays $data/NAME twice with the configuration that is shipped for it, then gives the reports to
# replaycheck with the limits in $limits.
replay() {
  local name=$1 run
  shift
  echo "replaying $name"
  for run in 1 2; do
    "$work/recsvc" replay -json -config "configs/$name.yaml" "$@" -from "$data/$name/events.jsonl.gz" >"$work/$name.$run.json"
  done
  "$work/replaycheck" "${limits[@]}" "$work/$name.1.json" "$work/$name.2.json"
}

limits=(-head click -auc 0.731 -logloss 0.597)
replay kuairand -items "$data/kuairand/items.jsonl.gz" -users "$data/kuairand/users.jsonl.gz"

limits=(-head click -auc 0.70)
replay trivago -items "$data/trivago/items.jsonl.gz"
