# Read with `.` by bin/test and bin/demo: the tools in a virtual environment, the hosts' images, the base image.
# shellcheck shell=sh
# shellcheck disable=SC2154 # cache, root and the rest are set by bin/lib.sh

# find_python VERSION...: the first of these versions that lies anywhere on this machine
find_python() {
    for version in "$@"; do
        for python in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version"*/bin/python3 \
            "${UV_PYTHON_INSTALL_DIR:-$HOME/.local/share/uv/python}"/cpython-"$version"*/bin/python3 \
            /opt/hostedtoolcache/Python/"$version"*/*/bin/python3 "$(command -v "python$version" || :)" /usr/bin/python3; do
            [ -x "$python" ] || continue
            if "$python" -I -c "import sys; sys.exit(sys.version_info[:2] != tuple(map(int, '$version'.split('.'))))" 2>/dev/null; then
                echo "$python"
                return 0
            fi
        done
    done
    return 1
}

# make_tools REQUIREMENTS VERSION...: a virtual environment of tests/REQUIREMENTS.txt, and its path in $venv
make_tools() {
    requirements=$root/tests/$1.txt
    shift
    python=$(find_python "$@") || { echo "none of Python $* is installed here"; return 1; }
    case $python in
        /usr/bin/*) "$python" -I -c 'import ensurepip, venv' 2>/dev/null || install_packages python3-venv || return 1 ;;
    esac
    key=$({ cat "$requirements"; "$python" -I -c 'import sys; print(sys.executable, sys.version)'; } | sha256sum | cut -c1-12)
    venv=$cache/venv-$key
    if [ ! -f "$venv/.complete" ]; then
        made path "$venv"
        made path "$UV_CACHE_DIR"
        rm -rf "$venv"
        [ ! -r "$bundle" ] || export PIP_CERT="$bundle" SSL_CERT_FILE="$bundle"
        "$python" -m venv "$venv" || return 1
        # uv does not read pip's settings, where a site names its index
        index=$("$venv/bin/pip" config get global.index-url 2>/dev/null || :)
        index=${PIP_INDEX_URL:-$index}
        [ -z "$index" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"
        "$venv/bin/pip" install --quiet "$(grep '^uv==' "$requirements" | cut -d' ' -f1)" &&
            "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" -r "$requirements" &&
            touch "$venv/.complete" || return 1
    fi
    core=$("$venv/bin/python" -c 'from ansible.release import __version__; print(__version__)') &&
        said="ansible-core $core, Python $("$venv/bin/python" -c 'import platform; print(platform.python_version())')$said"
}

# tools_environment VENV: what a command needs that runs with the tools of VENV
tools_environment() {
    PATH=$1/bin:$PATH
    ANSIBLE_COLLECTIONS_PATH=$collections:$(echo "$1"/lib/python3*/site-packages)
    export PATH ANSIBLE_COLLECTIONS_PATH VIRTUAL_ENV="$1"
}

# hosts_of JOB...: the images of hosts that these need, as make_host_images takes them
hosts_of() {
    for job in "$@"; do
        name=${job#scenario:}
        case $job in
            scenario:*) sed -n 's/.*[$]{MLFLOW_TEST_IMAGE_\(DEBIAN[0-9A-Z_]*\)}.*/\1/p' "$root/molecule/${name%:*}/molecule.yml" ;;
            benchmarks) echo DEBIAN12 && echo DEBIAN13 ;;
        esac
    done | sort -u | tr '[:upper:]_' '[:lower:]-'
}

# make_host_images debian12 debian13-docker...: makes those, and sets MLFLOW_TEST_IMAGE_DEBIAN12, MLFLOW_TEST_IMAGE_DEBIAN13_DOCKER...
# for all that there are, because Molecule reads the settings of every scenario
make_host_images() {
    for kind in debian12 debian13 debian12-docker debian13-docker debian12-identity debian13-airflow; do
        image=$("$root/tests/images/host-image" "$kind" --tag) || return 1
        export "MLFLOW_TEST_IMAGE_$(echo "$kind" | tr '[:lower:]-' '[:upper:]_')=$image"
        case " $* " in
            *" $kind "*)
                docker image inspect "$image" >/dev/null 2>&1 || made image "$image"
                "$root/tests/images/host-image" "$kind" || return 1
                said="${said:+$said }$image" ;;
        esac
    done
}

make_base_image() {
    [ -d "$cache/base" ] || made path "$cache/base"
    archive=$("$root/tests/images/base-image" "$cache/base") || return 1
    said=$archive
    export MLFLOW_TEST_IMAGES="$cache/base" MLFLOW_TEST_BASE_IMAGE_ARCHIVE="$archive"
}

# make_server_image: the default server image as an archive, for scenarios that are not about its build
make_server_image() {
    (tools_environment "$1" && "$root/tests/images/server-image" "$cache/server") > "$cache/server-image" || return 1
    said=$(tail -n 1 "$cache/server-image")
    rm "$cache/server-image"
    # .../mlflow-3.17.2-0123456789ab.tar holds mlflow:3.17.2-0123456789ab
    server=$(basename "$said" .tar)
    export MLFLOW_TEST_IMAGES_SERVER="$cache/server" MLFLOW_TEST_SERVER_ARCHIVE="$said" MLFLOW_TEST_SERVER_IMAGE="mlflow:${server#mlflow-}"
}

# make_old_server_image: the server image that the scenarios `upgrade` and `cluster` begin with, four minor releases and more before the default
make_old_server_image() {
    (tools_environment "$1" && "$root/tests/images/server-image" "$cache/server-old" 3.10.1) > "$cache/server-image" || return 1
    said=$(tail -n 1 "$cache/server-image")
    rm "$cache/server-image"
    old=$(basename "$said" .tar)
    export MLFLOW_TEST_IMAGES_OLD="$cache/server-old" MLFLOW_TEST_OLD_ARCHIVE="$said" MLFLOW_TEST_OLD_IMAGE="mlflow:${old#mlflow-}"
}
