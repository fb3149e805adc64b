# What `upsun-local hook run` does, at the top of the work tree. $1 is the program, $2 the project's directory.
# A push is held until `upsun-local check` passes for every branch in it, and `upsun-local test` of the apps that it
# changes, where it is of what is checked out.

program=$1 directory=$2
prefix=$directory/ of="$directory: "
[ "$directory" != . ] || prefix='' of=''

say() {
    printf 'upsun-local: %s%s\n' "$of" "$*" >&2
}

upsun_local() {
    "$program" -C "$directory" "$@" </dev/null
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

# Only branches are deployed, and the id of one that is deleted has nothing but zeros.
list_branches() {
    printf '%s\n' "$refs" | while read -r name id remote_name remote_id; do
        case $remote_name in refs/heads/*) ;; *) continue ;; esac
        case $id in *[!0]*) printf '%s\n' "$name $id $remote_id" ;; esac
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
while read -r name id remote_id; do
    commit=$(git rev-parse --verify --quiet "$id^{commit}")
    # A branch may have nothing for Upsun.
    if ! git rev-parse --verify --quiet "$commit:$prefix.upsun" >/dev/null; then
        [ "$commit" != "$head" ] || say "\`.upsun/\` is not committed, so this push is not checked"
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
    git --literal-pathspecs status --porcelain --untracked-files=normal -- "$directory" | awk '
        NR <= 3 { names = names (NR > 1 ? ", " : "") substr($0, 4) }
        END { print names (NR > 3 ? " and " NR - 3 " more" : "") }'
}
# What the push changes is not what the files at hand change when some of them are not in it.
uncommitted=$(list_uncommitted)
if [ -n "$uncommitted" ]; then
    say "what is tested are the files at hand, with what is not committed: $uncommitted"
    is_all=yes
fi

if [ -n "$is_all" ]; then
    upsun_local test || stop test $?
else
    upsun_local test --against "$since" || stop test $?
fi
