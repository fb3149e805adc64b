//! Whose mounts are added to.

use super::{Refused, add, add_mounts, check_lines, mount};

/// Adds `.next/cache` on `tmp` to a worker of the app `web`.
fn add_to(worker: &str, text: &str) -> Result<String, Refused> {
    let mounts = [mount(".next/cache", "tmp")];
    add_mounts(text, "web", Some(worker), &mounts)
}

#[test]
fn web_has_the_mounts_of_the_app_unless_it_has_its_own() {
    check_lines(
        "\
applications:
  web:
    mounts:
      a: {source: tmp}
    web:
      commands: {start: x}
      mounts:
        b: {source: tmp}
+        /.next/cache: {source: tmp}
",
        add,
    );
}

#[test]
fn a_worker_has_the_mounts_of_the_app_unless_it_has_its_own() {
    let queue = |text: &str| add_to("queue", text);
    check_lines(
        "\
applications:
  web:
    mounts:
      a: {source: tmp}
+      /.next/cache: {source: tmp}
    workers:
      queue:
        commands: {start: x}
",
        queue,
    );
    check_lines(
        "\
applications:
  web:
    mounts:
      a: {source: tmp}
    workers:
      other:
        commands: {start: x}
      queue:
        mounts:
          b: {source: tmp}
+          /.next/cache: {source: tmp}
        commands: {start: x}
",
        queue,
    );
    check_lines(
        "\
applications:
  web:
    mounts: {}
    workers:
      queue:
        commands: {start: x}
+        mounts:
+          '/.next/cache':
+            source: tmp
      other:
        commands: {start: x}
",
        queue,
    );
    let none =
        "applications:\n  web:\n    mounts:\n      a: {source: tmp}\n    workers:\n      queue:\n";
    assert_eq!(
        queue(&format!("{none}        mounts: {{}}\n")),
        Ok(format!(
            "{none}        mounts:\n          '/.next/cache':\n            source: tmp\n"
        ))
    );
}

#[test]
fn anchors_and_merge_keys_that_do_not_reach_the_mounts_are_no_obstacle() {
    check_lines(
        "\
.type: &type {type: x}
applications:
  web: &web
    <<: *type
    variables: &v
      env: {A: &a b, B: *a}
    mounts: &unused
      <<: [{x: {source: tmp}}]
      a: &m {source: storage}
      b: *m
+      /.next/cache:
+        source: tmp
  other:
    <<: *web
    variables: *v
    mounts: {}
",
        add,
    );
    check_lines(
        "\
applications:
  web:
    variables: !include x.yaml
    <<: {type: x}
+    mounts:
+      '/.next/cache':
+        source: tmp
  other: !include other.yaml
",
        add,
    );
}
