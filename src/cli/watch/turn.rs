//! A turn of `watch`: a command that runs in this process, with a [`Shutdown`] of its own that ends it alone.

use std::ffi::{OsStr, OsString};
use std::pin::Pin;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use super::super::context::Context;
use super::super::{Cli, ColorChoice, Command as Chosen, Global, ProgressChoice, check, run, test};
use super::Arguments;
use upsun_local::failure::Failure;
use upsun_local::shutdown::Shutdown;
use upsun_local::text;
use upsun_local::watch::Scope;

/// How long a turn may take to end after it was asked to leave.
const LEAVE: Duration = Duration::from_secs(1);

/// The command that `watch` repeats.
#[derive(Debug)]
pub(super) struct Work {
    /// The options that every command takes, wherever they stood on the command line.
    pub(super) global: Global,
    /// The files that the command depends on.
    pub(super) scope: Scope,
    /// The name to show for the command.
    pub(super) title: String,
    /// The whole command line.
    words: Vec<OsString>,
}

impl Work {
    /// The command that the arguments ask for.
    pub(super) fn of(global: &Global, arguments: &Arguments) -> Result<Work, clap::Error> {
        let command = match arguments.rest.is_empty() {
            _ if arguments.test => "test",
            true => "check",
            false => "run",
        };
        let mut own: Vec<OsString> = vec![command.into()];
        own.extend(arguments.rest.iter().cloned());
        let mut line: Vec<OsString> = vec!["upsun-local".into()];
        line.extend(options(global));
        line.extend(own.iter().cloned());
        let cli = Cli::try_parse_from(line)?;
        let scope = match cli.command {
            Chosen::Run(run) => run.operation.map_or(Scope::Everything, Scope::Operation),
            _ => Scope::Everything,
        };
        let title = own.iter().map(|word| text::safe(&word.to_string_lossy()));
        let title: Vec<String> = title.collect();
        let mut words = options(&cli.global);
        words.extend(own);
        Ok(Work {
            global: cli.global,
            scope,
            title: title.join(" "),
            words,
        })
    }
}

/// The options that every command takes, as words of a command line.
fn options(global: &Global) -> Vec<OsString> {
    let Global {
        dir,
        quiet,
        verbose,
        color,
        progress,
        engines,
        environment,
        environment_type,
        project,
        yes,
    } = global;
    let color = (*color != ColorChoice::Auto).then(|| color.to_possible_value());
    let color = color.flatten().map(|value| value.get_name().to_owned());
    let progress = (*progress != ProgressChoice::Auto).then(|| progress.to_possible_value());
    let progress = progress.flatten().map(|value| value.get_name().to_owned());
    let values = [
        ("--progress", progress.as_deref().map(OsStr::new)),
        ("--dir", dir.as_deref().map(std::path::Path::as_os_str)),
        ("--color", color.as_deref().map(OsStr::new)),
        ("--environment", environment.as_deref().map(OsStr::new)),
        (
            "--environment-type",
            environment_type.map(|kind| OsStr::new(kind.name())),
        ),
        ("--project", project.as_deref().map(OsStr::new)),
    ];
    let engines = engines
        .iter()
        .map(|name| ("--engine", Some(OsStr::new(name))));
    let values = values
        .into_iter()
        .chain(engines)
        .filter_map(|(name, value)| {
            // Write the option and its value as one word, because the value may begin with a dash.
            let mut word = OsString::from(name);
            word.push("=");
            word.push(value?);
            Some(word)
        });
    let switches = [
        ("--quiet", u8::from(*quiet)),
        ("--verbose", *verbose),
        ("--yes", u8::from(*yes)),
    ];
    let switches = switches
        .into_iter()
        .flat_map(|(name, count)| std::iter::repeat_n(OsString::from(name), usize::from(count)));
    values.chain(switches).collect()
}

pub(super) struct Turn {
    shutdown: Shutdown,
    /// The future that ends with the exit code.
    work: Pin<Box<dyn Future<Output = u8>>>,
}

