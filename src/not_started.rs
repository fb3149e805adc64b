//! What lies behind the exit codes 126 and 127: a command that the shell could not start. Pure: where the command is,
//! is looked up in the container.

use std::sync::LazyLock;

use regex_automata::meta::Regex;
use regex_automata::util::captures::Captures;

use crate::event::{NotStarted, Unstartable};

/// Looks for a command, and says what [`judge`] reads.
pub const LOOK: &str = include_str!("not_started/look.sh");

/// The exit code of a shell for a command that is there and cannot be executed.
const NOT_EXECUTABLE: i64 = 126;

/// The exit code for a command that does not exist.
const NOT_FOUND: i64 = 127;

/// What a script of this program begins with that looked for a tool, did not find it, and says what helps.
const OWN: &str = "upsun-local: there is no ";

/// What shells, `env` and the loader print. The first group is the command, the second one its interpreter.
static WORDINGS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        // The message for a script whose first line names a missing interpreter.
        r"(?:^|: )([^\s:]+): ([^:]+): bad interpreter",
        r"(?:^|: )([^\s:]+): cannot execute: required file not found",
        r#"^(?:\S*/)?env: (?:use -\[v\]S)?()['"‘]?([^'"’:]+)['"’]?: (?:No such file or directory|not found)"#,
        r"command not found: (\S+)",
        r"(?:^|: )([^\s:]+): (?:command )?not found",
        r"(?:^|: )([^\s:]+): (?:Permission denied|Is a directory|is a directory|Exec format error)",
        r"(?:^|: )([^\s:]+): cannot execute",
        r"(?:^|: )([^\s:]+): No such file or directory",
        r#"exec: "([^"]+)": (?:executable file not found|permission denied)"#,
        // Podman's with crun.
        r"executable file `([^`]+)` not found",
    ]
    .iter()
    .filter_map(|wording| Regex::new(wording).ok())
    .collect()
});

/// A command that a message names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The name of the command; empty if only its interpreter is known.
    pub command: String,
    /// The program that its first line names, as far as the message has it.
    pub interpreter: Option<String>,
}

/// What an output says that could not be started, the last one: that is what the exit code is of. `None` for other
/// exit codes, unless a shell stumbles over the ends of lines.
pub fn read(exit_code: i64, output: &str) -> Option<Option<Named>> {
    if output.lines().any(is_broken_by_returns) {
        return Some(Some(Named {
            command: String::new(),
            interpreter: Some("\r".to_owned()),
        }));
    }
    let says_it_itself = || {
        let last = output.trim_end().lines().next_back();
        last.is_some_and(|line| line.starts_with(OWN))
    };
    if !matches!(exit_code, NOT_EXECUTABLE | NOT_FOUND) || says_it_itself() {
        return None;
    }
    Some(output.lines().rev().find_map(named))
}

/// Whether a shell complains of the returns at the ends of a script's lines.
fn is_broken_by_returns(line: &str) -> bool {
    let is_option = line.contains("invalid option") || line.contains("Illegal option");
    line.contains("$'\\r': ") || is_option && line.trim_end_matches('\r').contains('\r')
}

fn named(line: &str) -> Option<Named> {
    let line = line.trim_end_matches('\r');
    WORDINGS.iter().find_map(|regex| {
        let mut captures: Captures = regex.create_captures();
        regex.captures(line, &mut captures);
        let group = |at: usize| captures.get_group(at).map(|span| &line[span.range()]);
        let command = group(1)?.to_owned();
        let interpreter = group(2).map(str::to_owned);
        Some(Named {
            command,
            interpreter,
        })
    })
}

/// What to say of a command, with what [`LOOK`] printed of it; `None` where that is not known.
pub fn judge(exit_code: i64, named: Option<&Named>, looked: Option<&str>) -> NotStarted {
    let Some(named) = named else {
        return NotStarted {
            command: None,
            why: Unstartable::Unnamed,
        };
    };
    let why = why(exit_code, named, looked);
    let command = (!named.command.is_empty()).then(|| named.command.clone());
    NotStarted { command, why }
}

fn why(exit_code: i64, named: &Named, looked: Option<&str>) -> Unstartable {
    let of_message = named.interpreter.as_deref();
    let mut records = looked.unwrap_or_default().split('\0');
    let mut next = || records.next().unwrap_or_default();
    let (file, kind, first, there) = (next(), next(), next(), next());
    if of_message
        .is_some_and(|name| name.ends_with(['\r']) || name.ends_with("^M") || name.ends_with("\\r"))
        && named.command.is_empty()
    {
        // `env` names the interpreter only.
        return Unstartable::CarriageReturn {
            file: String::new(),
        };
    }
    if first.ends_with('\r') || of_message.is_some_and(|name| name.ends_with("^M")) {
        return Unstartable::CarriageReturn {
            file: if file.is_empty() {
                &named.command
            } else {
                file
            }
            .to_owned(),
        };
    }
    if named.command.is_empty() {
        return Unstartable::Interpreter {
            file: None,
            interpreter: of_message.unwrap_or_default().to_owned(),
        };
    }
    let interpreter = interpreter(first);
    let program = || {
        interpreter
            .clone()
            .or_else(|| of_message.map(str::to_owned))
    };
    let is_path = named.command.contains('/');
    match kind {
        "d" => Unstartable::Directory,
        "x" if there == "n" => match program() {
            Some(interpreter) => Unstartable::Interpreter {
                file: Some(file.to_owned()),
                interpreter,
            },
            None => Unstartable::NotInstalled,
        },
        "f" if is_path || exit_code == NOT_EXECUTABLE => Unstartable::NotExecutable {
            file: file.to_owned(),
            interpreter,
        },
        "x" | "f" if !is_path && exit_code == NOT_FOUND => Unstartable::Elsewhere {
            file: file.to_owned(),
            // For a file at the top, such as `artisan`, its own manual writes the command like this.
            interpreter: interpreter.filter(|_| kind == "f" || !file.contains('/')),
        },
        _ if is_path && looked.is_some() => Unstartable::NoFile,
        _ => Unstartable::NotInstalled,
    }
}

