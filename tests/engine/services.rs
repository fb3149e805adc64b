//! Services and relationships, on the engine.

use crate::engine::containers;
use crate::support::TestProject;

/// Asks a Redis or Valkey server for something, without any package.
const ASK: &str = r#"
const net = require("node:net");
const [host, ...words] = process.argv.slice(2);
const socket = net.connect(6379, host);
socket.on("connect", () => socket.write(words.join(" ") + "\r\n"));
socket.on("data", (data) => { process.stdout.write(data); socket.destroy(); });
socket.on("error", (err) => { console.error(err.code); process.exitCode = 1; });
"#;

const TWO_APPS: &str = r#"
applications:
  shop:
    type: nodejs:24
    source: {root: shop}
    build: {flavor: none}
    relationships:
      cache: {service: store, endpoint: redis}
    operations:
      count: {commands: {start: "node ask.js \"$CACHE_HOST\" INCR n"}}
      describe: {commands: {start: "echo \"$PLATFORM_RELATIONSHIPS\" | base64 -d | jq -r '.cache[0].host, .cache[0].type'; echo \"$CACHE_URL\""}}
  office:
    type: nodejs:24
    source: {root: office}
    build: {flavor: none}
    operations:
      look: {commands: {start: "node ask.js cache.internal PING"}}
services:
  store: {type: "redis:8.0"}
  unused: {type: "valkey:9.0"}
"#;

fn two_apps() -> TestProject {
    let project = TestProject::on_engine(TWO_APPS);
    project.file("shop/ask.js", ASK).file("office/ask.js", ASK);
    project
}

#[test]
fn an_app_and_its_worker_reach_one_service() {
    let project = TestProject::on_engine(
        r#"
applications:
  shop:
    type: nodejs:24
    source: {root: shop}
    build: {flavor: none}
    relationships:
      cache: {service: store, endpoint: redis}
    operations:
      count: {commands: {start: "node ask.js cache.internal INCR n"}}
    workers:
      packer:
        commands: {start: "sleep 7700"}
        operations:
          count: {commands: {start: "node ask.js cache.internal INCR n"}}
services:
  store: {type: "redis:8.0"}
"#,
    );
    project.file("shop/ask.js", ASK);
    project.run(&["up"]).expect(0);
    let names = containers(&project);
    let ends = ["-local-shop", "-local-shop-packer", "-local-store"];
    assert_eq!(names.len(), 3, "{names:?}");
    for end in ends {
        assert!(names.iter().any(|name| name.ends_with(end)), "{names:?}");
    }
    assert_eq!(project.run(&["run", "count"]).expect(0).stdout, ":1\r\n");
    let worker = project.run(&["run", "count", "--worker", "packer"]);
    assert_eq!(worker.expect(0).stdout, ":2\r\n");
}

#[test]
fn a_service_is_started_for_the_app_that_reaches_it_and_found_by_nobody_else() {
    let project = two_apps();
    let shown = project.run(&["run", "describe"]).expect(0).stdout;
    assert_eq!(
        shown,
        "cache.internal\nredis:8.0\nredis://cache.internal:6379\n"
    );
    assert_eq!(project.run(&["run", "count"]).expect(0).stdout, ":1\r\n");
    let status = project.run(&["status"]).expect(0).stdout;
    assert!(status.contains("store"), "{status}");
    assert!(!status.contains("unused"), "{status}");
    let looked = project.run(&["run", "look"]).expect(1);
    assert!(looked.stderr.contains("ENOTFOUND"), "{}", looked.stderr);
    assert!(
        project
            .run(&["logs", "--service", "store"])
            .expect(0)
            .shown()
            .contains("Ready to accept connections")
    );
}

#[test]
fn a_service_that_died_is_started_again() {
    let project = two_apps();
    project.run(&["run", "count"]).expect(0);
    let status = project.run(&["status", "--format", "json"]).expect(0);
    let name = status
        .stdout
        .lines()
        .find_map(|line| {
            line.trim()
                .strip_prefix("\"container\": \"")?
                .strip_suffix("-store\",")
        })
        .map(|start| format!("{start}-store"))
        .expect("the service's container");
    let killed = std::process::Command::new("docker")
        .args(["kill", &name])
        .output()
        .expect("docker");
    assert!(killed.status.success());
    let again = project.run(&["run", "count"]).expect(0);
    assert!(again.stderr.contains("Starting store"), "{}", again.stderr);
}

#[test]
fn a_service_that_cannot_start_says_why_with_its_log() {
    let project = two_apps();
    let broken = TWO_APPS.replace(
        "store: {type: \"redis:8.0\"}",
        "store: {type: \"redis:8.0\", configuration: {maxmemory_policy: no-such-policy}}",
    );
    project.file(".upsun/config.yaml", &broken);
    let outcome = project.run(&["run", "count"]);
    assert!([73, 78].contains(&outcome.code), "{}", outcome.shown());
    assert!(outcome.stderr.contains("store"), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("no-such-policy"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_database_is_there_for_hooks_and_operations_and_outlives_down() {
    let project = TestProject::on_engine(
        r#"
applications:
  app:
    type: python:3.14
    relationships:
      database: {service: db, endpoint: reporter}
    hooks:
      build: |
        set -e
        pip install --quiet --user "psycopg[binary]" platformshconfig
      deploy: python query.py "create table if not exists visits (n int)"
    operations:
      visit:
        commands:
          start: |
            set -e
            python query.py "insert into visits values (1)"
            python query.py "select count(*) from visits"
services:
  db:
    type: postgresql:18
    configuration:
      databases: [main, reports]
      endpoints:
        reporter: {default_database: reports, privileges: {reports: admin}}
"#,
    );
    project.file(
        "query.py",
        r#"
import sys
import psycopg
from platformshconfig import Config

found = Config().credentials("database")
with psycopg.connect(host=found["host"], port=found["port"], user=found["username"],
                     password=found["password"], dbname=found["path"]) as database:
    cursor = database.execute(sys.argv[1])
    if cursor.description:
        print(found["path"], cursor.fetchone()[0])
"#,
    );
    assert_eq!(
        project.run(&["run", "visit"]).expect(0).stdout,
        "reports 1\n"
    );
    project.run(&["down"]).expect(0);
    assert_eq!(
        project.run(&["run", "visit"]).expect(0).stdout,
        "reports 2\n"
    );
    project.run(&["down", "--volumes", "--yes"]).expect(0);
    assert_eq!(
        project.run(&["run", "visit"]).expect(0).stdout,
        "reports 1\n"
    );
}
