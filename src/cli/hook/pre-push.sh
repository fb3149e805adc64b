#!/bin/sh
# Made by `upsun-local hook install`; `upsun-local hook uninstall` takes it away.
# A push of what is checked out is held until `upsun-local check` passes, and `upsun-local test` of the apps that
# the push changes.
# UPSUN_LOCAL_SKIP=1 lets a push pass without them.

directory=@DIRECTORY@
program=@PROGRAM@

say() {
    printf 'upsun-local: %s\n' "$*" >&2
}

# The hook that was here before comes first, with the arguments and the refs that Git gave us.
refs=$(cat)
earlier=$0.before-upsun-local
if [ -x "$earlier" ]; then
    { [ -z "$refs" ] || printf '%s\n' "$refs"; } | "$earlier" "$@" || exit
fi

[ "${UPSUN_LOCAL_SKIP:-0}" = 0 ] || exit 0
# Other work trees, and repositories that share this directory of hooks, may have nothing for Upsun.
[ -d "$directory/.upsun" ] || exit 0
! command -v upsun-local >/dev/null 2>&1 || program=upsun-local
if ! command -v "$program" >/dev/null 2>&1; then
    say "there is no \`upsun-local\` on PATH, so this push is not checked"
    exit 0
fi

upsun_local() {
    "$program" -C "$directory" "$@" </dev/null
}

head=$(git rev-parse --verify --quiet HEAD)
is_checked=
is_all=
since=
while read -r name id remote_name remote_id; do
    # Only branches are deployed, and the id of one that is deleted has nothing but zeros.
    case $remote_name in refs/heads/*) ;; *) continue ;; esac
    case $id in *[!0]*) ;; *) continue ;; esac
    if [ "$(git rev-parse --verify --quiet "$id^{commit}")" != "$head" ]; then
        say "\`$name\` is not what is checked out, so it is not checked"
        continue
    fi
    is_checked=yes
    # Whatever cannot be compared counts as changed: a new branch, a commit that was never fetched.
    case $remote_id in
        *[!0]*) upsun_local plan --against "$remote_id" >/dev/null 2>&1 || is_all=yes ;;
        *) is_all=yes ;;
    esac
    [ "${since:-$remote_id}" = "$remote_id" ] || is_all=yes
    since=$remote_id
done <<REFS
$refs
REFS
[ -n "$is_checked" ] || exit 0

if ! git diff --quiet HEAD -- 2>/dev/null; then
    say 'what is checked are the files at hand, with changes that are not committed'
fi

stop() {
    say "the push is stopped: \`upsun-local $1\` ended with $2; UPSUN_LOCAL_SKIP=1 lets it pass"
    exit 1
}

upsun_local check --quiet || stop check $?
if [ -n "$is_all" ]; then
    upsun_local test || stop test $?
else
    upsun_local test --against "$since" || stop test $?
fi
