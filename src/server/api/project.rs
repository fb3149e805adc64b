//! The project.

use serde_json::{Value, json};

use super::super::answer::{Answer, json};
use super::GIT_HOST;
use super::account::{EPOCH, ORGANIZATION, User};
use super::{links, part};
use crate::roles::EnvironmentType;
use crate::server::Caller;
use crate::workspace::Workspace;

/// The region of all sandboxes.
pub(super) const REGION: &str = "sandbox.localhost";

/// The id of the project in the API. Upsun's command takes an id with a hyphen for an address.
pub fn id(workspace: &Workspace) -> String {
    let served_as = workspace.served_as.as_deref();
    plain(served_as.unwrap_or(&workspace.project.id))
}

/// An id as the API has it.
pub(in crate::server) fn plain(id: &str) -> String {
    id.replace('-', "_")
}

pub(super) fn get(workspace: &Workspace) -> Value {
    let id = id(workspace);
    let own = format!("/projects/{}", part(&id));
    // An address that leads nowhere: a push to the repository itself would change it.
    let repository = format!("{id}@{GIT_HOST}:{id}.git");
    let below = |name: &str| format!("{own}/{name}");
    json!({
        "id": id,
        "created_at": EPOCH,
        "updated_at": EPOCH,
        "attributes": {},
        "title": workspace.project.id,
        "description": workspace.project.root.to_string_lossy(),
        "owner": User::of(&Caller::default()).id(),
        "namespace": "sandbox",
        "organization": ORGANIZATION,
        "default_branch": workspace.environment.name,
        "status": { "code": "provisioned", "message": "ok" },
        "timezone": "UTC",
        "region": REGION,
        "repository": { "url": repository, "client_ssh_key": null },
        "default_domain": null,
        "subscription": subscription(),
        "maintenance": null,
        "_links": links([
            ("self", own.clone()),
            ("#edit", own.clone()),
            ("environments", below("environments")),
            ("#environments", below("environments")),
            ("#activities", below("activities")),
            ("#variables", below("variables")),
            ("#manage-variables", below("variables")),
            ("#access", below("access")),
        ]),
    })
}

/// The subscription of a project: a sandbox has no limits of one.
pub(super) fn subscription() -> Value {
    json!({
        "license_uri": "",
        "plan": "development",
        "environments": 1,
        "storage": 0,
        "included_users": 1,
        "subscription_management_uri": "",
        "restricted": false,
        "suspended": false,
        "user_licenses": 1,
    })
}

pub(super) fn capabilities() -> Answer {
    let disabled = json!({ "enabled": false });
    json(&json!({
        "custom_domains": { "enabled": false, "environments_with_domains_limit": 0 },
        "source_operations": { "enabled": true },
        "runtime_operations": { "enabled": true },
        "tasks": disabled,
        "outbound_firewall": disabled,
        "metrics": { "max_range": "0" },
        "logs_forwarding": { "max_extra_payload_size": 0 },
        "guaranteed_resources": { "enabled": false, "instance_limit": 1 },
        "images": {},
        "instance_limit": 1,
        "build_resources": { "enabled": false, "max_cpu": 0.0, "max_memory": 0 },
        "object_storage": {
            "enabled": false,
            "min_storage": 0,
            "max_storage": 0,
            "storage_step": 0,
            "cpu_per_step": 0.0,
            "memory_per_step": 0,
            "max_cpu": 0.0,
            "max_memory": 0,
        },
        "data_retention": disabled,
        "autoscaling": { "enabled": false, "supports_horizontal_scaling_services": false },
    }))
}

/// What Upsun's CLI asks of a project's settings: resources are not the sandbox's to give.
pub(super) fn settings() -> Answer {
    json(&json!({
        "sizing_api_enabled": false,
        "product_name": "upsun-local",
        "product_code": "upsun-local",
    }))
}

pub(super) fn environment_types(id: &str) -> Answer {
    let all = EnvironmentType::ALL.map(|kind| {
        let own = format!("/projects/{}/environment-types/{kind}", part(id));
        json!({
            "id": kind.name(),
            "attributes": {},
            "_links": links([("self", own.clone()), ("#access", format!("{own}/access"))]),
        })
    });
    json(&json!(all))
}
