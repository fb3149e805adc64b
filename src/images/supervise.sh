# The main process of an app's container, below its init: runs `pre_start`, then `start` again whenever
# it ends, and `post_start` once `start` is on its way. What they print is the container's log.
# Arguments: what `start` is called in messages, pre_start, start, post_start; an empty one is left out.
cd /app || exit 1
name=$1 pre_start=$2 start=$3 post_start=$4
# What the container may take, in megabytes; what there is where nothing limits it.
limit=$(cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null | head -n 1)
memory=$(awk -v limit="$limit" '/^MemTotal:/ {
    all = $2 * 1024
    print int((limit ~ /^[0-9]+$/ && limit + 0 < all ? limit : all) / 1048576)
}' /proc/meminfo)
# Its full form is not documented; tools read the application from it, and Upsun's pages on Java the limit.
{
    printf '{"applications":['
    printf '%s' "$PLATFORM_APPLICATION" | base64 -d
    printf '],"info":{"project":"%s","environment":"%s","limits":{"memory":%s}}}\n' \
        "$PLATFORM_PROJECT" "$PLATFORM_ENVIRONMENT" "${memory:-0}"
} >/run/config.json
# How the commands are doing, for those that ask: who leads the session of the one that runs, and how the last one
# ended, and how often that happened shortly after its start.
state=/run/upsun-local
mkdir -p "$state"
rm -f "$state/started" "$state/ended" "$state/restart"
child=

say() { printf 'upsun-local: %s\n' "$*" >&2; }

# One shell reads `.environment` and the command, so that aliases and functions of the first are there in the second.
run='if [ -r ./.environment ]; then . ./.environment >&2; eval "shift; $1"; else exec /bin/dash -c "$1"; fi'

# On Podman, link-local addresses become unreachable a moment after the start, and until then nothing of the app runs.
# `0000FEA9` is 169.254.0.0 as the kernel prints it.
is_closed() {
    while read -r _ to _; do
        [ "$to" != 0000FEA9 ] || return 0
    done </proc/net/route
    return 1
}
tries=0
until is_closed || [ "$tries" -eq 100 ]; do
    tries=$((tries + 1))
    sleep 0.02
done

# Each command has a session of its own, so that stopping it stops its children too.
launch() {
    setsid /bin/dash -c "$run" /bin/dash "$1" &
    child=$!
}

finish() {
    trap '' TERM INT
    if [ -n "$child" ]; then
        # `-s`, because dash takes no `--` after the short form.
        kill -s TERM -- "-$child" 2>/dev/null
        wait "$child" 2>/dev/null
    fi
    exit 0
}
trap finish TERM INT

if [ -n "$pre_start" ]; then
    launch "$pre_start"
    wait "$child" || say "\`pre_start\` ended with code $?"
    child=
fi

if [ -z "$start" ]; then
    while :; do
        sleep 86400 &
        wait $!
    done
fi

pause=1
count=0
first=yes
while :; do
    began=$(date +%s)
    launch "$start"
    running=$child
    echo "$running" >"$state/started"
    if [ "$first" = yes ] && [ -n "$post_start" ]; then
        setsid /bin/dash -c "$run" /bin/dash "$post_start" &
    fi
    first=no
    wait "$running"
    code=$?
    child=
    rm -f "$state/started"
    # `dev` ended it, so that it starts again with what was edited.
    if [ -e "$state/restart" ]; then
        rm -f "$state/restart"
        pause=1
        count=0
        continue
    fi
    if [ $(($(date +%s) - began)) -ge 30 ]; then
        pause=1
        count=0
    fi
    count=$((count + 1))
    echo "$code $count $name" >"$state/ended"
    say "\`$name\` ended with code $code; starting it again in $pause s"
    sleep "$pause" &
    wait $!
    if [ "$pause" -lt 30 ]; then pause=$((pause * 2)); fi
done
