//! What is written, case by case. What is refused, and what holds for every text, stand in modules of their own.

mod places;
mod properties;
mod refused;

use std::cell::Cell;

use super::{NewMount, Refused, add_mounts};

thread_local! {
    /// How many bytes of texts were gone through.
    pub(super) static GONE_THROUGH: Cell<usize> = const { Cell::new(0) };
}

pub(super) fn mount(path: &str, source: &'static str) -> NewMount {
    NewMount {
        path: path.to_owned(),
        source,
        source_path: None,
        comment: None,
    }
}

/// Adds `.next/cache` on `tmp` to the app `web`.
pub(super) fn add(text: &str) -> Result<String, Refused> {
    add_mounts(text, "web", None, &[mount(".next/cache", "tmp")])
}

/// Checks that `text` with its lines that begin with `+` is what comes out of it without them.
#[track_caller]
pub(super) fn check_lines(marked: &str, add: impl Fn(&str) -> Result<String, Refused>) {
    let is_new = |line: &&str| line.starts_with('+');
    let old: String = marked
        .split_inclusive('\n')
        .filter(|line| !is_new(line))
        .collect();
    let new: String = marked
        .split_inclusive('\n')
        .map(|line| line.strip_prefix('+').unwrap_or(line))
        .collect();
    assert_eq!(add(&old).map_err(|refused| refused.to_string()), Ok(new));
    let windows = |text: &str| text.replace('\n', "\r\n");
    let written = add(&windows(&old)).map_err(|refused| refused.to_string());
    let expected: String = windows(marked).replace("\n+", "\n");
    assert_eq!(written, Ok(expected), "with the line ends of Windows");
}

#[test]
fn what_a_mount_hides_stands_beside_it() {
    let hides = |text: &str| {
        let comment = Some("hides 1 file of the build: .next/cache/a".to_owned());
        let mount = NewMount {
            comment,
            ..mount(".next/cache", "tmp")
        };
        add_mounts(text, "web", None, &[mount])
    };
    check_lines(
        "\
applications:
  web:
    mounts:
      'a':
        source: tmp
+      '/.next/cache': # hides 1 file of the build: .next/cache/a
+        source: tmp
",
        hides,
    );
    check_lines(
        "\
applications:
  web:
    mounts:
      a: { source: tmp }
+      /.next/cache: { source: tmp } # hides 1 file of the build: .next/cache/a
",
        hides,
    );
    // What could end the comment is left out.
    let bad = NewMount {
        comment: Some("a\nb: c".to_owned()),
        ..mount(".next/cache", "tmp")
    };
    let text = "applications:\n  web:\n    mounts:\n      a: { source: tmp }\n";
    let added = add_mounts(text, "web", None, &[bad]).unwrap();
    assert!(!added.contains('#'), "{added}");
}

#[test]
fn a_mount_goes_below_the_last_one() {
    check_lines(
        "\
# The whole.
applications:
  web: # The app.
    type: nodejs:24
    mounts: # All of them.
      # The first.
      'var/log':
        source: storage # Kept.
        source_path: log
+      '/.next/cache':
+        source: tmp

    # How it starts.
    web:
      commands: {start: npm start}
  other:
    type: nodejs:24
",
        add,
    );
}

#[test]
fn a_source_path_is_written_where_there_is_one() {
    let other = NewMount {
        source_path: Some("out-2".to_owned()),
        ..mount("out", "storage")
    };
    check_lines(
        "\
applications:
  web:
    mounts:
      uploads:
        source: storage
        source_path: out
+      out:
+        source: storage
+        source_path: out-2
",
        |text| add_mounts(text, "web", None, std::slice::from_ref(&other)),
    );
    check_lines(
        "\
applications:
  web:
    mounts:
      uploads: { source: storage, source_path: out }
+      out: { source: storage, source_path: out-2 }
",
        |text| add_mounts(text, "web", None, std::slice::from_ref(&other)),
    );
}

#[test]
fn comments_below_mounts_belong_to_them_when_they_stand_as_far_to_the_right() {
    check_lines(
        "\
applications:
  web:
    mounts:
      var:
        source: tmp
      # tmp:

        # source: tmp
+      /.next/cache:
+        source: tmp
    # The end.
",
        add,
    );
}

