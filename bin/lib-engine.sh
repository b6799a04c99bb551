# Read with `.` by bin/test and bin/demo: a Docker engine, the one that runs here already or one of our own.
# Needs bin/lib.sh. Sets DOCKER_HOST where it must be set.
# shellcheck shell=sh
# shellcheck disable=SC2154 # cache is set by bin/lib.sh

engine_names() {
    # one engine of ours for each cache; sockets have short paths, so it is not in the cache
    engine_run=/run/mlops-mlflow-$(printf %s "$cache" | cksum | cut -d' ' -f1)
    engine_socket=unix://$engine_run/docker.sock
}

answers() {
    docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}

start_engine() {
    engine_names
    if [ -z "${DOCKER_HOST:-}" ] && DOCKER_HOST=$engine_socket answers; then
        export DOCKER_HOST="$engine_socket"
        said="our own, already running"
    elif answers; then
        # Ansible's modules know DOCKER_HOST, but not the client's contexts
        endpoint=$(docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null || :)
        case ${DOCKER_HOST:-}$endpoint in
            '' | unix:///var/run/docker.sock) ;;
            *) export DOCKER_HOST="${DOCKER_HOST:-$endpoint}" ;;
        esac
        said="already running"
    elif [ -n "${DOCKER_HOST:-}" ]; then
        echo "DOCKER_HOST is $DOCKER_HOST, and no engine answers there: unset it, or start that engine"
        return 1
    else
        had_engine=$(command -v dockerd || :)
        install_packages iproute2 iptables || return 1
        save_network
        if [ -z "$had_engine" ]; then
            for place in /var/lib/docker /var/lib/containerd /etc/docker /etc/containerd /etc/cni /run/docker /run/docker.sock /run/containerd; do
                [ -e "$place" ] || made path "$place"
            done
            getent group docker >/dev/null || made group docker
        fi
        # Debian 13 has the client in a package of its own; both say docker.io for the engine
        install_packages docker.io || return 1
        command -v docker >/dev/null 2>&1 || install_packages docker-cli || return 1
        if [ -d /run/systemd/system ]; then
            systemctl is-active --quiet docker || systemctl start docker || { journalctl -u docker --no-pager -n 40; return 1; }
            [ -n "$had_engine" ] || made engine systemd
            said="started by systemd$said"
        else
            start_own_engine || return 1
            said="our own, started$said"
        fi
    fi
    said="Docker $(docker version --format '{{.Server.Version}}'), $said"
}

# What an engine changes in the network, so that it can be put back
save_network() {
    [ ! -f "$cache/network-before" ] || return 0
    {
        echo "bridge=$(ip link show docker0 >/dev/null 2>&1 && echo there)"
        echo "chains=$(iptables-save 2>/dev/null | grep -c '^:DOCKER')"
        echo "policy=$(iptables -S FORWARD 2>/dev/null | sed -n 's/^-P FORWARD //p')"
        echo "forward=$(cat /proc/sys/net/ipv4/ip_forward)"
    } > "$cache/network-before"
}

restore_network() {
    [ -f "$cache/network-before" ] || return 0
    bridge='' chains=0 policy='' forward=''
    # shellcheck source=/dev/null # written above
    . "$cache/network-before"
    [ "$bridge" = there ] || ip link delete docker0 2>/dev/null || :
    if [ "$chains" = 0 ] && command -v iptables-save >/dev/null 2>&1; then
        # only Docker's own chains, and the rules that name them or its bridge
        iptables-save | grep -v -i docker | iptables-restore || :
        [ -z "$policy" ] || iptables -P FORWARD "$policy" || :
    fi
    [ -z "$forward" ] || echo "$forward" > /proc/sys/net/ipv4/ip_forward || :
    rm -f "$cache/network-before"
}

start_own_engine() {
    mkdir -p "$engine_run"
    [ -e "$cache/docker" ] || made path "$cache/docker"
    made engine own
    # shellcheck disable=SC2034 # bin/test reads it
    engine_started=yes
    # containers must not send more than the way out takes (a VPN, an overlay): nested ones never hear that it was too much
    device=$(ip route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | sed -n 1p)
    mtu=$(cat "/sys/class/net/$device/mtu" 2>/dev/null || echo 1500)
    # a session of its own, and nobody's child: Ctrl-C in the terminal is for us, we stop the engine when we are done with it
    (setsid dockerd --data-root "$cache/docker" --exec-root "$engine_run/exec" --pidfile "$engine_run/docker.pid" \
        --mtu "$mtu" --host "$engine_socket" > "$cache/dockerd.log" 2>&1 < /dev/null 9>&- &)
    export DOCKER_HOST="$engine_socket"
    tries=0
    until answers; do
        tries=$((tries + 1))
        if [ "$tries" -gt 120 ] || { [ "$tries" -gt 10 ] && [ ! -f "$engine_run/docker.pid" ]; }; then
            echo "the engine does not start; its log, $cache/dockerd.log, ends with:"
            tail -n 20 "$cache/dockerd.log"
            return 1
        fi
        sleep 0.5
    done
}

# runs PID: a process that ended counts as ended, also where PID 1 of a container does not collect it
runs() {
    grep -q '^State:[[:space:]][^ZX]' "/proc/$1/status" 2>/dev/null
}

# stop_own_engine: the engine that we started, and all that it leaves in the network and among the mounts
stop_own_engine() {
    engine_names
    [ -d "$engine_run" ] || return 0
    pid=$(cat "$engine_run/docker.pid" 2>/dev/null || :)
    if [ -n "$pid" ] && kill "$pid" 2>/dev/null; then
        tries=0
        while runs "$pid" && [ "$tries" -lt 120 ]; do
            tries=$((tries + 1))
            sleep 0.5
        done
        ! runs "$pid" || ! kill -9 "$pid" || echo "the engine (process $pid) did not stop within a minute and was killed"
    fi
    restore_network
    for place in "$engine_run" "$cache/docker"; do
        cut -d' ' -f2 /proc/mounts | grep "^$place/" | sort -r | while read -r mount; do
            umount "$mount" || umount -l "$mount" || :
        done
    done
    rm -rf "$engine_run"
}
