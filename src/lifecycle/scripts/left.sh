# Prints what an operation left in a clone, one thing a line: `tip <commit>` first, and then what does not come back.
# Arguments: the branch that was checked out. Exit code: 3 when that branch is gone.
branch=$1
cd /source || exit 3

git() {
    command git -c core.hooksPath=/dev/null -c core.fsmonitor=false -c protocol.allow=never -c core.quotePath=false "$@"
}

tip=$(git rev-parse --verify --quiet "refs/heads/$branch^{commit}") || exit 3
printf 'tip %s\n' "$tip"

if ! git symbolic-ref --quiet HEAD >/dev/null; then
    count=$(git rev-list --count HEAD --not --branches)
    [ "${count:-0}" -gt 0 ] && printf 'detached %s\n' "$count"
fi
git for-each-ref --count 20 --format 'branch %(refname:lstrip=2)' --no-merged "$tip" refs/heads
git for-each-ref --count 20 --format 'tag %(refname:lstrip=2)' refs/tags

directory=$(git rev-parse --git-dir)
for state in MERGE_HEAD:merge CHERRY_PICK_HEAD:cherry-pick REVERT_HEAD:revert rebase-merge:rebase rebase-apply:rebase; do
    [ -e "$directory/${state%%:*}" ] && printf 'unfinished %s\n' "${state#*:}"
done

git status --porcelain --untracked-files=normal | {
    count=0
    while IFS= read -r line; do
        count=$((count + 1))
        [ "$count" -le 5 ] && printf 'file %s\n' "${line#???}"
    done
    printf 'files %s\n' "$count"
}
