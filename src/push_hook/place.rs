//! Where Git looks for hooks, and where in its work tree a project lies.

use std::io;
use std::path::{Path, PathBuf};

use super::Failure;
use crate::source::Git;

/// Where hooks are, and what they are for.
#[derive(Debug)]
pub struct Place {
    /// The directory that Git looks in.
    pub hooks: PathBuf,
    /// The top of the work tree.
    pub top: PathBuf,
    /// The directory that was asked for, relative to the top; `.` for the top itself.
    pub directory: String,
    /// Whether other repositories have their hooks there too.
    pub is_shared: bool,
    /// Whether hooks are files of the work tree, which go wherever it is cloned.
    pub is_committed: bool,
}

impl Place {
    /// The place of the hooks of a directory's repository.
    pub fn of(directory: &Path) -> Result<Self, Failure> {
        let git = Git::of_process();
        let (top, directory) = within(&git, directory)?;
        // A relative `core.hooksPath` counts from there, where Git runs hooks.
        let lines = ask(&git, &top, &["--git-common-dir", "--git-path", "hooks"])?;
        let [common, hooks] = lines.as_slice() else {
            return Err(Failure::fault("Git says less than it was asked for"));
        };
        let hooks = top.join(hooks);
        let is_below = |above: &Path| real(&hooks).starts_with(real(above));
        let is_in_git = is_below(&top.join(common));
        let is_in_work_tree = is_below(&top);
        Ok(Place {
            is_shared: !is_in_git && !is_in_work_tree,
            is_committed: !is_in_git && is_in_work_tree,
            hooks,
            top,
            directory,
        })
    }
}

/// Refuses a repository without files: it has no `.upsun/` either, but that is not what is wrong with it.
pub fn refuse_bare(directory: &Path) -> Result<(), Failure> {
    let lines = ask(&Git::of_process(), directory, &["--is-bare-repository"]);
    let is_bare = match &lines {
        Ok(lines) => lines[0] == "true",
        // Since 2.38, Git does not look at one that it was not told of.
        Err(failure) => failure.message.contains("cannot use bare repository"),
    };
    if is_bare {
        return Err(Failure::usage(format!(
            "`{}` is a bare repository: there are no files in it to check before a push",
            directory.display()
        ))
        .hint("install the hook in a clone that has a work tree"));
    }
    Ok(())
}

/// The top of the work tree, and a directory relative to it: `.` for the top itself.
pub fn within(git: &Git, directory: &Path) -> Result<(PathBuf, String), Failure> {
    let lines = ask(git, directory, &["--show-prefix", "--show-toplevel"])?;
    let [prefix, top] = lines.as_slice() else {
        return Err(Failure::fault("Git says less than it was asked for"));
    };
    let prefix = prefix.trim_end_matches('/');
    let directory = if prefix.is_empty() { "." } else { prefix };
    Ok((PathBuf::from(top), directory.to_owned()))
}

/// A path without links, whose last parts need not be there yet.
pub fn real(path: &Path) -> PathBuf {
    match (path.canonicalize(), path.parent(), path.file_name()) {
        (Err(_), Some(parent), Some(name)) => real(parent).join(name),
        (found, ..) => found.unwrap_or_else(|_| path.to_owned()),
    }
}

/// What `git rev-parse` says, line by line.
fn ask(git: &Git, directory: &Path, questions: &[&str]) -> Result<Vec<String>, Failure> {
    let mut arguments = vec!["rev-parse"];
    arguments.extend(questions);
    let output =
        git.command(directory, &arguments)
            .output()
            .map_err(|err| match err.kind() {
                io::ErrorKind::NotFound => Failure::usage("there is no `git` command")
                    .hint("install Git, or add it to `PATH`"),
                _ => Failure::fault(format!("`git` cannot be run: {err}")),
            })?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        let line = words.lines().next().unwrap_or_default();
        let reason = line.strip_prefix("fatal: ").unwrap_or(line);
        return Err(
            Failure::usage(format!("Git has no place for a hook here: {reason}"))
                .hint("`git init` makes a repository"),
        );
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().map(str::to_owned).collect())
}
