//! The project of a test as a Git repository.

use std::path::Path;
use std::process::Command;

use crate::support::TestProject;

/// Runs Git, as somebody whom no configuration of this machine changes.
#[track_caller]
pub(crate) fn git(directory: &Path, arguments: &[&str]) {
    let output = Command::new("git")
        .args(["-c", "user.name=A", "-c", "user.email=a@example.org"])
        .args([
            "-c",
            "init.defaultBranch=main",
            "-c",
            "protocol.file.allow=always",
        ])
        .args(arguments)
        .current_dir(directory)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .expect("git runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
}

/// Commits everything, and gives the commit this tag.
#[track_caller]
pub(crate) fn commit(project: &TestProject, tag: &str) {
    let root = project.root();
    git(&root, &["init", "-q"]);
    git(&root, &["add", "--all"]);
    git(&root, &["commit", "-q", "--allow-empty", "-m", tag]);
    git(&root, &["tag", tag]);
}

/// The output with the ids of commits left out, which stand in parentheses.
pub(crate) fn without_ids(text: &str) -> String {
    let mut parts = text.split('(');
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_id =
            part.find(')') == Some(7) && part.as_bytes()[..7].iter().all(u8::is_ascii_hexdigit);
        shown.push('(');
        if is_id {
            shown.push_str("[ID]");
        }
        shown.push_str(if is_id { &part[7..] } else { part });
    }
    shown
}
