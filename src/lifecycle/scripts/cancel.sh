# Ends everything that one run started in this container: asks first, and kills after the grace period.
# Arguments: the lowest and the highest mark of the run, the grace period in seconds, the script that stops it
# (may be empty: SIGTERM). Exit code: 0 when nothing of it is left. What stops the run has a mark of its own, the
# one below the highest, so that a second, more urgent call of this script ends that too; this script has none.
lowest=$1 highest=$2 grace=$3 stop=$4
# The app's own PATH may lead to programs of the app.
path=$PATH PATH=/usr/bin:/bin

# Where the engine limits all processes to fewer, nothing could be marked.
own=$(ulimit -H -w)
if [ "$own" != unlimited ] && [ "$own" -le "$highest" ]; then exit 0; fi

# Finds the processes of the run, but for one mark, and their groups: what forks and ends again and again is caught by
# its group only. Those with a mark that may have ended are told too, and how many processes ended before anything was
# known of them. The first process is not counted: it cannot be ended from inside, and has a mark only when somebody
# gave it one.
members() {
    except=$1 found= groups= marked=
    set -- /proc/[0-9]*
    vanished=$#
    for word in $(
        grep -sH '^Max file locks\|^State:\|^NSpgid:\|^Threads:' $(for directory; do printf '%s/limits %s/status ' "$directory" "$directory"; done) |
            while read -r place first second soft hard rest; do
                process=${place#/proc/} process=${process%%/*}
                case $place in
                    */limits:*)
                        limited=
                        case $hard in "$except" | *[!0-9]*) continue ;; esac
                        if [ "$hard" -lt "$lowest" ] || [ "$hard" -gt "$highest" ]; then continue; fi
                        limited=$process
                        printf 'marked:%s ' "$process"
                        ;;
                    */status:State:) state=$first ;;
                    */status:NSpgid:) group=$first ;;
                    */status:Threads:)
                        printf 'seen '
                        [ "$limited" = "$process" ] || continue
                        # What has ended and was not waited for is none; but one lives on while a thread of it does.
                        case $state$first in [ZX]1) continue ;; esac
                        printf '%s:%s ' "$process" "$group"
                        ;;
                esac
            done
    ); do
        case $word in
            seen) vanished=$((vanished - 1)) ;;
            1:*) ;;
            marked:*) marked="$marked ${word#*:}" ;;
            *)
                found="$found ${word%:*}"
                # This script's own is that of what stops the run.
                case ${word#*:} in 0 | 1 | $$) ;; *) groups="$groups -${word#*:}" ;; esac
                ;;
        esac
    done
}

# Hundredths of a second since some fixed time. Whole seconds would make the grace period up to one shorter.
look_at_the_clock() {
    read -r now rest </proc/uptime
    now=$((${now%.*} * 100 + 1${now#*.} - 100))
}

stoppers=$((highest - 1))
members "$stoppers"
if [ "$grace" -gt 0 ] && [ -n "$found" ]; then
    stopper=
    if [ -n "$stop" ]; then
        (
            PATH=$path
            ulimit -w "$stoppers"
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
        members "$stoppers"
        if [ -z "$found" ]; then
            # What stops it may have something to do after that.
            if [ -z "$stopper" ] || ! kill -0 "$stopper" 2>/dev/null; then break; fi
        fi
        sleep 0.1
        look_at_the_clock
    done
fi

# What forks and ends faster than it can be looked at leaves others that have ended, again and again.
tries=0 unsure=0 known=' '
while :; do
    members none
    leaps=
    for process in $marked; do
        case $known in *" $process "*) ;; *) known="$known$process " leaps=yes ;; esac
    done
    if [ -n "$found" ]; then
        unsure=0
        kill -s KILL -- $found $groups 2>/dev/null
    elif [ "$vanished" = 0 ] && [ -z "$leaps" ]; then
        exit 0
    elif [ "$unsure" -ge 15 ] && [ -n "$leaps" ]; then
        exit 1
    elif [ "$unsure" -ge 40 ]; then
        # The app's own processes come and go all the time.
        exit 0
    else
        unsure=$((unsure + 1))
    fi
    tries=$((tries + 1))
    if [ "$tries" -ge 200 ]; then exit 1; fi
    # Whoever forks again and again is not caught by one who rests.
    if [ "$tries" -gt 150 ]; then sleep 0.1; fi
done
