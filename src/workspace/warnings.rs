//! The warnings about a configuration, emitted before something is built or started. Warnings about other
//! operations than the one that runs are only counted, since the user asked for one operation.

use crate::config::Loaded;
use crate::config::app::{App, Operation};
use crate::config::problem::Place;
use crate::event::Events;

/// A warning about the configuration.
#[derive(Debug, Clone)]
pub(super) struct Warning {
    /// The message, with its place.
    message: String,
    hint: Option<String>,
    /// The operation that it is about: where its name stands.
    operation: Option<Place>,
}

impl Warning {
    /// A warning about no operation.
    pub(super) fn general(message: String, hint: Option<String>) -> Self {
        Warning {
            message,
            hint,
            operation: None,
        }
    }
}

/// The action that is about to start, which decides the relevant warnings.
#[derive(Debug, Clone, Copy)]
pub enum Running<'a> {
    /// Everything is deployed.
    All,
    /// This operation runs.
    Operation(&'a Operation),
    /// Something else than an operation runs.
    Other,
}

/// All warnings of a configuration.
pub(super) fn of(loaded: &Loaded) -> Vec<Warning> {
    let apps = loaded.config.iter().flat_map(|config| config.apps.values());
    let operations: Vec<&Operation> = apps.flat_map(all_operations).collect();
    let warnings = loaded.problems.iter().filter(|it| !it.is_error());
    warnings
        .map(|problem| {
            let place = &problem.place;
            let text = loaded.texts.get(&place.file);
            let owner = text.and_then(|text| owner(text, place, &operations));
            Warning {
                message: format!("{}:{}: {}", place.file, place.line, problem.message),
                hint: problem.hint.clone(),
                operation: owner.map(|operation| operation.place.clone()),
            }
        })
        .collect()
}

fn all_operations(app: &App) -> impl Iterator<Item = &Operation> {
    let of_workers = app.workers.iter().flat_map(|worker| &worker.operations);
    app.operations.iter().chain(of_workers)
}

/// The operation in whose lines a place is: the last one that begins before it, unless something else begins between
/// the two.
fn owner<'a>(text: &str, place: &Place, operations: &[&'a Operation]) -> Option<&'a Operation> {
    let begins = |operation: &Operation| operation.place.span.start;
    let before = operations.iter().filter(|operation| {
        operation.place.file == place.file && begins(operation) <= place.span.start
    });
    let last = *before.max_by_key(|operation| begins(operation))?;
    let between = text.get(begins(last)..place.span.start)?;
    // What does not stand further to the right than the operation's name is no part of the operation.
    let is_part = |line: &str| {
        let depth = line.len() - line.trim_start_matches(' ').len();
        let rest = line.trim();
        rest.is_empty() || rest.starts_with('#') || depth >= last.place.column
    };
    // The last of these lines is that of the place itself, up to where it begins.
    let mut lines: Vec<&str> = between.split('\n').skip(1).collect();
    let is_in_line = lines.pop().is_none_or(|line| {
        let is_indented = line.len() >= last.place.column;
        is_indented && is_part(line)
    });
    (is_in_line && lines.into_iter().all(is_part)).then_some(last)
}

/// Emits the relevant warnings, and the number of the others.
pub(super) async fn tell(warnings: &[Warning], running: Running<'_>, events: &Events) {
    let is_told = |warning: &&Warning| match (&warning.operation, running) {
        (None, _) | (_, Running::All) => true,
        (Some(place), Running::Operation(operation)) => *place == operation.place,
        (Some(_), Running::Other) => false,
    };
    let (told, others): (Vec<&Warning>, Vec<&Warning>) = warnings.iter().partition(is_told);
    for Warning { message, hint, .. } in told {
        events.warn(message.clone(), hint.clone()).await;
    }
    let (message, them) = match others.len() {
        0 => return,
        1 => ("1 more warning is about another operation".to_owned(), "it"),
        count => (
            format!("{count} more warnings are about other operations"),
            "them",
        ),
    };
    let hint = format!("`upsun-local check` shows {them}");
    events.warn(message, Some(hint)).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::event::{Event, Notice};

    const CONFIG: &str = "\
applications:
  app:
    type: nodejs:24
    source: {root: /}
    operations:
      one:
        commands:
          start: |
            x=(1 2)
            [[ -e a ]] && y=(1)

            echo ${x[0]}
      two: {commands: {start: \"[[ -e b ]]\"}}
      three:
        # A comment further to the left:
    # here
        commands:
          start: '[[ -e c ]]'
    hooks:
      build: '[[ -e d ]]'
";

    fn warnings() -> (Loaded, Vec<Warning>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(".upsun");
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("config.yaml"), CONFIG).unwrap();
        let loaded = config::load(directory.path());
        let warnings = of(&loaded);
        (loaded, warnings)
    }

    #[test]
    fn a_warning_is_about_the_operation_in_whose_lines_it_is() {
        let (loaded, warnings) = warnings();
        let config = loaded.config.unwrap();
        let operations = &config.apps["app"].operations;
        let named: Vec<(&str, Option<&str>)> = warnings
            .iter()
            .map(|warning| {
                let mut places = operations.iter();
                let of = places.find(|it| Some(&it.place) == warning.operation.as_ref());
                let line = warning.message.split(':').nth(1).unwrap();
                (line, of.map(|operation| operation.name.as_str()))
            })
            .collect();
        for expected in [
            ("10", Some("one")),
            ("13", Some("two")),
            ("18", Some("three")),
            ("20", None),
        ] {
            assert!(named.contains(&expected), "{expected:?} in {named:?}");
        }
    }

    #[tokio::test]
    async fn those_about_other_operations_are_counted() {
        let (loaded, warnings) = warnings();
        let config = loaded.config.unwrap();
        let two = &config.apps["app"].operations[1];
        let told = async |running: Running<'_>| {
            let (events, mut receiver) = Events::channel();
            tell(&warnings, running, &events).await;
            drop(events);
            let mut told = Vec::new();
            while let Some(event) = receiver.recv().await {
                if let Event::Notice(Notice::Warning { message, .. }) = event {
                    told.push(message);
                }
            }
            told
        };
        assert_eq!(told(Running::All).await.len(), warnings.len());
        let of_two = told(Running::Operation(two)).await;
        let others = warnings.len() - 2;
        let count = format!("{others} more warnings are about other operations");
        assert_eq!(of_two.last(), Some(&count), "{of_two:?}");
        assert_eq!(of_two.len(), 3, "{of_two:?}");
        let of_none = told(Running::Other).await;
        assert_eq!(of_none.len(), 2, "{of_none:?}");
    }
}
