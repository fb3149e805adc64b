//! `test`: runs operations and compares what they do with what is expected of them.

mod cases;
mod changed;
mod suite;

use std::num::NonZeroU8;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use self::changed::Changed;
use super::context::Context;
use super::failure::{FAULT, Failure};
use super::run::PullChoice;
use super::workspace::Workspace;
use crate::settings;
use crate::shutdown::Shutdown;
use crate::suite::{self as tests, Status, Verdict};

/// Arguments of `test`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Only tests whose names contain one of these texts
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
    #[command(flatten)]
    target: super::Target,
    /// Only tests of the apps that a push changes, compared with this branch, tag or commit
    #[arg(long, value_name = "REF")]
    against: Option<String>,
    /// Stop after the first test that fails
    #[arg(long)]
    fail_fast: bool,
    /// Test that many containers at once; the tests of one run one after the other
    #[arg(short, long, value_name = "COUNT", default_value = "1")]
    jobs: NonZeroU8,
    /// Print the names of the tests, and run none
    #[arg(long)]
    list: bool,
    /// When to ask the registry for images
    #[arg(long, value_name = "WHEN", default_value = "missing")]
    pull: PullChoice,
    /// How to print the results
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Write the results to a file, and print them as text
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// How to print results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A line per test, as it ends
    Text,
    /// JUnit's XML, which most CI systems show
    Junit,
    /// Workflow commands, which GitHub shows in pull requests
    Github,
    /// One JSON document
    Json,
}

/// Runs them. 1 when one failed, 70 when the emulator could not tell.
pub(super) async fn run(context: &Context, arguments: Arguments) -> Result<u8, Failure> {
    let workspace = Workspace::open(context)?;
    let cases = cases::all(&workspace, &arguments.target)?;
    let mut chosen: Vec<_> = cases
        .into_iter()
        .filter(|case| {
            let filters = &arguments.filters;
            filters.is_empty() || filters.iter().any(|text| case.name.contains(text.as_str()))
        })
        .collect();
    if chosen.is_empty() {
        return nothing(context, &workspace, &arguments);
    }
    if let Some(commit) = &arguments.against {
        let changed = Changed::since(context, commit)?;
        chosen.retain(|case| changed.has(case.found.app));
        if chosen.is_empty() {
            if !context.global.quiet {
                context.talk("No app that has tests is changed: there is nothing to test\n");
            }
            return empty(context, &workspace, &arguments);
        }
    }
    if arguments.list {
        let names: String = chosen
            .iter()
            .map(|case| format!("{}\n", crate::reporter::style::safe(&case.name)))
            .collect();
        return context.print(&names).map(|()| 0);
    }
    let shutdown = context.shutdown()?;
    let is_shown = arguments.format == Format::Text || arguments.output.is_some();
    let show = |verdict: &Verdict| {
        // A reader that is gone wants no more lines; the result is the exit code then.
        if is_shown {
            let _ = context.print(&tests::line(verdict, context.out_style));
        }
    };
    let verdicts = suite::run(context, &workspace, &chosen, &arguments, &shutdown, &show).await?;
    report(
        context,
        &workspace,
        &arguments,
        arguments.output.as_deref(),
        &verdicts,
    )?;
    if !context.global.quiet {
        context.talk(&format!("{}\n", tests::summary(&verdicts)));
    }
    Ok(exit_code(&verdicts, &shutdown))
}

fn exit_code(verdicts: &[Verdict], shutdown: &Shutdown) -> u8 {
    let any = |of: fn(&Status) -> bool| verdicts.iter().any(|verdict| of(&verdict.status));
    if let Some(code) = shutdown.exit_code() {
        code
    } else if any(|status| matches!(status, Status::Error(_))) {
        FAULT
    } else {
        u8::from(any(|status| matches!(status, Status::Failed(_))))
    }
}

/// There is no test to run, which is wrong when some were named.
fn nothing(context: &Context, workspace: &Workspace, arguments: &Arguments) -> Result<u8, Failure> {
    if !arguments.filters.is_empty() {
        return Err(Failure::usage("no test has a name like that")
            .hint("`upsun-local test --list` prints all names"));
    }
    if arguments.target.app.is_some() || arguments.target.worker.is_some() {
        let failure = Failure::usage("no test is about that app or worker");
        return Err(failure.hint("`upsun-local test --list` prints the names of all tests"));
    }
    if workspace.settings.tests.is_empty() && !context.global.quiet {
        context.talk("No operations are defined: there is nothing to test\n");
    }
    empty(context, workspace, arguments)
}

/// Whoever reads the results finds that there are none.
fn empty(context: &Context, workspace: &Workspace, arguments: &Arguments) -> Result<u8, Failure> {
    if !arguments.list {
        let file = arguments.output.as_deref();
        report(context, workspace, arguments, file, &[])?;
    }
    Ok(0)
}

/// Prints the results, or writes them to a file.
fn report(
    context: &Context,
    workspace: &Workspace,
    arguments: &Arguments,
    file: Option<&Path>,
    verdicts: &[Verdict],
) -> Result<(), Failure> {
    let report = match arguments.format {
        Format::Text => None,
        Format::Junit => Some(tests::junit(verdicts)),
        Format::Json => Some(tests::json(verdicts)),
        Format::Github => {
            let root = &workspace.project.root;
            let folder = super::check::folder(root);
            let file = [folder.as_str(), settings::FILE_NAME].join("/");
            Some(tests::github(
                verdicts,
                file.trim_start_matches('/'),
                |name| settings::line_of_test(root, name),
            ))
        }
    };
    let text = match arguments.format {
        Format::Text => verdicts
            .iter()
            .map(|verdict| tests::line(verdict, super::context::plain_style()))
            .collect(),
        _ => report.unwrap_or_default(),
    };
    if let Some(file) = file {
        std::fs::write(file, text)
            .map_err(|err| Failure::fault(format!("{}: {err}", file.display())))?;
    } else if arguments.format != Format::Text {
        context.print(&text)?;
    }
    Ok(())
}
