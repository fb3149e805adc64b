//! The answers against Upsun's own description of its API, where that is at hand, with a validator that knows nothing
//! of `upsun-local`.

use std::path::{Path, PathBuf};

use boon::{Compiler, Draft, Schemas};
use serde_json::{Map, Value, json};

use crate::client::Server;
use crate::support::TestProject;

const CONFIG: &str = r#"
applications:
  shop:
    type: nodejs:24
    source:
      root: shop
      operations:
        update: { command: npm update }
    relationships:
      database: "db:postgresql"
      office: { service: office, endpoint: http }
    mounts:
      /orders: { source: storage, source_path: orders }
      /tmp-files: { source: tmp }
    web:
      commands: { start: node server.js }
      locations:
        /: { root: public, passthru: true, expires: 1h, rules: { '\.html$': { allow: false } } }
    operations:
      order: { role: contributor, commands: { start: node order.js, stop: "true" } }
      report: { role: viewer, commands: { start: node report.js } }
    crons:
      tidy: { spec: "H * * * *", commands: { start: node tidy.js } }
    workers:
      packer:
        commands: { start: node packer.js }
        operations:
          pack: { role: admin, commands: { start: node pack.js } }
    variables: { env: { A: b } }
    access: { ssh: viewer }
  office:
    type: composable:25.11
    stack: { runtimes: ["php@8.4"], packages: [jq] }
services:
  db: { type: "postgresql:18" }
routes:
  "https://{default}/": { type: upstream, upstream: "shop:http" }
  "https://www.{default}/":
    type: redirect
    to: "https://{default}/"
"#;

const SETTINGS: &str = "
users:
  alice: admin
  vera: { production: viewer, development: contributor }
variables:
  project: { 'env:TOKEN': { value: x, sensitive: true } }
  environment: { 'env:LIST': [1, 2] }
";

/// Upsun's description, wherever a folder above the repository has it.
fn description() -> Option<Value> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = repository
        .ancestors()
        .map(|folder| folder.join("shared/reference/openapi-upsun.json"))
        .find(|path| path.is_file());
    let Some(path): Option<PathBuf> = found else {
        eprintln!(
            "there is no shared/reference/openapi-upsun.json above the repository: nothing is compared"
        );
        return None;
    };
    let text = std::fs::read_to_string(path).unwrap();
    Some(as_json_schema(serde_json::from_str(&text).unwrap()))
}

/// OpenAPI 3.0 says `nullable` where JSON Schema has a type `null`.
fn as_json_schema(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let is_nullable = map.get("nullable") == Some(&Value::Bool(true));
            let map: Map<String, Value> = map
                .into_iter()
                .filter(|(key, _)| key != "nullable")
                .map(|(key, value)| (key, as_json_schema(value)))
                .collect();
            if is_nullable {
                json!({ "anyOf": [{ "type": "null" }, map] })
            } else {
                Value::Object(map)
            }
        }
        Value::Array(list) => list.into_iter().map(as_json_schema).collect(),
        other => other,
    }
}

/// The description has no links, and leaves out the `original_url` of a route, which Upsun's command reads.
fn without_links(value: Value) -> Value {
    match value {
        Value::Object(map) => map
            .into_iter()
            .filter(|(key, _)| !["_links", "_embedded", "original_url"].contains(&key.as_str()))
            .map(|(key, value)| (key, without_links(value)))
            .collect(),
        Value::Array(list) => list.into_iter().map(without_links).collect(),
        other => other,
    }
}

struct Description {
    description: Value,
}

impl Description {
    #[track_caller]
    fn check(&self, schema: &str, answer: Value) {
        let answer = without_links(answer);
        let mut schemas = Schemas::new();
        let mut compiler = Compiler::new();
        compiler.set_default_draft(Draft::V7);
        compiler
            .add_resource("upsun.json", self.description.clone())
            .unwrap();
        let place = format!("upsun.json#/components/schemas/{schema}");
        let index = compiler.compile(&place, &mut schemas).unwrap();
        if let Err(err) = schemas.validate(&answer, index) {
            panic!("{schema}: {err:#}\n{answer:#}");
        }
    }
}

