//! Runs every command that Upsun's own program lists on a sandbox, and holds `docs/upsun-cli.md` to the result. With
//! `UPSUN_LOCAL_WRITE_DOCS=1` the table of that page is written instead.

use std::path::{Path, PathBuf};

use crate::client::Server;
use crate::support::TestProject;
use crate::upsun;

const PAGE: &str = "docs/upsun-cli.md";
const BEGIN: &str = "<!-- every command: begin -->\n";
const END: &str = "<!-- every command: end -->";

const CONFIG: &str = r#"
applications:
  app:
    type: nodejs:24
    build: { flavor: none }
    source:
      operations: { stamp: { command: "date > stamp && git add stamp && git commit -qm stamp" } }
    relationships: { database: "db:postgresql", cache: "store:redis" }
    mounts: { /data: { source: storage } }
    web: { commands: { start: "exec sleep 1000000" } }
    operations:
      greet: { role: viewer, commands: { start: echo hello } }
      wait: { role: viewer, commands: { start: "echo waiting; sleep 60" } }
    workers: { queue: { commands: { start: "exec sleep 1000000" } } }
services:
  db: { type: "postgresql:18" }
  store: { type: "redis:8.0" }
routes:
  "https://{default}/": { type: upstream, upstream: "app:http" }
"#;

/// What a command is given. `<dir>` stands for a directory that exists.
const ARGUMENTS: &[(&str, &[&str])] = &[
    ("app:config-get", &["-A", "app"]),
    ("completion", &["bash"]),
    ("console", &["--pipe"]),
    (
        "db:dump",
        &["-A", "app", "-r", "database", "-f", "<dir>/dump.sql"],
    ),
    ("db:sql", &["-A", "app", "-r", "database", "select 1"]),
    ("decode", &["W10="]),
    ("docs", &["--pipe", "x"]),
    ("environment:branch", &["new"]),
    ("environment:checkout", &["local"]),
    ("environment:logs", &["-A", "app", "app"]),
    ("environment:relationships", &["-A", "app"]),
    (
        "environment:scp",
        &["-A", "app", "/etc/hostname", "remote:/tmp/"],
    ),
    ("environment:ssh", &["-A", "app", "true"]),
    ("environment:url", &["--pipe"]),
    ("help", &["list"]),
    (
        "mount:download",
        &["-A", "app", "-m", "data", "--target", "<dir>"],
    ),
    ("mount:list", &["-A", "app"]),
    (
        "mount:upload",
        &["-A", "app", "-m", "data", "--source", "<dir>"],
    ),
    ("operation:list", &["-A", "app"]),
    ("operation:run", &["greet", "-A", "app"]),
    ("organization:info", &["-o", "sandbox"]),
    ("route:get", &["https://{default}/"]),
    ("service:redis-cli", &["-A", "app", "-r", "cache", "ping"]),
    ("source-operation:run", &["stamp"]),
    ("tunnel:open", &["-A", "app"]),
    ("tunnel:single", &["-A", "app", "-r", "database"]),
    ("user:get", &["vera@sandbox.localhost"]),
    (
        "variable:create",
        &[
            "--level",
            "environment",
            "--name",
            "env:X",
            "--value",
            "y",
            "--visible-build",
            "false",
            "--sensitive",
            "false",
            "--json",
            "false",
        ],
    ),
    ("variable:delete", &["env:X"]),
    ("variable:get", &["env:X"]),
    ("variable:update", &["env:X", "--value", "z"]),
];

/// Commands that this test leaves alone, with what they do.
const LEFT_OUT: &[(&str, &str)] = &[
    ("auth:api-token-login", "is about an account at Upsun"),
    ("auth:browser-login", "is about an account at Upsun"),
    ("auth:logout", "is about an account at Upsun"),
    (
        "multi",
        "runs another command for each project: there is one",
    ),
    ("project:convert", "works on files, without the API"),
    (
        "project:get",
        "would clone a repository: there is no remote one",
    ),
    ("project:init", "works on files, without the API"),
    (
        "project:set-remote",
        "would link the repository to the sandbox: leave it linked to the project at Upsun",
    ),
];

/// What to do instead of a command that a sandbox does not have, by the beginning of its name.
const INSTEAD: &[(&str, &str)] = &[
    ("backup:", "`upsun-local mount snapshot`"),
    ("commit:", "`git log`"),
    (
        "environment:branch",
        "`upsun-local up --environment <name>`",
    ),
    ("environment:checkout", "`git switch`"),
    ("environment:delete", "`upsun-local down --volumes`"),
    ("environment:deploy", "`upsun redeploy`"),
    ("environment:logs", "`upsun-local logs`"),
    ("environment:pause", "`upsun-local down`"),
    (
        "environment:push",
        "`upsun redeploy`: a sandbox builds the working copy",
    ),
    ("environment:resume", "`upsun-local up`"),
    (
        "environment:scp",
        "`upsun-local mount upload` and `download`",
    ),
    ("environment:drush", "needs a build that installs Drush"),
    ("metrics:", "`docker stats`"),
    ("project:clear-build-cache", "`upsun-local up --no-cache`"),
    ("project:delete", "`upsun-local clean`"),
    ("repo:", "`git show`"),
    ("service:mongo:", "needs a relationship to MongoDB"),
    ("service:valkey-cli", "needs a relationship to Valkey"),
    ("tunnel:", "`upsun-local tunnel`"),
    ("user:", "`users` in `.upsun-local.yaml`"),
];

