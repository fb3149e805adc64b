//! Hints after a failure, or after a write that was refused although the script succeeded. Nothing here prints.

use crate::event::{Advice, Hidden, KnownCause, NotStarted, ReadOnlyWrite, Refusal, Unstartable};
use crate::text;
use crate::text::quote;
use crate::text::safe;

/// Commands that come with Symfony's configurator, which a build hook downloads.
const OF_SYMFONY: [&str; 5] = [
    "symfony",
    "croncape",
    "symfony-build",
    "symfony-deploy",
    "symfony-start",
];

/// The hint for a write that was refused.
pub fn refused(write: &ReadOnlyWrite) -> String {
    explained(write, None)
}

/// The hint for a write that was refused although `subject`, such as `the operation`, succeeded.
pub(crate) fn refused_although(subject: &str, write: &ReadOnlyWrite) -> String {
    explained(write, Some(subject))
}

fn explained(write: &ReadOnlyWrite, succeeded: Option<&str>) -> String {
    let path = safe(write.path.as_deref().unwrap_or_default());
    let mount = safe(write.mount.as_deref().unwrap_or_default());
    let although = succeeded.map_or_else(String::new, |subject| {
        format!("{} succeeded, but ", safe(subject))
    });
    let wrote = match succeeded {
        None => format!("it wrote to `{path}`, which is"),
        Some(_) => format!("{although}could not write to `{path}`, which is"),
    };
    let once_built = "read-only on Upsun once the app is built";
    match write.cause {
        Refusal::NoMount => {
            let key = serde_json::to_string(&format!("/{mount}")).unwrap_or_default();
            let source = write.source.as_deref().unwrap_or("storage");
            let mut text = format!(
                "{wrote} {once_built}; a mount makes it writable:\n\n    mounts:\n      {key}:\n        source: {source}"
            );
            if let Some(hides) = &write.hides {
                text.push_str(&format!(
                        "\n\n`/{mount}` will hide {} that the build puts there ({}): they are not there before the first run",
                        text::count(hides.files, "file"),
                        names(hides)
                    ));
            }
            if !write.directories.is_empty() {
                text.push_str(&format!(
                        "\n\nthe mount hides directories of the build; make them on it in `hooks.deploy`:\n\n    {}",
                        make(&write.directories)
                    ));
            }
            text
        }
        Refusal::Hides => match &write.hides {
            Some(hides) => format!(
                "{wrote} {once_built}. A mount on `/{}` would hide {} that the app has there ({}): let it write elsewhere, into a mount of its own or to `/tmp`",
                safe(&hides.directory),
                text::count(hides.files, "file"),
                names(hides)
            ),
            None => format!(
                "{wrote} {once_built}, in a directory whose name no mount can have: let it write elsewhere"
            ),
        },
        Refusal::HiddenByMount => hidden_by_mount(write, &path, &mount),
        Refusal::HoldsMount => format!(
            "{wrote} {once_built}, and in its directory is another mount; let it write into that one, or to `/tmp`"
        ),
        Refusal::FileAtTop => format!(
            "{wrote} {once_built}; mounts are directories, so let it write into one that is a mount, or to `/tmp`"
        ),
        Refusal::OnMount => format!("{wrote} on a mount, and the mount refused it"),
        Refusal::OutsideApp => format!(
            "{wrote} read-only on Upsun, and outside the app's directory no mount can change that; write to `/tmp` or below `/app`"
        ),
        Refusal::Unnamed => format!(
            "{although}it wrote where it is {once_built}, and does not say where; only mounts and `/tmp` are writable: `upsun-local mount list`"
        ),
        Refusal::DiskFull => format!(
            "{although}the disk of a mount, `/tmp` or the container engine is full: `upsun-local mount size`, `docker system df`"
        ),
    }
}

