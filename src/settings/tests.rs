//! Settings from text, and what is said of those that are none.

use serde_json::json;

use super::*;
use crate::roles::Role;

fn parse(text: &str) -> Settings {
    Settings::parse(text, FILE_NAME).unwrap()
}

fn refused(text: &str) -> (String, Option<String>) {
    let error = Settings::parse(text, FILE_NAME).unwrap_err();
    (error.to_string(), error.hint())
}

#[test]
fn a_whole_file_is_read() {
    let settings = parse(
        "
project: shop
environment: {name: feature-x, type: staging}
role: contributor
users:
  alice: admin
  bob: production:viewer,development:contributor
  carol: {production: viewer, development: admin}
variables:
  project:
    env:TOKEN: {value: abc, sensitive: true, visible_runtime: false}
    theanswer: 42
  environment:
    env:LIST: [1, two]
    env:MAP: {value: {a: 1}}
env_file: .env.upsun
images:
  nodejs:24: registry.example/node:24
ca_certificates: certs/company.pem
proxy: {http: http://proxy:3128, no: [localhost, .internal]}
engine: unix:///run/docker.sock
user: {uid: 1000, gid: 1000}
tests: {builds: {operation: next-build}}
check: {ignore: [U402, U201]}
services: {db: {}}
",
    );
    assert_eq!(settings.project.as_deref(), Some("shop"));
    assert_eq!(settings.environment.name.as_deref(), Some("feature-x"));
    assert_eq!(settings.environment.r#type, Some(EnvironmentType::Staging));
    assert_eq!(settings.role, Some(Grants::Everywhere(Role::Contributor)));
    assert_eq!(settings.users["alice"], Grants::Everywhere(Role::Admin));
    assert_eq!(
        settings.users["bob"].to_string(),
        "production:viewer,development:contributor"
    );
    assert_eq!(
        settings.users["carol"].to_string(),
        "production:viewer,development:admin"
    );
    let token = &settings.variables.project["env:TOKEN"];
    assert_eq!(token.value, json!("abc"));
    assert!(token.sensitive && token.visible_build && !token.visible_runtime);
    assert_eq!(settings.variables.project["theanswer"].value, json!(42));
    assert_eq!(
        settings.variables.environment["env:LIST"].value,
        json!([1, "two"])
    );
    assert_eq!(
        settings.variables.environment["env:MAP"].value,
        json!({"a": 1})
    );
    assert_eq!(settings.images["nodejs:24"], "registry.example/node:24");
    assert_eq!(
        settings.ca_certificates,
        [PathBuf::from("certs/company.pem")]
    );
    assert_eq!(settings.proxy.no.as_deref(), Some("localhost,.internal"));
    assert_eq!(settings.check.ignore, ["U402", "U201"]);
    assert_eq!(
        settings.user,
        User {
            uid: 1000,
            gid: 1000
        }
    );
}

#[test]
fn nothing_is_the_default() {
    for text in [
        "",
        "# nothing yet\n",
        "{}\n",
        "---\n",
        "users:\n",
        "variables: {project: }\n",
    ] {
        assert_eq!(parse(text), Settings::default(), "{text:?}");
    }
    assert_eq!(Settings::default().user.uid, 10_000);
}

#[test]
fn an_unknown_setting_names_its_line_and_the_nearest_known_one() {
    assert_eq!(
        refused("role: admin\n\nvariabels:\n  project: {}\n"),
        (
            ".upsun-local.yaml:3: unknown setting `variabels`".to_owned(),
            Some("did you mean `variables`?".to_owned())
        )
    );
    assert_eq!(
        refused("project: a\nenvironment:\n  name: main\n  typ: staging\n"),
        (
            ".upsun-local.yaml:4: unknown setting `typ` in `environment`".to_owned(),
            Some("did you mean `type`?".to_owned())
        )
    );
    let (_, hint) = refused("environment:\n  colour: red\n");
    assert_eq!(hint.as_deref(), Some("known here: `name`, `type`"));
}

#[test]
fn a_bad_value_names_its_line() {
    let (message, _) = refused("project: a\nusers:\n  alice: admin\n  bob: owner\n");
    assert_eq!(
        message,
        ".upsun-local.yaml:4: users.bob: this value is not a role: it is one of `viewer`, `contributor`, `admin`"
    );
    let (message, _) = refused("environment:\n  type: prod\n");
    assert!(
        message.starts_with(".upsun-local.yaml:2: environment: this value is not"),
        "{message}"
    );
    let (message, _) = refused("user: {uid: 0}\n");
    assert!(message.contains("cannot be root"), "{message}");
    let (message, _) = refused("variables:\n  project:\n    \"a=b\": 1\n");
    assert!(
        message.contains("`a=b` cannot be the name of a variable"),
        "{message}"
    );
}

#[test]
fn only_codes_of_warnings_can_be_silenced() {
    assert_eq!(parse("check: {ignore: U402}").check.ignore, ["U402"]);
    assert_eq!(parse("check:\n").check, Check::default());
    assert_eq!(
        refused("project: a\ncheck:\n  ignore:\n    - U402\n    - bashisms\n"),
        (
            ".upsun-local.yaml:5: an entry in `check.ignore` is not the code of a problem"
                .to_owned(),
            Some("`upsun-local check` shows the code of each problem in brackets".to_owned())
        )
    );
    let (_, hint) = refused("check: {ignore: [u402]}");
    assert_eq!(hint.as_deref(), Some("did you mean `U402`?"));
    let (message, hint) = refused("check: {ignore: [U121]}");
    assert_eq!(
        message,
        ".upsun-local.yaml:1: `U121` in `check.ignore` is always an error: an unknown key at the top of a file"
    );
    assert!(hint.unwrap().starts_with("only warnings"));
    let (message, hint) = refused("check: {ignroe: []}");
    assert!(message.contains("`ignroe` in `check`"), "{message}");
    assert_eq!(hint.as_deref(), Some("did you mean `ignore`?"));
}

#[test]
fn what_is_no_yaml_names_its_line() {
    let (message, _) = refused("project: a\nrole: [\n");
    assert!(message.starts_with(".upsun-local.yaml:"), "{message}");
}

#[test]
fn a_file_that_cannot_be_read_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(read(folder.path()).unwrap(), None);
    std::fs::create_dir(folder.path().join(FILE_NAME)).unwrap();
    assert!(matches!(read(folder.path()), Err(Error::Read { .. })));
}

#[test]
fn json_in_a_text_is_json_where_the_flag_says_so() {
    let text = "variables:
  project:
    theme:colours: { value: '[\"red\",\"blue\"]', is_json: true, inheritable: false }
    env:COLOURS: { value: '[\"red\",\"blue\"]', is_json: true }
    theme:plain: { value: '[1]' }
";
    let settings = Settings::parse(text, FILE_NAME).unwrap();
    let value = |name: &str| settings.variables.project[name].value.clone();
    assert_eq!(value("theme:colours"), serde_json::json!(["red", "blue"]));
    assert_eq!(
        value("env:COLOURS"),
        serde_json::json!("[\"red\",\"blue\"]")
    );
    assert_eq!(value("theme:plain"), serde_json::json!("[1]"));
}

#[test]
fn what_is_no_json_is_refused_without_its_value() {
    let text = "variables:
  project:
    theme:key: { value: 'hush-hush', is_json: true }
";
    let err = Settings::parse(text, FILE_NAME).unwrap_err().to_string();
    assert!(
        err.contains("the value of `theme:key` is not JSON"),
        "{err}"
    );
    assert!(!err.contains("hush"), "{err}");
}

#[test]
fn mail_is_off_unless_it_is_switched_on() {
    assert_eq!(parse("").mail, None);
    assert_eq!(parse("mail: false").mail, None);
    assert_eq!(parse("mail: true").mail, Some(Mail { port: None }));
    assert_eq!(
        parse("mail: { port: 8025 }").mail,
        Some(Mail { port: Some(8025) })
    );
    let (message, _) = refused("mail: yes please");
    assert!(
        message.contains("`true`, `false`, or a map with `port`"),
        "{message}"
    );
}

#[test]
fn a_variable_in_the_wrong_place_is_not_quoted() {
    let (message, _) = refused("variables:\n  project: 'env:TOKEN=hush-hush'\n");
    assert!(
        message.contains("invalid type: string, expected a map"),
        "{message}"
    );
    assert!(!message.contains("hush"), "{message}");
}

/// What stands in the wrong place, written so that it is a text, a key's value, a list and more.
const SECRET: &str = "hunter2-and-more";

fn never_shown(text: &str) {
    let Err(error) = Settings::parse(text, FILE_NAME) else {
        return;
    };
    let words = format!("{error} {:?}", error.hint());
    for part in [SECRET, "hunter2", "and-more"] {
        assert!(!words.contains(part), "{text}\n{words}");
    }
    let users = users_of(text, FILE_NAME).map_err(|error| error.to_string());
    assert!(users.map_or_else(|words| !words.contains("hunter2"), |_| true));
}

#[test]
fn no_value_stands_in_an_error() {
    let keys = [
        "project",
        "environment",
        "environment.name",
        "environment.type",
        "role",
        "users",
        "users.ada",
        "users.ada.production",
        "variables",
        "variables.project",
        "variables.environment",
        "variables.project.a=b",
        "env_file",
        "images",
        "images.nodejs",
        "ca_certificates",
        "proxy",
        "proxy.http",
        "proxy.credentials",
        "engine",
        "engines",
        "port",
        "user",
        "user.uid",
        "tests",
        "tests.a",
        "tests.a.operation",
        "tests.a.role",
        "tests.a.expect",
        "tests.a.stdout",
        "tests.a.files",
        "tests.a.timeout",
        "tests.a.idempotent",
        "tests.a.variables",
        "services",
        "services.db",
        "services.db.external",
        "mail",
        "mail.port",
        "check",
        "check.ignore",
        "unknown",
        "engine.more",
    ];
    let values = [
        SECRET.to_owned(),
        format!("'{SECRET} (['"),
        format!("'([{SECRET}'"),
        format!("'production:{SECRET}'"),
        format!("\"`{SECRET}` \\\"x\\\", expected `a`\""),
        format!("\"\\x02{SECRET}\\x01{SECRET}\\x02{SECRET}\""),
        format!("[{SECRET}]"),
        format!("[[{SECRET}]]"),
        format!("{{ x: {SECRET} }}"),
        format!("{{ production: {SECRET} }}"),
        format!("!!int {SECRET}"),
        format!("!{SECRET} x"),
        format!("*{SECRET}"),
        format!("@{SECRET}"),
        format!("`{SECRET}"),
        format!("\"{SECRET}"),
        format!("\"{SECRET}\\q\""),
        format!("x: {SECRET}"),
        format!("[{SECRET}"),
        format!("{SECRET} \n\t{SECRET}"),
        format!("|\n {SECRET}\n{SECRET}"),
        format!("%{SECRET}"),
        format!("- {SECRET}"),
        format!("&a {SECRET}\n&b {SECRET}"),
    ];
    for key in keys {
        let mut lead = String::new();
        for (depth, part) in key.split('.').enumerate() {
            if depth > 0 {
                lead.push('\n');
                lead.push_str(&"  ".repeat(depth));
            }
            lead.push_str(part);
            lead.push(':');
        }
        for value in &values {
            never_shown(&format!("{lead} {value}\n"));
        }
    }
    // Files of other programs.
    for text in [
        format!("machine github.com login x password {SECRET}\n"),
        format!("machine github.com login x password a: {SECRET}\n"),
        format!("machine github.com login x password {SECRET}: a\n"),
        format!("export TOKEN={SECRET}\n"),
        format!("TOKEN={SECRET}:more\nTOKEN={SECRET}:more\n"),
        format!("TOKEN:{SECRET}\nOTHER:{SECRET}\n"),
        format!("TOKEN: {SECRET}\n"),
        format!("{SECRET}\n"),
        format!("[section]\nkey = {SECRET}\n"),
        format!("<key>{SECRET}</key>\n"),
        format!("{{\"key\": \"{SECRET}\"}}\n"),
        format!("-----BEGIN KEY-----\n{SECRET}\n-----END KEY-----\n"),
        format!("a: 1\n{SECRET}\n"),
        format!("a: b: {SECRET}\n"),
        format!("role: viewer\n  {SECRET}: x\n {SECRET}\n"),
    ] {
        never_shown(&text);
    }
}

#[test]
fn numbers_that_are_no_setting_are_not_shown() {
    for text in [
        "tests: {a: {operation: x, expect: 7351}}",
        "port: 735173517351",
        "mail: 7351",
        "user: {uid: -7351}",
        "engine: [7351.5]",
    ] {
        let (message, _) = refused(text);
        assert!(!message.contains("7351"), "{message}");
    }
}