#[test]
fn answers_have_the_shapes_of_upsuns_description() {
    let Some(description) = description() else {
        return;
    };
    let description = Description { description };
    let project = TestProject::new(CONFIG);
    project.file(
        ".upsun-local.yaml",
        &format!("project: {}\n{SETTINGS}", project.id),
    );
    let server = Server::start(&project);
    let own = format!("/projects/{}", project.id);
    let local = format!("{own}/environments/local");
    let get = |path: &str| server.get(path).expect(200).json();
    for (schema, path) in [
        ("Project", own.clone()),
        ("ProjectCapabilities", format!("{own}/capabilities")),
        (
            "EnvironmentTypeCollection",
            format!("{own}/environment-types"),
        ),
        ("EnvironmentCollection", format!("{own}/environments")),
        ("Environment", local.clone()),
        ("Deployment", format!("{local}/deployments/current")),
        ("DeploymentCollection", format!("{local}/deployments")),
        (
            "EnvironmentSourceOperationCollection",
            format!("{local}/source-operations"),
        ),
        ("ProjectVariableCollection", format!("{own}/variables")),
        (
            "EnvironmentVariableCollection",
            format!("{local}/variables"),
        ),
        ("ActivityCollection", format!("{own}/activities")),
        ("User", "/users/me".to_owned()),
        ("CurrentUser", "/me".to_owned()),
    ] {
        description.check(schema, get(&path));
    }
    let deployment = get(&format!("{local}/deployments/current"));
    // PHP takes an empty list for an empty object, but nothing for `null`.
    assert!(deployment["webapps"]["office"]["operations"].is_object());
    assert_eq!(
        deployment["workers"]["shop--packer"]["operations"]["pack"]["role"],
        "admin"
    );
    let references = get("/ref/projects");
    let organizations = get("/ref/organizations");
    assert!(references[project.id.replace('-', "_")]["organization_id"].is_string());
    assert_eq!(organizations.as_object().map(Map::len), Some(1));
    let user = get("/users/me")["id"].clone();
    let access = get(&format!(
        "/users/{}/extended-access",
        user.as_str().unwrap()
    ));
    assert_eq!(
        access["items"][0]["resource_id"],
        project.id.replace('-', "_")
    );
}

#[test]
fn every_caller_has_the_roles_of_the_settings() {
    let project = TestProject::new(CONFIG);
    project.file(
        ".upsun-local.yaml",
        &format!("project: {}\n{SETTINGS}", project.id),
    );
    let server = Server::start(&project);
    let vera = server.token_of('u', "vera");
    let me = server
        .call_as(&vera, "GET", "/users/me", "")
        .expect(200)
        .json();
    assert_eq!(me["username"], "vera");
    let path = format!("/users/{}/extended-access", me["id"].as_str().unwrap());
    let access = server.call_as(&vera, "GET", &path, "").expect(200).json();
    let expected = json!(["viewer", "production:viewer", "development:contributor"]);
    assert_eq!(access["items"][0]["permissions"], expected);
    let users = server.get(&format!("/projects/{}/user-access", project.id));
    assert_eq!(
        users.expect(200).json()["items"].as_array().map(Vec::len),
        Some(2)
    );
    let environments = format!("/projects/{}/environments", project.id);
    let nobody = server.token_of('u', "nobody");
    let answer = server
        .call_as(&nobody, "GET", &environments, "")
        .expect(400);
    assert!(answer.body.contains("unknown user"), "{}", answer.body);
    // A role that is too low is refused before anything is asked of an engine.
    let viewer = server.token_of('r', "viewer");
    let run = format!("{environments}/local/operations");
    let body = r#"{"operation": "order", "service": "shop"}"#;
    let denied = server
        .call_as(&viewer, "POST", &run, body)
        .expect(403)
        .json();
    assert!(
        denied["message"]
            .as_str()
            .unwrap()
            .contains("needs `contributor`")
    );
}
