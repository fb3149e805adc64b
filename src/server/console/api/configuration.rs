//! The configuration: its files with their problems, all of it merged, and the variables of containers.

use std::path::Path;

use serde_json::{Value, json};

use super::super::super::answer::{Result, json};
use super::super::super::api::target;
use super::super::super::place::blocking;
use super::super::super::request::Call;
use super::Asked;
use crate::config;
use crate::config::render;
use crate::engine::Engine;
use crate::user_variables::UserVariables;
use crate::variables::Phase;
use crate::workspace::Workspace;

impl<E: Engine + 'static> Asked<'_, E> {
    /// `GET configuration`: as it is now, also with errors.
    pub(super) async fn configuration(&self) -> Result {
        let workspace = self.shared.place.see().await?.workspace;
        let root = workspace.project.root.clone();
        let ignored = workspace.settings.check.ignore.clone();
        Ok(json(&blocking(move || files(&root, &ignored)).await?))
    }

    /// `GET variables/<service>`; with `phase=build`, those of builds. The values of sensitive ones are left out.
    pub(super) async fn variables(&self, service: &str) -> Result {
        let workspace = self.shared.place.see().await?.workspace;
        let (service, phase) = (service.to_owned(), phase(self.call));
        let listed = blocking(move || variables(&workspace, &service, phase)).await?;
        Ok(json(&listed?))
    }
}

fn phase(call: &Call) -> Phase {
    match call.parameter("phase") {
        Some("build") => Phase::Build,
        _ => Phase::Runtime,
    }
}

fn files(root: &Path, ignored: &[String]) -> Value {
    let (loaded, document, lines) = config::resolve_placed(root, ignored);
    let rendered: Value = serde_json::from_str(&render::json(&loaded.problems)).unwrap_or_default();
    let mut problems = rendered["problems"].clone();
    for (at, line) in lines.into_iter().enumerate() {
        problems[at]["merged_line"] = json!(line);
    }
    let files = loaded.texts.iter();
    let files = files.map(|(name, text)| json!({ "name": name, "text": text.to_string() }));
    json!({
        "files": files.collect::<Vec<_>>(),
        "problems": problems,
        // Of files with errors it is what could be read of them.
        "merged": document.keys().next().is_some().then(|| document.yaml()),
    })
}

fn variables(workspace: &Workspace, service: &str, phase: Phase) -> Result<Value> {
    let (app, worker) = workspace.target(&target(workspace, service))?;
    let nothing = UserVariables::new();
    let all = workspace.listed_variables(app, worker, phase, &nothing)?;
    let all = all.iter().map(|variable| {
        json!({
            "name": variable.name,
            "value": (!variable.sensitive).then_some(&variable.value),
            "from": variable.origin.name(),
            "sensitive": variable.sensitive,
        })
    });
    Ok(json!(all.collect::<Vec<_>>()))
}
