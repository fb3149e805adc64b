//! Who the caller is: one user, who is a member of one organization, which has the projects of the server.

use hyper::Method;
use serde_json::{Value, json};

use super::super::answer::{Problem, Result, json};
use super::super::key::Caller;
use super::super::projects::{Listed, Projects};
use super::super::request::Call;
use super::super::unknown;
use super::{links, object, project};
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

/// Answers what is about no single project.
pub(super) async fn route<E: Engine + 'static>(
    projects: &Projects<E>,
    call: &Call,
    path: &[&str],
    caller: &Caller,
) -> Result {
    let projects = projects.list().await;
    let user = User::of(caller);
    let answer = match (&call.method, path) {
        (&Method::GET, ["projects"]) => {
            let seen = projects.iter().filter_map(|it| it.seen.as_ref());
            seen.map(|seen| project::get(&seen.workspace)).collect()
        }
        (&Method::GET, ["users", "me"]) => user.get(),
        (&Method::GET, ["users", id]) if *id == user.id() => user.get(),
        (&Method::GET, ["users", id]) => User::known(&projects, id)
            .ok_or_else(|| Problem::not_found(format!("there is no user `{id}`")))?
            .get(),
        (&Method::GET, ["users", id, "extended-access"]) if *id == user.id() => {
            user.extended_access(&projects)
        }
        (&Method::GET, ["me"]) => user.account(),
        (&Method::POST, ["me", "verification"]) => json!({ "state": false, "type": "" }),
        (&Method::GET, ["ref", "projects"]) => {
            let ids = call.parameters("in");
            let wanted = projects
                .iter()
                .filter(|it| ids.is_empty() || ids.contains(&it.id.as_str()));
            object(wanted.map(|it| (it.id.clone(), reference(it))))
        }
        (&Method::GET, ["ref", "organizations"]) => {
            object([(ORGANIZATION.to_owned(), organization())])
        }
        (&Method::GET, ["ref", "users"]) => {
            let ids = call.parameters("in");
            let users = ids.into_iter().map(|id| {
                let found = User::known(&projects, id);
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
        _ => return Err(unknown(call)),
    };
    Ok(json(&answer))
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

    /// The user of that id, in the settings of any project.
    fn known(projects: &[Listed], id: &str) -> Option<User> {
        let seen = projects.iter().filter_map(|it| it.seen.as_ref());
        let mut all = seen.flat_map(|seen| User::all(&seen.workspace));
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

    fn extended_access(&self, projects: &[Listed]) -> Value {
        let items = projects.iter().map(|project| {
            let workspace = project.seen.as_ref().map(|seen| &seen.workspace);
            let permissions = workspace.map(|workspace| self.permissions(workspace));
            json!({
                "user_id": self.id(),
                "resource_id": project.id,
                "resource_type": "project",
                "organization_id": ORGANIZATION,
                "permissions": permissions.unwrap_or_else(|| vec!["viewer".to_owned()]),
                "granted_at": EPOCH,
                "updated_at": EPOCH,
            })
        });
        let ids: Vec<&str> = projects.iter().map(|project| project.id.as_str()).collect();
        json!({
            "items": items.collect::<Vec<_>>(),
            "_links": links([
                ("self", format!("/users/{}/extended-access", self.id())),
                ("ref:projects:0", format!("/ref/projects?in={}", ids.join(","))),
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

/// A project in a list. The title says that a repository cannot be read.
fn reference(project: &Listed) -> Value {
    let title = match &project.problem {
        None => project.title.clone(),
        Some(problem) => {
            let problem = problem.lines().next().unwrap_or_default();
            format!("{} (cannot be read: {problem})", project.title)
        }
    };
    json!({
        "id": project.id,
        "organization_id": ORGANIZATION,
        "subscription_id": "1",
        "region": super::project::REGION,
        "title": title,
        "type": "grid",
        "plan": "upsun/flexible",
        "status": "active",
        "vendor": VENDOR,
        "created_at": EPOCH,
        "updated_at": EPOCH,
    })
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
