//! `ssh-bridge`: what Upsun's CLI, and the programs that it starts, get instead of `ssh`. A connection to a container
//! of the sandbox becomes `exec`; to all other hosts the real `ssh` connects.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;

use clap::{Args, Parser};
use percent_encoding::percent_decode_str;

use super::context::Context;
use super::upsun_client::{BRIDGE, Bridge};
use super::{Cli, Command, exec};
use upsun_local::failure::{CANNOT_MAKE, Failure};
use upsun_local::server::{GIT_HOST, Running, SSH_HOST};

/// The letters of options of `ssh` that have a value.
const VALUED: &str = "BbcDEeFIiJLlmOoPpQRSWw";

/// What to use instead of `scp` and `sftp`.
const COPY: &str = "`upsun-local mount upload` and `download` copy files of mounts; the files of the app come from the repository";

/// Letters of options that ask for something else than a command in the container.
const ELSEWHERE: [(char, &str); 5] = [
    // A subsystem, as `scp` and `sftp` ask for it.
    ('s', COPY),
    (
        'L',
        "`upsun-local tunnel open` opens ports that lead to services",
    ),
    (
        'R',
        "a container of the sandbox reaches this machine by itself",
    ),
    ('D', "a sandbox is no proxy"),
    (
        'W',
        "`upsun-local tunnel open` opens ports that lead to services",
    ),
];

/// Arguments of `ssh-bridge`: those of `ssh`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

/// What `ssh` is asked for.
#[derive(Debug, Default, PartialEq)]
struct Asked {
    user: Option<String>,
    host: String,
    command: Vec<String>,
    /// An option that a sandbox cannot carry out.
    elsewhere: Option<(char, &'static str)>,
}

/// Runs the command in the container, and returns its exit code.
pub(super) async fn run(context: &Context, arguments: Arguments) -> Result<u8, Failure> {
    let asked = read(&arguments.words);
    let bridge = context.variable(BRIDGE);
    let bridge = bridge.and_then(|text| serde_json::from_str::<Bridge>(&text).ok());
    let bridge = bridge.unwrap_or_default();
    if asked.host == GIT_HOST {
        return Err(Failure::usage(
            "a sandbox has no repository to push to: it builds the working copy",
        )
        .hint("`upsun-local up`, or `upsun redeploy`, brings up what has changed"));
    }
    let Some(project) = project(&asked.host) else {
        return Err(real(context, &bridge, &arguments.words));
    };
    if let Some((letter, hint)) = asked.elsewhere {
        return Err(
            Failure::usage(format!("`ssh -{letter}` has no counterpart in a sandbox")).hint(hint),
        );
    }
    if is_scp(&asked.command) {
        return Err(Failure::usage("`scp` has no counterpart in a sandbox").hint(COPY));
    }
    let Some((environment, app, worker)) = asked.user.as_deref().and_then(container) else {
        return Err(Failure::usage(format!(
            "`{}` is not the address of a container of a sandbox",
            asked.user.unwrap_or_default()
        )));
    };
    let root = match project {
        "" => bridge.root,
        id => Running::root_of(&bridge.address, &bridge.token, id),
    };
    let root = root.ok_or_else(|| {
        Failure::usage(format!(
            "the server does not know the project of `{}`",
            asked.host
        ))
    })?;
    let mut words: Vec<OsString> = vec!["upsun-local".into(), "--quiet".into()];
    let mut option = |name: &str, value: OsString| {
        words.extend([OsString::from(format!("--{name}")), value]);
    };
    option("dir", root.into());
    option("environment", environment.into());
    words.push("exec".into());
    let mut option = |name: &str, value: OsString| {
        words.extend([OsString::from(format!("--{name}")), value]);
    };
    option("app", app.into());
    if let Some(worker) = worker {
        option("worker", worker.into());
    }
    for (name, value) in [("role", bridge.role), ("as", bridge.user)] {
        if let Some(value) = value {
            option(name, value.into());
        }
    }
    words.push("--".into());
    // Like `ssh`, which puts the words together: a shell takes them apart again.
    if !asked.command.is_empty() {
        words.extend(["/bin/bash", "-c"].map(OsString::from));
        words.push(asked.command.join(" ").into());
    }
    let cli = Cli::try_parse_from(words).map_err(|err| Failure::fault(err.to_string()))?;
    let Command::Exec(arguments) = cli.command else {
        return Err(Failure::fault("`exec` is not `exec`"));
    };
    exec::run(&context.with_options(cli.global), arguments).await
}

/// Whether the command is what `scp -O` asks for: the images have no `scp`.
fn is_scp(command: &[String]) -> bool {
    let words: Vec<&str> = command
        .iter()
        .flat_map(|text| text.split_whitespace())
        .collect();
    let is_end = |word: &&str| matches!(*word, "-t" | "-f");
    words.first() == Some(&"scp") && words.iter().any(is_end)
}

/// The project that a host name of containers has, empty for the one at hand; `None` for other hosts.
fn project(host: &str) -> Option<&str> {
    let before = host.strip_suffix(SSH_HOST)?;
    if before.is_empty() {
        return Some(before);
    }
    before.strip_suffix('.')
}

/// The environment, the app and the worker of an address, as the API writes it.
fn container(user: &str) -> Option<(String, String, Option<String>)> {
    let decoded = |text: &str| Some(percent_decode_str(text).decode_utf8().ok()?.into_owned());
    let (environment, container) = user.split_once("--")?;
    let (app, worker) = match container.split_once("--") {
        Some((app, worker)) => (app, Some(decoded(worker)?)),
        None => (container, None),
    };
    Some((decoded(environment)?, decoded(app)?, worker))
}

/// Reads the arguments of `ssh`: options may stand before and behind the host, up to the command.
fn read(words: &[String]) -> Asked {
    let mut asked = Asked::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let letters = word.strip_prefix('-').filter(|letters| !letters.is_empty());
        match letters {
            Some("-") => {
                asked.command.extend(words.by_ref().cloned());
            }
            Some(letters) => {
                let Some(at) = letters.find(|letter| VALUED.contains(letter)) else {
                    let elsewhere = ELSEWHERE.into_iter();
                    let mut wanted = elsewhere.filter(|(other, _)| letters.contains(*other));
                    asked.elsewhere = asked.elsewhere.or(wanted.next());
                    continue;
                };
                let letter = letters[at..].chars().next().unwrap_or_default();
                let rest = &letters[at + letter.len_utf8()..];
                let value = if rest.is_empty() {
                    words.next().cloned().unwrap_or_default()
                } else {
                    rest.to_owned()
                };
                if letter == 'l' {
                    asked.user = Some(value);
                }
                let elsewhere = ELSEWHERE.into_iter().find(|(other, _)| *other == letter);
                asked.elsewhere = asked.elsewhere.or(elsewhere);
            }
            None if asked.host.is_empty() => {
                let address = word.strip_prefix("ssh://").unwrap_or(word);
                let (user, host) = match address.rsplit_once('@') {
                    Some((user, host)) => (Some(user.to_owned()), host),
                    None => (None, address),
                };
                asked.user = user.or(asked.user);
                host.trim_end_matches('/').clone_into(&mut asked.host);
            }
            None => {
                asked.command.push(word.clone());
                asked.command.extend(words.by_ref().cloned());
            }
        }
    }
    asked
}

