use super::super::read;
use super::super::tests::mount;
use super::is_old_and;

const OLD: &str = "applications:\n  web:\n    type: x\n    mounts:\n      a: {source: tmp}\n  other:\n    list: [1, .nan, ~, !include x]\n";

/// Whether `new` is [`OLD`] with the mount `b` on `storage`.
fn is_right(new: &str) -> bool {
    let added = [("b".to_owned(), &mount("b", "storage"))];
    let (old, new) = (read(OLD).unwrap(), read(new).unwrap());
    is_old_and(&added, &["applications", "web", "mounts"], Some(&old), &new)
}

fn with(from: &str, to: &str) -> String {
    let right = OLD.replace("  other:", "      b: {source: storage}\n  other:");
    assert!(right.contains(from), "{from}");
    right.replacen(from, to, 1)
}

#[test]
fn the_mount_and_nothing_else_is_right() {
    assert!(is_right(&with("", "")));
    assert!(is_right(&with("type: x", "'type': 'x' # The same.")));
    assert!(is_right(&with("type: x", "<<: {type: x, mounts: {}}")));
}

#[test]
fn any_other_difference_is_wrong() {
    assert!(!is_right(OLD));
    for (from, to) in [
        ("source: storage", "source: tmp"),
        ("source: storage", "source: storage, source_path: ''"),
        ("{source: storage}", "storage"),
        ("      b:", "      c:"),
        ("      a: {source: tmp}\n", ""),
        ("a: {source: tmp}", "a: {source: instance}"),
        (
            "a: {source: tmp}",
            "a: {source: tmp}\n      c: {source: tmp}",
        ),
        ("type: x", "type: y"),
        ("type: x", "type: x\n    disk: 1"),
        ("    type: x\n", ""),
        ("  web:", "  web2:"),
        ("other:", "another:"),
        ("1,", "1.0,"),
        ("1,", "'1',"),
        ("~", "''"),
        (".nan, ", ""),
        ("!include", "!archive"),
        ("include x", "include y"),
        ("[1", "[2"),
        ("applications:", "services: {}\napplications:"),
        ("applications:", "<<: {services: {}}\napplications:"),
    ] {
        assert!(!is_right(&with(from, to)), "{from} → {to}");
    }
}

#[test]
fn only_mounts_may_come_into_being() {
    let added = [("b".to_owned(), &mount("b", "storage"))];
    let right = |old: &str, new: &str| {
        let (old, new) = (read(old).unwrap(), read(new).unwrap());
        is_old_and(&added, &["a", "mounts"], Some(&old), &new)
    };
    let new = "a: {x: y, mounts: {b: {source: storage}}}";
    for old in ["a: {x: y}", "a: {x: y, mounts: }", "a: {mounts: {}, x: y}"] {
        assert!(right(old, new), "{old}");
    }
    for old in [
        "a: ",
        "{}",
        "a: {}",
        "a: {x: y, mounts: []}",
        "a: {x: y, mounts: 1}",
    ] {
        assert!(!right(old, new), "{old}");
    }
}
