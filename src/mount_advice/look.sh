# Looks up paths that messages named. Arguments: absolute paths.
# For each path four records, each ended by a zero: the nearest directory that is there, in full; what follows it in the
# path; `d`, `f` or `-` for what the path is; the files below that directory if it is below /app, and an empty record.
# Then the table of mounts.
for path; do
  directory=$path
  rest=
  while [ ! -d "$directory" ]; do
    rest=${directory##*/}${rest:+/$rest}
    directory=${directory%/*}
    [ -n "$directory" ] || directory=/
  done
  kind=-
  if [ -z "$rest" ]; then kind=d; elif [ -e "$path" ] || [ -L "$path" ]; then kind=f; fi
  full=$(cd -P -- "$directory" 2>/dev/null && printf '%s.' "$PWD")
  full=${full%.}
  printf '%s\0%s\0%s\0' "$full" "$rest" "$kind"
  case $full in
    /app/*) (cd -P -- "$full" && find . -mindepth 1 ! -type d -print0 2>/dev/null | head -z -n 200) ;;
  esac
  printf '\0'
done
cat /proc/self/mountinfo
