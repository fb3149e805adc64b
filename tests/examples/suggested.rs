//! `run --suggest-mounts --write` on examples whose mounts are gone: what it writes is what they need.

use crate::{example, without};

/// Runs it where it can write everywhere, and with the mounts that come of that where it cannot.
#[track_caller]
fn passes_with_what_is_suggested(name: &str, gone: &[&str], operation: &str, mounts: &[&str]) {
    let project = example(name);
    for mount in gone {
        without(&project, mount);
    }
    let arguments = ["run", operation, "--suggest-mounts", "--write"];
    let tried = project.run(&arguments).expect(0);
    for mount in mounts {
        assert!(tried.stderr.contains(mount), "{mount}: {}", tried.stderr);
    }
    let count = tried.stderr.matches("\": #").count();
    assert_eq!(count, mounts.len(), "{}", tried.stderr);
    assert!(!tried.stderr.contains("it wrote"), "{}", tried.stderr);
    project.run(&["run", operation]).expect(0);
}

#[test]
fn nextjs_needs_its_folder() {
    let mounts = ["\"/.next\": #"];
    passes_with_what_is_suggested("nextjs", &["/.next:"], "next-build", &mounts);
}

#[test]
fn gatsby_needs_its_site_and_its_cache() {
    let mounts = ["\"/public\": #", "\"/.cache\": #"];
    passes_with_what_is_suggested("gatsby", &["mounts:"], "gatsby-build", &mounts);
}

#[test]
fn pm2_needs_a_home() {
    let mounts = ["\"/.pm2\": #"];
    passes_with_what_is_suggested("pm2", &["mounts:"], "pm2-reload", &mounts);
}

#[test]
fn django_needs_its_journal() {
    let mounts = ["\"/journal\": #"];
    passes_with_what_is_suggested("django", &["mounts:"], "manual-migration", &mounts);
}
