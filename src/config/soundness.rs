//! What holds for every text, however broken: for fuzzing and for tests.

use super::problem::Problem;
use super::render::{github, json, render, sarif_results};
use super::{Loaded, resolve_text, shell};

/// Reads a text as a configuration.
///
/// # Panics
///
/// When a place lies outside its file, when a control character would reach a terminal, when errors and the
/// configuration contradict each other, or when what is printed does not read back as the same.
pub fn check(text: &[u8]) {
    let (loaded, document) = resolve_text(text);
    check_loaded(&loaded);
    let printed = document.yaml();
    assert!(!printed.contains(is_raw), "{printed:?}");
    assert!(!document.json().contains(is_raw), "{printed:?}");
    // A directory that is embedded is not there any more once the text stands alone.
    if !loaded.has_errors() && !printed.contains("!archive") {
        let (again, copy) = resolve_text(printed.as_bytes());
        assert!(!again.has_errors(), "{printed}\n{:?}", again.problems);
        assert_eq!(copy.yaml(), printed);
    }
}

/// The same for a configuration that was read.
///
/// # Panics
///
/// As [`check`] does, for all but what is printed.
pub fn check_loaded(loaded: &Loaded) {
    assert_eq!(loaded.config.is_none(), loaded.has_errors());
    for problem in &loaded.problems {
        place(problem, loaded);
        words(problem);
        let drawn = render(problem, &loaded.texts, false, 80);
        assert!(!drawn.contains(is_raw), "{drawn:?}");
    }
    let (problems, texts) = (&loaded.problems, &loaded.texts);
    let commands = github(problems, texts, "");
    for text in [&json(problems), &sarif_results(problems, texts), &commands] {
        assert!(!text.contains(is_raw), "{text:?}");
    }
    assert_eq!(commands.lines().count(), problems.len(), "{commands}");
}

/// Reads a text as a shell script, by itself and as a hook of an app.
///
/// # Panics
///
/// When a command or a fault lies outside the text, or as [`check`] does.
pub fn check_script(text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    match shell::parse(&text) {
        Ok(script) => {
            for command in &script.commands {
                assert!(text.is_char_boundary(command.at), "{command:?}");
                assert!(!command.words.is_empty(), "{command:?}");
                assert!(command.statement <= script.statements, "{command:?}");
                let first = command.words[0];
                assert!(text[command.at..].starts_with(first), "{command:?}");
            }
            for (at, what) in &script.foreign {
                assert!(text.is_char_boundary(*at), "{what}");
            }
            for guarded in &script.guarded {
                assert!(*guarded <= script.statements, "{guarded}");
            }
        }
        Err(fault) => {
            assert!(text.is_char_boundary(fault.at), "{fault:?}");
            assert!(!fault.message.contains(is_raw), "{fault:?}");
        }
    }
    let quoted = serde_json::Value::from(&*text);
    let config = format!(
        "applications:\n  app:\n    type: nodejs:24\n    hooks: {{ build: {quoted}, deploy: {quoted} }}\n"
    );
    check(config.as_bytes());
}

fn is_raw(char: char) -> bool {
    char.is_control() && char != '\n'
}

/// The span lies in the file, at the line and column of the problem.
fn place(problem: &Problem, loaded: &Loaded) {
    let place = &problem.place;
    assert!(place.line >= 1 && place.column >= 1, "{problem:?}");
    let Some(text) = loaded.texts.get(&place.file) else {
        return;
    };
    assert!(text.get(place.span.clone()).is_some(), "{problem:?}");
    let before = &text[..place.span.start];
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    assert_eq!(place.line, line, "{problem:?}");
    let begin = before.rfind('\n').map_or(0, |at| at + 1);
    // A byte order mark at the very beginning is not a character.
    let mark = usize::from(begin == 0 && before.starts_with('\u{FEFF}'));
    let column = before[begin..].chars().count() - mark + 1;
    assert_eq!(place.column, column, "{problem:?}");
}

fn words(problem: &Problem) {
    assert!(!problem.message.is_empty(), "{problem:?}");
    assert!(!problem.message.ends_with('.'), "{problem:?}");
    assert!(!problem.message.contains(is_raw), "{problem:?}");
    assert!(super::rules::find(problem.code).is_some(), "{problem:?}");
}
