//! The runtimes of an app: its own ones, and those that only install its `dependencies`.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::config::app::{App, Image, Runtime, StackRuntime};

/// What an app's image has to hold, whichever way it is written.
pub(super) struct Stack<'a> {
    pub(super) composable: bool,
    /// The runtimes, the primary one first.
    pub(super) runtimes: Vec<StackRuntime>,
    /// How many of the runtimes the app has itself; those after them only install `dependencies`.
    own: usize,
    pub(super) packages: &'a [String],
}

impl<'a> Stack<'a> {
    pub(super) fn of(app: &'a App) -> Stack<'a> {
        match &app.image {
            Image::Runtime(runtime) => {
                let own = StackRuntime {
                    runtime: runtime.clone(),
                    extensions: runtime_list(app, "extensions"),
                    disabled_extensions: runtime_list(app, "disabled_extensions"),
                };
                let further = for_dependencies(app).filter(|name| *name != runtime.name);
                let further = further.map(|name| StackRuntime {
                    runtime: Runtime {
                        name: name.to_owned(),
                        version: String::new(),
                    },
                    extensions: Vec::new(),
                    disabled_extensions: Vec::new(),
                });
                Stack {
                    composable: false,
                    runtimes: std::iter::once(own).chain(further).collect(),
                    own: 1,
                    packages: &[],
                }
            }
            Image::Composable {
                runtimes, packages, ..
            } => Stack {
                composable: true,
                runtimes: runtimes.clone(),
                own: runtimes.len(),
                packages,
            },
        }
    }

    /// A runtime of the app itself.
    pub(super) fn find(&self, name: &str) -> Option<&StackRuntime> {
        let mut own = self.runtimes.iter().take(self.own);
        own.find(|entry| entry.runtime.name == name)
    }

    /// A runtime of the app, or one that only installs `dependencies`.
    pub(super) fn find_any(&self, name: &str) -> Option<&StackRuntime> {
        let mut all = self.runtimes.iter();
        all.find(|entry| entry.runtime.name == name)
    }
}

/// The runtimes that install `dependencies`. Upsun's containers install those of every language; an official image
/// holds the tools of its own one.
/// Source: <https://docs.upsun.com/create-apps/app-reference/single-runtime-image.html#dependencies>
fn for_dependencies(app: &App) -> impl Iterator<Item = &'static str> {
    let languages = [
        ("nodejs", "nodejs"),
        ("php", "php"),
        ("python", "python"),
        ("python2", "python"),
        ("python3", "python"),
        ("ruby", "ruby"),
    ];
    let wanted: BTreeSet<&str> = languages
        .into_iter()
        .filter(|(key, _)| app.dependencies.get(*key).is_some_and(|it| !it.is_empty()))
        .map(|(_, runtime)| runtime)
        .collect();
    wanted.into_iter()
}

/// `runtime.extensions` and the like: names, or maps with a `name`.
fn runtime_list(app: &App, key: &str) -> Vec<String> {
    app.raw
        .get("runtime")
        .and_then(|runtime| runtime.get(key))
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.as_str().or_else(|| entry.get("name")?.as_str()))
        .map(str::to_owned)
        .collect()
}
