# shellcheck shell=bash
# shellcheck disable=SC2154  # `state_dir`, `registry` and `here` are set by scripts/engine
# A Podman beside Docker, for the tests: with storage, networks and a socket of its own, so that it touches neither
# Docker nor a Podman that the machine uses otherwise. To be sourced by `scripts/engine`; does nothing by itself.

podman_dir=$state_dir/podman
podman_socket=$podman_dir/podman.sock
podman_address=unix://$podman_socket

# The podman command with this Podman's own directories, in place of this shell.
own_podman() {
    export CONTAINERS_CONF=$podman_dir/containers.conf
    export CONTAINERS_REGISTRIES_CONF=$podman_dir/registries.conf
    export CONTAINERS_STORAGE_CONF=$podman_dir/storage.conf
    exec podman --network-config-dir "$podman_dir/networks" --tmpdir "$podman_dir/tmp" "$@"
}

podman_answers() {
    have curl && curl -fsS --max-time 20 --unix-socket "$podman_socket" -o /dev/null http://podman/_ping 2>/dev/null
}

podman_version() { podman --version | sed 's/.* //'; }

# What this Podman needs and the machine lacks, by Debian's names. Where a program lies differs between releases.
podman_packages() {
    have podman || printf 'podman\n'
    have crun || have runc || printf 'crun\n'
    have curl || printf 'curl\n'
    has_podman_helper netavark || printf 'netavark\n'
    has_podman_helper aardvark-dns || printf 'aardvark-dns\n'
    has_podman_helper catatonit || printf 'catatonit\n'
}

has_podman_helper() {
    have "$1" || [ -x "/usr/lib/podman/$1" ] || [ -x "/usr/libexec/podman/$1" ]
}

# Whether this process may raise limits of resources, which Podman does for every container. That is bit 24.
may_raise_limits() {
    local effective
    effective=$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status)
    [ $((0x$effective >> 24 & 1)) -eq 1 ]
}

# Podman lowers its own limit of processes to the number of process ids that there are.
most_processes() {
    local limit ids
    limit=$(ulimit -Hu)
    ids=$(cat /proc/sys/kernel/pid_max)
    if [ "$limit" = unlimited ] || [ "$limit" -gt "$ids" ]; then limit=$ids; fi
    printf '%s\n' "$limit"
}

write_podman_configuration() {
    mkdir -p "$podman_dir/tmp"
    {
        printf '[containers]\n'
        may_raise_limits || printf 'default_ulimits = ["nofile=%s:%s", "nproc=%s:%s"]\n' \
            "$(ulimit -Hn)" "$(ulimit -Hn)" "$(most_processes)" "$(most_processes)"
        # There may be no systemd to ask.
        printf '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
        printf '[network]\nnetwork_backend = "netavark"\n'
    } >"$podman_dir/containers.conf"
    cat >"$podman_dir/registries.conf" <<END_OF_FILE
unqualified-search-registries = ["docker.io"]
[[registry]]
prefix = "docker.io"
location = "docker.io"
[[registry.mirror]]
location = "$registry"
insecure = true
END_OF_FILE
    printf '[storage]\ndriver = "overlay"\ngraphroot = "%s/storage"\nrunroot = "%s/run"\n' \
        "$podman_dir" "$podman_dir" >"$podman_dir/storage.conf"
}

# The service, in a mount namespace of its own: crun refuses a machine that has both versions of control groups
# mounted, and the mounts of containers end with the last of them.
serve_podman() {
    if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi
    own_podman system service --time 0 "$podman_address"
}

up_podman() {
    [ "$(uname)" = Linux ] || fail "a second engine can be started on Linux only"
    [ "$(id -u)" -eq 0 ] || fail "only root can start Podman beside Docker" "run this script as root"
    # shellcheck disable=SC2046  # one package a word
    require_packages "Podman" $(podman_packages)
    hash -r
    if ! { pid_of podman >/dev/null && podman_answers; }; then
        stop podman
        write_podman_configuration
        rm -f "$podman_socket"
        say "Starting Podman (log: $state_dir/podman.log)"
        start podman unshare --mount --propagation private "$here/engine" serve-podman
        wait_for podman podman_answers
    fi
    say "Podman $(podman_version) answers at DOCKER_HOST=$podman_address"
    printf '%s\n' "$podman_address"
}

# Stops the containers first: they do not end with the service.
down_podman() {
    local pid
    if pid=$(pid_of podman); then
        nsenter --mount --target "$pid" "$here/engine" stop-podman-containers || true
    fi
    stop podman
    rm -f "$podman_socket"
}

status_podman() {
    local pid
    if pid=$(pid_of podman) && podman_answers; then
        printf 'podman: %s at %s, started by scripts/engine (process %s)\n' \
            "$(podman_version)" "$podman_address" "$pid"
    else
        printf 'podman: none started by scripts/engine\n'
    fi
}
