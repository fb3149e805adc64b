//! The options of every Git process, so that Git only reads: it runs nothing from the repository, fetches nothing
//! and asks no questions. `docs/security.md` says what that promises.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Settings, as options of `git`. A repository's own configuration comes before them and does not count.
pub(super) const OPTIONS: &[&str] = &[
    "--no-pager",
    // A directory that is laid out as a bare repository may have come with a clone. Since Git 2.38.
    "-c",
    "safe.bareRepository=explicit",
    // A monitor would be started and stay.
    "-c",
    "core.fsmonitor=false",
    // Git asks a remote for what a partial clone lacks. Versions before 2.45 know no other way to stop that.
    "-c",
    "protocol.allow=never",
    "-c",
    "fetch.bundleURI=",
    "-c",
    "credential.helper=",
    "-c",
    "core.alternateRefsCommand=true",
    // A submodule has settings of its own.
    "-c",
    "submodule.recurse=false",
    "-c",
    "gc.auto=0",
    "-c",
    "maintenance.auto=false",
];

/// The options for finding hooks.
pub(super) const NO_HOOKS: &[&str] = &["-c", "core.hooksPath=/dev/null"];

/// Variables, which Git believes more than any setting.
pub(super) const VARIABLES: &[(&str, &str)] = &[
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_ALLOW_PROTOCOL", "none"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_ASKPASS", "false"),
    ("GIT_SSH_COMMAND", "false"),
    ("GIT_EDITOR", "false"),
    ("GIT_PAGER", "cat"),
    ("GIT_OPTIONAL_LOCKS", "0"),
];

/// Commands that run no program that a setting names, beyond those that [`OPTIONS`] and [`VARIABLES`] rule out.
const LOOKS: &[&str] = &[
    "cat-file",
    "check-attr",
    "check-ignore",
    "config",
    "for-each-ref",
    "index-pack",
    "ls-files",
    "merge-base",
    "pack-objects",
    "rev-list",
    "rev-parse",
    "symbolic-ref",
    "update-ref",
];

/// Whether no setting of a repository can make this run a program.
pub(super) fn runs_no_program(arguments: &[&str]) -> bool {
    let mut words = arguments.iter();
    // Settings may come first.
    while let Some(word) = words.next() {
        if *word == "-c" {
            words.next();
        } else {
            return LOOKS.contains(word);
        }
    }
    false
}

/// The directories of `PATH` that are the same everywhere. Git is started in the repository, where `.` and
/// `node_modules/.bin` are the repository's.
pub(super) fn path(value: &OsStr) -> OsString {
    let kept: Vec<&[u8]> = value
        .as_bytes()
        .split(|byte| *byte == b':')
        .filter(|directory| Path::new(OsStr::from_bytes(directory)).is_absolute())
        .collect();
    OsString::from(OsStr::from_bytes(&kept.join(&b':')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_of_the_current_directory_are_not_taken() {
        for (before, after) in [
            ("/usr/bin:/bin", "/usr/bin:/bin"),
            (".:/bin::node_modules/.bin:", "/bin"),
            ("", ""),
        ] {
            assert_eq!(path(OsStr::new(before)), after, "{before}");
        }
    }

    #[test]
    fn commands_that_run_filters_are_told_apart() {
        assert!(runs_no_program(&["-c", "a=b", "cat-file", "--batch"]));
        for words in [&["status"][..], &["diff", "ls-files"], &["-c", "x=y"], &[]] {
            assert!(!runs_no_program(words), "{words:?}");
        }
    }
}
