#!/bin/sh
# Copyright: (c) 2026, The mlops.mlflow authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
#
# What mlflow-proxy.service does beside Caddy; all but `reload` as root.
#
#     proxy.sh take          hand certificate and key to Caddy, before it reads its configuration
#     proxy.sh reload        let Caddy take its configuration, or go on with the one that it has
#     proxy.sh serving       keep what Caddy serves from now on, and show the root certificate of its CA to everybody
#     proxy.sh check FILE    whether Caddy would serve that configuration; nothing of it reaches the running one
#     proxy.sh answers PORT  whether the proxy answers there
set -eu

config=/etc/mlflow-proxy run=/run/mlflow-proxy state=/var/lib/mlflow-proxy certificate='' key=''

if [ -r "$config/tls.sources" ]; then
    { read -r certificate && read -r key; } < "$config/tls.sources"
fi

case $1 in
take)
    if [ -n "$certificate" ]; then
        install -T --owner=root --group=caddy --mode=0440 "$certificate" "$run/tls.crt"
        install -T --owner=root --group=caddy --mode=0440 "$key" "$run/tls.key"
    fi
    ;;
reload)
    # Caddy tells systemd that it reloads, and says nothing when it then goes on as before: systemd would wait for ever.
    /usr/bin/caddy reload --force --adapter caddyfile --config "$config/Caddyfile" || {
        systemd-notify --ready
        exit 1
    }
    ;;
serving)
    install -T --owner=root --group=root --mode=0400 "$config/Caddyfile" "$run/Caddyfile"
    root=$state/pki/authorities/local/root.crt
    # Read as Caddy: it may put into its own folder what it likes.
    if grep -q '^[[:space:]]*issuer internal' "$config/Caddyfile" &&
        setpriv --reuid=caddy --regid=caddy --clear-groups cat "$root" > "$config/ca.new"; then
        chmod 0644 "$config/ca.new"
        mv "$config/ca.new" "$config/ca.crt"
    fi
    rm -f "$config/ca.new"
    ;;
check)
    # The check makes a CA of its own, in a folder that is thrown away.
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    HOME=$scratch XDG_DATA_HOME=$scratch XDG_CONFIG_HOME=$scratch MLFLOW_PROXY_STATE=$scratch \
        MLFLOW_PROXY_CERTIFICATE=$certificate MLFLOW_PROXY_KEY=$key \
        /usr/bin/caddy validate --adapter caddyfile --config "$2"
    ;;
answers)
    # Whatever it says to a line without TLS will do. That somebody listens would not tell of a proxy that hangs.
    # shellcheck disable=SC2016 # for that shell to expand, which alone knows how to connect
    exec timeout 2 bash -c 'exec 3<> "/dev/tcp/127.0.0.1/$0" && printf "GET / HTTP/1.0\r\n\r\n" >&3 && read -r _ <&3' "$2"
    ;;
*)
    echo "proxy.sh: unknown verb $1" >&2
    exit 2
    ;;
esac
