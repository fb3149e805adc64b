//! The current deployment: what the configuration says, in the shape of Upsun's API. Keys that nothing in a sandbox
//! decides have the value that means "not set".

mod web;

use serde_json::{Map, Value, json};

use super::account::{ORGANIZATION, permissions};
use super::{links, object, part, project_id};
use crate::config::Service;
use crate::config::app::{App, Commands, Mount, MountSource, Operation, Relationship, Worker};
use crate::crons;
use crate::project::hash;
use crate::roles::Role;
use crate::text::container_name;
use crate::user_variables::UserVariable;
use crate::variables;
use crate::workspace::Workspace;

/// The size of all containers: a sandbox gives each what it needs.
const SIZE: &str = "AUTO";

pub(super) fn shown(workspace: &Workspace) -> Value {
    let config = &workspace.config;
    let name = &workspace.environment.name;
    let apps = config.apps.values();
    let workers = apps.clone().flat_map(|app| {
        let workers = app.workers.iter();
        workers.map(move |worker| (container_name(&app.name, Some(&worker.name)), (app, worker)))
    });
    let path = format!(
        "/projects/{}/environments/{}/deployments/current",
        part(&project_id(workspace)),
        part(name)
    );
    let users = workspace.settings.users.iter();
    let access = users.flat_map(|(name, grants)| {
        let roles = permissions(Some(grants)).into_iter();
        roles
            .filter(|role| !role.contains(':'))
            .map(move |role| json!({ "entity_id": name, "role": role }))
    });
    json!({
        "id": "current",
        "created_at": null,
        "updated_at": null,
        "fingerprint": hash(format!("{:?}", config.apps.keys()).as_bytes()),
        "cluster_name": "sandbox",
        "project_info": {
            "title": workspace.project.id,
            "name": project_id(workspace),
            "namespace": "sandbox",
            "organization": ORGANIZATION,
            "capabilities": {},
            "settings": {},
        },
        "environment_info": {
            "name": name,
            "status": "active",
            "is_main": true,
            "is_production": workspace.environment_type.name() == "production",
            "constraints": {},
            "reference": format!("refs/heads/{name}"),
            "machine_name": super::environment::machine_name(workspace),
            "environment_type": workspace.environment_type.name(),
            "links": {},
        },
        "deployment_target": "local",
        "vpn": null,
        "http_access": { "is_enabled": false, "addresses": [], "basic_auth": {} },
        "enable_smtp": workspace.settings.mail.is_some(),
        "restrict_robots": true,
        "variables": workspace.user_variables().map(|(name, variable)| of_variable(name, variable)).collect::<Vec<_>>(),
        "access": access.collect::<Vec<_>>(),
        "subscription": super::project::subscription(),
        "services": object(config.services.values().map(|it| (it.name.clone(), service(it)))),
        "routes": web::routes(&workspace.entrance),
        "webapps": object(apps.map(|app| (app.name.clone(), web_app(app)))),
        "workers": object(workers.map(|(name, (app, it))| (name.clone(), worker(app, it, &name)))),
        "container_profiles": {},
        "tasks": {},
        "_links": links([
            ("self", path.clone()),
            ("#operations", format!("{path}/operations")),
        ]),
    })
}

fn of_variable(name: &str, variable: &UserVariable) -> Value {
    let mut shown = json!({
        "name": name,
        "is_sensitive": variable.sensitive,
        "is_json": !variable.value.is_string(),
        "visible_build": variable.visible_build,
        "visible_runtime": variable.visible_runtime,
    });
    if !variable.sensitive {
        shown["value"] = variables::text_of(&variable.value).into();
    }
    shown
}

fn service(service: &Service) -> Value {
    let raw = |key: &str| service.raw.get(key).cloned();
    json!({
        "type": service.r#type,
        "size": SIZE,
        "disk": raw("disk").filter(Value::is_i64),
        "access": {},
        "configuration": raw("configuration").filter(Value::is_object).unwrap_or_else(|| json!({})),
        "relationships": {},
        "firewall": null,
        "resources": null,
        "container_profile": null,
        "endpoints": null,
        "instance_count": 1,
        "supports_horizontal_scaling": false,
    })
}

/// What apps and workers have in common.
struct Container<'a> {
    app: &'a App,
    name: &'a str,
    raw: &'a Value,
    ssh: Role,
    mounts: &'a [Mount],
    operations: &'a [Operation],
    relationships: &'a [Relationship],
    variables: Value,
}

