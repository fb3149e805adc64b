# Ends the command that the supervisor started, with all its processes; the supervisor starts it again at once. Fails if
# no command runs. Each command leads a session of its own.
state=/run/upsun-local
read -r leader <"$state/started" || exit 1
touch "$state/restart"
if ! kill -s TERM -- "-$leader" 2>/dev/null; then
    rm -f "$state/restart"
    exit 1
fi
# A command that takes no notice is killed.
for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    kill -s 0 -- "-$leader" 2>/dev/null || exit 0
    sleep 0.1
done
kill -s KILL -- "-$leader" 2>/dev/null
exit 0
