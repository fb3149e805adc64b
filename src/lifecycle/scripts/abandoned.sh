# Prints the ids of the runs in this container whose first process still runs.
for directory in /proc/[0-9]*; do
    line=
    read -r line 2>/dev/null <"$directory/stat" || continue
    # The name in brackets may hold anything; the fields after it are state and parent. What is started
    # from outside of the container has no parent in it.
    set -- ${line##*) }
    [ "$2" = 0 ] && tr '\0' '\n' 2>/dev/null <"$directory/environ" | sed -n 's/^UPSUN_LOCAL_RUN=//p'
done | sort -u
