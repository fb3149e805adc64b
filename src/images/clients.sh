#!/bin/sh
# Collects commands of a service's image, each with all libraries that it loads and with the program that loads them,
# so that they run in an image of another distribution. Runs once, as root, in a stage of the derived image's build:
#
#     clients.sh <command>...
#
# A command that the image does not have is left out; the setup script says which are missing in the end.
set -u

to=/upsun-local
mkdir -p "$to/bin" "$to/lib"
# Debian's `psql` is a script that looks for the real one.
for folder in /usr/lib/postgresql/*/bin; do
    if [ -d "$folder" ]; then PATH="$folder:$PATH"; fi
done
for command in "$@"; do
    file=$(command -v "$command") || continue
    file=$(readlink -f "$file")
    case "$(head -c 4 "$file" | tr -d '\0')" in
        ?ELF) ;;
        *) continue ;;
    esac
    cp "$file" "$to/bin/$command" || continue
    ldd "$file" 2>/dev/null | while read -r name arrow path _; do
        case $name in
            /*)
                # The loader itself, the only one without an arrow.
                cp -L "$name" "$to/lib/" && basename "$name" >"$to/loader"
                ;;
            *) [ "$arrow" != '=>' ] || [ ! -f "$path" ] || cp -L "$path" "$to/lib/$name" ;;
        esac
    done
done
exit 0
