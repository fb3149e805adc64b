//! `test`: runs operations and compares what they do with what is expected of them.

mod changed;
mod merged;
mod output;
mod parts;
mod progress;
mod spread;

use std::num::NonZeroU8;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};

use self::changed::Changed;
use self::output::{File, report};
use self::progress::Progress;
use super::context::{Context, Hearing};
use super::mount::snapshots::tell_not_undone;
use super::opened::open;
use super::options::{PullChoice, at_once, seconds};
use upsun_local::actions::suite::{self, Case, PlannedTests, Request, Tested};
use upsun_local::failure::Failure;
use upsun_local::shutdown::Urgency;
use upsun_local::suite::partition::Partition;
use upsun_local::suite::{self as tests, Report};
use upsun_local::text::safe_line;
use upsun_local::workspace::Workspace;

/// Arguments of `test`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Run only tests whose names contain one of these texts
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
    #[command(flatten)]
    target: super::options::Target,
    /// Run only tests of the apps that a push changes, compared with this branch, tag or commit
    #[arg(long, value_name = "REF")]
    against: Option<String>,
    /// Stop after the first failure
    #[arg(long)]
    fail_fast: bool,
    /// Number of containers to test at once; tests of the same container run one after the other
    #[arg(short, long, value_name = "COUNT", default_value = "1", value_parser = at_once)]
    jobs: NonZeroU8,
    /// Stop a test after this many seconds, unless the test or its operation sets another limit
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
    /// Print the names of the tests without running them
    #[arg(long)]
    list: bool,
    /// Run only one partition of the tests, such as `2/5`: every job of a CI matrix runs another one
    #[arg(long, value_name = "K/N")]
    partition: Option<Partition>,
    /// Balance the partitions by the times in this JSON report; every job must have the same file
    #[arg(long, value_name = "FILE", requires = "partition")]
    timings: Option<PathBuf>,
    /// Run nothing; make one report of these JSON reports of all partitions
    #[arg(
        long,
        value_name = "FILE",
        num_args = 1..,
        conflicts_with_all = [
            "filters", "app", "worker", "against", "fail_fast", "jobs", "timeout", "list", "partition", "pull"
        ]
    )]
    merge: Vec<PathBuf>,
    /// Test the apps as they are edited, beside `upsun-local dev`, not clean builds
    #[arg(long, conflicts_with_all = ["merge", "pull"])]
    synced: bool,
    /// When to pull images from their registry
    #[arg(long, value_name = "WHEN", default_value = "missing")]
    pull: PullChoice,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Write the results to this file, and print them as text
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// How to print results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// One line per test, when it ends
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
    if !arguments.merge.is_empty() {
        return merged::run(context, &arguments);
    }
    let workspace = open(context)?;
    let cases = suite::cases(&workspace, &arguments.target.named())?;
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
    let mut whole = parts::whole(&workspace, &chosen, arguments.format);
    if let Some(partition) = arguments.partition {
        chosen = parts::part(context, &arguments, chosen, partition, &mut whole)?;
    }
    if arguments.list {
        let names: String = chosen
            .iter()
            .map(|case| format!("{}\n", safe_line(&case.name)))
            .collect();
        return context.print(&names).map(|()| 0);
    }
    // The file is opened first, so that an error does not come after an hour of tests.
    let output = arguments.output.as_deref().map(File::open).transpose()?;
    let is_shown = arguments.format == Format::Text || output.is_some();
    let engines = spread::names(context, &workspace);
    spread::permit(engines, arguments.synced)?;
    let at_once = usize::from(arguments.jobs.get()) * engines.len().max(1);
    let audience = Progress::new(context, at_once, is_shown);
    let (tested, code) = tested(context, &workspace, &chosen, &arguments, &audience).await?;
    let Tested {
        verdicts,
        engines,
        result,
    } = tested;
    let whole = Report {
        verdicts,
        engines,
        synced: arguments.synced,
        ..whole
    };
    let root = workspace.project.root.as_path();
    let reported = report(context, Some(root), arguments.format, output, &whole);
    // The readers of the results find there what went wrong with the emulator, too.
    result?;
    reported?;
    if let Some(failure) = audience.unwritten() {
        return Err(failure);
    }
    if !context.global.quiet {
        context.talk(&format!(
            "{}\n{}",
            tests::summary_of(&whole),
            tests::summary_of_engines(&whole.engines)
        ));
    }
    Ok(code)
}

/// Runs the tests. The exit code comes with what became of them.
async fn tested(
    context: &Context,
    workspace: &Arc<Workspace>,
    cases: &[Case<'_>],
    arguments: &Arguments,
    audience: &Progress<'_>,
) -> Result<(Tested, u8), Failure> {
    let shutdown = context.shutdown()?;
    let request = Request {
        pull: arguments.pull.into(),
        jobs: arguments.jobs,
        fail_fast: arguments.fail_fast,
        timeout: arguments.timeout,
        is_verbose: context.global.verbose > 0,
    };
    let without_engine = |verdicts, result| Tested {
        verdicts,
        engines: Vec::new(),
        result,
    };
    if !suite::needs_engine(cases) {
        let verdicts = suite::decide(cases, &request, audience);
        let code = suite::exit_code(&verdicts, &shutdown);
        return Ok((without_engine(verdicts, Ok(())), code));
    }
    let failed = |failure: Failure| {
        let verdicts = suite::all_failed(cases, &failure);
        let code = failure.code;
        Ok((without_engine(verdicts, Err(failure)), code))
    };
    let planned = match PlannedTests::prepare(workspace, cases) {
        Ok(planned) if arguments.synced => planned.synced(),
        Ok(planned) => planned,
        Err(failure) => return failed(failure),
    };
    let connected = match spread::connect(context, workspace).await {
        Ok(connected) => connected,
        Err(failure) => return failed(suite::fault(failure)),
    };
    let first = Arc::clone(&connected.first);
    let (actions, listening) = context.actions_on(workspace, first, Hearing::default(), shutdown);
    let mut tested = actions
        .test(&planned, cases, &request, audience, &connected.all)
        .await;
    tested.engines.extend(connected.lost);
    let shutdown = listening.finish((actions, connected.first, connected.all));
    if shutdown.urgency() == Urgency::Leave {
        tell_not_undone(context, workspace);
    }
    let code = suite::exit_code(&tested.verdicts, &shutdown);
    Ok((tested, code))
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

/// Writes results without a test, so that a report file exists in any case.
fn empty(context: &Context, workspace: &Workspace, arguments: &Arguments) -> Result<u8, Failure> {
    if !arguments.list {
        let output = arguments.output.as_deref().map(File::open).transpose()?;
        let root = workspace.project.root.as_path();
        let mut whole = parts::whole(workspace, &[], arguments.format);
        if let Some(partition) = arguments.partition {
            parts::part(context, arguments, Vec::new(), partition, &mut whole)?;
        }
        report(context, Some(root), arguments.format, output, &whole)?;
    }
    Ok(0)
}
