//! Who the caller is: one user, who is a member of one organization, which has one project.

use hyper::Method;
use serde_json::{Value, json};

use super::super::answer::{Problem, Result, json};
use super::super::key::Caller;
use super::super::unknown;
use super::{Asked, links, object, project_id};
use crate::engine::Engine;
use crate::project::hash;
use crate::roles::{EnvironmentType, Grants};
use crate::workspace::Workspace;

/// The id of the one organization.
pub(super) const ORGANIZATION: &str = "01SANDB0X00000000000000000";

/// When everything was made that has no date.
pub(super) const EPOCH: &str = "2000-01-01T00:00:00+00:00";

/// The vendor by which Upsun's CLI knows Upsun's projects.
const VENDOR: &str = "upsun";

impl<E: Engine + 'static> Asked<'_, E> {
    pub(super) async fn account(&self, path: &[&str]) -> Result {
        let seen = self.shared.place.see().await?;
        let workspace = &seen.workspace;
        let user = User::of(&self.caller);
        let answer = match (&self.call.method, path) {
            (&Method::GET, ["users", "me"]) => user.get(),
            (&Method::GET, ["users", id]) if *id == user.id() => user.get(),
            (&Method::GET, ["users", id]) => User::known(workspace, id)
                .ok_or_else(|| Problem::not_found(format!("there is no user `{id}`")))?
                .get(),
            (&Method::GET, ["users", id, "extended-access"]) if *id == user.id() => {
                user.extended_access(workspace)
            }
            (&Method::GET, ["me"]) => user.account(),
            (&Method::POST, ["me", "verification"]) => json!({ "state": false, "type": "" }),
            (&Method::GET, ["ref", "projects"]) => project_references(workspace),
            (&Method::GET, ["ref", "organizations"]) => {
                object([(ORGANIZATION.to_owned(), organization())])
            }
            (&Method::GET, ["ref", "users"]) => {
                let ids = self.call.parameters("in");
                let users = ids.into_iter().map(|id| {
                    let found = User::known(workspace, id);
                    (id.to_owned(), json!(found.map(|user| user.reference())))
                });
                object(users)
            }
            (&Method::GET, ["organizations"] | ["users", _, "organizations"]) => json!({
                "items": [organization()],
                "count": 1,
                "_links": links([("self", "/organizations".to_owned())]),
            }),
            (&Method::GET, ["organizations", ORGANIZATION]) => organization(),
            (&Method::GET, ["organizations", "name=sandbox"]) => organization(),
            _ => return Err(unknown(self.call)),
        };
        Ok(json(&answer))
    }
}

/// Somebody who uses the sandbox: one of the settings' users, or one without a name.
#[derive(Debug, Clone)]
pub(super) struct User {
    name: String,
    role: Option<String>,
}

impl User {
    pub(super) fn of(caller: &Caller) -> Self {
        let role = caller.role.clone();
        let name = caller.user.clone().or_else(|| role.clone());
        User {
            name: name.unwrap_or_else(|| "sandbox".to_owned()),
            role,
        }
    }

    /// All users of the settings.
    pub(super) fn all(workspace: &Workspace) -> impl Iterator<Item = (User, &Grants)> {
        workspace.settings.users.iter().map(|(name, grants)| {
            let user = User {
                name: name.clone(),
                role: None,
            };
            (user, grants)
        })
    }

    fn known(workspace: &Workspace, id: &str) -> Option<User> {
        let mut all = User::all(workspace);
        all.find_map(|(user, _)| (user.id() == id).then_some(user))
    }

    /// An id in the form of a UUID, always the same for a name.
    pub(super) fn id(&self) -> String {
        let hash = hash(format!("user/{}", self.name).as_bytes());
        format!(
            "{}-{}-5{}-8{}-{}",
            &hash[..8],
            &hash[8..12],
            &hash[13..16],
            &hash[17..20],
            &hash[20..32]
        )
    }

    pub(super) fn email(&self) -> String {
        if self.name.contains('@') {
            return self.name.clone();
        }
        format!("{}@sandbox.localhost", super::part(&self.name))
    }

