//! Which operation is meant, and who runs it.

use super::{Error, Workspace, find_app, permission};
use crate::config::app::{App, Operation};
use crate::roles::Actor;
use crate::suggestion::nearest;
use crate::text::container_name;

/// An app or a worker; with neither, the only one that fits.
#[derive(Debug, Clone, Default)]
pub struct Target {
    pub app: Option<String>,
    /// The worker of the app.
    pub worker: Option<String>,
}

/// An operation and where it is defined.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    pub app: &'a App,
    /// The worker, for an operation of a worker.
    pub worker: Option<&'a str>,
    pub operation: &'a Operation,
}

impl Found<'_> {
    /// The app, or `app--worker`.
    pub fn place(&self) -> String {
        container_name(&self.app.name, self.worker)
    }
}

/// The operations of an app, then of its workers, each with the name of what it runs in.
pub fn operations(app: &App) -> Vec<(String, Option<&str>, &Operation)> {
    let own = app
        .operations
        .iter()
        .map(|operation| (app.name.clone(), None, operation));
    let of_workers = app.workers.iter().flat_map(|worker| {
        let service = format!("{}--{}", app.name, worker.name);
        worker
            .operations
            .iter()
            .map(move |operation| (service.clone(), Some(worker.name.as_str()), operation))
    });
    own.chain(of_workers).collect()
}

/// The one operation of that name.
pub fn find<'a>(workspace: &'a Workspace, target: &Target, name: &str) -> Result<Found<'a>, Error> {
    let apps: Vec<&App> = match &target.app {
        Some(app) => vec![find_app(&workspace.config, app)?],
        None => workspace.config.apps.values().collect(),
    };
    let all = all_operations(&apps);
    let candidates: Vec<Found<'_>> = all
        .iter()
        .copied()
        .filter(|found| found.operation.name == name)
        .filter(|found| target.worker.is_none() || target.worker.as_deref() == found.worker)
        .collect();
    // An operation of an app comes before one of the same name on its own worker, as `--worker` is how one asks for that.
    let of_apps: Vec<Found<'_>> = candidates
        .iter()
        .copied()
        .filter(|found| found.worker.is_none())
        .collect();
    match (candidates.as_slice(), of_apps.as_slice()) {
        ([only], _) => Ok(*only),
        ([], _) => Err(unknown(name, &all, target)),
        (_, [only])
            if candidates
                .iter()
                .all(|found| found.app.name == only.app.name) =>
        {
            Ok(*only)
        }
        _ => {
            let places: String = candidates
                .iter()
                .map(|found| {
                    let worker = found
                        .worker
                        .map(|worker| format!(" --worker {worker}"))
                        .unwrap_or_default();
                    format!(
                        "\n  upsun-local run {name} --app {}{worker}",
                        found.app.name
                    )
                })
                .collect();
            Err(Error::request(format!(
                "the operation `{name}` is defined more than once; say which one you mean:{places}"
            )))
        }
    }
}

/// The operations of these apps and of their workers.
pub fn all_operations<'a>(apps: &[&'a App]) -> Vec<Found<'a>> {
    apps.iter()
        .flat_map(|app| {
            operations(app)
                .into_iter()
                .map(|(_, worker, operation)| Found {
                    app,
                    worker,
                    operation,
                })
        })
        .collect()
}

fn unknown(name: &str, all: &[Found<'_>], target: &Target) -> Error {
    let place = match (&target.app, &target.worker) {
        (Some(app), Some(worker)) => format!(" on `{app}--{worker}`"),
        (Some(app), None) => format!(" on `{app}`"),
        (None, Some(worker)) => format!(" on a worker `{worker}`"),
        (None, None) => String::new(),
    };
    let failure = Error::request(format!("there is no operation `{name}`{place}"));
    // Another app or worker has the operation.
    let elsewhere: Vec<String> = all
        .iter()
        .filter(|found| found.operation.name == name)
        .map(|found| match found.worker {
            Some(worker) => format!("the worker `{worker}` of `{}`", found.app.name),
            None => format!("`{}`", found.app.name),
        })
        .collect();
    if !elsewhere.is_empty() {
        return failure.hint(format!("it is an operation of {}", elsewhere.join(", ")));
    }
    let mut names: Vec<&str> = all
        .iter()
        .map(|found| found.operation.name.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    match nearest(name, names.iter().copied()) {
        Some(near) => failure.hint(format!(
            "did you mean `{near}`? `upsun-local list` shows all"
        )),
        None if names.is_empty() => {
            failure.hint("define it under `applications.<app>.operations` in .upsun/config.yaml")
        }
        None => failure.hint(format!("there are: {}", names.join(", "))),
    }
}

impl Found<'_> {
    /// The target that names exactly this operation.
    pub fn target(&self) -> Target {
        Target {
            app: Some(self.app.name.clone()),
            worker: self.worker.map(str::to_owned),
        }
    }

    /// Refuses a role that is too low, before anything is done, as Upsun does.
    pub fn permit(&self, actor: &Actor) -> Result<(), Error> {
        let operation = self.operation;
        let place = operation.role_place.as_ref().unwrap_or(&operation.place);
        let (key, verb) = if operation.role_place.is_some() {
            ("lower", "in")
        } else {
            ("set", "at")
        };
        let deed = format!("run `{}` on `{}`", operation.name, self.place());
        permission::permit(actor, operation.role, &deed).map_err(|err| {
            err.hint(format!(
                "try `--role {}`, or {key} `operations.{}.role` {verb} {}:{}",
                operation.role, operation.name, place.file, place.line
            ))
        })
    }
}
