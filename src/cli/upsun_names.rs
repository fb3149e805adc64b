//! Upsun's own names for what we call otherwise, so that a command copied out of its documentation runs.

use std::ffi::OsString;

/// Upsun's name, and ours.
const NAMES: [(&str, &[&str]); 29] = [
    ("app:config-get", &["config"]),
    ("app:config-validate", &["check"]),
    ("operation:run", &["run"]),
    ("operation:list", &["list"]),
    ("operations", &["list"]),
    ("environment:logs", &["logs"]),
    ("environment:ssh", &["exec"]),
    ("log", &["logs"]),
    ("source-operation:run", &["source-operation", "run"]),
    ("source-operation:list", &["source-operation", "list"]),
    ("source-ops", &["source-operation", "list"]),
    ("cron:list", &["cron", "list"]),
    ("cron:run", &["cron", "run"]),
    ("mount:list", &["mount", "list"]),
    ("mounts", &["mount", "list"]),
    ("mount:size", &["mount", "size"]),
    ("mount:upload", &["mount", "upload"]),
    ("mount:download", &["mount", "download"]),
    ("mount:reset", &["mount", "reset"]),
    ("activity:list", &["activity", "list"]),
    ("activities", &["activity", "list"]),
    ("act", &["activity", "list"]),
    ("act:list", &["activity", "list"]),
    ("activity:get", &["activity", "get"]),
    ("act:get", &["activity", "get"]),
    ("activity:log", &["activity", "log"]),
    ("act:log", &["activity", "log"]),
    ("activity:cancel", &["activity", "cancel"]),
    ("act:cancel", &["activity", "cancel"]),
];

/// Options before the command that take a value.
const VALUED: [&str; 11] = [
    "-C",
    "--dir",
    "--color",
    "--engine",
    "-e",
    "--environment",
    "--environment-type",
    "-p",
    "--project",
    "--format",
    "-A",
];

/// Replaces the command's name by ours where it is one of Upsun's.
pub(super) fn translate(arguments: Vec<OsString>) -> Vec<OsString> {
    let at = position(&arguments);
    let found = arguments
        .get(at)
        .and_then(|name| NAMES.iter().find(|(upsun, _)| name == upsun));
    let Some((_, ours)) = found else {
        return arguments;
    };
    let mut translated = arguments;
    translated.splice(at..=at, ours.iter().map(OsString::from));
    translated
}

/// Where the command stands, after the options before it.
fn position(arguments: &[OsString]) -> usize {
    let mut at = 1;
    while let Some(argument) = arguments.get(at).and_then(|argument| argument.to_str()) {
        if !argument.starts_with('-') {
            break;
        }
        at += if VALUED.contains(&argument) { 2 } else { 1 };
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> String {
        let words = text.split(' ').map(OsString::from).collect();
        translate(words)
            .iter()
            .map(|word| word.to_string_lossy())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn a_command_copied_from_upsuns_documentation_runs() {
        assert_eq!(
            line("upsun-local operation:run clear --project x --environment y"),
            "upsun-local run clear --project x --environment y"
        );
        assert_eq!(
            line("upsun-local -C mount:list mount:list"),
            "upsun-local -C mount:list mount list"
        );
        assert_eq!(
            line("upsun-local -q activities --limit 5"),
            "upsun-local -q activity list --limit 5"
        );
        assert_eq!(line("upsun-local -q ops"), "upsun-local -q ops");
        assert_eq!(
            line("upsun-local run operation:run"),
            "upsun-local run operation:run"
        );
    }
}
