# Looks for a command that could not be started. Argument: its name, as the shell printed it.
# Records, each ended by a zero: the file, relative to the app if it is in there, or nothing; what it is (`d`, `x` for a
# file that may be executed, `f`, `-`); its first line; whether the program in that line is there (`y`, `n`, `-`).
cd /app || exit 1
if [ -r ./.environment ]; then . ./.environment >/dev/null 2>&1; fi
case $1 in
  */*) file=$1 ;;
  *)
    file=$(command -v -- "$1" 2>/dev/null)
    case $file in
      /*) ;;
      *)
        file=
        for directory in vendor/bin node_modules/.bin .venv/bin venv/bin bin scripts .; do
          if [ -f "$directory/$1" ]; then file=$directory/$1; break; fi
        done
        ;;
    esac
    ;;
esac
kind=-
first=
there=-
if [ -d "$file" ]; then kind=d; elif [ -x "$file" ]; then kind=x; elif [ -f "$file" ]; then kind=f; fi
if [ "$kind" = x ] || [ "$kind" = f ]; then
  first=$(head -c 256 -- "$file" 2>/dev/null | tr -d '\0' | head -n 1)
  case $first in '#!'*) ;; *) first= ;; esac
fi
if [ -n "$first" ]; then
  set -f
  set -- ${first#??}
  case $1 in */env) shift; case $1 in -S) shift ;; esac ;; esac
  if command -v -- "$1" >/dev/null 2>&1; then there=y; else there=n; fi
fi
file=${file#/app/}
printf '%s\0%s\0%s\0%s\0' "${file#./}" "$kind" "$first" "$there"
