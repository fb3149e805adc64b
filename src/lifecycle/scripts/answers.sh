# Asks a service whether it is ready, again and again for a few seconds.
# Arguments: the command that asks, with its arguments. Exit code: 0 once that has ended with 0.
left=40
until "$@" >/dev/null 2>&1; do
    left=$((left - 1))
    if [ "$left" -le 0 ]; then exit 1; fi
    sleep 0.05
done
