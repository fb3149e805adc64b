//! Who may run what, and how that changed since a commit.

use serde_json::{Value, json};

use super::super::super::answer::{Problem, Result, json};
use super::super::super::place::blocking;
use super::Asked;
use crate::actions::access::{renamed, users_since};
use crate::comparison::access::{changes, rights};
use crate::comparison::sheet::{Line, Sheet, user_json};
use crate::engine::Engine;
use crate::failure::{BAD_CONFIGURATION, Failure};
use crate::revision::base::{Base, Which, open};
use crate::roles::EnvironmentType;
use crate::text;
use crate::workspace::Workspace;

impl<E: Engine + 'static> Asked<'_, E> {
    /// `GET access`; with the parameter `against`, also what changed since that commit. An empty one is the commit
    /// that was pushed last.
    pub(super) async fn access(&self) -> Result {
        let workspace = self.shared.place.see().await?.workspace;
        let against = self.call.parameter("against");
        let against = against.map(|name| name.trim().to_owned());
        let shown = blocking(move || shown(&workspace, against.as_deref())).await?;
        Ok(json(&shown?))
    }
}

fn shown(workspace: &Workspace, against: Option<&str>) -> Result<Value> {
    let config = &workspace.config;
    let sheet = Sheet {
        users: &workspace.settings.users,
        user: None,
        types: EnvironmentType::ALL.to_vec(),
    };
    let rights = config.apps.values().flat_map(rights);
    let rights = rights.map(|right| {
        sheet.json(&Line {
            right,
            changed: None,
        })
    });
    let mut shown = json!({ "rights": rights.collect::<Vec<_>>(), "changes": null });
    if let Some(name) = against {
        let base = base(workspace, name)?;
        let lines = changes(&base.config, config).into_iter();
        let lines = lines.map(|changed| {
            sheet.json(&Line {
                right: changed.right.clone(),
                changed: Some(changed),
            })
        });
        let root = &workspace.project.root;
        let users = users_since(root, &workspace.settings, &base, &sheet.types)?;
        let users = users.map(|users| users.iter().map(user_json).collect::<Vec<_>>());
        let renamed =
            renamed(config, &base).map(|(before, now)| json!({ "app": now, "before": before }));
        shown["changes"] = json!({
            "against": base.json(),
            "title": base.title(),
            "rights": lines.collect::<Vec<_>>(),
            "users": users,
            "renamed": renamed.collect::<Vec<_>>(),
        });
    }
    Ok(shown)
}

/// The commit of this name; for an empty one, the commit that was pushed last.
pub(super) fn base(workspace: &Workspace, name: &str) -> Result<Base> {
    let which = if name.is_empty() {
        Which::Pushed
    } else {
        Which::Named(name)
    };
    let opened = open(&workspace.project.root, which).map_err(Failure::from)?;
    opened.base().map_err(|loaded| {
        let problems = loaded.problems.iter();
        let count = problems.filter(|problem| problem.is_error()).count();
        let count = text::count(count, "error");
        let failure = Failure::new(
            BAD_CONFIGURATION,
            format!("the configuration of that commit has {count}"),
        );
        Problem::from(failure.hint("compare with a commit that Upsun could deploy"))
    })
}
