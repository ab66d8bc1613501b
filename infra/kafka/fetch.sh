#!/usr/bin/env bash
# Fetches the jars of a Kafka broker (44 MB) from Maven Central into .kafka/jars, with the Ivy that Spark ships.
# Quick and silent when they are there already; a fetch that was broken off leaves nothing behind.
set -euo pipefail
cd "$(dirname "$0")/../.."
java="${JAVA_HOME:+$JAVA_HOME/bin/}java"
if cmp -s infra/kafka/ivy.xml .kafka/jars/ivy.xml; then exit 0; fi
ivy=$(echo .venv/lib/python3*/site-packages/pyspark/jars/ivy-2*.jar)
if [ ! -f "$ivy" ]; then
  echo "Ivy comes with PySpark, which is not installed. Run 'make setup' first." >&2
  exit 1
fi
echo "fetching the jars of a Kafka broker (once, 10 to 60 seconds) …"
mkdir -p .kafka
part=$(mktemp -d .kafka/part.XXXXXX)
trap 'rm -rf "$part"' EXIT
if ! "$java" -jar "$ivy" -warn -cache "$part/cache" -ivy infra/kafka/ivy.xml -types jar bundle \
  -retrieve "$part/jars/[artifact](-[classifier])-[revision].[ext]" >"$part/log" 2>&1; then
  tail -n 20 "$part/log" >&2
  echo "The jars of a Kafka broker could not be fetched. See that Java 17 runs and Maven Central is reachable." >&2
  exit 1
fi
cp infra/kafka/ivy.xml "$part/jars/ivy.xml"
rm -rf .kafka/jars
mv "$part/jars" .kafka/jars
echo "fetched: $(find .kafka/jars -name '*.jar' | wc -l) jars."
