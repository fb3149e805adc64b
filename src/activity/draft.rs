//! An activity that is about to begin: its kind, the user who asked for it, and the place.

use serde_json::{Value, json};

use super::{Activity, Stamp, State, Timings};
use crate::text::container_name;

/// The project and environment of an activity: the same for all activities of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub project: String,
    pub environment: String,
    pub environment_type: String,
}

/// The kind of an activity that is about to begin, with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Draft {
    Operation {
        app: String,
        /// The worker, if the operation is one of a worker.
        worker: Option<String>,
        operation: String,
        /// The role under which the operation runs.
        role: String,
        /// The user who runs the operation, if one is named.
        user: Option<String>,
        /// Whether the operation runs in the app as it is edited.
        synced: bool,
    },
    /// A build and a deployment of these apps.
    Push { apps: Vec<String> },
    Cron {
        app: String,
        cron: String,
        /// The role of the user who runs the cron; `None` for a run at the cron's own time.
        role: Option<String>,
        /// The user who runs the cron, if one is named.
        user: Option<String>,
    },
    SourceOperation {
        /// The apps that define the source operation.
        apps: Vec<String>,
        operation: String,
    },
    Tests {
        count: usize,
        /// Whether the apps are tested as they are edited.
        synced: bool,
    },
}

impl Draft {
    /// The type, by Upsun's names. Upsun has no type for tests, so theirs is made up.
    pub fn kind(&self) -> &'static str {
        match self {
            Draft::Operation { .. } => "environment.operation",
            Draft::Push { .. } => "environment.push",
            Draft::Cron { .. } => "environment.cron",
            Draft::SourceOperation { .. } => "environment.source-operation",
            Draft::Tests { .. } => "environment.test",
        }
    }

    /// The role and the user who asked for the activity.
    fn actor(&self) -> (Option<&str>, Option<&str>) {
        match self {
            Draft::Operation { role, user, .. } => (Some(role), user.as_deref()),
            Draft::Cron { role, user, .. } => (role.as_deref(), user.as_deref()),
            _ => (None, None),
        }
    }

    /// The description in words; `name` formats the names in it.
    fn words(&self, place: &Place, name: impl Fn(&str) -> String) -> String {
        let list = |names: &[String]| {
            let names: Vec<String> = names.iter().map(|text| name(text)).collect();
            match names.split_last() {
                Some((last, rest @ [_, ..])) => format!("{} and {last}", rest.join(", ")),
                _ => names.concat(),
            }
        };
        let who = match self.actor() {
            (_, Some(user)) => Some(user),
            (role, None) => role,
        };
        match self {
            Draft::Operation {
                app,
                worker,
                operation,
                synced,
                ..
            } => {
                let at = container_name(app, worker.as_deref());
                let who = who.unwrap_or_default();
                let how = as_edited(*synced);
                format!(
                    "{who} ran the operation {} on {}{how}",
                    name(operation),
                    name(&at)
                )
            }
            Draft::Push { apps } => {
                format!("pushed {} to {}", list(apps), name(&place.environment))
            }
            Draft::Cron { app, cron, .. } => match who {
                Some(who) => format!("{who} ran the cron {} on {}", name(cron), name(app)),
                None => format!("the cron {} ran on {}", name(cron), name(app)),
            },
            Draft::SourceOperation { apps, operation } => {
                let apps = list(apps);
                format!("ran the source operation {} in {apps}", name(operation))
            }
            Draft::Tests { count, synced } => {
                let tests = crate::text::count(*count, "test");
                format!("ran {tests}{}", as_edited(*synced))
            }
        }
    }

    fn parameters(&self, place: &Place) -> Value {
        let mut all = match self {
            Draft::Operation {
                app,
                worker,
                operation,
                ..
            } => json!({ "application": app, "worker": worker, "operation": operation }),
            Draft::Push { apps } => json!({ "applications": apps }),
            Draft::Cron {
                app, cron, role, ..
            } => {
                json!({ "application": app, "cron": cron, "scheduled": role.is_none() })
            }
            Draft::SourceOperation { apps, operation } => {
                json!({ "applications": apps, "operation": operation })
            }
            Draft::Tests { count, .. } => json!({ "tests": count }),
        };
        // It is in records of such runs only.
        if let Draft::Operation { synced: true, .. } | Draft::Tests { synced: true, .. } = self {
            all["synced"] = json!(true);
        }
        let (role, user) = self.actor();
        all["environment"] = json!(place.environment);
        all["role"] = json!(role);
        all["user"] = json!(user);
        all
    }

    /// The activity as it is when it begins.
    pub(super) fn activity(&self, place: &Place) -> Activity {
        let (role, user) = self.actor();
        let now = Stamp::now();
        Activity {
            id: String::new(),
            kind: self.kind().to_owned(),
            state: State::InProgress,
            result: None,
            project: place.project.clone(),
            environments: vec![place.environment.clone()],
            description: self.words(place, str::to_owned),
            text: self.words(place, |name| format!("**{name}**")),
            parameters: self.parameters(place),
            payload: json!({
                "user": { "display_name": user.or(role) },
                "environment": { "name": place.environment, "type": place.environment_type },
                "project": { "id": place.project },
            }),
            created_at: now,
            started_at: Some(now),
            updated_at: Some(now),
            completed_at: None,
            cancelled_at: None,
            completion_percent: 0,
            timings: Timings::default(),
            commands: Vec::new(),
            process: std::process::id(),
            note: None,
            hints: Vec::new(),
            mounts: None,
        }
    }
}

/// The end of the description of what ran in apps as they are edited.
fn as_edited(synced: bool) -> &'static str {
    if synced { " as edited" } else { "" }
}