#[test]
fn mounts_are_written_like_the_last_one() {
    check_lines(
        "\
applications:
    web:
        mounts:
            'a':
              source: tmp
            \"/var/log/\":
                source: storage
+            \"/.next/cache\":
+                source: tmp
",
        add,
    );
    check_lines(
        "\
applications:
 web:
  mounts:
   /var: {source: storage}
+   /.next/cache: {source: tmp}
",
        add,
    );
    check_lines(
        "\
applications:
  web:
    mounts:
      'var': { source: storage } # Yes.
+      '/.next/cache': { source: tmp }
",
        add,
    );
}

#[test]
fn without_mounts_they_become_the_last_key_of_the_app() {
    check_lines(
        "\
applications:
  web:
    type: nodejs:24
    hooks:
      build: |
        # Not a comment.
        npm ci

        npm run build
    # mounts: none yet
+    mounts:
+      '/.next/cache':
+        source: tmp

  # The next.
  other:
    type: nodejs:24
",
        add,
    );
    check_lines(
        "\
applications:
    web:
        type: nodejs:24
        relationships:
        - a
        - b
+        mounts:
+            '/.next/cache':
+                source: tmp
routes: {}
",
        add,
    );
}

#[test]
fn blank_lines_that_belong_to_a_text_stay_in_it() {
    check_lines(
        "\
applications:
  web:
    hooks:
      build: |+
        npm ci


+    mounts:
+      '/.next/cache':
+        source: tmp
  other: {}
",
        add,
    );
    check_lines(
        "\
applications:
  web:
    hooks:
      build: >
        npm ci
         and
+    mounts:
+      '/.next/cache':
+        source: tmp


  other: {}
",
        add,
    );
    check_lines(
        "\
applications:
  web:
    hooks:
      build: | # Nothing.
+    mounts:
+      '/.next/cache':
+        source: tmp

  other: {}
",
        add,
    );
}

#[test]
fn values_over_several_lines_stay_whole() {
    let last = [
        "build: 'one\n\n        two'\n",
        "build: one\n        two # Yes.\n",
        "build: \"one \\\n        two\"\n",
        "build: [a,\n        b # Yes.\n        ] # No.\n",
        "build:\n",
        "build: # Nothing.\n",
        "build: ~\n",
        "? build\n      : x\n",
    ];
    for last in last {
        let text = format!(
            "applications:\n  web:\n    hooks:\n      {last}+    mounts:\n+      '/.next/cache':\n+        source: tmp\n  other: {{}}\n"
        );
        check_lines(&text, add);
    }
}

#[test]
fn empty_mounts_are_replaced() {
    for (empty, left) in [
        ("mounts:", "mounts:"),
        ("mounts: {}", "mounts:"),
        ("mounts: { }", "mounts:"),
        ("mounts: ~", "mounts:"),
        ("mounts: null", "mounts:"),
        ("'mounts' :  null  # None.", "'mounts' :  # None."),
        ("\"mounts\": {} # None.", "\"mounts\": # None."),
        ("mounts:\n      # None yet.", "mounts:\n      # None yet."),
    ] {
        let old = format!("applications:\n  web:\n    {empty}\n    # Next.\n    type: x\n");
        let new = format!(
            "applications:\n  web:\n    {left}\n      '/.next/cache':\n        source: tmp\n    # Next.\n    type: x\n"
        );
        assert_eq!(add(&old), Ok(new), "{empty}");
    }
}

#[test]
fn mounts_in_braces_on_one_line_get_more_in_the_braces() {
    for (old, new) in [
        (
            "{ '/a': { source: tmp } }  # Yes.",
            "{ '/a': { source: tmp }, '/.next/cache': { source: tmp } }  # Yes.",
        ),
        (
            "{a: {source: tmp,},}",
            "{a: {source: tmp,}, /.next/cache: {source: tmp},}",
        ),
    ] {
        let text = |mounts| format!("applications:\n  web:\n    mounts: {mounts}\n    type: x\n");
        assert_eq!(add(&text(old)), Ok(text(new)));
    }
}

