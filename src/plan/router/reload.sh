# Lets a running nginx take over a new configuration. Ends when all new requests go to it, and when those that were under
# way are answered, but waits at most some 3 s for these. Fails if nginx does not take over the configuration.
title() { { tr '\000' ' ' <"/proc/$1/cmdline"; } 2>/dev/null; }
old=
for process in /proc/[0-9]*; do
    process=${process#/proc/}
    case $(title "$process") in
        'nginx: worker process is shutting down'*) ;;
        'nginx: worker process'*) old="$old $process" ;;
    esac
done
nginx -c /etc/nginx/upsun-local.conf -s reload || exit 1
accepts=yes
for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
    accepts= works=
    for process in $old; do
        case $(title "$process") in
            'nginx: worker process is shutting down'*) works=yes ;;
            'nginx: worker process'*) accepts=yes ;;
        esac
    done
    [ -n "$accepts$works" ] || exit 0
    sleep 0.1
done
[ -z "$accepts" ]
