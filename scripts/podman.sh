# shellcheck shell=bash
# shellcheck disable=SC2154  # `state_dir`, `registry` and `here` are set by scripts/engine
# Podmans beside Docker, for the tests: each with storage, networks and a socket of its own, so that it touches neither
# Docker nor a Podman that the machine uses otherwise. To be sourced by `scripts/engine`; does nothing by itself.
#
# A Podman is named by words: none for this system's, `trixie` or `sid` for the one of that suite of Debian, in a root
# directory of its own, and then `rootless`.

# The user of Podmans without root, in their root directories.
podman_user=1500

# Takes the words apart: sets `suite`, `rootless`, and `podman`, the name of the instance.
choose_podman() {
    local word
    suite='' rootless=no
    for word in ${1//,/ }; do
        case "$word" in
            rootless) rootless=yes ;;
            trixie | sid) suite=$word ;;
            *) fail "there is no Podman \`$word\`" "name one of \`trixie\` and \`sid\`, and then \`rootless\`: \`--podman=sid,rootless\`" ;;
        esac
    done
    podman=podman${suite:+-$suite}
    if [ "$rootless" = yes ]; then
        [ -n "$suite" ] || fail "a Podman without root needs a root directory of its own" "add a suite: \`--podman=sid,rootless\`"
        podman=$podman-rootless
    fi
    podman_dir=$state_dir/$podman
    podman_root=$state_dir/root-$suite
    podman_address=unix://$podman_dir/podman.sock
}

podman_answers() {
    have curl && curl -fsS --max-time 20 --unix-socket "$podman_dir/podman.sock" -o /dev/null http://podman/_ping 2>/dev/null
}

podman_version() { DOCKER_HOST=$podman_address docker version --format '{{.Server.Version}}'; }

# What this system's Podman needs and the machine lacks, by Debian's names.
podman_packages() {
    have podman || printf 'podman\n'
    have crun || have runc || printf 'crun\n'
    has_podman_helper netavark || printf 'netavark\n'
    has_podman_helper aardvark-dns || printf 'aardvark-dns\n'
    has_podman_helper catatonit || printf 'catatonit\n'
}

# Where such a program lies differs between releases.
has_podman_helper() {
    have "$1" || [ -x "/usr/lib/podman/$1" ] || [ -x "/usr/libexec/podman/$1" ]
}