/// The program in the first line of a script, as somebody would type it.
fn interpreter(first: &str) -> Option<String> {
    let mut words = first.strip_prefix("#!")?.split_whitespace();
    let mut word = words.next()?;
    if word.ends_with("/env") {
        word = words.find(|word| *word != "-S")?;
    }
    Some(word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(exit_code: i64, output: &str) -> Option<String> {
        let named = read(exit_code, output)??;
        Some(match named.interpreter {
            Some(interpreter) => format!("{} by {interpreter}", named.command),
            None => named.command,
        })
    }

    #[test]
    fn the_command_is_read_from_what_shells_print() {
        for (code, output, expected) in [
            (
                127,
                "Error: crun: executable file `drush` not found in $PATH: No such file or directory: OCI runtime attempted to invoke a command that was not found",
                Some("drush"),
            ),
            (127, "/bin/dash: 1: drush: not found", Some("drush")),
            (127, "bash: line 1: drush: command not found", Some("drush")),
            (
                127,
                "/bin/dash: 3: exec: symfony: not found",
                Some("symfony"),
            ),
            (127, "zsh: command not found: drush", Some("drush")),
            (
                127,
                "/bin/dash: 1: ./scripts/run.sh: not found",
                Some("./scripts/run.sh"),
            ),
            (
                127,
                "bash: line 1: ./run.sh: /bin/bash^M: bad interpreter: No such file or directory",
                Some("./run.sh by /bin/bash^M"),
            ),
            (
                127,
                "bash: ./run.sh: cannot execute: required file not found",
                Some("./run.sh"),
            ),
            (
                127,
                "/usr/bin/env: ‘python2’: No such file or directory",
                Some(" by python2"),
            ),
            (
                127,
                "env: 'bash\\r': No such file or directory",
                Some(" by bash\\r"),
            ),
            (
                126,
                "/bin/dash: 1: bin/console: Permission denied",
                Some("bin/console"),
            ),
            (126, "bash: line 1: ./data: Is a directory", Some("./data")),
            (
                126,
                "bash: ./x: cannot execute binary file: Exec format error",
                Some("./x"),
            ),
            (
                127,
                "one: not found\nsome output\n/bin/dash: 2: two: not found\n",
                Some("two"),
            ),
            (127, "nothing of use", None),
            (1, "/bin/dash: 1: drush: not found", None),
            (
                2,
                "run.sh: line 2: set: pipefail\r: invalid option name",
                Some(" by \r"),
            ),
            (
                0,
                "run.sh: line 3: $'\\r': command not found",
                Some(" by \r"),
            ),
        ] {
            assert_eq!(command(code, output).as_deref(), expected, "{output}");
        }
        assert_eq!(read(127, "nothing"), Some(None));
        assert_eq!(read(3, "nothing"), None);
        let own = "a: not found\nupsun-local: there is no drush in this app: `composer require drush/drush` adds it\n";
        assert_eq!(read(127, own), None);
    }

    #[test]
    fn what_was_looked_up_says_why() {
        let file = |file: &str| file.to_owned();
        for (code, name, looked, expected) in [
            (
                127,
                "./scripts/run.sh",
                Some("scripts/run.sh\0x\0#!/bin/bash\r\0n\0"),
                Unstartable::CarriageReturn {
                    file: file("scripts/run.sh"),
                },
            ),
            (
                127,
                "./old.py",
                Some("old.py\0x\0#!/usr/bin/env python2\0n\0"),
                Unstartable::Interpreter {
                    file: Some(file("old.py")),
                    interpreter: file("python2"),
                },
            ),
            (
                126,
                "bin/console",
                Some("bin/console\0f\0#!/usr/bin/env php\0y\0"),
                Unstartable::NotExecutable {
                    file: file("bin/console"),
                    interpreter: Some(file("php")),
                },
            ),
            (
                126,
                "./data",
                Some("data\0d\0\0-\0"),
                Unstartable::Directory,
            ),
            (
                127,
                "drush",
                Some("vendor/bin/drush\0x\0#!/usr/bin/env php\0y\0"),
                Unstartable::Elsewhere {
                    file: file("vendor/bin/drush"),
                    interpreter: None,
                },
            ),
            (
                127,
                "artisan",
                Some("artisan\0f\0#!/usr/bin/env php\0y\0"),
                Unstartable::Elsewhere {
                    file: file("artisan"),
                    interpreter: Some(file("php")),
                },
            ),
            (
                127,
                "artisan",
                Some("artisan\0x\0#!/usr/bin/env php\0y\0"),
                Unstartable::Elsewhere {
                    file: file("artisan"),
                    interpreter: Some(file("php")),
                },
            ),
            (127, "./gone", Some("gone\0-\0\0-\0"), Unstartable::NoFile),
            (
                127,
                "symfony",
                Some("\0-\0\0-\0"),
                Unstartable::NotInstalled,
            ),
            (127, "symfony", None, Unstartable::NotInstalled),
        ] {
            let named = Named {
                command: name.to_owned(),
                interpreter: None,
            };
            let judged = judge(code, Some(&named), looked);
            assert_eq!(judged.why, expected, "{name}");
            assert_eq!(judged.command.as_deref(), Some(name));
        }
        assert_eq!(judge(127, None, None).why, Unstartable::Unnamed);
    }
}
