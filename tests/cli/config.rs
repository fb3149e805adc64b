//! `config` and `schema`: the merged configuration, and what editors know of it.

use serde_json::{Value as Json, json};

use crate::support::{TestProject, outcome};

const CONFIG: &str = "\
.defaults: &defaults
  type: \"nodejs:24\"
  timezone: UTC
applications:
  shop:
    <<: *defaults
    timezone: Europe/Berlin
    hooks: !include hooks.yaml
    variables:
      env: { PORT: 8080, FLAG: \"yes\", VERSION: \"1.10\", NUMBER: 1.10, NOTHING: ~, \"a.b\": \"tab\\there\" }
    web: { commands: { start: \"printf 'a\\nb'\\n\" } }
";
const MORE: &str = "\
applications:
  api: { type: \"python:3.14\" }
services:
  search:
    type: \"solr:9.9\"
    configuration:
      cores: { main: { conf_dir: !archive conf } }
routes:
";

fn project() -> TestProject {
    let project = TestProject::new(CONFIG);
    project.file(".upsun/more.yaml", MORE);
    project.file("hooks.yaml", "build: |\n  set -e\n  npm ci\n");
    project.file("conf/solrconfig.xml", "<config/>\n");
    project
}

#[test]
fn everything_is_written_out_in_the_order_of_the_files() {
    insta::assert_snapshot!(project().run(&["config"]).shown(), @r#"
    code: 0
    --- stdout
    applications:
      shop:
        timezone: Europe/Berlin
        hooks:
          build: |
            set -e
            npm ci
        variables:
          env:
            PORT: 8080
            FLAG: yes
            VERSION: '1.10'
            NUMBER: 1.1
            NOTHING: null
            a.b: "tab\there"
        web:
          commands:
            start: |
              printf 'a
              b'
        type: nodejs:24
      api:
        type: python:3.14
    services:
      search:
        type: solr:9.9
        configuration:
          cores:
            main:
              conf_dir: !archive conf
    --- stderr
    "#);
}

#[test]
fn json_says_the_same() {
    let result = project()
        .run(&["app:config-get", "--format", "json"])
        .expect(0);
    let whole: Json = serde_json::from_str(&result.stdout).expect("JSON");
    let env = &whole["applications"]["shop"]["variables"]["env"];
    assert_eq!(
        env,
        &json!({ "PORT": 8080, "FLAG": "yes", "VERSION": "1.10", "NUMBER": 1.1, "NOTHING": null, "a.b": "tab\there" })
    );
    let cores = &whole["services"]["search"]["configuration"]["cores"];
    assert_eq!(cores["main"]["conf_dir"], json!({ "!archive": "conf" }));
}

#[test]
fn what_is_printed_reads_back_as_the_same() {
    let project = project();
    let first = project.run(&["config"]).expect(0).stdout;
    let again = TestProject::new(&first);
    again.file("conf/solrconfig.xml", "<config/>\n");
    assert_eq!(again.run(&["config"]).expect(0).stdout, first);
}

#[test]
fn one_app_or_one_property_may_be_asked_for() {
    let project = project();
    let says = |arguments: &[&str]| project.run(arguments).expect(0).stdout;
    assert_eq!(says(&["config", "-A", "api"]), "type: python:3.14\n");
    assert_eq!(
        says(&["config", "-A", "shop", "-P", "hooks.build"]),
        "set -e\nnpm ci\n"
    );
    assert_eq!(
        says(&["config", "--property", "applications.shop.hooks.build"]),
        "set -e\nnpm ci\n"
    );
    assert_eq!(
        says(&["config", "--app", "shop", "--property", "variables.env.a.b"]),
        "tab\there\n"
    );
    assert_eq!(
        says(&["config", "-A", "shop", "-P", "variables.env.NUMBER"]),
        "1.1\n"
    );
    assert_eq!(
        says(&[
            "config",
            "-A",
            "shop",
            "-P",
            "hooks.build",
            "--format",
            "json"
        ]),
        "\"set -e\\nnpm ci\\n\"\n"
    );
    let single = TestProject::new("applications:\n  app: { type: \"nodejs:24\" }\n");
    assert_eq!(
        single
            .run(&["app:config-get", "-P", "type", "-e", "main"])
            .expect(0)
            .stdout,
        "nodejs:24\n"
    );
}

#[test]
fn what_is_not_there_is_a_failure_with_the_nearest() {
    let project = project();
    insta::assert_snapshot!(project.run(&["config", "-A", "shp"]).shown(), @r"
    code: 64
    --- stdout
    --- stderr
    error: there is no app `shp`

    hint: did you mean `shop`?
    ");
    insta::assert_snapshot!(project.run(&["config", "-A", "shop", "-P", "hook.build"]).shown(), @r"
    code: 64
    --- stdout
    --- stderr
    error: there is no property `hook.build` in `shop`

    hint: did you mean `hooks`?
    ");
    insta::assert_snapshot!(project.run(&["config", "-P", "hooks.build"]).shown(), @r"
    code: 64
    --- stdout
    --- stderr
    error: there is no property `hooks.build`

    hint: add `--app` to name the app
    ");
}

#[test]
fn a_configuration_with_errors_is_not_printed() {
    let project = TestProject::new("applications:\n  app: { type: 24 }\n");
    let result = project.run(&["config"]).expect(78);
    assert_eq!(result.stdout, "");
    assert!(result.stderr.contains("U202"), "{}", result.stderr);
}

#[test]
fn control_characters_stay_escaped() {
    let project = TestProject::new(
        "applications:\n  app:\n    type: \"nodejs:24\"\n    variables: { env: { A: \"\\e[31m\\x9b\\x7f\" } }\n",
    );
    for arguments in [
        &["config"] as &[&str],
        &["config", "--format", "json"],
        &["config", "-P", "variables.env.A"],
        &["config", "-P", "variables.env.A", "--format", "json"],
    ] {
        let shown = project.run(arguments).expect(0).stdout;
        let harmful = |char: char| char.is_control() && char != '\n';
        assert!(!shown.contains(harmful), "{arguments:?}: {shown:?}");
        assert!(shown.contains("[31m"), "{arguments:?}: {shown}");
    }
}

#[test]
fn the_schema_needs_no_repository() {
    let project = project();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let mut command = project.command(&["schema"]);
    command.current_dir(elsewhere.path());
    let result = outcome(&mut command, elsewhere.path()).expect(0);
    let schema: Json = serde_json::from_str(&result.stdout).expect("JSON");
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    let help = project.run(&["schema", "--help"]).expect(0).stdout;
    assert!(help.contains("yaml.customTags"), "{help}");
}
