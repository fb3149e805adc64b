# Says how many processes of this container the kernel has killed for want of memory, if any. The first file is that of
# cgroup v2, the second that of v1.
for file in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do
    [ -r "$file" ] || continue
    while read -r name count; do
        if [ "$name" = oom_kill ] && [ "$count" -gt 0 ]; then echo "$count"; fi
    done <"$file"
done
