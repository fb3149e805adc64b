//! An activity that is about to begin: what it is, who asked for it, and where.

use serde_json::{Value, json};

use super::{Activity, Stamp, State, Timings};
use crate::text::container_name;

/// Where activities happen: the same for all of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The project's id.
    pub project: String,
    /// The environment's name.
    pub environment: String,
    /// The environment's type.
    pub environment_type: String,
}

/// What is about to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Draft {
    /// An operation.
    Operation {
        /// The app.
        app: String,
        /// Its worker, for an operation of one.
        worker: Option<String>,
        /// The operation.
        operation: String,
        /// The role under which it runs.
        role: String,
        /// The user who runs it, where one is named.
        user: Option<String>,
    },
    /// Building and deploying these apps.
    Push {
        /// Their names.
        apps: Vec<String>,
    },
    /// A cron.
    Cron {
        /// The app.
        app: String,
        /// The cron.
        cron: String,
        /// The role under which somebody runs it; `None` when its time has come.
        role: Option<String>,
        /// The user who runs it, where one is named.
        user: Option<String>,
    },
    /// A source operation.
    SourceOperation {
        /// The apps that have it.
        apps: Vec<String>,
        /// The operation.
        operation: String,
    },
    /// Operation tests.
    Tests {
        /// How many.
        count: usize,
    },
}

impl Draft {
    /// The type, by Upsun's names. Tests are nothing that Upsun has; theirs is ours.
    pub fn kind(&self) -> &'static str {
        match self {
            Draft::Operation { .. } => "environment.operation",
            Draft::Push { .. } => "environment.push",
            Draft::Cron { .. } => "environment.cron",
            Draft::SourceOperation { .. } => "environment.source-operation",
            Draft::Tests { .. } => "environment.test",
        }
    }

    /// The role and the user who asked for it.
    fn actor(&self) -> (Option<&str>, Option<&str>) {
        match self {
            Draft::Operation { role, user, .. } => (Some(role), user.as_deref()),
            Draft::Cron { role, user, .. } => (role.as_deref(), user.as_deref()),
            _ => (None, None),
        }
    }

    /// What it is in words, with the names as `name` shows them.
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
                ..
            } => {
                let at = container_name(app, worker.as_deref());
                let who = who.unwrap_or_default();
                format!(
                    "{who} ran the operation {} on {}",
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
            Draft::Tests { count: 1 } => "ran 1 test".to_owned(),
            Draft::Tests { count } => format!("ran {count} tests"),
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
            Draft::Tests { count } => json!({ "tests": count }),
        };
        let (role, user) = self.actor();
        all["environment"] = json!(place.environment);
        all["role"] = json!(role);
        all["user"] = json!(user);
        all
    }

    /// The activity as it begins.
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
        }
    }
}