    fn get(&self) -> Value {
        json!({
            "id": self.id(),
            "deactivated": false,
            "namespace": "sandbox",
            "username": self.name,
            "email": self.email(),
            "email_verified": true,
            "first_name": self.name,
            "last_name": "",
            "picture": "https://sandbox.localhost/",
            "company": "",
            "website": "https://sandbox.localhost/",
            "country": "ZZ",
            "mfa_enabled": false,
            "sso_enabled": false,
            "phone_number_verified": true,
            "created_at": EPOCH,
            "updated_at": EPOCH,
        })
    }

    pub(super) fn reference(&self) -> Value {
        json!({
            "id": self.id(),
            "username": self.name,
            "email": self.email(),
            "first_name": self.name,
            "last_name": "",
            "picture": "",
            "mfa_enabled": false,
            "sso_enabled": false,
        })
    }

    /// `/me`, the account as it was before `/users/me`.
    fn account(&self) -> Value {
        json!({
            "id": self.id(),
            "uuid": self.id(),
            "username": self.name,
            "display_name": self.name,
            "mail": self.email(),
            "status": 1,
            "ssh_keys": [],
            "has_key": true,
            "projects": [],
            "roles": [],
            "picture": "",
            "tickets": {},
        })
    }

    /// The roles on the project, as Upsun's API writes them: `viewer`, or `development:contributor`.
    fn permissions(&self, workspace: &Workspace) -> Vec<String> {
        let of_role = self.role.as_deref().and_then(|role| role.parse().ok());
        let grants = of_role.or_else(|| workspace.settings.users.get(&self.name).cloned());
        let grants = grants.or_else(|| workspace.settings.role.clone());
        permissions(grants.as_ref())
    }

    fn extended_access(&self, workspace: &Workspace) -> Value {
        let id = project_id(workspace);
        json!({
            "items": [{
                "user_id": self.id(),
                "resource_id": id,
                "resource_type": "project",
                "organization_id": ORGANIZATION,
                "permissions": self.permissions(workspace),
                "granted_at": EPOCH,
                "updated_at": EPOCH,
            }],
            "_links": links([
                ("self", format!("/users/{}/extended-access", self.id())),
                ("ref:projects:0", format!("/ref/projects?in={id}")),
                ("ref:organizations:0", format!("/ref/organizations?in={ORGANIZATION}")),
            ]),
        })
    }
}

/// Roles as Upsun's API writes them. Without any, the user is the admin of the sandbox.
pub(super) fn permissions(grants: Option<&Grants>) -> Vec<String> {
    match grants {
        None => vec!["admin".to_owned()],
        Some(Grants::Everywhere(role)) if role.name() == "admin" => vec!["admin".to_owned()],
        Some(grants) => {
            let of_type = |kind: EnvironmentType| Some(format!("{kind}:{}", grants.role_on(kind)?));
            let of_types = EnvironmentType::ALL.into_iter().filter_map(of_type);
            std::iter::once("viewer".to_owned())
                .chain(of_types)
                .collect()
        }
    }
}

fn project_references(workspace: &Workspace) -> Value {
    let id = project_id(workspace);
    let reference = json!({
        "id": id,
        "organization_id": ORGANIZATION,
        "subscription_id": "1",
        "region": super::project::REGION,
        "title": workspace.project.id,
        "type": "grid",
        "plan": "upsun/flexible",
        "status": "active",
        "vendor": VENDOR,
        "created_at": EPOCH,
        "updated_at": EPOCH,
    });
    object([(id, reference)])
}

fn organization() -> Value {
    let owner = User::of(&Caller::default());
    json!({
        "id": ORGANIZATION,
        "type": "flexible",
        "owner_id": owner.id(),
        "namespace": "sandbox",
        "name": "sandbox",
        "label": "Sandbox",
        "country": "ZZ",
        "capabilities": [],
        "vendor": VENDOR,
        "status": "active",
        "created_at": EPOCH,
        "updated_at": EPOCH,
        "_links": links([("self", format!("/organizations/{ORGANIZATION}"))]),
    })
}
