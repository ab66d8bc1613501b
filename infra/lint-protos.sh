#!/usr/bin/env bash
# Lints the protos with buf from npm, and checks that clients of every released schema can still talk to this one.
# Without npm it says so; the tests check comments, treatments and released requests in any case.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v npm >/dev/null; then
  echo "npm is not installed: buf lint and buf breaking left out (apt-get install npm)."
  exit 0
fi
if [ ! -x .tools/node_modules/.bin/buf ]; then
  npm install --silent --no-save --no-package-lock --ignore-scripts --prefix .tools @bufbuild/buf@1.75.0 >/dev/null
fi
.tools/node_modules/.bin/buf lint protos
for released in protos/released/*.binpb; do
  .tools/node_modules/.bin/buf breaking protos --against "$released"
done