impl Container<'_> {
    fn shown(&self) -> Map<String, Value> {
        let object_of = |key: &str| {
            let found = self.raw.get(key).filter(|value| value.is_object());
            found.cloned().unwrap_or_else(|| json!({}))
        };
        let mounts = self
            .mounts
            .iter()
            .map(|it| (format!("/{}", it.path), mount(it)));
        let operations = self
            .operations
            .iter()
            .map(|it| (it.name.clone(), operation(it)));
        let relationships = self.relationships.iter().map(|it| {
            let to = json!({ "service": it.service, "endpoint": it.endpoint });
            (it.name.clone(), to)
        });
        let shown = json!({
            "name": self.name,
            "type": image(self.app),
            "size": SIZE,
            "disk": null,
            "resources": null,
            "container_profile": null,
            "authorizations": [],
            "relationships": object(relationships),
            "additional_hosts": self.app.additional_hosts,
            "mounts": object(mounts),
            "timezone": self.app.timezone,
            "variables": self.variables,
            "access": { "ssh": self.ssh.name() },
            "firewall": null,
            "egress": null,
            "operations": object(operations),
            "preflight": { "enabled": true, "ignored_rules": [] },
            "tree_id": hash(self.app.raw.to_string().as_bytes()),
            "app_dir": "/app",
            "endpoints": null,
            "runtime": object_of("runtime"),
            "stack": stack(self.app),
            "image": null,
            "instance_count": 1,
            "slug_id": hash(self.name.as_bytes()),
            "supports_horizontal_scaling": false,
        });
        match shown {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }
}

fn web_app(app: &App) -> Value {
    let container = Container {
        app,
        name: &app.name,
        raw: &app.raw,
        ssh: app.ssh,
        mounts: &app.mounts,
        operations: &app.operations,
        relationships: &app.relationships,
        variables: json!(app.variables),
    };
    let mut shown = container.shown();
    let crons = crons::of(app).into_iter().map(|cron| {
        let commands = json!({ "start": cron.start, "stop": cron.stop });
        let shown = json!({
            "spec": cron.spec,
            "commands": commands,
            "cmd": cron.start,
            "timeout": cron.timeout.as_secs(),
            "shutdown_timeout": cron.grace.as_secs(),
        });
        (cron.name, shown)
    });
    let operations = crate::workspace::source_operations_of(app).into_iter();
    let operations = operations.map(|it| (it.name, json!({ "command": it.command })));
    let caches = app.build_caches.iter().map(|cache| {
        let shown = json!({
            "directory": cache.directory,
            "watch": cache.watch,
            "allow_stale": cache.allow_stale,
            "share_between_apps": cache.share_between_apps,
        });
        (cache.name.clone(), shown)
    });
    let flavor = app.raw.pointer("/build/flavor").and_then(Value::as_str);
    let own = json!({
        "web": web::web(app),
        "hooks": {
            "build": app.hooks.build,
            "deploy": app.hooks.deploy,
            "post_deploy": app.hooks.post_deploy,
        },
        "crons": object(crons),
        "source": { "root": format!("/{}", app.source_root), "operations": object(operations) },
        "build": { "flavor": flavor, "caches": object(caches) },
        "dependencies": app.dependencies,
        "is_across_submodule": false,
        "config_id": hash(app.raw.to_string().as_bytes()),
    });
    if let Value::Object(own) = own {
        shown.extend(own);
    }
    Value::Object(shown)
}

fn worker(app: &App, worker: &Worker, name: &str) -> Value {
    let container = Container {
        app,
        name,
        raw: &worker.raw,
        ssh: worker.ssh,
        mounts: &worker.mounts,
        operations: &worker.operations,
        relationships: &worker.relationships,
        variables: json!(worker.variables),
    };
    let mut shown = container.shown();
    let of_worker = commands(&worker.commands);
    shown.insert("worker".to_owned(), json!({ "commands": of_worker }));
    shown.insert("app".to_owned(), json!(app.name));
    Value::Object(shown)
}

fn commands(commands: &Commands) -> Value {
    json!({
        "pre_start": commands.pre_start,
        "start": commands.start.clone().unwrap_or_default(),
        "post_start": commands.post_start,
    })
}

fn image(app: &App) -> Value {
    let written = app.raw.get("type").and_then(Value::as_str);
    written.unwrap_or("composable:").into()
}

fn stack(app: &App) -> Value {
    use crate::config::app::Image;
    let (runtimes, packages) = match &app.image {
        Image::Runtime(_) => (Vec::new(), &[] as &[String]),
        Image::Composable {
            runtimes, packages, ..
        } => {
            let names = runtimes.iter().map(|entry| {
                let runtime = &entry.runtime;
                object([(format!("{}@{}", runtime.name, runtime.version), json!({}))])
            });
            (names.collect(), packages.as_slice())
        }
    };
    json!({ "runtimes": runtimes, "packages": packages })
}

fn operation(operation: &Operation) -> Value {
    json!({
        "commands": { "start": operation.start, "stop": operation.stop },
        "timeout": operation.timeout.map(|limit| limit.as_secs()),
        "role": operation.role.name(),
    })
}

fn mount(mount: &Mount) -> Value {
    let (source, service) = match &mount.source {
        MountSource::Storage { app } => ("storage", Some(app)),
        MountSource::Instance => ("instance", None),
        MountSource::Temporary => ("tmp", None),
        MountSource::Service { service } => ("service", Some(service)),
    };
    let mut shown = json!({ "source": source, "source_path": mount.source_path });
    if let Some(service) = service {
        shown["service"] = json!(service);
    }
    shown
}
