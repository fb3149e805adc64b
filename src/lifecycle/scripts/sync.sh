# Writes what is edited into the app, or into the directory that is its argument. Each line of standard input has four
# sizes in bytes; behind it come as many bytes of names to remove, of names of directories to remove with everything in
# them, of names of directories to remove if they are empty, and of an archive. Names end with a zero byte. Answers `ok`,
# or `failed` and what was said in base64.
umask 022
cd "${1:-/app}" || exit 1
# What the archive holds is complete before the first file is opened, so a reader finds a file half written for as
# short as can be. A long one is not kept in memory.
longest=67108864
failed() { echo "failed $(printf %s "$1" | head -c 4000 | base64 -w0)"; }
# Keeps this many bytes in a file. If that fails, what is left of the input cannot be told apart.
keep() {
    said=$(head -c "$1" 2>&1 >"/tmp/$2") && return
    failed "$said"
    return 1
}
while read -r removed replaced emptied archive; do
    { [ "$removed" = 0 ] || keep "$removed" removed; } || exit 1
    { [ "$replaced" = 0 ] || keep "$replaced" replaced; } || exit 1
    { [ "$emptied" = 0 ] || keep "$emptied" emptied; } || exit 1
    # A directory of the build may have the name of a file that is gone: it stays.
    [ "$removed" = 0 ] || xargs -0r rm -f -- </tmp/removed 2>/dev/null
    errors=
    [ "$replaced" = 0 ] || errors=$(xargs -0r rm -rf -- </tmp/replaced 2>&1)
    [ "$emptied" = 0 ] || xargs -0r rmdir --ignore-fail-on-non-empty -- </tmp/emptied 2>/dev/null
    if [ "$archive" -gt "$longest" ]; then
        errors=$errors$(head -c "$archive" | tar -xmf - --no-same-owner --unlink-first 2>&1)
    elif [ "$archive" != 0 ]; then
        keep "$archive" archive || exit 1
        # Written in place, a file keeps its watchers. A program that runs cannot be written, and is replaced.
        tar -xmf /tmp/archive --no-same-owner --overwrite 2>/dev/null ||
            errors=$errors$(tar -xmf /tmp/archive --no-same-owner --unlink-first 2>&1)
    fi
    rm -f /tmp/archive
    if [ -z "$errors" ]; then
        echo ok
    else
        failed "$errors"
    fi
done
