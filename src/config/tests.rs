//! Whole configurations, from files to the typed model.

mod hostile;
mod lints;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::app::{Image, MountSource};
use super::*;
use crate::roles::Role;

/// A repository in a temporary directory.
struct Repo(tempfile::TempDir);

impl Repo {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn load(&self) -> Loaded {
        load(self.path())
    }

    fn config(&self) -> Config {
        let loaded = self.load();
        assert!(!loaded.has_errors(), "{}", list(&loaded));
        loaded.config.unwrap()
    }
}

fn one(text: &str) -> Repo {
    Repo::new(&[(".upsun/config.yaml", text)])
}

/// One line a problem.
fn list(loaded: &Loaded) -> String {
    let mut lines = String::new();
    for problem in &loaded.problems {
        let place = &problem.place;
        let _ = write!(
            lines,
            "{} {} {}:{}:{}: {}",
            problem.severity.name(),
            problem.code,
            place.file,
            place.line,
            place.column,
            problem.message,
        );
        if let Some(hint) = &problem.hint {
            let _ = write!(lines, " ({hint})");
        }
        lines.push('\n');
    }
    lines
}

#[test]
fn an_ordinary_configuration_becomes_the_typed_model() {
    let config = one(r#"
applications:
  frontend:
    type: "nodejs:24"
    source:
      root: /front/
    mounts:
      /.next/:
        source: storage
      "var/tmp":
        source: tmp
        source_path: ""
    web:
      commands:
        start: npm start
      locations:
        "/": { root: "public/" }
    hooks:
      build: npm run build
    operations:
      next-build:
        role: admin
        timeout: 60
        commands:
          start: next build
          stop: kill
      ping:
        commands: { start: "true" }
    workers:
      queue:
        commands: { start: work }
        mounts: {}
        operations:
          drain:
            commands: { start: drain }
      mail:
        commands: { start: mail }
"#)
    .config();
    let app = &config.apps["frontend"];
    assert_eq!(app.source_root, "front");
    let Image::Runtime(runtime) = &app.image else {
        panic!("{:?}", app.image);
    };
    assert_eq!((&*runtime.name, &*runtime.version), ("nodejs", "24"));
    let mounts: Vec<_> = app
        .mounts
        .iter()
        .map(|mount| (&*mount.path, &*mount.source_path))
        .collect();
    assert_eq!(mounts, [(".next", ".next"), ("var/tmp", "")]);
    assert_eq!(
        app.mounts[0].source,
        MountSource::Storage {
            app: "frontend".to_owned()
        }
    );
    assert_eq!(app.web.document_root, "public");
    assert_eq!(app.web.commands.start.as_deref(), Some("npm start"));
    let operation = &app.operations[0];
    assert_eq!(operation.role, Role::Admin);
    assert_eq!(operation.place.line, 21);
    assert_eq!(operation.role_place.as_ref().unwrap().column, 15);
    assert_eq!(operation.timeout.unwrap().as_secs(), 60);
    assert_eq!(operation.stop.as_deref(), Some("kill"));
    assert_eq!(app.operations[1].role, Role::Contributor);
    assert!(app.workers[0].mounts.is_empty());
    assert_eq!(app.workers[0].operations[0].name, "drain");
    assert_eq!(app.workers[1].mounts.len(), 2);
    assert_eq!(app.raw["mounts"]["/.next/"]["source"], "storage");
}

#[test]
fn aliases_and_merge_keys_are_written_out() {
    let config = one(r#"
.defaults: &defaults
  type: "python:3.14"
  variables: { env: { A: "1" } }
.more: &more
  timezone: Europe/Berlin
  type: "php:8.4"
applications:
  one: &one
    <<: [*defaults, *more]
    hooks: { build: make }
  two:
    <<: *one
    type: "ruby:3.4"
"#)
    .config();
    assert_eq!(config.apps["one"].raw["type"], "python:3.14");
    assert_eq!(config.apps["one"].timezone, "Europe/Berlin");
    assert_eq!(config.apps["two"].raw["type"], "ruby:3.4");
    assert_eq!(config.apps["two"].hooks.build.as_deref(), Some("make"));
    assert!(config.apps["two"].raw.get("<<").is_none());
}

#[test]
fn includes_are_read_from_the_source_root() {
    let repo = Repo::new(&[
        (
            ".upsun/config.yaml",
            r"
applications:
  app:
    type: nodejs:24
    source: { root: app }
    hooks:
      build: !include { type: string, path: build.sh }
    variables: !include variables.yaml
    workers:
      one: !include ../shared/worker.yaml
    web:
      commands:
        start: !include { type: binary, path: start.bin }
",
        ),
        ("app/build.sh", "npm ci\n"),
        ("app/variables.yaml", "env: { A: b }"),
        ("app/start.bin", "\u{0}abc"),
        ("shared/worker.yaml", "commands: { start: work }"),
    ]);
    let config = repo.config();
    let app = &config.apps["app"];
    assert_eq!(app.hooks.build.as_deref(), Some("npm ci\n"));
    assert_eq!(app.variables["env"]["A"], "b");
    assert_eq!(app.workers[0].commands.start.as_deref(), Some("work"));
    assert_eq!(app.web.commands.start.as_deref(), Some("AGFiYw=="));
}

#[test]
fn the_later_file_replaces_an_application_whole() {
    let repo = Repo::new(&[
        (
            ".upsun/a.yaml",
            "applications:\n  app:\n    type: nodejs:24\n    timezone: UTC\n",
        ),
        (".upsun/b.yml", "applications:\n  app:\n    type: php:8.4\n"),
        (".upsun/sub/c.yaml", "nonsense: true\n"),
    ]);
    let loaded = repo.load();
    assert_eq!(
        loaded.config.as_ref().unwrap().apps["app"].raw,
        serde_json::json!({"type": "php:8.4", "name": "app"})
    );
    insta::assert_snapshot!(list(&loaded), @r"warning U126 .upsun/b.yml:2:3: the application `app` is also in .upsun/a.yaml:2, and this later file replaces it entirely (files are read in the order of their names; keep one of the two)");
}

#[test]
fn a_byte_order_mark_and_carriage_returns_are_fine() {
    let loaded =
        one("\u{FEFF}# ä\r\napplications:\r\n  app:\r\n    timezone: ä\r\n    typ: nodejs:24\r\n")
            .load();
    insta::assert_snapshot!(list(&loaded), @r"
    error U311 .upsun/config.yaml:4:15: `ä` is not a time zone (name one of the tz database, such as `Europe/Berlin`)
    error U201 .upsun/config.yaml:5:5: unknown key `typ` in an application (did you mean `type`?)
    ");
}

#[test]
fn every_problem_is_reported_at_once() {
    let loaded = one(r"
applications:
  app:
    type: 24
    mounts:
      .next: { source: storage }
      var: { source: storrage }
    operatoins:
      a: {}
    operations:
      b:
        role: Admin
      c:
        commands: npm run x
service: {}
")
    .load();
    insta::assert_snapshot!(list(&loaded), @r#"
    error U202 .upsun/config.yaml:4:11: `type` is a number, and it must be a string (put it in quotes: "24")
    warning U120 .upsun/config.yaml:6:7: the key `.next` starts with a dot, and Upsun ignores such keys (write `/.next`, which is the same folder)
    error U204 .upsun/config.yaml:7:22: `storrage` is not a value of `source` (did you mean `storage`? It is one of `storage`, `instance`, `tmp`, `temporary`, `service`, `local`)
    error U201 .upsun/config.yaml:8:5: unknown key `operatoins` in an application (did you mean `operations`?)
    error U203 .upsun/config.yaml:11:7: `b` has no `commands` (an operation needs `commands`)
    error U204 .upsun/config.yaml:12:15: `Admin` is not a value of `role` (did you mean `admin`? It is one of `viewer`, `contributor`, `admin`)
    error U202 .upsun/config.yaml:14:19: `commands` is a string, and it must be a mapping (put the command under `start`: `start: npm run x`)
    error U121 .upsun/config.yaml:15:1: unknown top-level key `service` (did you mean `services`?)
    "#);
}

#[test]
fn the_root_is_the_nearest_folder_above_with_an_upsun() {
    let repo = Repo::new(&[(".upsun/config.yaml", ""), ("a/b/c.txt", "")]);
    let root = repo.path().to_path_buf();
    assert_eq!(find_root(&root.join("a/b")), Some(root.clone()));
    assert_eq!(find_root(&root), Some(root.clone()));
}

#[test]
fn what_a_broken_file_might_define_is_not_missed() {
    let repo = Repo::new(&[
        (
            ".upsun/apps.yaml",
            "applications:\n  app:\n    type: nodejs:24\n    relationships: { database: }\n",
        ),
        (
            ".upsun/services.yaml",
            "services:\n  database\n    type: x\n",
        ),
    ]);
    insta::assert_snapshot!(list(&repo.load()), @"error U101 .upsun/services.yaml:2:3: this line has no colon after its key (a line of a mapping reads `key: value`, or `key:` with more below it)");
}