#[test]
fn the_end_of_the_text_may_be_anywhere() {
    let lines = "\n    mounts:\n      '/.next/cache':\n        source: tmp";
    for end in [
        "type: x",
        "type: x # y",
        "type: {a: b}",
        "type: |-\n      x",
    ] {
        let text = format!("\u{FEFF}applications:\n  web:\n    {end}");
        assert_eq!(add(&text), Ok(format!("{text}{lines}")));
        let text = format!("{text}\n...\n# The end.");
        let new = text.replace("\n...", &format!("{lines}\n..."));
        assert_eq!(add(&text), Ok(new));
        let text = format!("---\r\napplications:\r\n  web:\r\n    {end}");
        assert_eq!(
            add(&text).map(|new| new[text.len()..].to_owned()),
            Ok(if end.contains('\n') {
                lines.to_owned()
            } else {
                lines.replace('\n', "\r\n")
            })
        );
    }
    let text = "applications:\n  web:\n    type: x\n    mounts:";
    let new = format!("{text}\n      '/.next/cache':\n        source: tmp");
    assert_eq!(add(text), Ok(new));
}

#[test]
fn in_mixed_text_new_lines_end_like_the_line_above() {
    assert_eq!(
        add("applications:\n  web:\r\n    type: x\r\nroutes: {}\n"),
        Ok("applications:\n  web:\r\n    type: x\r\n    mounts:\r\n      '/.next/cache':\r\n        source: tmp\r\nroutes: {}\n".to_owned())
    );
}

#[test]
fn keys_are_found_by_what_they_say() {
    check_lines(
        "\
{applications}:
  'w: \"e\\b#ö':
    \"\\u006Dounts\":
      \"\\x2Fvar\": {source: tmp}
+      \"/.next/cache\": {source: tmp}
"
        .replace("{applications}", "\"applications\"")
        .as_str(),
        |text| add_mounts(text, "w: \"e\\b#ö", None, &[mount(".next/cache", "tmp")]),
    );
}

#[test]
fn paths_are_quoted_as_far_as_they_need_it() {
    for (key, path, written) in [
        ("a", "b", "b"),
        ("/a", "b c", "'/b c'"),
        ("a", "null", "'null'"),
        ("a", "1.10", "'1.10'"),
        ("a", "No", "'No'"),
        ("a", "a: b #c", "'a: b #c'"),
        ("a", "it's", "'it''s'"),
        ("\"a\"", "say \"\\\"", "\"say \\\"\\\\\\\"\""),
        ("'a'", "größe/日本", "'größe/日本'"),
        ("'a'", "<<", "'/<<'"),
        ("'a'", "/b//./c/", "'b/c'"),
        ("a", "*b", "'*b'"),
    ] {
        let text = format!("applications:\n  web:\n    mounts:\n      {key}: {{source: tmp}}\n");
        let new = format!("{text}      {written}: {{source: storage}}\n");
        let mounts = [mount(path, "storage")];
        assert_eq!(add_mounts(&text, "web", None, &mounts), Ok(new), "{path}");
    }
}

#[test]
fn several_mounts_keep_their_order_and_those_that_are_there_are_left_out() {
    check_lines(
        "\
applications:
  web:
    mounts:
      '/b/':
        source: local
      '.d': {source: storage}
      'c':
        source: temporary
+      'e':
+        source: storage
+      '/.d':
+        source: instance
",
        |text| {
            let mounts = [
                mount("e", "storage"),
                mount("b", "instance"),
                mount("c", "tmp"),
                mount(".d", "instance"),
                mount("/e/", "storage"),
            ];
            add_mounts(text, "web", None, &mounts)
        },
    );
    let text = "applications:\n  web:\n    mounts: {a: {source: tmp}}";
    let mounts = [mount("a", "tmp")];
    assert_eq!(add_mounts(text, "web", None, &mounts), Ok(text.to_owned()));
    assert_eq!(add_mounts(text, "web", None, &[]), Ok(text.to_owned()));
}
