//! PHP's settings: variables with the prefix `php:` become lines of an ini file that every PHP of a container
//! reads, the command line's and FPM's.
//!
//! Source: <https://docs.upsun.com/development/variables.html#variable-prefixes>
//!
//! A container's files are the image's and the build's, neither of which may change with a variable. So its first
//! process writes the file to memory before it becomes what it is for, and `PHP_INI_SCAN_DIR` leads there.
//!
//! Upsun's defaults, the project's own `php.ini` and what holds on the command line alone are files of the image:
//! <https://docs.upsun.com/languages/php.html#php-settings>

use serde_json::Value;

use crate::engine::spec::ContainerSpec;
use crate::variables::{Prefixed, text_of};

/// Where a running container has it: `/run` is in memory.
pub const DIRECTORY: &str = "/run/upsun-local/php";
/// Where a build has it: its `/run` is root's.
pub(crate) const BUILD_DIRECTORY: &str = "/tmp/upsun-local/php";

/// Upsun's defaults, and a link to the project's own `php.ini`; made by the setup script of the image.
const DEFAULTS: &str = "/usr/local/lib/upsun-local/php/defaults";
/// What holds on the command line and cannot be overridden there. PHP reads it last; `start-php-app` takes it out again
/// for FPM.
const COMMAND_LINE: &str = "/usr/local/lib/upsun-local/php/command-line";

const PREFIX: &str = "php:";

/// The variable that names further directories of ini files. An empty one among them stands for the directory that
/// PHP was made with.
const SCAN_DIRECTORIES: &str = "PHP_INI_SCAN_DIR";

/// Writes the file and becomes the command. Arguments: the directory, the file's text, the command's words. The
/// name sorts after all others, as what is read last counts.
const SCRIPT: &str = "umask 022\nmkdir -p \"$1\" && printf '%s' \"$2\" >\"$1/zz-upsun-local.ini\"\nshift 2\nexec \"$@\"";

/// The file's text, empty when there is no such variable.
pub fn text(variables: &[Prefixed]) -> String {
    variables
        .iter()
        .filter_map(|variable| {
            let name = variable.name.strip_prefix(PREFIX)?;
            is_name(name).then(|| format!("{name} = {}\n", value(&variable.value)))
        })
        .collect()
}

/// Makes a container write the file and lets every PHP in it read its settings; `text` is `None` in a container without
/// PHP.
pub fn install(container: &mut ContainerSpec, text: Option<&str>, directory: &str) {
    let Some(text) = text else {
        return;
    };
    let own = container.variables.remove(SCAN_DIRECTORIES);
    // Without an empty name among the directories PHP leaves out its own one, which a project may want.
    let (first, own) = match own.as_deref() {
        None | Some("") => (":", ""),
        Some(own) => match own.strip_prefix(':') {
            Some(own) => (":", own),
            None => ("", own),
        },
    };
    let written = if text.is_empty() { "" } else { directory };
    let directories: Vec<&str> = [DEFAULTS, own, written, COMMAND_LINE]
        .into_iter()
        .filter(|directory| !directory.is_empty())
        .collect();
    let directories = format!("{first}{}", directories.join(":"));
    container
        .variables
        .insert(SCAN_DIRECTORIES.to_owned(), directories);
    if text.is_empty() {
        return;
    }
    let before = ["/bin/dash", "-c", SCRIPT, "upsun-local", directory, text];
    let words = before.map(str::to_owned).into_iter();
    container.command = words.chain(container.command.drain(..)).collect();
}

/// Whether it can stand before a `=` in an ini file, and nothing else can come of it.
fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    !name.is_empty() && name.chars().all(plain)
}

/// A value as an ini file has it.
pub fn value(value: &Value) -> String {
    match value {
        Value::Bool(true) => "On".to_owned(),
        Value::Bool(false) => "Off".to_owned(),
        Value::Null => String::new(),
        other => quote(&text_of(other)),
    }
}

/// Writes a value. Plain words, numbers and sizes are not quoted, so that `On` and `E_ALL & ~E_NOTICE` keep their
/// meaning in an ini file. In single quotes no character is special, and adjacent strings are joined.
fn quote(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.-/:,".contains(c);
    let constant = |c: char| c.is_ascii_uppercase() || "_ &|~^()".contains(c);
    if !text.is_empty()
        && (text.chars().all(plain) || text.starts_with("E_") && text.chars().all(constant))
    {
        return text.to_owned();
    }
    // A NUL byte would end the text for the C code that writes the file.
    let text = text.replace('\0', "");
    format!("'{}'", text.replace('\'', "'\"'\"'"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::variables::Origin;

    fn variable(name: &str, value: Value) -> Prefixed {
        Prefixed {
            name: name.to_owned(),
            value,
            origin: Origin::Project,
            sensitive: false,
        }
    }

    #[test]
    fn only_variables_for_php_become_lines() {
        let variables = [
            variable("php:memory_limit", json!("512M")),
            variable("theme:dark", json!(true)),
            variable("php:display_errors", json!(true)),
            variable("php:max_execution_time", json!(30)),
            variable("php:date.timezone", json!("Europe/Berlin")),
            variable("php:error_reporting", json!("E_ALL & ~E_NOTICE")),
            variable(
                "php:session.save_path",
                json!("tcp://h:6379?auth=it's ${HOME}; x"),
            ),
            variable("php:x\ny", json!("1")),
        ];
        insta::assert_snapshot!(text(&variables), @r#"
        memory_limit = 512M
        display_errors = On
        max_execution_time = 30
        date.timezone = Europe/Berlin
        error_reporting = E_ALL & ~E_NOTICE
        session.save_path = 'tcp://h:6379?auth=it'"'"'s ${HOME}; x'
        "#);
        assert_eq!(text(&variables[1..2]), "");
    }

    #[test]
    fn the_containers_own_command_comes_after_the_file() {
        let mut container = ContainerSpec {
            command: vec!["sleep".to_owned(), "1".to_owned()],
            ..ContainerSpec::default()
        };
        install(&mut container, None, DIRECTORY);
        assert_eq!(container.command, ["sleep", "1"]);
        assert_eq!(container.variables.len(), 0);
        install(&mut container, Some("a = 1\n"), DIRECTORY);
        assert_eq!(
            container.command[3..],
            ["upsun-local", DIRECTORY, "a = 1\n", "sleep", "1"]
        );
        assert_eq!(
            container.variables[SCAN_DIRECTORIES],
            format!(":{DEFAULTS}:/run/upsun-local/php:{COMMAND_LINE}")
        );
    }

    #[test]
    fn a_container_with_php_has_upsuns_defaults_without_any_variable() {
        let mut container = ContainerSpec::default();
        install(&mut container, Some(""), DIRECTORY);
        assert_eq!(container.command, Vec::<String>::new());
        assert_eq!(
            container.variables[SCAN_DIRECTORIES],
            format!(":{DEFAULTS}:{COMMAND_LINE}")
        );
    }

    #[test]
    fn directories_that_the_project_names_stay() {
        for (own, first) in [(":/app/php.d", ":"), ("/app/php.d", "")] {
            let mut container = ContainerSpec::default();
            let own = (SCAN_DIRECTORIES.to_owned(), own.to_owned());
            container.variables.extend([own]);
            install(&mut container, Some("a = 1\n"), DIRECTORY);
            assert_eq!(
                container.variables[SCAN_DIRECTORIES],
                format!("{first}{DEFAULTS}:/app/php.d:/run/upsun-local/php:{COMMAND_LINE}")
            );
        }
    }
}