impl Turn {
    /// Starts a turn.
    pub(super) fn start(outer: &Context, work: &Work) -> Result<Turn, Failure> {
        let line = std::iter::once(OsString::from("upsun-local")).chain(work.words.iter().cloned());
        let cli = Cli::try_parse_from(line).map_err(|err| Failure::fault(err.to_string()))?;
        let shutdown = Shutdown::new();
        let context = outer.of_turn(cli.global, &shutdown);
        Ok(Turn {
            shutdown,
            work: Box::pin(carry_out(context, cli.command)),
        })
    }

    /// Waits for the end of the turn, and returns the exit code.
    pub(super) async fn ended(&mut self) -> u8 {
        self.work.as_mut().await
    }

    /// Asks the turn to end, because files have changed since it began.
    pub(super) fn change(&self) {
        self.shutdown.change();
    }

    /// Passes a signal on to the turn.
    pub(super) fn press(&self, signal: u8) {
        self.shutdown.press(signal);
    }

    /// Gives the turn a moment to end.
    pub(super) async fn leave(mut self) {
        let _ = tokio::time::timeout(LEAVE, self.ended()).await;
    }
}

async fn carry_out(context: Context, command: Chosen) -> u8 {
    let result = match command {
        Chosen::Run(arguments) => run::run(&context, arguments).await,
        Chosen::Test(arguments) => test::run(&context, arguments).await,
        Chosen::Check(arguments) => check::run(&context, &arguments),
        _ => Err(Failure::fault("`watch` does not run this command")),
    };
    result.unwrap_or_else(|failure| {
        context.say(&failure);
        failure.code
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words that a command line of ours makes, and what the turn depends on.
    fn words(line: &str) -> (String, Scope) {
        let line = line.split(' ').filter(|word| !word.is_empty());
        let cli = Cli::try_parse_from(line).unwrap();
        let Chosen::Watch(arguments) = &cli.command else {
            panic!("it is `watch`");
        };
        let work = Work::of(&cli.global, arguments).unwrap();
        let words: Vec<String> = work
            .words
            .iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        (words.join(" "), work.scope)
    }

    #[test]
    fn every_global_option_reaches_a_turn_wherever_it_stands() {
        for (option, word) in [
            ("-C other", "--dir=other"),
            ("-q", "--quiet"),
            ("-v", "--verbose"),
            ("--color never", "--color=never"),
            ("--progress plain", "--progress=plain"),
            ("--engine=unix:///e", "--engine=unix:///e"),
            ("--engine a --engine b", "--engine=a --engine=b"),
            ("-e second", "--environment=second"),
            ("--environment-type staging", "--environment-type=staging"),
            ("-p x", "--project=x"),
            ("-y", "--yes"),
        ] {
            let run = |line: &str| {
                let (words, scope) = words(&line.replace('@', option));
                assert!(
                    matches!(scope, Scope::Operation(name) if name == "hello"),
                    "{line}"
                );
                words
            };
            let plain = format!("{word} run hello --role viewer");
            assert_eq!(run("upsun-local @ watch hello --role viewer"), plain);
            assert_eq!(run("upsun-local watch @ hello --role viewer"), plain);
            let between = run("upsun-local watch hello @ --role viewer");
            assert!(
                between.starts_with(&format!("{word} run hello ")),
                "{between}"
            );
            let last = run("upsun-local watch hello --role viewer @");
            assert_eq!(last, format!("{plain} {option}"));
            let first = run("upsun-local watch --role viewer @ hello");
            assert!(
                first.starts_with(&format!("{word} run --role viewer ")),
                "{first}"
            );
            let (test, _) = words(&format!("upsun-local watch --test {option}"));
            assert!(test.starts_with(&format!("{word} test")), "{test}");
        }
    }

    #[test]
    fn the_last_of_two_counts_and_what_run_does_not_take_is_refused() {
        let (twice, _) = words("upsun-local -e first watch hello --role viewer -e second");
        assert_eq!(
            twice,
            "--environment=second run hello --role viewer -e second"
        );
        assert_eq!(words("upsun-local watch").0, "check");
        let cli = Cli::try_parse_from(["upsun-local", "watch", "hello", "--rolle"]).unwrap();
        let Chosen::Watch(arguments) = &cli.command else {
            panic!("it is `watch`");
        };
        let err = Work::of(&cli.global, arguments).unwrap_err().to_string();
        assert!(
            err.contains("'--rolle'") && err.contains("upsun-local run"),
            "{err}"
        );
    }
}
