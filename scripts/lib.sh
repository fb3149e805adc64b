# shellcheck shell=bash
# What the scripts of this directory share. To be sourced; does nothing by itself.
#
# Bash 3.2 has to understand this file and the part of each script that runs where an engine answers:
# that is what macOS has.

# Where `scripts/engine` keeps its logs, process ids and registry. Outside the repository, so that all
# checkouts of one user share one engine.
# shellcheck disable=SC2034  # used by the scripts that source this file
state_dir="${XDG_STATE_HOME:-$HOME/.local/state}/upsun-local-engine"

# Talk goes to stderr: stdout belongs to what the scripts run.
say() { printf '%s\n' "$*" >&2; }

step() { printf '\n==> %s\n' "$*" >&2; }

fail() {
    printf 'error: %s\n' "$1" >&2
    shift
    if [ "$#" -gt 0 ]; then
        printf '\n' >&2
        printf 'hint: %s\n' "$@" >&2
    fi
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Runs a command with a limit in seconds; macOS has no `timeout`, and there it runs without.
with_limit() {
    local seconds=$1
    shift
    if have timeout; then timeout "$seconds" "$@"; else "$@"; fi
}

# Prints what a machine lacks and stops, unless Debian's packages can be installed here.
# First argument: what for; the others: the packages.
require_packages() {
    local purpose=$1
    shift
    [ "$#" -gt 0 ] || return 0
    local hint="install $* with your system's package manager, then run this again"
    have apt-get || fail "$purpose needs $*, and this system has no apt-get to install it with" "$hint"
    [ "$(id -u)" -eq 0 ] || fail "$purpose needs $*, and only root can install it" \
        "run \`sudo apt-get install $*\`, then run this again"
    say "Installing $* (about a minute)"
    local log
    log=$(mktemp)
    # A source that is down must not stop the others: what counts is whether the packages install.
    apt-get update >"$log" 2>&1 || true
    if ! DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >>"$log" 2>&1 </dev/null; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        fail "apt-get could not install $*"
    fi
    rm -f "$log"
}

# Adds rustup's directory to PATH, where a shell that was open during its installation lacks it, and
# checks the toolchain against `rust-version`. First argument: the repository.
require_rust() {
    local wanted found
    case ":$PATH:" in
        *":${CARGO_HOME:-$HOME/.cargo}/bin:"*) ;;
        *) PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH" ;;
    esac
    wanted=$(sed -n 's/^rust-version *= *"\([0-9.]*\)".*/\1/p' "$1/Cargo.toml")
    local hint="install Rust $wanted or newer with rustup: https://rustup.rs"
    have cargo || fail "cargo is missing" "$hint"
    found=$(cargo --version | cut -d' ' -f2)
    version_at_least "$found" "$wanted" || fail "cargo $found is too old: the project needs $wanted" "$hint"
    # A linker and a C compiler come with no Rust toolchain.
    if ! have cc; then
        if [ "$(uname)" = Darwin ]; then
            fail "the C compiler is missing" "run \`xcode-select --install\`"
        fi
        require_packages "building Rust programs" gcc libc6-dev
    fi
}

# Whether the version in the first argument is the second one or newer; both as `major.minor…`.
version_at_least() {
    local major=${1%%.*} wanted_major=${2%%.*}
    local rest=${1#*.} wanted_rest=${2#*.}
    local minor=${rest%%[!0-9]*} wanted_minor=${wanted_rest%%[!0-9]*}
    [ "$major" -gt "$wanted_major" ] || { [ "$major" -eq "$wanted_major" ] && [ "$minor" -ge "$wanted_minor" ]; }
}

# A part of the toolchain that cargo runs as a command of its own: `require_component <command> <component>`.
require_component() {
    if cargo "$1" --version >/dev/null 2>&1; then return; fi
    if have rustup && rustup component add "$2" >&2; then return; fi
    fail "\`cargo $1\` is missing" "run \`rustup component add $2\`, or install your system's package of it"
}

# Where cargo puts what it builds; a setting of the user may move it.
target_dir() {
    cargo metadata --format-version 1 --no-deps | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'
}
