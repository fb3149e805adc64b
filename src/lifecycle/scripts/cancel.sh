# Ends everything that one run started in this container: asks first, and kills after the grace period.
# Arguments: the run's id, the grace period in seconds, the script that stops it (may be empty: SIGTERM).
# Exit code: 0 when nothing of it is left. This script and what stops the run carry another id, the run's
# with `-stop` at its end, so that a second, more urgent call of this script can end them too.
run=$1 grace=$2 stop=$3

# Where a process stands in the tree; fails when it has ended.
look_at() {
    line=
    read -r line 2>/dev/null <"/proc/$1/stat" || return 1
    # The name in brackets may hold anything; the fields after it are state, parent, group, session.
    set -- ${line##*) }
    parent=$2 session=$4
    case $1 in Z | X) return 1 ;; esac
}

# The processes with this mark. They carry it in their environment and go back to the run's first
# process, or lost their parent to init. One whose parent is somebody else's (a daemon that the web
# process owns and that was asked to fork) belongs to that one. What cleared its environment is found by
# its session, or by its parent; once found it is known, also when it loses that parent.
known=' '
members() {
    marked=" $(grep -lzxF "UPSUN_LOCAL_RUN=$1" /proc/[0-9]*/environ 2>/dev/null | tr -dc '0-9\n' | tr '\n' ' ') "
    found=' ' sessions=' '
    for process in $known; do
        if look_at "$process"; then found="$found$process "; fi
    done
    for process in $marked; do
        at=$process
        while look_at "$at"; do
            [ "$at" = "$process" ] && own_session=$session
            case $parent in
                0 | 1)
                    sessions="$sessions$own_session "
                    add "$process"
                    break
                    ;;
            esac
            case $marked in
                *" $parent "*) at=$parent ;;
                *) break ;;
            esac
        done
    done
    grew=yes
    while [ -n "$grew" ]; do
        grew=
        for directory in /proc/[0-9]*; do
            process=${directory#/proc/}
            case $found in *" $process "*) continue ;; esac
            look_at "$process" || continue
            case $sessions$found in *" $session "* | *" $parent "*) add "$process" ;; esac
        done
    done
    known=$found
}

add() {
    case $found in *" $1 "*) return ;; esac
    [ "$1" = $$ ] && return
    found="$found$1 " grew=yes
}

kill_all() {
    tries=0
    while members "$1"; [ "$found" != ' ' ]; do
        kill -s KILL $found 2>/dev/null
        tries=$((tries + 1))
        [ "$tries" -ge 50 ] && exit 1
        sleep 0.1
    done
}

# Hundredths of a second since some fixed time. Whole seconds would make the grace period up to one shorter.
look_at_the_clock() {
    read -r now rest </proc/uptime
    now=$((${now%.*} * 100 + 1${now#*.} - 100))
}

members "$run"
stopper=
if [ "$grace" -gt 0 ] && [ "$found" != ' ' ]; then
    if [ -n "$stop" ]; then
        (
            cd /app || exit 1
            if [ -r ./.environment ]; then . ./.environment >&2; fi
            exec /bin/dash -c "$stop"
        ) &
        stopper=$!
    else
        kill -s TERM $found 2>/dev/null
    fi
    look_at_the_clock
    deadline=$((now + grace * 100))
    while [ "$now" -lt "$deadline" ]; do
        members "$run"
        if [ "$found" = ' ' ]; then
            # What stops it may have something to do after that.
            if [ -z "$stopper" ] || ! look_at "$stopper"; then break; fi
        fi
        sleep 0.1
        look_at_the_clock
    done
fi

kill_all "$run"
known=' '
kill_all "$run-stop"
exit 0
