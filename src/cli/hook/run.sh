# What `upsun-local hook run` does, at the top of the work tree. $1 is the program, $2 the project's directory. A
# function `git` comes before it, which runs nothing that the repository names.
# A push is held until `upsun-local check` passes for every branch in it, and `upsun-local test` of the apps that it
# changes, where it is of what is checked out.

program=$1 directory=$2
prefix=$directory/ of="$directory: "
[ "$directory" != . ] || prefix='' of=''
# What begins with a dash would be taken for an option.
case $directory in -*) place=./$directory ;; *) place=$directory ;; esac

say() {
    printf 'upsun-local: %s%s\n' "$of" "$*" >&2
}

upsun_local() {
    "$program" -C "$place" "$@" </dev/null
}

stop() {
    say "the push is stopped: \`upsun-local $1\` ended with $2; UPSUN_LOCAL_SKIP=1 lets it pass"
    exit 1
}

refs=$(cat)
# pre-commit reads the refs itself, and tells what it understood of them.
if [ -z "$refs" ] && [ -n "${PRE_COMMIT_REMOTE_BRANCH:-}" ]; then
    local_branch=${PRE_COMMIT_LOCAL_BRANCH:-HEAD}
    pushed=${PRE_COMMIT_TO_REF:-$(git rev-parse --verify --quiet "$local_branch")}
    refs="$local_branch $pushed $PRE_COMMIT_REMOTE_BRANCH ${PRE_COMMIT_FROM_REF:-0}"
fi

# Only branches are deployed, and the id of one that is deleted has nothing but zeros. The name of what is pushed may
# be an expression with spaces in it, so it goes last.
list_branches() {
    printf '%s\n' "$refs" | while IFS= read -r line; do
        remote_id=${line##* } line=${line% *}
        remote_name=${line##* } line=${line% *}
        id=${line##* } name=${line% *}
        case $remote_name in refs/heads/*) ;; *) continue ;; esac
        case $id in *[!0]*) printf '%s\n' "$id $remote_id $name" ;; esac
    done
}
branches=$(list_branches)
[ -n "$branches" ] || exit 0

case ${UPSUN_LOCAL_SKIP:-0} in
    0 | false | no) ;;
    *)
        say 'this push is not checked, as UPSUN_LOCAL_SKIP is set'
        exit 0
        ;;
esac

head=$(git rev-parse --verify --quiet HEAD)
checked=
is_tested=
is_all=
since=
while read -r id remote_id name; do
    commit=$(git rev-parse --verify --quiet "$id^{commit}")
    # Some expressions mean another commit, or none, with anything behind them.
    [ "$(git rev-parse --verify --quiet "$name^{commit}")" = "$commit" ] || name=$commit
    # A branch may have nothing for Upsun, and so may what is checked out.
    if ! git rev-parse --verify --quiet "$commit:$prefix.upsun" >/dev/null; then
        if [ "$commit" = "$head" ] && [ -d "$directory/.upsun" ]; then
            say '`.upsun/` is not committed, so this push is not checked'
        fi
        continue
    fi
    case $checked in
        *"$commit"*) ;;
        *)
            upsun_local check --quiet --at "$name" || stop "check --at $name" $?
            [ "$commit" = "$head" ] ||
                say "\`$name\` is not what is checked out: its configuration is checked, and nothing is tested"
            checked="$checked $commit"
            ;;
    esac
    [ "$commit" = "$head" ] || continue
    is_tested=yes
    # Whatever cannot be compared counts as changed: a new branch, a commit that was never fetched.
    case $remote_id in
        *[!0]*) upsun_local plan --against "$remote_id" >/dev/null 2>&1 || is_all=yes ;;
        *) is_all=yes ;;
    esac
    [ "${since:-$remote_id}" = "$remote_id" ] || is_all=yes
    since=$remote_id
done <<BRANCHES
$branches
BRANCHES
[ -n "$is_tested" ] || exit 0

list_uncommitted() {
    git --literal-pathspecs status --porcelain --untracked-files=normal --ignore-submodules=dirty -- "$directory" | awk '
        NR <= 3 { names = names (NR > 1 ? ", " : "") substr($0, 4) }
        END { print names (NR > 3 ? " and " NR - 3 " more" : "") }'
}
# What the push changes is not what the files at hand change when some of them are not in it.
uncommitted=$(list_uncommitted)
if [ -n "$uncommitted" ]; then
    say "what is tested are the files at hand, with what is not committed: $uncommitted"
    is_all=yes
fi

code=0
if [ -n "$is_all" ]; then
    upsun_local test || code=$?
else
    upsun_local test --against "$since" || code=$?
fi
case $code in
    0) ;;
    65 | 78)
        # What is pushed was checked, and is fine: only what is not pushed can be wrong.
        [ -n "$uncommitted" ] || stop test "$code"
        say 'nothing is tested, as the configuration at hand is not the one that is pushed'
        ;;
    *) stop test "$code" ;;
esac
