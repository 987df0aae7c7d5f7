# Shared by kafka-start.sh and kafka-stop.sh (sourced, not run): where the test broker lives and how to find it.
#
#   KAFKA_PORT       port that clients use                       (29092)
#   KAFKA_CTRL_PORT  port of the KRaft controller                (KAFKA_PORT + 1)
#   KAFKA_HOME_DIR   configuration, data, log and pid            ($TMPDIR/recsvc-kafka-$KAFKA_PORT)
#   KAFKA_JARS       where the jars are kept between runs        (~/.cache/recsvc/kafka-jars)
#   KAFKA_HEAP       heap of the broker's JVM                    (512m)
#   KAFKA_TIMEOUT    seconds that the broker may take to start   (60)
# shellcheck shell=bash disable=SC2034 # the variables are read by the scripts that source this file

KAFKA_PORT=${KAFKA_PORT:-29092}
KAFKA_CTRL_PORT=${KAFKA_CTRL_PORT:-$((KAFKA_PORT + 1))}
KAFKA_HOME_DIR=${KAFKA_HOME_DIR:-${TMPDIR:-/tmp}/recsvc-kafka-$KAFKA_PORT}
KAFKA_JARS=${KAFKA_JARS:-${XDG_CACHE_HOME:-$HOME/.cache}/recsvc/kafka-jars}
KAFKA_HEAP=${KAFKA_HEAP:-512m}
KAFKA_TIMEOUT=${KAFKA_TIMEOUT:-60}
conf=$KAFKA_HOME_DIR/server.properties
pidfile=$KAFKA_HOME_DIR/pid

note() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
fail() {
  note "$*"
  exit 1
}

# broker_pid prints the id of this folder's broker when it is alive. A stale pid file whose number another
# program has got since is recognised: the command line must name our configuration.
broker_pid() {
  local pid
  pid=$(cat "$pidfile" 2>/dev/null) || return 1
  [ -n "$pid" ] || return 1
  ps -o args= -ww -p "$pid" 2>/dev/null | grep -qF "kafka.Kafka $conf" || return 1
  printf '%s\n' "$pid"
}
