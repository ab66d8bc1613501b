#!/usr/bin/env bash
# Sees to Java 17 or newer: installs Debian's package when it may, otherwise says what to do.
set -euo pipefail
java_major() { "${JAVA_HOME:+$JAVA_HOME/bin/}java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1; }
major=$(java_major 2>/dev/null || true)
if [ -n "$major" ] && [ "$major" -ge 17 ]; then exit 0; fi
if command -v apt-get >/dev/null; then
  as_root=""
  if [ "$(id -u)" -ne 0 ]; then
    if sudo -n true 2>/dev/null; then as_root="sudo -n"; else as_root="none"; fi
  fi
  if [ "$as_root" != "none" ]; then
    echo "installing Java 17 (Debian's openjdk-17-jre-headless) …"
    $as_root apt-get update -qq && $as_root apt-get install -y -qq openjdk-17-jre-headless >/dev/null && exit 0
  fi
fi
cat >&2 <<TEXT
Spark needs Java 17 or newer, found: ${major:-none}.
  Debian, Ubuntu:  sudo apt-get install openjdk-17-jre-headless
  macOS:           brew install openjdk@17
  or set JAVA_HOME to a Java 17, then run this command again.
TEXT
exit 1
