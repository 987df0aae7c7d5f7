#!/usr/bin/env bash
# The long checks: the feature store against Flink's results, and against a recount of real events; then the data sets that
# stand beside the project (SHARED, default ../shared) through the whole engine, each twice: the two runs must end in the same state, and the model must
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

echo "the synthetic stream, whole, against the sums of another implementation"
SYNTHETIC=long go test -count=1 ./internal/synthetic ./internal/tools/race

echo "the crosses of the synthetic stream are found"
SYNTHETIC=long go test -count=1 -run TruePairs ./internal/crosses

echo "the curve of examination and the hidden relevance, from the clicks of the synthetic stream"
SYNTHETIC=long go test -count=1 -v -run HiddenRelevance ./internal/examination

echo "a known curve laid over the clicks of kuairand, found and undone"
OVERLAY=$(cd "$data/kuairand" && pwd) go test -count=1 -v -run CurveLaidOver ./cmd/recsvc

echo "windowed features of the shipped configurations against a recount of all raw events"
TWIN_DATA=$(cd "$data" && pwd) go test -count=1 -v -timeout 30m -run RecountOfRealData ./internal/features

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

limits=(-head click -auc 0.7372 -logloss 0.593)
replay kuairand -items "$data/kuairand/items.jsonl.gz" -users "$data/kuairand/users.jsonl.gz"

# What was captured before a replay was broken off must be what its log makes of it. By then 20 MB of log are written, the catalogue and some forty thousand events.
echo "parity of kuairand"
"$work/recsvc" replay -config configs/kuairand.yaml -items "$data/kuairand/items.jsonl.gz" -users "$data/kuairand/users.jsonl.gz" \
  -from "$data/kuairand/events.jsonl.gz" -data "$work/broken" 2>/dev/null &
replaying=$!
until [ "$(du -sk "$work/broken/log" 2>/dev/null | cut -f1)" -ge 20480 ] 2>/dev/null || ! kill -0 "$replaying" 2>/dev/null; do sleep 0.1; done
kill "$replaying"
wait "$replaying" || true
"$work/recsvc" parity -json -config configs/kuairand.yaml -data "$work/broken" >"$work/parity.json"
grep -q '"compared": [1-9]' "$work/parity.json" || {
  echo "shared-checks.sh: nothing was compared" >&2
  exit 1
}

limits=(-head click -auc 0.70)
replay trivago -items "$data/trivago/items.jsonl.gz"

echo "off-policy values of the Open Bandit logs against those of other programs"
OBD_DATA=$(cd "$data" && pwd) go test -count=1 -run OpenBanditLogs ./cmd/recsvc
