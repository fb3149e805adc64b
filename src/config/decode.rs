//! From a tree to the typed model. What does not fit was reported before; here it is passed over.

pub(super) mod caches;
mod web;

use std::time::Duration;

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::app::{
    App, Commands, Flavor, Hooks, Image, Mount, MountSource, Operation, Relationship, Runtime,
    StackRuntime, Worker,
};
use super::merge::Merged;
use super::node::{Entry, Node, Value};
use super::report::Report;
use super::{Config, Service, versions};
use crate::roles::Role;

/// The typed configuration.
pub(crate) fn config(merged: &Merged, report: &Report) -> Config {
    Config {
        apps: merged
            .applications
            .values()
            .map(|entry| (entry.key.to_string(), app(entry, report)))
            .collect(),
        services: merged
            .services
            .values()
            .map(|entry| (entry.key.to_string(), service(entry, report)))
            .collect(),
        routes: merged
            .routes
            .values()
            .map(|entry| (entry.key.to_string(), entry.value.to_json()))
            .collect(),
    }
}

/// The application at which the model becomes too large, if one does: every worker repeats what it
/// takes over, so that a small file could stand for very much.
pub(crate) fn too_large(merged: &Merged) -> Option<&Entry> {
    const MOST: usize = 1_500_000;
    // What an application costs on top of its values, counted in values.
    const EACH: usize = 25;
    let mut total = 0usize;
    merged.applications.values().find(|entry| {
        let workers = entry
            .value
            .get("workers")
            .map_or(0, |workers| workers.entries().len());
        total = total.saturating_add((entry.value.weight() + EACH).saturating_mul(workers + 1));
        total > MOST
    })
}

fn service(entry: &Entry, report: &Report) -> Service {
    Service {
        name: entry.key.to_string(),
        r#type: text(&entry.value, "type").unwrap_or_default(),
        place: report.place(entry.key_span),
        raw: entry.value.to_json(),
    }
}

fn app(entry: &Entry, report: &Report) -> App {
    let name = &*entry.key;
    let node = &entry.value;
    let web = node.get("web");
    // In `web`, as in workers, a property takes the place of the application's.
    let web_or_app = |key: &str| web.and_then(|web| web.get(key)).or_else(|| node.get(key));
    let mut raw = node.to_json();
    if let Json::Object(map) = &mut raw {
        map.entry("name").or_insert_with(|| Json::from(name));
    }
    let image = image(node);
    let decoded_web = web::decode(web, &image);
    let mut app = App {
        name: name.to_owned(),
        place: report.place(entry.key_span),
        image,
        source_root: node
            .get("source")
            .and_then(|source| source.text_of("root"))
            .map(normalize)
            .unwrap_or_default(),
        flavor: match node.get("build").and_then(|build| build.text_of("flavor")) {
            None => Flavor::Default,
            Some("none") => Flavor::None,
            Some(flavor) => Flavor::Named(flavor.to_owned()),
        },
        build_caches: caches::decode(node.get("build")),
        dependencies: groups(node.get("dependencies")),
        hooks: node.get("hooks").map(hooks).unwrap_or_default(),
        mounts: mounts(web_or_app("mounts"), name, report),
        web: decoded_web,
        workers: Vec::new(),
        operations: operations(node.get("operations"), report),
        ssh: ssh(web_or_app("access")),
        variables: groups(web_or_app("variables")),
        relationships: relationships(web_or_app("relationships"), report),
        timezone: web_or_app("timezone")
            .and_then(Node::text)
            .unwrap_or("UTC")
            .to_owned(),
        additional_hosts: texts(node.get("additional_hosts")),
        raw,
    };
    if let Some(workers) = node.get("workers") {
        app.workers = workers
            .entries()
            .iter()
            .map(|worker| decode_worker(worker, node, &app, report))
            .collect();
    }
    app
}

fn decode_worker(entry: &Entry, app_node: &Node, app: &App, report: &Report) -> Worker {
    let node = &entry.value;
    let own = |key: &str| node.get(key).or_else(|| app_node.get(key));
    Worker {
        name: entry.key.to_string(),
        place: report.place(entry.key_span),
        commands: node.get("commands").map(commands).unwrap_or_default(),
        mounts: mounts(own("mounts"), &app.name, report),
        operations: operations(node.get("operations"), report),
        variables: groups(own("variables")),
        relationships: relationships(own("relationships"), report),
        ssh: ssh(own("access")),
        raw: worker_raw(&entry.key, node, app),
    }
}

