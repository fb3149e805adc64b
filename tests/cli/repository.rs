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

/// The output with the ids of commits left out.
pub(crate) fn without_ids(text: &str) -> String {
    let mut shown = String::new();
    let mut word = String::new();
    let is_id = |word: &str| matches!(word.len(), 7 | 40);
    for char in text.chars().chain(['\n']) {
        if char.is_ascii_digit() || matches!(char, 'a'..='f') {
            word.push(char);
            continue;
        }
        let has_digit = word.contains(|char: char| char.is_ascii_digit());
        if is_id(&word) && has_digit {
            shown.push_str("[ID]");
        } else {
            shown.push_str(&word);
        }
        word.clear();
        shown.push(char);
    }
    shown.pop();
    shown
}
