#!/usr/bin/env bash
# Stops the broker that kafka-start.sh started with the same KAFKA_PORT or KAFKA_HOME_DIR; with KAFKA_WIPE=1 its
# data and log go too. No broker running is no error.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/kafka-env.sh
. "$here/kafka-env.sh"

if pid=$(broker_pid); then
  kill "$pid"
  for ((tenths = 0; tenths < 200; tenths++)); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  if kill -0 "$pid" 2>/dev/null; then
    note "pid $pid did not end within 20 s: killing it"
    kill -KILL "$pid"
  fi
  note "stopped pid $pid"
else
  note "no broker of $KAFKA_HOME_DIR is running"
fi
rm -f "$pidfile"
if [ "${KAFKA_WIPE:-0}" = 1 ]; then rm -rf -- "$KAFKA_HOME_DIR"; fi