# Makes the root directory of a suite.
make_podman_root() {
    [ ! -e "$podman_root/usr/bin/podman" ] || return 0
    have mmdebstrap || require_packages "another Podman" mmdebstrap
    say "Installing Podman of $suite in a directory of its own (two minutes; once)"
    rm -rf "$podman_root"
    local packages=podman,crun,netavark,aardvark-dns,catatonit,conmon,iptables,nftables,ca-certificates,uidmap,passt
    mmdebstrap --variant=apt --aptopt='Acquire::Check-Valid-Until "false"' --include=$packages \
        "$suite" "$podman_root" "$(debian_mirror)" >"$state_dir/root-$suite.log" 2>&1 ||
        fail "Podman of $suite cannot be installed" "the log is $state_dir/root-$suite.log"
    printf 'podman:x:%s:%s::/srv/podman/home:/bin/sh\n' "$podman_user" "$podman_user" >>"$podman_root/etc/passwd"
    printf 'podman:x:%s:\n' "$podman_user" >>"$podman_root/etc/group"
    printf 'podman:200000:65536\n' | tee "$podman_root/etc/subuid" >"$podman_root/etc/subgid"
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

# Writes the configuration. The first argument is the directory's name for Podman.
write_podman_configuration() {
    local directory=$1
    mkdir -p "$podman_dir/home" "$podman_dir/tmp"
    {
        printf '[containers]\n'
        may_raise_limits || printf 'default_ulimits = ["nofile=%s:%s", "nproc=%s:%s"]\n' \
            "$(ulimit -Hn)" "$(ulimit -Hn)" "$(most_processes)" "$(most_processes)"
        # There may be no systemd to ask.
        printf '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
        # Docker's rules, which let through only what they know, are in the same table.
        printf '[network]\nnetwork_backend = "netavark"\nfirewall_driver = "iptables"\n'
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
        "$directory" "$directory" >"$podman_dir/storage.conf"
    if [ "$rootless" = yes ]; then chown "$podman_user:$podman_user" "$podman_dir" "$podman_dir"/{home,tmp}; fi
}

# Becomes the service, in a mount namespace of its own: crun refuses a machine that has both versions of control
# groups mounted, and the mounts of containers end with the last of them.
serve_podman() {
    local directory=$podman_dir
    if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi
    if [ -n "$suite" ]; then
        directory=/srv/podman
        enter_podman_root
    fi
    export CONTAINERS_CONF=$directory/containers.conf
    export CONTAINERS_REGISTRIES_CONF=$directory/registries.conf
    export CONTAINERS_STORAGE_CONF=$directory/storage.conf
    local options=(--network-config-dir "$directory/networks" --tmpdir "$directory/tmp")
    local service=(system service --time 0 "unix://$directory/podman.sock")
    if [ "$rootless" = yes ]; then
        export HOME=$directory/home XDG_RUNTIME_DIR=/run/user/$podman_user
        mkdir -p "$XDG_RUNTIME_DIR"
        chown "$podman_user:$podman_user" "$XDG_RUNTIME_DIR"
        # A device that everybody may use, whatever the machine's own is.
        mount -t tmpfs tmpfs /dev/net
        mknod --mode=0666 /dev/net/tun c 10 200
        exec setpriv --reuid "$podman_user" --regid "$podman_user" --init-groups podman "${options[@]}" "${service[@]}"
    fi
    exec podman "${options[@]}" "${service[@]}"
}

# Makes the root directory of a suite the root of this process.
enter_podman_root() {
    mount --bind "$podman_root" "$podman_root"
    mkdir -p "$podman_root/srv/podman"
    mount --bind "$podman_dir" "$podman_root/srv/podman"
    mount -t proc proc "$podman_root/proc"
    mount --rbind /dev "$podman_root/dev"
    mount --rbind /sys "$podman_root/sys"
    mount -t tmpfs tmpfs "$podman_root/run"
    cp /etc/resolv.conf /etc/hosts "$podman_root/etc/"
    cd "$podman_root" || return
    pivot_root . mnt
    umount -l /mnt
    PATH=/usr/sbin:/usr/bin:/sbin:/bin
    hash -r
}

up_podman() {
    choose_podman "$1"
    [ "$(uname)" = Linux ] || fail "a second engine can be started on Linux only"
    [ "$(id -u)" -eq 0 ] || fail "only root can start Podman beside Docker" "run this script as root"
    have curl || require_packages "Podman" curl
    local directory=$podman_dir
    if [ -n "$suite" ]; then
        make_podman_root
        directory=/srv/podman
    else
        # shellcheck disable=SC2046  # one package a word
        require_packages "Podman" $(podman_packages)
        hash -r
    fi
    if ! { pid_of "$podman" >/dev/null && podman_answers; }; then
        stop "$podman"
        write_podman_configuration "$directory"
        rm -f "$podman_dir/podman.sock"
        say "Starting Podman (log: $state_dir/$podman.log)"
        start "$podman" unshare --mount --propagation private "$here/engine" serve-podman --podman="$1"
        wait_for "$podman" podman_answers
    fi
    say "Podman $(podman_version) answers at DOCKER_HOST=$podman_address"
    printf '%s\n' "$podman_address"
}

# The words of each Podman that `up` started and that still runs.
running_podmans() {
    local file name
    for file in "$state_dir"/podman*.pid; do
        [ -e "$file" ] || continue
        name=$(basename "$file" .pid)
        pid_of "$name" >/dev/null || continue
        name=${name#podman}
        printf '%s\n' "${name#-}" | tr '-' ','
    done
}

# Stops all of them. The containers come first: they do not end with the service.
down_podman() {
    local words
    for words in $(running_podmans | sed 's/^$/,/'); do
        choose_podman "$words"
        DOCKER_HOST=$podman_address docker ps --quiet | DOCKER_HOST=$podman_address xargs -r docker stop --time 2 >/dev/null || true
        stop "$podman"
        rm -f "$podman_dir/podman.sock"
    done
}

status_podman() {
    local words
    for words in $(running_podmans | sed 's/^$/,/'); do
        choose_podman "$words"
        printf 'podman: %s at %s, started by scripts/engine (process %s)\n' \
            "$(podman_version)" "$podman_address" "$(pid_of "$podman")"
    done
}
