# Lets requests to an upstream wait as long as standard input is open. Its argument is the name of a directory, which is
# there as long as any such command runs: the last one to end removes it.
directory=/tmp/deploys/$1
for try in 1 2 3 4 5; do
    # Another one may just remove the directory.
    mkdir -p "$directory" && : >"$directory/$$" && break
done
[ -e "$directory/$$" ] || exit 1
echo held
# An engine that does not notice that its client is gone ends it after an hour.
if command -v timeout >/dev/null; then timeout 3600 cat >/dev/null; else cat >/dev/null; fi
rm -f "$directory/$$"
rmdir "$directory" 2>/dev/null
exit 0
