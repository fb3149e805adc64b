# Runs a script as Upsun runs operations, hooks and crons: in dash, in the app's root, after `.environment`.
# Arguments: the mark of its processes; the script, in several parts when it is longer than one argument may be.
if ! ulimit -w "$1" 2>/dev/null; then
    echo "upsun-local: its processes cannot be marked, because the engine gives containers a limit on file locks" >&2
    exit 70
fi
shift
cd /app || exit 1
# Aliases, functions and options of `.environment` are the script's too, so one shell reads both. Where there is no such
# file a shell of its own leaves `eval` out of its messages.
upsun_local_here=
if [ -r ./.environment ]; then
    . ./.environment >&2
    upsun_local_here=yes
fi
if [ $# -le 1 ]; then
    [ -n "$upsun_local_here" ] || exec /bin/dash -c "$1"
    eval "unset upsun_local_here; shift; $1"
    exit
fi
file=$(mktemp /tmp/script.XXXXXX) || exit 1
# The script itself closes the descriptor that it is read by: the shell reads on by one of its own.
{ printf 'exec 3<&-; ' && printf '%s' "$@"; } >"$file" || exit 1
[ -n "$upsun_local_here" ] || exec /bin/dash -c 'exec 3<"$1"; rm -f "$1"; set --; . /dev/fd/3' /bin/dash "$file"
exec 3<"$file"
rm -f "$file"
unset upsun_local_here file
set --
. /dev/fd/3
