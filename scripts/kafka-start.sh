#!/usr/bin/env bash
# Starts a real one-node Kafka (KRaft) on loopback for the tests and prints its address:
#
#   export KAFKA_BROKERS=$(scripts/kafka-start.sh)
#   make test
#   scripts/kafka-stop.sh
#
# It needs Java 17 or later and, the first time, Maven, which fetches the jars named in kafka-pom.xml. Started
# twice, it prints the address again. The variables it reads stand in kafka-env.sh.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/kafka-env.sh
. "$here/kafka-env.sh"

# fetch_jars fills $KAFKA_JARS/<checksum of the pom>, so that a new version in the pom is fetched by itself. The
# folder gets its name only when it is complete: a broken download is never used.
fetch_jars() {
  jars=$KAFKA_JARS/$(cksum <"$here/kafka-pom.xml" | cut -d' ' -f1)
  [ ! -d "$jars" ] || return 0
  command -v mvn >/dev/null || fail "Maven is needed once, to fetch the broker"
  mkdir -p "$KAFKA_JARS"
  local part
  part=$(mktemp -d "$KAFKA_JARS/part.XXXXXX")
  note "fetching the broker through Maven into $jars"
  if ! mvn -B -q -f "$here/kafka-pom.xml" dependency:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$part" >"$part.log" 2>&1; then
    tail -n 20 "$part.log" >&2
    rm -rf "$part"
    fail "Maven failed, see $part.log"
  fi
  rm -f "$part.log"
  if [ -d "$jars" ]; then rm -rf "$part"; else mv "$part" "$jars"; fi # two at once: one's jars are as good
}

write_conf() {
  cat >"$conf" <<CONF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$KAFKA_CTRL_PORT
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:$KAFKA_PORT,CONTROLLER://127.0.0.1:$KAFKA_CTRL_PORT
advertised.listeners=PLAINTEXT://127.0.0.1:$KAFKA_PORT
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$KAFKA_HOME_DIR/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=16777216
log.segment.bytes=67108864
num.network.threads=2
num.io.threads=2
CONF
}

# run_java becomes a JVM with the broker's class path; quick compilation is worth more than peak speed here.
run_java() {
  exec java -XX:TieredStopAtLevel=1 -XX:+ExitOnOutOfMemoryError -Djava.awt.headless=true -cp "$jars/*" \
    -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info "$@"
}

format_storage() {
  [ ! -e "$KAFKA_HOME_DIR/data/meta.properties" ] || return 0
  local id
  id=$(head -c 16 /dev/urandom | base64 | tr '+/' 'ab' | tr -d '=') # one that begins with - would be taken for an option
  (run_java -Xmx256m kafka.tools.StorageTool format --cluster-id "$id" --config "$conf") \
    >"$KAFKA_HOME_DIR/format.log" 2>&1 || fail "cannot format the storage, see $KAFKA_HOME_DIR/format.log"
}

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

command -v java >/dev/null || fail "Java 17 or later is needed"
mkdir -p "$KAFKA_HOME_DIR"
if pid=$(broker_pid); then
  note "runs already, pid $pid"
  echo "127.0.0.1:$KAFKA_PORT"
  exit 0
fi
for port in "$KAFKA_PORT" "$KAFKA_CTRL_PORT"; do
  ! answers "$port" || fail "port $port is taken: set KAFKA_PORT"
done

fetch_jars
write_conf
format_storage

# The broker holds none of the caller's files open (`$(kafka-start.sh)` must not wait for it) and ignores the
# terminal's interrupts: kafka-stop.sh ends it.
log=$KAFKA_HOME_DIR/server.log
: >"$log"
(
  trap '' INT HUP
  run_java -Xms"$KAFKA_HEAP" -Xmx"$KAFKA_HEAP" kafka.Kafka "$conf"
) </dev/null >"$log" 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
echo "$!" >"$pidfile"

for ((tenths = 0; tenths < KAFKA_TIMEOUT * 10; tenths++)); do
  if grep -q 'Kafka Server started' "$log" && answers "$KAFKA_PORT"; then
    note "ready after $((tenths / 10)).$((tenths % 10)) s, pid $(cat "$pidfile"), log $log"
    echo "127.0.0.1:$KAFKA_PORT"
    exit 0
  fi
  if ! kill -0 "$!" 2>/dev/null; then
    tail -n 30 "$log" >&2
    rm -f "$pidfile"
    fail "the broker ended while it started, see $log"
  fi
  sleep 0.1
done
tail -n 30 "$log" >&2
"$here/kafka-stop.sh"
fail "the broker was not ready within $KAFKA_TIMEOUT s, see $log"
