# Read with `.` by bin/test and bin/demo: what both need from the machine before they can start.
# Needs $root, the checkout. Everything made here lies in $cache; what lies outside of it is written down with `made`.
# shellcheck shell=sh
# shellcheck disable=SC2154 # root and logs are set by who reads this file

become_root() {
    # packages, an engine and the hosts' images need root; a user's own settings come along
    [ "$(id -u)" != 0 ] || return 0
    command -v sudo >/dev/null 2>&1 || { echo "$0: run this as root, or install sudo" >&2; exit 2; }
    settings=$(env | grep -E '^(https?_proxy|HTTPS?_PROXY|no_proxy|NO_PROXY|PIP_|UV_|SSL_CERT_FILE=|DOCKER_HOST=|CI=|BIN_TEST_|MLFLOW_TEST_)' || :)
    PYENV_ROOT=${PYENV_ROOT:-$HOME/.pyenv}
    oldifs=$IFS
    IFS='
'
    # shellcheck disable=SC2086 # one word a line is what is wanted here
    set -- sudo env "PYENV_ROOT=$PYENV_ROOT" $settings "$0" "$@"
    IFS=$oldifs
    exec "$@"
}

set_up_environment() {
    cache=${XDG_CACHE_HOME:-$HOME/.cache}/mlops.mlflow
    mkdir -p "$cache"
    # a checkout has its own link in the cache, so that two of them can use one cache
    collections=$cache/collections/$(printf %s "$root" | cksum | cut -d' ' -f1)
    mkdir -p "$collections/ansible_collections/mlops"
    ln -sfn "$root" "$collections/ansible_collections/mlops/mlflow"
    # nothing is written into the checkout, where Python would keep what it compiled; without it, each of a thousand starts would compile Ansible
    export PYTHONPYCACHEPREFIX="$collections/bytecode" NO_COLOR=1 PY_COLORS=0 ANSIBLE_FORCE_COLOR=0
    # root may read a checkout that is a user's
    export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0="$root"
    # a site's own CA is in the machine's bundle, which pip and uv do not read by themselves
    bundle=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
    # a weak resolver or proxy drops the burst of 50 connections that uv opens by default
    export UV_CONCURRENT_DOWNLOADS=8 UV_HTTP_RETRIES=10
    export UV_SYSTEM_CERTS=1 UV_CACHE_DIR="$cache/uv" UV_PYTHON_DOWNLOADS=never PIP_DISABLE_PIP_VERSION_CHECK=1
    export DEBIAN_FRONTEND=noninteractive MLFLOW_TEST_CACHE="$cache"
}

# made KIND NAME: bin/demo removes again what it made, and nothing that was there before
made() {
    [ -z "${made_list:-}" ] || grep -qxF "$1 $2" "$made_list" 2>/dev/null || echo "$1 $2" >> "$made_list"
}

say() {
    printf '%s\n' "$*"
}

seconds() {
    date +%s
}

# set_up NAME FUNCTION...: a step that everything after it needs; its output goes to a log, which is shown when it fails
set_up() {
    step_name=$1
    step_log=$logs/set-up-$(printf %s "$step_name" | tr -c '[:alnum:]\n' '-').log
    shift
    step_start=$(seconds)
    said=
    if "$@" > "$step_log" 2>&1; then
        printf '  set-up  %-34s %5s s  %s\n' "$step_name" "$(($(seconds) - step_start))" "$said"
        return 0
    fi
    printf '  FAILED  %-34s %5s s\n' "$step_name" "$(($(seconds) - step_start))"
    show_log "$step_log"
    return 1
}

show_log() {
    tail -n 60 "$1" | cut -c1-700 | sed 's/^/    | /'
    echo "    the whole log: $1"
}

# install_packages PACKAGE...: those that are missing, from the machine's own archive
install_packages() {
    missing=
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Abbrev}\n' "$package" 2>/dev/null | grep -q '^ii' || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    said="$said$missing"
    dpkg-query -W -f '${Package}\n' > "$cache/packages-before"
    # shellcheck disable=SC2086 # a list of words
    apt_install $missing || { apt-get -q update && apt_install $missing; } || return 1
    for package in $(dpkg-query -W -f '${Package}\n' | grep -vxF -f "$cache/packages-before"); do
        made package "$package"
    done
    rm "$cache/packages-before"
}

apt_install() {
    # a fresh machine has no lists; lists older than a day name packages that are gone
    [ -n "$(find /var/lib/apt/lists -maxdepth 1 -name '*InRelease' -mtime -1 2>/dev/null)" ] || apt-get -q update || return 1
    # without systemd a package would start its daemon as it likes; what runs here is started and stopped by us
    policy=/usr/sbin/policy-rc.d
    if [ -d /run/systemd/system ] || [ -e "$policy" ]; then
        policy=
    else
        printf '#!/bin/sh\nexit 101\n' > "$policy"
        chmod 755 "$policy"
    fi
    apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 install "$@"
    status=$?
    [ -z "$policy" ] || rm -f "$policy"
    return "$status"
}
