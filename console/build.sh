#!/usr/bin/env bash
# Builds the console into console/dist, unless it is built from these very sources; with --dev serves it from its sources
# with hot reload, calls going to the Rounds at ROUNDS_API. Node is the one that deploy/node.sh finds. A registry that
# cannot be reached is no reason not to start: the API works without the page.
set -euo pipefail
cd "$(dirname "$0")"
sources() { find index.html package.json package-lock.json public scripts src tsconfig.json vite.config.ts -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1; }
if [ "${1:-}" = --force ] || [ "${1:-}" = --dev ]; then always=yes; fi
mkdir -p ../.cache
exec 9>../.cache/console.lock
flock 9 2>/dev/null || true
stamp=$(sources)
[ -z "${always:-}" ] && [ "$(cat dist/.stamp 2>/dev/null)" = "$stamp" ] && exit 0

unavailable() {
    echo "控制台未能构建（$1），API 照常可用。联网后运行：make console"
    echo "The console could not be built ($1); the API works all the same. Once there is a network: make console"
    exit 0
}
npm() { bash ../deploy/node.sh npm "$@"; }
npm --version >/dev/null || unavailable "no Node.js"
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund --loglevel=error || unavailable "npm ci"
if [ "${1:-}" = --dev ]; then
    exec 9>&-
    npm run --silent dev
    exit
fi
echo "Building the console …"
npm run --silent build
echo "$stamp" >dist/.stamp
echo "The console is built."