/// What a worker has of its app: everything but what only the web container does.
fn worker_raw(name: &str, node: &Node, app: &App) -> Json {
    const WEB_ONLY: [&str; 5] = ["web", "workers", "crons", "hooks", "operations"];
    let mut raw = serde_json::Map::new();
    if let Json::Object(map) = &app.raw {
        raw.extend(
            map.iter()
                .filter(|(key, _)| !WEB_ONLY.contains(&key.as_str()))
                .map(|(key, value)| (key.clone(), value.clone())),
        );
    }
    for entry in node.entries() {
        raw.insert(entry.key.to_string(), entry.value.to_json());
    }
    raw.insert("worker".to_owned(), Json::from(name));
    Json::Object(raw)
}

fn commands(node: &Node) -> Commands {
    Commands {
        pre_start: text(node, "pre_start"),
        start: text(node, "start"),
        post_start: text(node, "post_start"),
    }
}

fn hooks(node: &Node) -> Hooks {
    Hooks {
        build: text(node, "build"),
        deploy: text(node, "deploy"),
        post_deploy: text(node, "post_deploy"),
    }
}

fn mounts(node: Option<&Node>, app: &str, report: &Report) -> Vec<Mount> {
    let Some(node) = node else {
        return Vec::new();
    };
    node.entries()
        .iter()
        .filter_map(|entry| {
            let path = normalize(&entry.key);
            let service = text(&entry.value, "service");
            let source = match entry.value.text_of("source")? {
                "storage" => MountSource::Storage {
                    app: service.unwrap_or_else(|| app.to_owned()),
                },
                "instance" | "local" => MountSource::Instance,
                "tmp" | "temporary" => MountSource::Temporary,
                "service" => MountSource::Service {
                    service: service.unwrap_or_default(),
                },
                _ => return None,
            };
            let source_path = entry
                .value
                .text_of("source_path")
                .map_or_else(|| path.clone(), normalize);
            Some(Mount {
                path,
                source,
                source_path,
                place: report.place(entry.key_span),
            })
        })
        .collect()
}

fn operations(node: Option<&Node>, report: &Report) -> Vec<Operation> {
    let Some(node) = node else {
        return Vec::new();
    };
    node.entries()
        .iter()
        .map(|entry| {
            let commands = entry.value.get("commands");
            let role = entry.value.get("role");
            let seconds = match entry.value.get("timeout").map(|node| &node.value) {
                Some(Value::Integer(seconds)) => u64::try_from(*seconds).ok(),
                _ => None,
            };
            Operation {
                name: entry.key.to_string(),
                place: report.place(entry.key_span),
                role: role
                    .and_then(Node::text)
                    .and_then(|role| role.parse().ok())
                    .unwrap_or_default(),
                role_place: role.map(|role| report.place(role.span)),
                start: commands
                    .and_then(|commands| text(commands, "start"))
                    .unwrap_or_default(),
                stop: commands.and_then(|commands| text(commands, "stop")),
                timeout: seconds.map(Duration::from_secs),
            }
        })
        .collect()
}

fn relationships(node: Option<&Node>, report: &Report) -> Vec<Relationship> {
    let Some(node) = node else {
        return Vec::new();
    };
    node.entries()
        .iter()
        .map(|entry| {
            let (service, endpoint) = match &entry.value.value {
                Value::Text(target) => match target.split_once(':') {
                    Some((service, endpoint)) => (service.to_owned(), Some(endpoint.to_owned())),
                    None => (target.to_string(), None),
                },
                Value::Map(_) => (
                    text(&entry.value, "service").unwrap_or_else(|| entry.key.to_string()),
                    text(&entry.value, "endpoint"),
                ),
                _ => (entry.key.to_string(), None),
            };
            Relationship {
                name: entry.key.to_string(),
                service,
                endpoint,
                place: report.place(entry.key_span),
            }
        })
        .collect()
}

