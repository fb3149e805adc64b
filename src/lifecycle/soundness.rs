//! Properties of all data that comes out of a container: for fuzzing and for tests.

use std::path::Path;

use super::mounts::download::unpack;
use super::source_operation::{Left, is_id, parse};

/// Unpacks bytes as an archive of a mount, in an empty directory.
///
/// # Panics
///
/// If a file appears outside of the target directory, or an existing file outside of it changes.
pub fn check_archive(bytes: &[u8], directory: &Path) {
    let (inside, outside) = (directory.join("inside"), directory.join("outside"));
    let written = std::fs::create_dir(&inside).and_then(|()| std::fs::write(&outside, "kept"));
    assert!(written.is_ok(), "{written:?}");
    // The bytes need not be an archive, so an error of `unpack` is fine.
    let _ = unpack(bytes, &inside);
    assert_eq!(std::fs::read(&outside).ok().as_deref(), Some(&b"kept"[..]));
    let mut names: Vec<_> = std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["inside", "outside"]);
}

/// Reads a text as the result of a source operation, which its container prints.
///
/// # Panics
///
/// If a name contains a line break, or the result has more entries than the lines of the text can give.
pub fn check_left(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let made = parse(&text);
    if is_id(&made.tip) {
        assert!(made.tip.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
    let mut told = 0;
    for left in &made.left {
        let names: &[String] = match left {
            Left::Files(_, names) => names,
            Left::Branch(name) | Left::Tag(name) | Left::Unfinished(name) => {
                std::slice::from_ref(name)
            }
            Left::Detached(_) => &[],
        };
        told += 1 + names.len();
        assert!(!names.iter().any(|name| name.contains('\n')), "{left:?}");
    }
    assert!(told <= 2 * text.lines().count(), "{made:?}");
}
