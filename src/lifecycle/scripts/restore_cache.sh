# Puts a build cache into the app, and prints `hit`, `stale` or `miss`. The directory appears in one step, so that no
# command of the build finds half of it.
cd "$1" || exit 1
store=$2 archive=$2/$3.tar target=./${4:-.} result=hit
if [ ! -f "$archive" ]; then
    result=stale archive=
    # The names are checksums.
    [ "$5" != stale ] || archive=$(ls -t "$store" 2>/dev/null | grep '\.tar$' | head -n 1)
    if [ -z "$archive" ]; then
        echo miss
        exit
    fi
    archive=$store/$archive
fi
parent=$(dirname "$target")
mkdir -p "$parent" && aside=$(mktemp -d "$parent/.upsun-local.XXXXXX") || exit 1
trap 'chmod -R u+rwx "$aside" 2>/dev/null; rm -rf "$aside"' EXIT
# `tar` takes the end of a cut archive, and zeros, for the end of all files.
is_whole() {
    [ "$(head -c 2 "$archive")" = ./ ] && [ -z "$(tail -c 1024 "$archive" | tr -d '\0')" ] &&
        tar -t -f "$archive" >/dev/null 2>&1
}
if ! is_whole; then
    # It would be in the way of each later build.
    rm -f "$archive"
    echo "the archive was damaged, and is removed" >&2
    exit 1
fi
tar -x -p -f "$archive" -C "$aside" || exit 1
if [ -e "$target" ] || [ -L "$target" ]; then
    # The source has the directory too, and its own files are the ones that Git would deploy.
    tar -c -C "$aside" . | tar -x -p --skip-old-files -C "$target" || exit 1
else
    mv -T "$aside" "$target" || exit 1
    trap - EXIT
fi
echo "$result"
