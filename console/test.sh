#!/usr/bin/env bash
# Holds the console to its word: lock, generated types, lint, units, two builds that are the same, sizes, and the pages in
# Chromium against a platform that the tests start. CONSOLE_ARGS go to Playwright: CONSOLE_ARGS=e2e/tasks.spec.ts
# Node must be on the PATH: bash deploy/node.sh bash console/test.sh
# CONSOLE_FULL=1 runs what is sampled otherwise to its whole extent.
set -euo pipefail
cd "$(dirname "$0")"
bash build.sh
[ -x node_modules/.bin/playwright ] || npm ci --no-audit --no-fund --loglevel=error

step() {
    echo "console: $1"
    shift
    "$@"
}
again=$PWD/../build/console-again
same_twice() {
    node_modules/.bin/vite build --outDir "$again" --emptyOutDir --logLevel error
    diff -r --exclude='*.gz' --exclude=.stamp dist "$again"
}
no_address() { ! grep -n '"resolved"' package-lock.json; }

step "the lock names no address" no_address
step "types are those of the API" node --run types:check
step "lint" node --run lint
step "types" node_modules/.bin/tsc --noEmit
step "units" node --run test
step "a second build is the same" same_twice
step "sizes" node --run sizes
# shellcheck disable=SC2086 # several arguments
step "in the browser" node_modules/.bin/playwright test ${CONSOLE_ARGS:-}
