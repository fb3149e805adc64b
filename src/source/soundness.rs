//! What holds for whatever Git says a repository holds: for fuzzing and for tests.

use std::collections::HashMap;

use super::git::parse;
use super::snapshot::Snapshot;

/// Reads bytes as what `git ls-files` says.
///
/// # Panics
///
/// When a path leads out of the repository, or into what belongs to Git.
pub fn check_listing(said: &[u8]) {
    let said = parse(said);
    for path in [&said.files, &said.submodules, &said.nested, &said.sparse]
        .into_iter()
        .flatten()
    {
        for part in path.split(|byte| *byte == b'/') {
            let is_inside = !matches!(part, b"" | b"." | b".." | b".git");
            assert!(is_inside, "{}", path.escape_ascii());
        }
    }
    let directories: Vec<Vec<u8>> = said.nested.clone();
    let snapshot = Snapshot::build(&said.files, &directories, &HashMap::new());
    assert!(snapshot.entries.len() <= said.files.len());
    let mut end = 0;
    for directory in &snapshot.directories {
        assert_eq!(directory.entries.start, end);
        end = directory.entries.end;
    }
    assert_eq!(end, snapshot.entries.len());
}