/// Becomes the real `ssh`; returns only if this machine lacks it.
fn real(context: &Context, bridge: &Bridge, words: &[String]) -> Failure {
    let path = context.surroundings.variables.raw("PATH").cloned();
    let directories = path.iter().flat_map(std::env::split_paths);
    let is_other = |directory: &PathBuf| *directory != bridge.directory;
    let kept = std::env::join_paths(directories.filter(is_other)).unwrap_or_default();
    let found = std::env::split_paths(&kept)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join("ssh"))
        .find(|program| program.is_file());
    let Some(program) = found else {
        return Failure::usage("there is no program `ssh` on `PATH`");
    };
    let err = std::process::Command::new(&program)
        .args(words)
        .env("PATH", kept)
        .exec();
    Failure::new(CANNOT_MAKE, format!("{}: {err}", program.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> Asked {
        let words: Vec<String> = line.split('|').map(str::to_owned).collect();
        read(&words)
    }

    #[test]
    fn options_stand_before_and_behind_the_host() {
        for line in [
            "local--app@ssh.sandbox.localhost|-o|SendEnv TERM|-t|ls -l",
            "-o|SendEnv TERM|-tt|-l|local--app|ssh.sandbox.localhost|ls -l",
            "-oSendEnv TERM|-llocal--app|ssh.sandbox.localhost|ls -l",
            "-T|ssh://local--app@ssh.sandbox.localhost/|--|ls -l",
        ] {
            let expected = Asked {
                user: Some("local--app".to_owned()),
                host: SSH_HOST.to_owned(),
                command: vec!["ls -l".to_owned()],
                ..Asked::default()
            };
            assert_eq!(asked(line), expected, "{line}");
        }
        let with_options = asked("-l|u|h|rsync|--server|-vlogDtpre|.|/app/x");
        assert_eq!(
            with_options.command,
            ["rsync", "--server", "-vlogDtpre", ".", "/app/x"]
        );
        assert_eq!(
            asked("-n|-N|-L|1:x:2|u@h").elsewhere.map(|it| it.0),
            Some('L')
        );
    }

    #[test]
    fn scp_and_sftp_are_told_apart_from_commands() {
        let modern =
            asked("-x|-oPermitLocalCommand=no|-s|--|local--app@ssh.sandbox.localhost|sftp");
        assert_eq!(modern.elsewhere.map(|it| it.0), Some('s'));
        for (line, expected) in [
            ("u@h|scp -t /tmp/x", true),
            ("u@h|scp|-r|-f|x", true),
            ("u@h|ls scp -t", false),
            ("u@h|scp --help", false),
        ] {
            let asked = asked(line);
            assert_eq!(
                (is_scp(&asked.command), asked.elsewhere),
                (expected, None),
                "{line}"
            );
        }
    }

    #[test]
    fn a_host_name_may_have_the_project() {
        for (host, expected) in [
            ("ssh.sandbox.localhost", Some("")),
            ("shop_1.ssh.sandbox.localhost", Some("shop_1")),
            ("evilssh.sandbox.localhost", None),
            ("example.com", None),
        ] {
            assert_eq!(project(host), expected, "{host}");
        }
    }

    #[test]
    fn an_address_names_one_container() {
        for (user, expected) in [
            ("local--shop", Some(("local", "shop", None))),
            (
                "local--shop--packer",
                Some(("local", "shop", Some("packer"))),
            ),
            ("a-%2Db%20c--%C3%A9", Some(("a--b c", "é", None))),
            ("shop", None),
        ] {
            let found = container(user);
            let found = found
                .as_ref()
                .map(|(one, two, three)| (one.as_str(), two.as_str(), three.as_deref()));
            assert_eq!(found, expected, "{user}");
        }
    }
}
