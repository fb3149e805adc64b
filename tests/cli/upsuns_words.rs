//! Words of Upsun's CLI, as its documentation has them.

use crate::support::TestProject;

const CONFIG: &str = r#"
applications:
  site:
    type: php:8.4
    source: {root: site}
    relationships:
      database: {service: db, endpoint: postgresql}
      cache: {service: cache, endpoint: redis}
    workers:
      queue: {commands: {start: php worker.php}}
services:
  db: {type: postgresql:18}
  cache: {type: redis:8.0}
routes:
  "https://{default}/": {type: upstream, upstream: "site:http"}
  "https://www.{default}/": {type: redirect, to: "https://{default}/"}
"#;

fn project() -> TestProject {
    let project = TestProject::new(CONFIG);
    project.file("site/index.php", "");
    project
}

#[test]
fn lists_have_upsuns_names_and_columns() {
    let project = project();
    for (words, printed) in [
        (
            &["app:list", "--format", "plain"][..],
            "Name\tType\tPath\nsite\tphp:8.4\t/site\n",
        ),
        (&["apps", "--pipe"], "site\n"),
        (
            &["services", "--no-header", "--format", "csv"],
            "db,postgresql:18\ncache,redis:8.0\n",
        ),
        (
            &["service:list", "--columns", "type", "--no-header"],
            "postgresql:18\nredis:8.0\n",
        ),
        (&["worker:list", "--pipe", "--refresh"], "site--queue\n"),
        (
            &["workers", "--format", "tsv", "--no-header"],
            "site--queue\tphp:8.4\tstart: php worker.php\n",
        ),
        (
            &[
                "route:list",
                "--columns",
                "route,type,to",
                "--format",
                "plain",
                "--no-header",
            ],
            "https://{default}/\tupstream\tsite:http\n",
        ),
    ] {
        let outcome = project.run(words).expect(0);
        assert!(
            outcome.stdout.starts_with(printed),
            "{words:?}: {}",
            outcome.stdout
        );
    }
}

#[test]
fn relationships_are_those_of_the_app() {
    let project = project();
    for (words, printed) in [
        (
            &["relationships", "-P", "database.0.host"][..],
            "database.internal\n",
        ),
        (
            &["environment:relationships", "--property", "cache.0.port"],
            "6379\n",
        ),
        (
            &["rel", "-A", "site--queue", "-P", "cache.0.scheme"],
            "redis\n",
        ),
    ] {
        assert_eq!(project.run(words).expect(0).stdout, printed, "{words:?}");
    }
    let unknown = project.run(&["rel", "-P", "nothing.0"]).expect(64);
    insta::assert_snapshot!(unknown.stderr, @"
    error: there is no property `nothing.0`

    hint: the relationships are: cache, database
    ");
}

#[test]
fn the_primary_address_comes_first() {
    let project = project();
    let all = project.run(&["url"]).expect(0).stdout;
    let primary = project
        .run(&["environment:url", "--primary"])
        .expect(0)
        .stdout;
    assert!(all.starts_with(&primary), "{all}");
    assert_eq!(all.lines().count(), 2);
    assert_eq!(
        project
            .run(&["url", "-1", "--browser", "0"])
            .expect(0)
            .stdout,
        primary
    );
}

#[test]
fn logs_take_the_names_of_apps_services_and_upsuns_files() {
    let project = project();
    // None of them is up, and no engine is there: what matters is which of them is meant.
    let said = |words: &[&str]| {
        let mut command = project.command(words);
        command.env("DOCKER_HOST", "unix:///nowhere.sock");
        crate::support::outcome(&mut command, &project.root())
    };
    for words in [
        &["log", "app", "--tail"][..],
        &["env:log", "app", "--lines", "5"],
        &["environment:logs", "site"],
        &["logs", "site--queue"],
        &["logs", "db"],
        &["logs", "-A", "site--queue"],
        &["logs", "/var/log/app.log"],
    ] {
        assert_eq!(said(words).code, 69, "{words:?}: {}", said(words).stderr);
    }
    let access = said(&["log", "access"]).expect(64).stderr;
    assert!(access.contains("keeps no log of requests"), "{access}");
    let unknown = said(&["log", "nonsense"]).expect(64).stderr;
    assert!(unknown.contains("there are: site, db, cache"), "{unknown}");
}

#[test]
fn a_word_without_a_counterpart_says_what_to_do_instead() {
    let project = project();
    insta::assert_snapshot!(project.run(&["variable:create", "--name", "x"]).shown(), @"
    code: 64
    --- stdout
    --- stderr
    error: `variable:create` is a command of Upsun's CLI that has no counterpart here

    hint: `upsun-local variables` shows the variables; set them below `variables` in .upsun-local.yaml, or for one run with `--variable`
    ");
    for word in [
        "push",
        "backup:list",
        "domain:add",
        "login",
        "db:size",
        "mongo",
    ] {
        let said = project.run(&[word]).expect(64).stderr;
        assert!(said.contains("hint: "), "{word}: {said}");
        assert!(!said.contains("unrecognized"), "{word}: {said}");
    }
}