/// The hint for a file or directory that the build has and a mount hides.
fn hidden_by_mount(write: &ReadOnlyWrite, path: &str, mount: &str) -> String {
    let what = match &write.hides {
        Some(hides) => format!(
            "{} that the build put there ({})",
            text::count(hides.files, "file"),
            names(hides)
        ),
        None => "the directories that the build has there".to_owned(),
    };
    let mut text = format!("`{path}` is missing: the mount `/{mount}` hides {what}.");
    if write.hides.is_some() {
        text.push_str(" Let the build put what is needed elsewhere, and copy it to the mount in `hooks.deploy`");
    }
    if !write.directories.is_empty() {
        let them = if write.hides.is_some() {
            ", or make the directories on the mount, if they are all that is needed"
        } else {
            " Make them on the mount, in `hooks.deploy` or before it"
        };
        text.push_str(&format!("{them}:\n\n    {}", make(&write.directories)));
    }
    text
}

/// The hints for something that ended, whole. `subject` is what succeeded, if it did.
pub fn texts(advice: &Advice, succeeded: Option<&str>) -> Vec<String> {
    let not_started = advice.not_started.as_ref().map(not_started);
    let known = advice.known.as_ref().map(known);
    let read_only = advice.read_only.as_ref();
    let read_only = read_only.map(|write| explained(write, succeeded));
    [not_started, known, read_only]
        .into_iter()
        .flatten()
        .collect()
}

/// The hints as one sentence each, for places with little room.
pub fn sentences(advice: &Advice) -> Vec<String> {
    in_short(advice, None)
}

/// The hints as one sentence each, for `subject`, which succeeded.
pub fn notes(subject: &str, advice: &Advice) -> Vec<String> {
    in_short(advice, Some(subject))
}

fn in_short(advice: &Advice, succeeded: Option<&str>) -> Vec<String> {
    let first = |text: String| {
        let paragraph = text.split("\n\n").next().unwrap_or_default();
        paragraph.trim_end_matches(':').to_owned()
    };
    let mut all = Vec::new();
    if let Some(write) = &advice.read_only {
        let mut text = first(explained(write, succeeded));
        if let (Refusal::NoMount, Some(mount)) = (write.cause, &write.mount) {
            let source = write.source.as_deref().unwrap_or("storage");
            text.push_str(&format!(" (`/{}: {{source: {source}}}`)", safe(mount)));
        }
        all.push(text);
    }
    if let Some(trouble) = &advice.not_started {
        let text = first(not_started(trouble));
        all.push(match succeeded {
            Some(subject) => format!("{} succeeded, but {text}", safe(subject)),
            None => text,
        });
    }
    if let Some(KnownCause::PhpExtension { names, .. }) = &advice.known {
        all.push(format!("PHP lacks {}", one_of(names)));
    } else {
        all.extend(advice.known.as_ref().map(|cause| first(known(cause))));
    }
    all
}

/// A word for a shell, in quotes only if it needs quotes.
pub fn word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        quote(word)
    }
}

fn make(directories: &[String]) -> String {
    let words: Vec<String> = directories
        .iter()
        .map(|directory| safe(&word(directory)))
        .collect();
    format!("mkdir -p {}", words.join(" "))
}

/// The names of some files.
fn names(hides: &Hidden) -> String {
    let names: Vec<String> = hides
        .some
        .iter()
        .map(|path| format!("`{}`", safe(path)))
        .collect();
    let rest = if hides.files > hides.some.len() {
        ", …"
    } else {
        ""
    };
    format!("{}{rest}", names.join(", "))
}

/// The hint for a cause that the output shows.
pub fn known(cause: &KnownCause) -> String {
    match cause {
        KnownCause::Question { answer } => {
            let how = match answer {
                Some(answer) if answer.contains('=') => {
                    format!("put `{answer}` in front of the command")
                }
                Some(answer) => format!("add `{answer}` to the command"),
                None => "give it the option that answers for you (`--yes`, `--force`, `--no-interaction`, …)".to_owned(),
            };
            format!(
                "it asked a question, and there is no terminal to answer it on, as on Upsun: {how}"
            )
        }
        KnownCause::PhpExtension {
            names,
            is_default: true,
        } => format!(
            "PHP lacks {}, which is on by itself on Upsun: is it in `runtime.disabled_extensions`?",
            one_of(names)
        ),
        KnownCause::PhpExtension { names, .. } => {
            let name = safe(names.first().map(String::as_str).unwrap_or_default());
            format!(
                "PHP lacks {}: switch it on for the app (in a composable image, below `stack.runtimes`):\n\n    runtime:\n      extensions:\n        - {name}",
                one_of(names)
            )
        }
    }
}

