#!/bin/sh
# Makes sure that programs of the system are there: deploy/require.sh java maven nginx mariadb-server chromium fonts-noto-cjk
# As root on Debian or Ubuntu a missing one is installed; otherwise the command that would is printed, with exit code 1.
set -eu

# Java counts from 17 on: Kafka needs it.
present() {
    case "$1" in
        java)
            command -v java >/dev/null 2>&1 || return 1
            major=$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p' | head -n 1)
            [ "${major:-0}" -ge 17 ]
            ;;
        python3-venv) python3 -c 'import ensurepip' 2>/dev/null ;;
        maven) command -v mvn >/dev/null 2>&1 ;;
        # Run, not only found: Ubuntu has a script of that name which asks for a snap.
        chromium)
            chromium --version >/dev/null 2>&1 || chromium-browser --version >/dev/null 2>&1 ||
                google-chrome --version >/dev/null 2>&1
            ;;
        mariadb-server) command -v mariadbd >/dev/null 2>&1 || [ -x /usr/sbin/mariadbd ] ;;
        fonts-noto-cjk) find /usr/share/fonts -name 'NotoSansCJK*' 2>/dev/null | grep -q . ;;
        nginx) command -v nginx >/dev/null 2>&1 || [ -x /usr/sbin/nginx ] ;;
        *) command -v "$1" >/dev/null 2>&1 ;;
    esac
}

# A package that apt knows and that can be installed.
available() {
    LC_ALL=C apt-cache policy "$1" 2>/dev/null | grep -q 'Candidate: [0-9]'
}

# Debian 12 and Ubuntu 22.04/24.04 have Java 17, Debian 13 has 21 and 25.
package() {
    case "$1" in
        java)
            for version in 17 21 25; do
                if available "openjdk-$version-jre-headless"; then
                    echo "openjdk-$version-jre-headless"
                    return
                fi
            done
            # No package lists yet.
            if grep -q trixie /etc/os-release; then echo openjdk-21-jre-headless; else echo openjdk-17-jre-headless; fi
            ;;
        chromium) if available chromium || ! available chromium-browser; then echo chromium; else echo chromium-browser; fi ;;
        *) echo "$1" ;;
    esac
}

missing=""
for name in "$@"; do
    present "$name" || missing="$missing $name"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "Missing:$missing. This is neither Debian nor Ubuntu: install them (Java from 17 on), and start again." >&2
    exit 1
fi

if [ "$(id -u)" -eq 0 ]; then
    apt-get update -q
fi
packages=""
for name in $missing; do
    packages="$packages $(package "$name")"
done

if [ "$(id -u)" -ne 0 ]; then
    echo "Missing:$missing. Run this, and start again:" >&2
    echo "    sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends$packages'" >&2
    exit 1
fi

# shellcheck disable=SC2086 # one word per package
DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $packages

for name in $missing; do
    # These packages start a server on its usual port, which nobody asked for: Rounds and its tests run their own.
    case "$name" in
        nginx) service=nginx ;;
        mariadb-server) service=mariadb ;;
        *) service="" ;;
    esac
    if [ -n "$service" ] && [ -d /run/systemd/system ]; then
        systemctl disable --now "$service" >/dev/null 2>&1 || true
    fi
    if ! present "$name"; then
        echo "$name was installed but is still not found" >&2
        exit 1
    fi
done
