# A Docker daemon from Debian's packages, which are unpacked but not installed. infra/check.sh sources
# this file. The daemon builds in the host's network. It runs the service in its own network
# namespace, which has no ports taken and none open to other machines.
# shellcheck shell=bash
export DOCKER_HOST=unix://$work/docker.sock DOCKER_BUILDKIT=0
unpacked=$work/packages

unpack() {
    mkdir "$work/debs" "$unpacked"
    chmod 755 "$work"
    apt-get update -q=2
    (cd "$work/debs" && apt-get download -q=2 docker.io containerd tini runc debootstrap iptables \
        libip4tc2 libip6tc2 libxtables12 libnetfilter-conntrack3 libnfnetlink0 libnftnl11 2> /dev/null)
    for package in "$work"/debs/*.deb; do dpkg-deb -x "$package" "$unpacked"; done
    for name in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
        ln -sf xtables-legacy-multi "$unpacked/usr/sbin/$name"
    done
}

start_daemon() {
    local apart=() network=(--bridge=none --iptables=false)
    if [ "$1" = apart ]; then
        apart=(unshare --net sh -c 'ip link set lo up && exec "$@"' sh)
        network=()
    fi
    PATH=$unpacked/usr/sbin:$unpacked/usr/bin:$PATH \
    LD_LIBRARY_PATH=$unpacked/usr/lib/x86_64-linux-gnu \
    XTABLES_LIBDIR=$unpacked/usr/lib/x86_64-linux-gnu/xtables \
        setsid "${apart[@]}" dockerd --host "$DOCKER_HOST" --data-root "$work/data" \
        --exec-root "$work/exec" --pidfile "$work/docker.pid" --storage-driver overlay2 \
        "${network[@]}" > "$work/dockerd.log" 2>&1 &
    for _ in $(seq 60); do docker version > /dev/null 2>&1 && return; sleep 1; done
    tail -5 "$work/dockerd.log"
    return 1
}

stop_daemon() {
    local pid
    pid=$(cat "$work/docker.pid")
    kill "$pid"
    while [ -d "/proc/$pid" ]; do sleep 0.2; done
}

inside() { nsenter --net="/proc/$(cat "$work/docker.pid")/ns/net" "$@"; }

# The caller's environment names the package index and proxies. They are not stored in an image.
build_arguments() {
    for name in PIP_INDEX_URL UV_DEFAULT_INDEX HTTP_PROXY HTTPS_PROXY NO_PROXY; do
        if [ -n "${!name:-}" ]; then echo "--build-arg $name"; fi
    done
}

build_replacements() {
    local mirror
    mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2> /dev/null \
        | sed -n 's/^URIs: *//p; s/^deb \([^ ]*\) .*/\1/p' | head -1) || true
    DEBOOTSTRAP_DIR=$unpacked/usr/share/debootstrap "$unpacked/usr/sbin/debootstrap" --variant=minbase \
        --include=ca-certificates,python3,python3-venv,postgresql,redis-server \
        bookworm "$work/base" "$mirror" > "$work/debootstrap.log" 2>&1
    cp /etc/ssl/certs/ca-certificates.crt "$work/base/etc/ssl/certs/"
    ln -s /usr/bin/python3 "$work/base/usr/local/bin/python3"
    tar -C "$work/base" -c . | docker import - python:3.11-slim-bookworm > /dev/null
    rm -rf "$work/base"
    for name in postgres redis; do
        docker build --quiet --target "$name" -t "aeflow-check:$name" infra/check > /dev/null 2>&1
    done
}

take_down() {
    if [ -e "$work/docker.pid" ]; then
        compose down --volumes --timeout 60 > /dev/null 2>&1 || true
        stop_daemon
    fi
    awk -v under="$work/" 'index($2, under) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount --lazy || true
}
