//! Upsun's own readers of its variables, from npm and PyPI, read what containers here have.

use crate::support::TestProject;

const CONFIG: &str = r#"
applications:
  web:
    type: nodejs:24
    source: {root: node}
    relationships: {database: , cache: {service: cache, endpoint: redis}, api: {service: tool, endpoint: http}}
    variables: {theme: {colour: teal}}
    web: {locations: {"/": {root: public, passthru: true}}}
    operations: {read: {commands: {start: node read.js}}}
  tool:
    type: python:3.14
    source: {root: python}
    hooks: {build: pip install --quiet --user platformshconfig}
    relationships: {database: }
    web: {locations: {"/": {root: public}}}
    operations: {read: {commands: {start: python read.py}}}
services:
  database: {type: "postgresql:18"}
  cache: {type: "redis:8.0"}
routes:
  "https://{default}/": {type: upstream, upstream: "web:http", id: main, primary: true}
  "https://tool.{default}/": {type: upstream, upstream: "tool:http", attributes: {kind: inner}}
  "https://www.{default}/": {type: redirect, to: "https://{default}/"}
"#;

/// Every getter that makes sense in a running container.
const NODE: &str = r#"
const config = require("platformsh-config").config();
const assert = require("node:assert");
assert(config.isValidPlatform() && config.inRuntime() && !config.inBuild() && !config.onProduction());
for (const name of ["applicationName", "appDir", "project", "treeId", "projectEntropy", "branch", "environment", "documentRoot", "port"]) {
  assert(config[name] !== undefined, name);
}
const database = config.credentials("database");
console.log(database.scheme, database.host, database.port, database.query.is_master);
console.log(config.credentials("cache").scheme, config.credentials("api").host, config.hasRelationship("nothing"));
console.log(config.application().name, config.variable("theme:colour"), config.variable("nothing", "default"));
console.log(Object.values(config.routes()).map((route) => route.type).sort().join(" "));
console.log(config.getPrimaryRoute().id, config.getRoute("main").url === config.getPrimaryRoute().url);
console.log(JSON.stringify(Object.values(config.getUpstreamRoutes("tool")).map((route) => route.attributes)));
"#;

const PYTHON: &str = r#"
from platformshconfig import Config

config = Config()
assert config.is_valid_platform() and config.in_runtime() and not config.in_build()
for name in ["applicationName", "appDir", "project", "treeID", "projectEntropy", "branch", "environment", "port"]:
    assert getattr(config, name), name
database = config.credentials("database")
print(database["scheme"], database["host"], database["port"])
print(config.formatted_credentials("database", "postgresql_dsn").split("://")[0])
print(config.application()["name"], config.variable("nothing", "default"))
print(sorted(route["type"] for route in config.routes().values()))
primary = config.get_primary_route()
print(primary["id"], primary["upstream"])
print([route["attributes"] for route in config.get_upstream_routes("tool").values()])
"#;

#[test]
fn upsuns_own_readers_find_relationships_routes_and_variables() {
    let project = TestProject::on_engine(CONFIG);
    project
        .file("node/read.js", NODE)
        .file(
            "node/package.json",
            r#"{"name": "reader", "private": true, "dependencies": {"platformsh-config": "^2.4.0"}}"#,
        )
        .file("python/read.py", PYTHON)
        .file("python/public/index.html", "here");
    let read = project.run(&["run", "read", "--app", "web"]).expect(0);
    assert_eq!(
        read.stdout,
        "pgsql database.internal 5432 true
redis api.internal false
web teal default
redirect upstream upstream
main true
[{\"kind\":\"inner\"}]
"
    );
    let read = project.run(&["run", "read", "--app", "tool"]).expect(0);
    assert_eq!(
        read.stdout,
        "pgsql database.internal 5432
postgresql
tool default
['redirect', 'upstream', 'upstream']
main web
[{'kind': 'inner'}]
"
    );
}
