# Read with `.` by bin/demo: the disposable server, and its end.
# shellcheck shell=sh
# shellcheck disable=SC2154 # set by bin/demo and bin/lib.sh

is_running() {
    [ "$(docker container inspect --format '{{.State.Running}}' "$name" 2>/dev/null)" = true ]
}

start_container() {
    if is_running; then
        said="runs already"
        return 0
    fi
    if docker container inspect "$name" >/dev/null 2>&1; then
        docker start "$name" || return 1
    else
        # The default network: on one of its own a container's resolver is 127.0.0.11, which builds inside it cannot ask.
        # What makes a container a server with systemd and Docker: the same as in molecule/*/molecule.yml
        capabilities=
        for capability in SYS_ADMIN NET_ADMIN SYS_PTRACE SYS_MODULE SYS_NICE SYS_TIME SYSLOG IPC_LOCK LINUX_IMMUTABLE MAC_ADMIN; do
            capabilities="$capabilities --cap-add $capability"
        done
        image=$("$root/tests/images/host-image" "$os" --tag) || return 1
        # shellcheck disable=SC2086 # a list of options
        docker run --detach --name "$name" --hostname "$name" --publish "127.0.0.1:$port:$port" \
            --cgroupns host --volume /sys/fs/cgroup:/sys/fs/cgroup:rw --tmpfs /run --tmpfs /run/lock \
            --volume "$name:/var/lib/docker" --volume "$MLFLOW_TEST_IMAGES:/srv/test-images:ro" \
            --env container=docker --env SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1 --stop-signal SIGRTMIN+3 \
            $capabilities --security-opt seccomp=unconfined --security-opt apparmor=unconfined \
            "$image" /lib/systemd/systemd || {
            docker rm --force --volumes "$name"
            echo "Is port $port of this machine taken? Then stop what listens there (ss -ltnp 'sport = :$port') and run bin/demo again."
            return 1
        }
    fi
    tries=0
    until docker exec "$name" systemctl is-system-running --wait; do
        tries=$((tries + 1))
        [ "$tries" -lt 60 ] || { docker exec "$name" systemctl --failed --no-pager; return 1; }
        sleep 0.5
    done
    said="published at 127.0.0.1:$port"
}

run_site() {
    # the sample inventory's shape: one server, nothing set
    mkdir -p "$cache/demo"
    made path "$cache/demo"
    cat > "$cache/demo/hosts.yml" <<EOF
mlflow_servers:
  hosts:
    $name:
      ansible_connection: community.docker.docker
      ansible_docker_extra_args: "${DOCKER_HOST:+-H=$DOCKER_HOST}"
EOF
    (
        tools_environment "$venv"
        export ANSIBLE_HOME="$cache/demo/ansible" ANSIBLE_CONFIG="$root/ansible.cfg"
        ansible-playbook --inventory "$cache/demo/hosts.yml" "$root/site.yml"
    ) || return 1
    said=$(sed -n "s/^$name *: *\(ok=[0-9]*\) *\(changed=[0-9]*\).*/\1 \2/p" "$step_log")
}

log_a_run() {
    # the client is a program on this machine: it goes the way that any other goes, through the published port
    (
        tools_environment "$venv"
        # the client would leave a file in the user's settings, and report its use
        export MLFLOW_DISABLE_TELEMETRY=true XDG_CONFIG_HOME="$cache/demo/config" no_proxy=localhost NO_PROXY=localhost
        cd "$cache/demo" && python "$root/bin/demo-run" "$url"
    )
}

# destroy_demo: from the container down to the packages, each only if bin/demo made it
destroy_demo() {
    engine_names
    if DOCKER_HOST=$engine_socket answers; then export DOCKER_HOST="$engine_socket"; fi
    if answers; then
        docker container inspect "$name" >/dev/null 2>&1 && docker rm --force --volumes "$name" >/dev/null && say "removed container $name and its data"
        docker volume inspect "$name" >/dev/null 2>&1 && docker volume rm "$name" >/dev/null && say "removed volume $name"
    fi
    rm -rf "$cache/demo"
    if [ "$keep" = no ]; then
        for image in $(made_of image); do
            answers && docker rmi "$image" >/dev/null 2>&1 && say "removed image $image"
        done
    fi
    if made_of engine | grep -q own; then
        stop_own_engine && say "stopped the engine that bin/demo started"
    fi
    if [ "$keep" = yes ]; then
        say "kept $cache and the Debian packages; bin/demo --destroy without --keep-cache removes them"
        return 0
    fi
    remove_packages
    for group in $(made_of group); do
        getent group "$group" >/dev/null && groupdel "$group" && say "removed group $group"
    done
    for place in $(made_of path); do
        if grep -q " $place/" /proc/mounts; then
            say "kept $place: something is mounted below it"
        else
            rm -rf "$place" && say "removed $place"
        fi
    done
    rm -rf "$made_list" "$collections" "$cache/dockerd.log" "$cache/lock-demo"
    # bin/test may have left something of its own in there
    rmdir "$cache/collections" "$cache/logs" "$cache" 2>/dev/null || say "kept $cache: not all in it is bin/demo's"
    say "every trace of the demo is gone"
}

made_of() {
    [ ! -f "$made_list" ] || sed -n "s/^$1 //p" "$made_list"
}

remove_packages() {
    packages=$(made_of package | tr '\n' ' ')
    [ -n "$packages" ] || return 0
    if answers && [ -n "$(docker ps -aq)$(docker images -q)" ] && made_of engine | grep -q systemd; then
        say "kept the engine and its packages: there are containers or images in it that are not bin/demo's"
        sed -i -E '/^(path \/(etc|run|var)\/|group )/d' "$made_list"
        return 0
    fi
    if made_of engine | grep -q systemd; then
        systemctl stop docker.socket docker.service containerd.service 2>/dev/null || :
        restore_network
    fi
    # shellcheck disable=SC2086 # a list of words
    if apt-get -q -y -o DPkg::Lock::Timeout=300 purge $packages > "$cache/purge.log" 2>&1; then
        say "removed the Debian packages $packages"
        rm -f "$cache/purge.log"
    else
        say "could not remove the Debian packages $packages: see $cache/purge.log"
    fi
}
