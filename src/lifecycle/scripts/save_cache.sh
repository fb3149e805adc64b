# Keeps a directory of the app as a build cache, and prints `absent` if there is no such directory. An archive gets its
# final name in the last step, so that a killed build leaves none that counts.
cd "$1" || exit 1
store=$2 archive=$2/$3.tar target=./${4:-.}
if [ ! -d "$target" ]; then
    echo absent
    exit
fi
# Another app may have saved the same.
[ ! -f "$archive" ] || exit 0
mkdir -p "$store" || exit 1
# A build ends after an hour, so nobody writes to these.
find "$store" -ignore_readdir_race -name '*.part' -mmin +60 -delete
part=$(mktemp "$store/XXXXXXXX.part") || exit 1
trap 'rm -f "$part"' EXIT
# This format keeps the fractions of modification times, which incremental builds compare.
tar -c --format=posix -f "$part" -C "$target" . && sync "$part" && mv -f "$part" "$archive" || exit 1
ls -t "$store" 2>/dev/null | grep '\.tar$' | tail -n +4 | while read -r old; do rm -f "$store/$old"; done
