//! The activities of a project as a list in JSON. What has not changed since the last list is not made again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::answer::{Problem, Result};
use super::api;
use crate::activity::{Activity, Cache, Selection, Store};
use crate::workspace::Workspace;

/// How many activities are kept as text, at most.
const KEPT: usize = 4096;

/// What is known of the records of one project.
#[derive(Debug, Default)]
pub(super) struct Records {
    cache: Cache,
    texts: Mutex<Texts>,
}

#[derive(Debug, Default)]
struct Texts {
    /// The id of the project in the API, which all texts have in them.
    project: String,
    /// By id: the record, and its text.
    of: HashMap<String, (Arc<Activity>, Arc<str>)>,
}

impl Records {
    /// The newest activities that fit, at most `limit`.
    pub(super) fn newest(
        &self,
        workspace: &Workspace,
        limit: usize,
        selection: &Selection,
    ) -> Result<Vec<Arc<Activity>>> {
        let store = Store::of(&workspace.project.state_dir);
        let found = self.cache.newest(&store, limit, selection);
        found.map_err(|err| Problem::fault(err.to_string()))
    }

    /// The same as a list of Upsun's API.
    pub(super) fn list(
        &self,
        workspace: &Workspace,
        limit: usize,
        selection: &Selection,
    ) -> Result<String> {
        let found = self.newest(workspace, limit, selection)?;
        // Entries are replaced whole, so a poisoned lock does no harm.
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let project = api::project_id(workspace);
        if texts.project != project || texts.of.len() > KEPT {
            texts.of.clear();
            texts.project = project;
        }
        let mut list = String::from("[");
        for activity in &found {
            if list.len() > 1 {
                list.push(',');
            }
            list.push_str(&texts.text(workspace, activity));
        }
        list.push(']');
        Ok(list)
    }
}

impl Texts {
    fn text(&mut self, workspace: &Workspace, activity: &Arc<Activity>) -> Arc<str> {
        let known = self.of.get(&activity.id);
        if let Some((record, text)) = known
            && Arc::ptr_eq(record, activity)
        {
            return Arc::clone(text);
        }
        let text: Arc<str> = api::shown(workspace, activity).to_string().into();
        let entry = (Arc::clone(activity), Arc::clone(&text));
        self.of.insert(activity.id.clone(), entry);
        text
    }
}
