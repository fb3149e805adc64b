//! What is refused, and in which words.

use super::{GONE_THROUGH, NewMount, add, add_mounts, mount};

/// A line for each text: the message. The worker is `queue` where the text has one.
#[track_caller]
fn refused<T: AsRef<str>>(texts: &[T]) -> String {
    let mounts = [mount(".next/cache", "tmp")];
    let message = |text: &T| {
        let text = text.as_ref();
        let worker = text.contains("queue").then_some("queue");
        match add_mounts(text, "web", worker, &mounts) {
            Ok(new) => panic!("it should be refused:\n{new}"),
            Err(refused) => refused.to_string(),
        }
    };
    texts.iter().map(message).collect::<Vec<_>>().join("\n")
}

#[test]
fn places_that_are_written_elsewhere_are_refused() {
    insta::assert_snapshot!(refused(&[
        ".m: &m\n  a: {source: tmp}\napplications:\n  web:\n    mounts: *m\n",
        "x: &a\n  type: x\napplications:\n  web: *a\n",
        "applications:\n  web:\n    mounts: &m\n      a: {source: tmp}\n  other:\n    mounts: *m\n",
        "applications:\n  web: &web\n    type: x\n  other:\n    <<: *web\n    type: y\n",
        "applications:\n  web:\n    workers: &w\n      queue:\n        type: x\n  other:\n    workers: *w\n",
        ".m: &m\n  mounts: {}\napplications:\n  web:\n    <<: *m\n    type: x\n",
        "applications:\n  web:\n    type: x\n    <<: !include x.yaml\n",
        "applications:\n  web:\n    mounts:\n      <<: !include x.yaml\n      a: {source: tmp}\n",
        "applications:\n  <<: {web: {type: x}}\n",
        "applications:\n  web: !include app.yaml\n",
        "applications: !include {path: app.yaml}\n",
        "applications:\n  web:\n    mounts: !include m.yaml\n",
        "applications:\n  web:\n    mounts: !!map\n      a: {source: tmp}\n",
        "applications:\n  web:\n    web: !include web.yaml\n",
        "applications:\n  web:\n    type: x\n    workers:\n      queue: !include q.yaml\n",
        "applications:\n  web:\n    mounts: !include m.yaml\n    workers:\n      queue:\n        type: x\n",
    ]), @r"
    `mounts` of the application `web` is an alias (*m) at line 5: adding to it would change other places too
    the application `web` is an alias (*a) at line 4: adding to it would change other places too
    `mounts` of the application `web` has the anchor at line 3 that line 6 repeats: adding to it would change both
    the application `web` has the anchor at line 2 that line 5 repeats: adding to it would change both
    `workers` of the application `web` has the anchor at line 3 that line 7 repeats: adding to it would change both
    the merge key `<<` at line 5 brings `mounts` of the application `web`, or may bring it: a key written there would take its place
    the merge key `<<` at line 4 brings `mounts` of the application `web`, or may bring it: a key written there would take its place
    the merge key `<<` at line 4 brings `mounts` of the application `web`, or may bring it: a key written there would take its place
    the merge key `<<` at line 2 brings the application `web`, or may bring it: a key written there would take its place
    the application `web` has the tag `!include` at line 2, and what becomes of it is not to be seen in this file
    `applications` has the tag `!include` at line 1, and what becomes of it is not to be seen in this file
    `mounts` of the application `web` has the tag `!include` at line 3, and what becomes of it is not to be seen in this file
    `mounts` of the application `web` has the tag `!!map` at line 3, and what becomes of it is not to be seen in this file
    `web` of the application `web` has the tag `!include` at line 3, and what becomes of it is not to be seen in this file
    the worker `queue` of the application `web` has the tag `!include` at line 5, and what becomes of it is not to be seen in this file
    `mounts` of the application `web` has the tag `!include` at line 3, and what becomes of it is not to be seen in this file
    ");
}

#[test]
fn forms_that_lines_cannot_be_added_to_are_refused() {
    insta::assert_snapshot!(refused(&[
        "applications: {web: {type: x}}\n",
        "applications:\n  web: {type: x}\n",
        "{\"applications\": {\"web\": {}}}\n",
        "applications:\n  web:\n    mounts: {\n      a: {source: tmp}\n      }\n",
        "applications:\n  web:\n    mounts: { # None.\n      }\n",
        "applications:\n  web:\n    mounts:\n      {}\n",
        "applications:\n  web:\n    mounts: &m {}\n",
        "applications:\n  web:\n    mounts: [a]\n",
        "applications:\n  web:\n    mounts: none\n",
        "applications:\n  web:\n",
        "applications:\n  - web\n",
        "applications:\n  web:\n    ? type\n    : x\n",
        "applications:\n  web:\n    type: |\n      x",
        "applications:\n  web:\n    workers:\n      queue:\n",
        "applications:\n  web:\n    workers:\n      queue: {commands: {start: x}}\n",
        "- a\n",
        "text\n",
    ]), @r"
    `applications` is written in braces at line 1: only lines without braces can be added to
    the application `web` is written in braces at line 2: only lines without braces can be added to
    the file is written in braces at line 1: only lines without braces can be added to
    `mounts` of the application `web` is written in braces at line 3: only lines without braces can be added to
    `mounts` of the application `web` is written in an unusual form at line 3, and there is no safe place to add to it
    `mounts` of the application `web` is written in an unusual form at line 3, and there is no safe place to add to it
    `mounts` of the application `web` is written in an unusual form at line 3, and there is no safe place to add to it
    `mounts` of the application `web` is a list at line 3, and only a mapping can be added to
    `mounts` of the application `web` is a string at line 3, and only a mapping can be added to
    the application `web` is empty at line 2, and only a mapping can be added to
    `applications` is a list at line 2, and only a mapping can be added to
    `mounts` of the application `web` is written in an unusual form at line 3, and there is no safe place to add to it
    line 4 is the last of a block text and has no line end: add the line end first
    the worker `queue` of the application `web` is empty at line 4, and only a mapping can be added to
    the worker `queue` of the application `web` is written in braces at line 4: only lines without braces can be added to
    the file is a list at line 1, and only a mapping can be added to
    the file is a string at line 1, and only a mapping can be added to
    ");
}

#[test]
fn texts_that_cannot_be_read_are_refused() {
    let app = "applications:\n  web:\n    type: x\n";
    insta::assert_snapshot!(refused(&[
        String::new(),
        "# Nothing.\n".to_owned(),
        "---\n".to_owned(),
        format!("{app}---\n{app}"),
        format!("{app}    type: y\n"),
        format!("{app}\tx: y\n"),
        format!("{app}    x: [\n"),
        format!("{app}    x: *unknown\n"),
        format!("{app}    x: \u{7}\n"),
        format!("{app}    x: \u{2028}\n"),
        format!("{app}    x: {}1{}\n", "[".repeat(5000), "]".repeat(5000)),
        format!("{app}# {}\n", "x".repeat(17 << 20)),
        "applications:\n  other:\n    type: x\n".to_owned(),
        format!("{app}    workers:\n      q:\n        type: queue\n"),
        format!("{app}    queue: x\n"),
    ]), @r"
    there is no application `web` in this file
    there is no application `web` in this file
    the file is empty at line 2, and only a mapping can be added to
    line 4 has an error, and it must be put right first: a second document begins here, and a file may hold only one
    line 4 has an error, and it must be put right first: duplicate key `type`: it is already on line 3
    line 4 has an error, and it must be put right first: a tab cannot be used to indent YAML
    line 5 has an error, and it must be put right first: this cannot be read as YAML: while parsing a node, did not find expected node content
    line 4 has an error, and it must be put right first: the alias `*unknown` has no anchor before it
    line 4 has an error, and it must be put right first: the control character U+0007 is not allowed in a YAML file
    line 4 has an error, and it must be put right first: the character U+2028 ends a line for some readers of YAML only
    line 4 has an error, and it must be put right first: brackets are nested too deep
    line 1 has an error, and it must be put right first: the file is too large
    there is no application `web` in this file
    the application `web` has no worker `queue` in this file
    the application `web` has no worker `queue` in this file
    ");
}

#[test]
fn mounts_that_do_not_fit_are_refused() {
    let text = "applications:\n  web:\n    mounts:\n      a: {source: storage}\n      b/c: {source: tmp}\n      d: {source: storage, service: other}\n      e: {}\n";
    let add = |mounts: &[NewMount]| add_mounts(text, "web", None, mounts);
    let mut messages = String::new();
    for mounts in [
        vec![mount("a", "tmp")],
        vec![mount("a/b", "tmp")],
        vec![mount("b", "storage")],
        vec![mount("d", "storage")],
        vec![mount("e", "storage")],
        vec![mount("x", "tmp"), mount("x/", "storage")],
        vec![mount("x/y", "tmp"), mount("x", "storage")],
        vec![mount("x", "local")],
        vec![mount("", "tmp")],
        vec![mount("/./", "tmp")],
        vec![mount("../x", "tmp")],
        vec![mount("x/../y", "tmp")],
        vec![mount("x\ny", "tmp")],
        vec![mount("x\u{202E}y", "tmp")],
        vec![mount("x\u{2028}y", "tmp")],
    ] {
        let refused = add(&mounts).expect_err("it should be refused");
        messages.push_str(&format!("{refused}\n"));
    }
    insta::assert_snapshot!(messages, @r"
    `a` is a mount already at line 4, and not one with `source: tmp`
    `a/b` and the mount `a` at line 4 lie inside each other, and their sources differ
    `b` and the mount `b/c` at line 5 lie inside each other, and their sources differ
    `d` is a mount already at line 6, and not one with `source: storage`
    `e` is a mount already at line 7, and not one with `source: storage`
    `x` and `x` are to be added with different sources, and one holds the other
    `x` and `x/y` are to be added with different sources, and one holds the other
    a mount cannot be added with the source `local`
    `` cannot be the path of a mount
    `/./` cannot be the path of a mount
    `../x` cannot be the path of a mount
    `x/../y` cannot be the path of a mount
    `x�y` cannot be the path of a mount
    `x�y` cannot be the path of a mount
    `x y` cannot be the path of a mount
    ");
    for (path, source) in [
        ("a/b", "storage"),
        ("b/c/d", "tmp"),
        ("ab", "tmp"),
        ("b/cd", "instance"),
    ] {
        assert!(add(&[mount(path, source)]).is_ok(), "{path}");
    }
}

#[test]
fn names_in_messages_do_no_harm() {
    let name = "\u{1b}[2J\u{202E}";
    let refused = add_mounts("a: b\n", name, None, &[]).expect_err("it is not there");
    insta::assert_snapshot!(refused.to_string(), @r"there is no application `�[2J�` in this file");
}

#[test]
fn large_texts_are_gone_through_a_few_times_only() {
    let mut text = "applications:\n".to_owned();
    for index in 0..20_000 {
        text.push_str(&format!(
            "  app{index}:\n    type: nodejs:24 # ö\n    mounts:\n      a: {{source: tmp}}\n"
        ));
    }
    text.push_str("  web:\n    type: x\n");
    GONE_THROUGH.set(0);
    let edited = add(&text).unwrap();
    assert!(edited.len() > text.len());
    // Its tree and its layout, and the tree of the new one, besides some lines that are counted.
    let times = GONE_THROUGH.get() / text.len();
    assert!((3..8).contains(&times), "{times}");
}
