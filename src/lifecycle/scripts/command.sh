# Runs a script as Upsun runs operations, hooks and crons: in dash, in the app's root, after `.environment`.
# Arguments: the script; in several parts when it is longer than one argument may be.
cd /app || exit 1
if [ -r ./.environment ]; then . ./.environment >&2; fi
if [ $# -le 1 ]; then exec /bin/dash -c "$1"; fi
file=$(mktemp /tmp/script.XXXXXX) || exit 1
printf '%s' "$@" >"$file"
exec /bin/dash -c 'script=$1; exec 3<"$script"; rm -f "$script"; . /dev/fd/3 3<&-' upsun-local "$file"
