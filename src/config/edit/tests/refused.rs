//! What is refused, and in which words.

use super::{NewMount, add, add_mounts, mount};

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
    ]), @"");
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
    ]), @"");
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
        format!("{app}    x: {}1{}\n", "[".repeat(5000), "]".repeat(5000)),
        format!("{app}# {}\n", "x".repeat(17 << 20)),
        "applications:\n  other:\n    type: x\n".to_owned(),
        format!("{app}    workers:\n      q:\n        type: queue\n"),
        format!("{app}    queue: x\n"),
    ]), @"");
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
    insta::assert_snapshot!(messages, @"");
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
    insta::assert_snapshot!(refused.to_string(), @"");
}

#[test]
fn large_texts_are_edited_in_a_moment() {
    let mut text = "applications:\n".to_owned();
    for index in 0..20_000 {
        text.push_str(&format!(
            "  app{index}:\n    type: nodejs:24 # ö\n    mounts:\n      a: {{source: tmp}}\n"
        ));
    }
    text.push_str("  web:\n    type: x\n");
    let begin = std::time::Instant::now();
    assert!(add(&text).is_ok());
    assert!(begin.elapsed() < std::time::Duration::from_secs(20));
}