fn image(node: &Node) -> Image {
    let name = node.text_of("type").unwrap_or_default();
    let (name, version) = name.split_once(':').unwrap_or((name, ""));
    if name != "composable" && (!name.is_empty() || node.get("stack").is_none()) {
        return Image::Runtime(Runtime {
            name: name.to_owned(),
            version: version.to_owned(),
        });
    }
    let mut runtimes = Vec::new();
    let mut packages = Vec::new();
    if let Some(stack) = node.get("stack") {
        match &stack.value {
            Value::Map(_) => {
                let items = |key| stack.get(key).map(Node::items).unwrap_or_default();
                runtimes.extend(items("runtimes").iter().filter_map(stack_runtime));
                packages.extend(items("packages").iter().filter_map(item_name));
            }
            // The older form is one list of runtimes and packages.
            Value::List(items) => {
                for item in items {
                    match stack_runtime(item) {
                        Some(runtime) if is_stack_runtime(item) => runtimes.push(runtime),
                        _ => packages.extend(item_name(item)),
                    }
                }
            }
            Value::Text(_) => runtimes.extend(stack_runtime(stack)),
            _ => {}
        }
    }
    Image::Composable {
        channel: version.to_owned(),
        runtimes,
        packages,
    }
}

fn is_runtime(name: &str) -> bool {
    versions::find(name).is_some_and(|available| !available.is_service)
        || matches!(name, "lisp" | "clojure" | "perl" | "bun" | "common-lisp")
}

/// Whether an item of a stack that is one list is a runtime; the others are packages.
pub(crate) fn is_stack_runtime(item: &Node) -> bool {
    match &item.value {
        Value::Text(name) => is_stack_name(name),
        Value::Map(entries) => entries.iter().any(|entry| is_stack_name(&entry.key)),
        _ => false,
    }
}

fn is_stack_name(written: &str) -> bool {
    let name = written.split(['@', ':']).next().unwrap_or_default();
    written.contains('@') || is_runtime(name)
}

/// Which key of an item of the stack names the runtime.
pub(crate) fn runtime_entry(item: &Node) -> Option<&Entry> {
    let entries = item.entries();
    entries
        .iter()
        .find(|entry| is_stack_name(&entry.key))
        .or_else(|| entries.first())
}

/// `php@8.4`, or a mapping with that as its key and the extensions below it.
fn stack_runtime(node: &Node) -> Option<StackRuntime> {
    let (name, settings) = match &node.value {
        Value::Text(name) => (&**name, None),
        Value::Map(_) => {
            let entry = runtime_entry(node)?;
            (&*entry.key, Some(&entry.value))
        }
        _ => return None,
    };
    let (name, version) = name.split_once('@').unwrap_or((name, ""));
    let list = |key: &str| {
        settings
            .and_then(|settings| settings.get(key))
            .map(|list| list.items().iter().filter_map(item_name).collect())
            .unwrap_or_default()
    };
    Some(StackRuntime {
        runtime: Runtime {
            name: name.to_owned(),
            version: version.to_owned(),
        },
        extensions: list("extensions"),
        disabled_extensions: list("disabled_extensions"),
    })
}

/// A string, or the name of a mapping such as `{name: blackfire, configuration: …}`.
pub(crate) fn item_name(node: &Node) -> Option<String> {
    match &node.value {
        Value::Text(text) => Some(text.to_string()),
        Value::Map(entries) => text(node, "name")
            .or_else(|| text(node, "package"))
            .or_else(|| Some(entries.first()?.key.to_string())),
        _ => None,
    }
}

fn ssh(access: Option<&Node>) -> Role {
    access
        .and_then(|access| access.text_of("ssh"))
        .and_then(|role| role.parse().ok())
        .unwrap_or_default()
}

fn groups(node: Option<&Node>) -> IndexMap<String, IndexMap<String, Json>> {
    let Some(node) = node else {
        return IndexMap::new();
    };
    node.entries()
        .iter()
        .map(|group| {
            let values = group
                .value
                .entries()
                .iter()
                .map(|entry| (entry.key.to_string(), entry.value.to_json()))
                .collect();
            (group.key.to_string(), values)
        })
        .collect()
}

fn texts(node: Option<&Node>) -> IndexMap<String, String> {
    let Some(node) = node else {
        return IndexMap::new();
    };
    node.entries()
        .iter()
        .filter_map(|entry| Some((entry.key.to_string(), entry.value.text()?.to_owned())))
        .collect()
}

fn text(node: &Node, key: &str) -> Option<String> {
    node.text_of(key).map(str::to_owned)
}

/// A path without slashes at its ends and without empty or `.` parts. `..` stays: it is reported.
pub(crate) fn normalize(path: &str) -> String {
    let parts: Vec<&str> = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    parts.join("/")
}
