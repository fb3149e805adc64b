# Waits until something listens where requests would go.
# Arguments: a TCP port or the path of a Unix socket, the limit in seconds. Exit code: 0 when it listens.
address=$1
deadline=$(($(date +%s) + $2))
while [ "$(date +%s)" -lt "$deadline" ]; do
    case $address in
        /*) grep -q " $address\$" /proc/net/unix && exit 0 ;;
        *) grep -qi ":$(printf '%04X' "$address") [0-9A-F]*:0000 0A " /proc/net/tcp /proc/net/tcp6 2>/dev/null && exit 0 ;;
    esac
    sleep 0.1
done
exit 1