/// Commands that succeed without doing anything.
const NOTHING: &[&str] = &["environment:activate", "environment:delete"];

fn first_of<'a>(all: &'a [(&str, &'a str)], name: &str) -> Option<&'a str> {
    let mut found = all
        .iter()
        .filter(|(beginning, _)| name.starts_with(beginning));
    found.next().map(|(_, text)| *text)
}

/// The names of all commands, those of variables in an order in which each finds what it needs.
fn names(project: &TestProject, directory: &Path) -> Vec<String> {
    let listed = upsun::run(project, directory, &["--", "list", "--raw"]).expect(0);
    let words = listed
        .stdout
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    let mut names: Vec<String> = words.map(str::to_owned).collect();
    names.sort_by_key(|name| (name == "variable:delete", name.clone()));
    assert!(names.len() > 50, "{names:?}");
    names
}

/// Starts an operation for `activity:cancel`.
fn something_to_cancel(project: &TestProject) -> Server {
    let server = Server::start(project);
    let path = format!("/projects/{}/environments/local/operations", project.id);
    let body = r#"{"operation": "wait", "service": "app"}"#;
    server.call("POST", &path, body).expect(202);
    server
}

fn row(project: &TestProject, directory: &Path, scratch: &Path, name: &str) -> String {
    if let Some(what) = first_of(LEFT_OUT, name) {
        return format!("| `{name}` | not tried | {what} |\n");
    }
    let given = ARGUMENTS.iter().find(|(known, _)| *known == name);
    let given = given.map_or(&[][..], |(_, arguments)| arguments);
    let scratch = scratch.to_string_lossy();
    let given: Vec<String> = given
        .iter()
        .map(|word| word.replace("<dir>", &scratch))
        .collect();
    let arguments: Vec<&str> = ["--", name, "--yes"]
        .into_iter()
        .chain(given.iter().map(String::as_str))
        .collect();
    let _server = (name == "activity:cancel").then(|| something_to_cancel(project));
    let outcome = upsun::run(project, directory, &arguments);
    let instead = first_of(INSTEAD, name).unwrap_or_default();
    if outcome.code != 0 {
        let words: Vec<&str> = outcome.stderr.split_whitespace().collect();
        eprintln!("{name}: {} {:.400}", outcome.code, words.join(" "));
        if instead.starts_with("needs") {
            return format!("| `{name}` | {instead} | |\n");
        }
        return format!("| `{name}` | not in a sandbox | {instead} |\n");
    }
    if NOTHING.contains(&name) {
        return format!("| `{name}` | does nothing | {instead} |\n");
    }
    format!("| `{name}` | works | |\n")
}

/// The commands that call `rsync` on this machine.
const NEED_RSYNC: [&str; 2] = ["`mount:download`", "`mount:upload`"];

fn has_rsync() -> bool {
    let mut rsync = std::process::Command::new("rsync");
    rsync.arg("--version").output().is_ok()
}

#[test]
fn the_page_says_which_of_upsuns_commands_work() {
    let Some(directory) = upsun::directory() else {
        return;
    };
    let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let text = std::fs::read_to_string(&page).unwrap();
    let project = TestProject::on_engine(CONFIG);
    let users = format!("project: {}\nusers: {{ vera: viewer }}\n", project.id);
    project.file(".upsun-local.yaml", &users);
    for words in [
        &["init", "--quiet"][..],
        &["add", "--all"],
        &["commit", "--quiet", "-m", "x"],
    ] {
        let mut git = std::process::Command::new("git");
        git.args(["-c", "user.name=a", "-c", "user.email=a@localhost"]);
        assert!(
            git.args(words)
                .current_dir(project.root())
                .status()
                .unwrap()
                .success()
        );
    }
    let version = upsun::run(&project, &directory, &["--", "--version"]).expect(0);
    let version = version.stdout.trim().to_owned();
    let scratch = tempfile::tempdir().unwrap();
    let mut table = format!("{version}:\n\n| command | in a sandbox | instead |\n|---|---|---|\n");
    let names = names(&project, &directory).into_iter();
    let mut rows: Vec<String> = names
        .map(|name| row(&project, &directory, scratch.path(), &name))
        .collect();
    rows.sort();
    table.extend(rows);
    let (before, rest) = text.split_once(BEGIN).expect("the beginning of the table");
    let (written, after) = rest.split_once(END).expect("the end of the table");
    if std::env::var_os("UPSUN_LOCAL_WRITE_DOCS").is_some() {
        std::fs::write(&page, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        return;
    }
    if !written.starts_with(&format!("{version}:")) {
        eprintln!("{PAGE} is about another version than {version}: nothing is compared");
        return;
    }
    let (mut written, mut table) = (written.to_owned(), table);
    if !has_rsync() {
        eprintln!("there is no `rsync`: `mount:download` and `mount:upload` are not compared");
        for text in [&mut written, &mut table] {
            let lines = text.lines();
            let others = lines.filter(|line| !NEED_RSYNC.iter().any(|name| line.contains(name)));
            *text = others.collect::<Vec<_>>().join("\n");
        }
    }
    assert_eq!(
        written, table,
        "run this test again with `UPSUN_LOCAL_WRITE_DOCS=1`"
    );
}
