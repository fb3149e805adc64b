# Waits until a process that was just started is ready.
# Arguments: where requests would go, a TCP port or the path of a Unix socket, or nothing for a process that takes none; the
# limit in seconds; `process` where it is enough that the process is up, or `port`.
# Exit code: 0 when it listens, or is up and takes no requests; 1 when nothing listens; 2 when it ended, with code, count
# and name on standard output; 3 when it waits for something and listens nowhere.
address=$1
deadline=$(($(date +%s) + $2))
enough=$3
state=/run/upsun-local

listens() {
    case $address in
        '') return 1 ;;
        /*) grep -q " $address\$" /proc/net/unix ;;
        *) grep -qi ":$(printf '%04X' "$address") [0-9A-F]*:0000 0A " /proc/net/tcp /proc/net/tcp6 2>/dev/null ;;
    esac
}

# The processor time that the session of the process has used, or `busy` where one of its processes runs right now.
used() {
    leader=$(cat "$state/started" 2>/dev/null) || { echo busy; return; }
    cat /proc/[0-9]*/stat 2>/dev/null | awk -v session="$leader" '
        { sub(/^.*\) /, "") }
        $4 == session { found = 1; if ($1 ~ /[RD]/) busy = 1; sum += $12 + $13 }
        END { if (busy || !found) print "busy"; else print sum }
    '
}

# Whether the process is one that never listens.
only_waits() {
    case $(cat "/proc/$(cat "$state/started" 2>/dev/null)/comm" 2>/dev/null) in
        cat | sleep | tail) return 0 ;;
        *) return 1 ;;
    esac
}

before=busy
still=0
while :; do
    if listens; then exit 0; fi
    count=0
    if [ -r "$state/ended" ]; then read -r code count name <"$state/ended"; fi
    if [ "$count" -ge 2 ]; then
        echo "$code $count $name"
        exit 2
    fi
    now=$(used)
    if [ "$now" != busy ] && [ "$now" = "$before" ]; then still=$((still + 1)); else still=0; fi
    before=$now
    if [ "$count" -eq 0 ]; then
        waits=
        if only_waits; then waits=yes; fi
        # It has used no processor time for a while. One that is to listen gets more time for what it may wait for.
        if [ -z "$address" ] && { [ "$waits" = yes ] || [ "$still" -ge 3 ]; }; then exit 0; fi
        if [ "$waits" = yes ] || { [ "$enough" = process ] && [ "$still" -ge 10 ]; }; then exit 3; fi
    fi
    [ "$(date +%s)" -lt "$deadline" ] || break
    sleep 0.1
done
if [ "$count" -gt 0 ]; then
    echo "$code $count $name"
    exit 2
fi
if [ -z "$address" ]; then exit 0; fi
if [ "$still" -ge 3 ]; then exit 3; fi
exit 1
