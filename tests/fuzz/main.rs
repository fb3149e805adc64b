//! The targets of `fuzz/` over what they start from, and over what they found: each such input stays in `fuzz/seeds`.

#![expect(
    clippy::print_stdout,
    reason = "a test that fails shows at which input"
)]

use std::path::{Path, PathBuf};

use upsun_local::soundness;

/// The seeds of a target, none of which may be missing.
fn seeds(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(target);
    let mut all: Vec<_> = std::fs::read_dir(&directory)
        .expect("the target has seeds")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| (path.clone(), std::fs::read(path).expect("a seed")))
        .collect();
    assert!(!all.is_empty(), "{target} has seeds");
    all.sort();
    all
}

/// Runs a check over every seed of a target, and over every beginning of it, some without a byte in the middle.
fn over_seeds(target: &str, check: impl Fn(&[u8])) {
    for (path, bytes) in seeds(target) {
        println!("{}", path.display());
        check(&bytes);
        for length in (0..bytes.len()).step_by(bytes.len() / 64 + 1) {
            check(&bytes[..length]);
            let without: Vec<u8> = [&bytes[..length], &bytes[length + 1..]].concat();
            check(&without);
        }
    }
}

#[test]
fn settings() {
    over_seeds("settings", soundness::settings);
}

#[test]
fn scripts() {
    over_seeds("script", soundness::script);
}

#[test]
fn what_a_source_operation_left() {
    over_seeds("left", soundness::left);
}

#[test]
fn what_git_lists() {
    over_seeds("listing", soundness::listing);
}

#[test]
fn archives_of_mounts() {
    over_seeds("mount_archive", |bytes| {
        let directory = tempfile::tempdir().expect("a directory");
        soundness::mount_archive(bytes, directory.path());
    });
}

#[test]
fn every_target_has_a_test_here_or_among_the_readers() {
    let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
    let mut names: Vec<String> = std::fs::read_dir(targets)
        .expect("there are targets")
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "check.rs",
            "left.rs",
            "listing.rs",
            "mount_archive.rs",
            "script.rs",
            "settings.rs",
        ]
    );
}
