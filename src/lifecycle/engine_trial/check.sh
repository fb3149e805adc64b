# Runs in the container of a trial, as an app's processes run. Prints one line for each check: its name, `ok`, `no` or
# `unknown`, and what was found. Needs nothing but a shell and what every image of a runtime has.
user=$1
token=$2
port=$3

say() { printf '%s\n' "$*"; }

[ "$(id -u):$(id -g)" = "$user" ] && say user ok || say "user no processes run as $(id -u):$(id -g)"

options=
while read -r _ path _ now _; do [ "$path" != / ] || options=$now; done </proc/self/mounts
case ",$options," in
*,ro,*) found= ;;
*) found="/ can be written to" ;;
esac
(: >/var/tmp/.trial) 2>/dev/null && found="/var/tmp can be written to"
[ -z "$found" ] && say read-only ok || say "read-only no $found"

{ printf '#!/bin/sh\nexit 0\n' >/tmp/.trial && chmod 755 /tmp/.trial && /tmp/.trial; } 2>/dev/null && (: >/run/.trial) 2>/dev/null &&
    say memory-file-systems ok || say "memory-file-systems no /tmp or /run cannot be written to, or nothing in /tmp can be run"

[ "$(cat /app/mount/uploaded 2>/dev/null)" = "$token" ] && (: >/app/mount/written) 2>/dev/null &&
    say mounts ok || say "mounts no the directory of the volume lacks the uploaded file, or cannot be written to"

had=
while read -r name value; do
    case $name in
    CapEff: | CapBnd: | CapPrm:) [ "$value" = 0000000000000000 ] || had="$had $name $value" ;;
    NoNewPrivs:) [ "$value" = 1 ] || had="$had $name $value" ;;
    esac
done </proc/self/status
[ -z "$had" ] && say capabilities ok || say "capabilities no$had"

# The limit in the file of the control group, of version 2 or 1.
limit() {
    for file in "/sys/fs/cgroup/$1" "/sys/fs/cgroup/$2"; do
        [ -r "$file" ] && cat "$file" && return
    done
    echo unknown
}
found=$(limit pids.max pids/pids.max)
case $found in
unknown) say "process-limit unknown the container does not see its control group" ;;
*[!0-9]*) say "process-limit no the limit is $found" ;;
*) say process-limit ok ;;
esac
found=$(limit memory.max memory/memory.limit_in_bytes)
case $found in
unknown) say "memory-limit unknown the container does not see its control group" ;;
# Without a limit, version 1 has a number of 19 digits.
*[!0-9]* | ???????????????????*) say "memory-limit no the limit is $found" ;;
*) say memory-limit ok ;;
esac

read -r first </proc/1/comm
[ "$first" != sleep ] && say init ok || say "init no the first process is the command itself"

# 169.254.0.0 as the kernel prints it.
found=no
while read -r _ to _; do [ "$to" != 0000FEA9 ] || found=yes; done 2>/dev/null </proc/net/route
[ $found = yes ] && say link-local ok || say "link-local no link-local addresses are reached as the engine's machine reaches them"

if command -v getent >/dev/null; then
    getent hosts trial.internal >/dev/null && say names ok || say "names no \`trial.internal\` does not resolve"
else
    say "names unknown the image has no command for that"
fi
if command -v perl >/dev/null; then
    perl -MIO::Socket::INET -e '
        for (1 .. 30) {
            IO::Socket::INET->new(PeerAddr => "trial.internal:$ARGV[0]", Timeout => 2) and exit 0;
            select undef, undef, undef, 0.1;
        }
        exit 1' "$port" 2>/dev/null && say connections ok || say "connections no \`trial.internal:$port\` takes no connection"
else
    say "connections unknown the image has no command for that"
fi
exit 3
