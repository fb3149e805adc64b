# Ends everything that one run started in this container: asks first, and kills after the grace period.
# Arguments: the run's id, the grace period in seconds, the script that stops it (may be empty: SIGTERM).
# Exit code: 0 when nothing of it is left.
run=$1 grace=$2 stop=$3

parent_of() {
    line=
    read -r line 2>/dev/null <"/proc/$1/stat" || return 1
    # The name in brackets may hold anything; the fields after it are state, parent, group, session.
    set -- ${line##*) }
    parent=$2 session=$4
}

# The processes of the run. They carry its id in their environment and go back to the run's first
# process, or lost their parent to init. One whose parent is somebody else's (a daemon that the web
# process owns and that was asked to fork) belongs to that one. What cleared its environment is found by
# its session.
members() {
    marked=" $(grep -lzxF "UPSUN_LOCAL_RUN=$run" /proc/[0-9]*/environ 2>/dev/null | tr -dc '0-9\n' | tr '\n' ' ') "
    found=' ' sessions=' '
    for process in $marked; do
        at=$process
        while parent_of "$at"; do
            [ "$at" = "$process" ] && own_session=$session
            case $parent in
                0 | 1)
                    found="$found$process "
                    sessions="$sessions$own_session "
                    break
                    ;;
            esac
            case $marked in
                *" $parent "*) at=$parent ;;
                *) break ;;
            esac
        done
    done
    for directory in /proc/[0-9]*; do
        process=${directory#/proc/}
        case $found in *" $process "*) continue ;; esac
        parent_of "$process" || continue
        case $sessions in *" $session "*) found="$found$process " ;; esac
    done
}

# Hundredths of a second since some fixed time. Whole seconds would make the grace period up to one shorter.
look_at_the_clock() {
    read -r now rest </proc/uptime
    now=$((${now%.*} * 100 + 1${now#*.} - 100))
}

members
if [ "$grace" -gt 0 ] && [ "$found" != ' ' ]; then
    if [ -n "$stop" ]; then
        (
            cd /app || exit 1
            if [ -r ./.environment ]; then . ./.environment >&2; fi
            exec /bin/dash -c "$stop"
        ) &
    else
        kill -TERM $found 2>/dev/null
    fi
    look_at_the_clock
    deadline=$((now + grace * 100))
    while [ "$now" -lt "$deadline" ]; do
        members
        [ "$found" = ' ' ] && exit 0
        sleep 0.1
        look_at_the_clock
    done
fi

tries=0
while members; [ "$found" != ' ' ]; do
    kill -KILL $found 2>/dev/null
    tries=$((tries + 1))
    [ "$tries" -ge 50 ] && exit 1
    sleep 0.1
done
exit 0