/// The name of an extension, or the names of alternative drivers.
fn one_of(names: &[String]) -> String {
    let quoted: Vec<String> = names
        .iter()
        .map(|name| format!("`{}`", safe(name)))
        .collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => {
            let rest = rest.join(", ");
            format!("the driver of its database (the extension {rest} or {last})")
        }
        _ => format!("the extension {}", quoted.join("")),
    }
}

/// The hint for a command that could not be started.
pub(crate) fn not_started(trouble: &NotStarted) -> String {
    let command = safe(trouble.command.as_deref().unwrap_or_default());
    match &trouble.why {
        Unstartable::CarriageReturn { file } => {
            let what = if file.is_empty() {
                "the lines of a script end in a carriage return (CRLF, as on Windows), which the shell takes for a part of the command".to_owned()
            } else {
                format!(
                    "the first line of `{}` ends in a carriage return (CRLF, as on Windows), so that its interpreter is not found",
                    safe(file)
                )
            };
            format!("{what}: save it with LF, and put `* text=auto eol=lf` into `.gitattributes`")
        }
        Unstartable::Interpreter { file, interpreter } => {
            let needs = match file {
                Some(file) => format!("the first line of `{}` names", safe(file)),
                None => "the first line of a script names".to_owned(),
            };
            format!(
                "{needs} `{}`, which is not there: let the build install it (`dependencies`, or `hooks.build`), or name another interpreter",
                safe(interpreter)
            )
        }
        Unstartable::NotExecutable { file, interpreter } => {
            let file = safe(&word(file));
            let call = interpreter.as_ref().map_or_else(String::new, |program| {
                format!(", or call `{} {file}`", safe(program))
            });
            format!(
                "`{file}` may not be executed: `git update-index --chmod=+x {file}`, or `chmod +x` in the build hook{call}"
            )
        }
        Unstartable::Directory => format!("`{command}` is a directory, and no command"),
        Unstartable::Elsewhere { file, interpreter } => {
            let directory = file.rsplit_once('/').map(|(directory, _)| directory);
            let shown = match (interpreter, directory) {
                (Some(program), _) => format!("{} {}", safe(program), safe(file)),
                (None, None) => format!("./{}", safe(file)),
                (None, Some(_)) => safe(file),
            };
            let path = directory.map_or_else(String::new, |directory| {
                format!(", or put `/app/{}` on `PATH` in `.environment`", safe(directory))
            });
            format!(
                "`{command}` is not on `PATH`, but the app has `{}`: call `{shown}`{path}",
                safe(file)
            )
        }
        Unstartable::NoFile => format!(
            "the app has no `{command}`: does the build make it, and is it in Git? (`upsun-local exec -- ls`)"
        ),
        Unstartable::NotInstalled if OF_SYMFONY.contains(&command.as_str()) => format!(
            "`{command}` comes with Symfony's configurator, which the build hook downloads with `curl`: did the build reach it?"
        ),
        Unstartable::NotInstalled => format!(
            "`{command}` is neither on `PATH` nor in `vendor/bin`, `node_modules/.bin` or `.venv/bin` of the app: let the build install it (`dependencies`, or `hooks.build`)"
        ),
        Unstartable::Unnamed => {
            "126 and 127 mean that a command could not be started: is it installed by the build, and on `PATH`? (`npx`, `vendor/bin/…`, `dependencies`)".to_owned()
        }
    }
}
