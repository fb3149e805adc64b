//! What Git knows of a push where the branch itself has no upstream.

use std::path::Path;

use super::{Error, Revision};
use crate::source::Git;

/// The commit that was seen last of the branch on the remote, or else of the branch that the remote has as its main
/// one. None where nothing is known of a remote.
pub fn of_remote(root: &Path) -> Result<Option<Revision>, Error> {
    let git = Git::of_process();
    let pattern = r"^(branch\..*\.remote|remote\.pushdefault|remote\..*\.url)$";
    // Side by side.
    let head = git
        .command(root, &["symbolic-ref", "--quiet", "HEAD"])
        .spawn()?;
    let config = git
        .command(root, &["config", "-z", "--get-regexp", pattern])
        .output()?
        .stdout;
    let head = head.wait_with_output()?.stdout;
    let head = String::from_utf8_lossy(&head);
    let branch = head.trim_end().strip_prefix("refs/heads/");
    let config = String::from_utf8_lossy(&config);
    let Some(remote) = remote(&config, branch) else {
        return Ok(None);
    };

    let branches = branch.into_iter().chain(["HEAD", "main", "master"]);
    let names: Vec<String> = branches
        .map(|branch| format!("{remote}/{branch}"))
        .collect();
    let references: Vec<String> = names
        .iter()
        .map(|name| format!("refs/remotes/{name}"))
        .collect();
    let mut command = git.command(root, &["for-each-ref", "--format=%(refname)"]);
    let there = command.args(&references).output()?.stdout;
    let there = String::from_utf8_lossy(&there);
    let is_there = |reference: &String| there.lines().any(|line| line == reference);
    let Some(at) = references.iter().position(is_there) else {
        return Ok(None);
    };
    let mut revision = Revision::open(root, &references[at])?;
    revision.name.clone_from(&names[at]);
    Ok(Some(revision))
}

/// The remote that a branch is pushed to, from Git's configuration: that of the branch, the usual one, the only one,
/// or `origin`.
fn remote<'a>(config: &'a str, branch: Option<&str>) -> Option<&'a str> {
    let entries = || {
        config
            .split('\0')
            .filter_map(|entry| entry.split_once('\n'))
    };
    let value = |key: &str| {
        let mut of_key = entries().filter(|(name, _)| *name == key);
        of_key.next_back().map(|(_, value)| value)
    };
    let of_branch = branch.and_then(|branch| value(&format!("branch.{branch}.remote")));
    let mut remotes: Vec<&str> = entries()
        .filter_map(|(name, _)| name.strip_prefix("remote.")?.strip_suffix(".url"))
        .collect();
    remotes.dedup();
    let only = match remotes.as_slice() {
        [only] => Some(*only),
        several => several.iter().find(|name| **name == "origin").copied(),
    };
    of_branch
        .filter(|remote| *remote != ".")
        .or_else(|| value("remote.pushdefault"))
        .or(only)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remote_is_that_of_the_branch_the_usual_one_the_only_one_or_origin() {
        let remotes = "remote.a.url\n/a\0remote.origin.url\n/b\0";
        let with = |text: &str| format!("{remotes}{text}");
        assert_eq!(remote("", Some("main")), None);
        assert_eq!(remote("remote.a.url\n/a\0", None), Some("a"));
        assert_eq!(remote("remote.a.url\n/a\0remote.b.url\n/b\0", None), None);
        assert_eq!(remote(remotes, Some("main")), Some("origin"));
        let usual = with("remote.pushdefault\na\0");
        assert_eq!(remote(&usual, Some("main")), Some("a"));
        let of_branch = with("remote.pushdefault\na\0branch.x.y.remote\norigin\0");
        assert_eq!(remote(&of_branch, Some("x.y")), Some("origin"));
        let of_here = with("branch.main.remote\n.\0");
        assert_eq!(remote(&of_here, Some("main")), Some("origin"));
    }
}
