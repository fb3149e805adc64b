//! `--merge`: one report of the reports of several jobs.

use super::super::context::Context;
use super::super::opened::root;
use super::output::{File, report};
use super::{Arguments, Format, parts};
use upsun_local::actions::suite::exit_code_of_merged;
use upsun_local::failure::{BAD_FILE, Failure};
use upsun_local::suite::merge::{Source, merge};
use upsun_local::suite::{line, summary_of};

/// Reads the reports, and prints or writes one. It needs neither an engine nor a repository.
pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<u8, Failure> {
    let mut sources = Vec::new();
    for file in &arguments.merge {
        sources.push(Source {
            file: file.display().to_string(),
            report: parts::read(file)?,
        });
    }
    let merged = merge(sources).map_err(|wrong| {
        Failure::new(
            BAD_FILE,
            format!("these reports make no whole: {}", wrong.join("\n       ")),
        )
        .hint("give `--merge` one report of each partition, all of them of the same commit and split with the same `--timings`")
    })?;
    let output = arguments.output.as_deref().map(File::open).transpose()?;
    if arguments.format == Format::Text || output.is_some() {
        for verdict in &merged.verdicts {
            let is_good = verdict.status.messages().is_empty();
            if !(context.global.quiet && is_good) {
                context.print(&line(verdict, context.out_style))?;
            }
        }
    }
    // Annotations name the settings file relative to the repository. Without a repository, they name it alone.
    let root = root(context).ok();
    report(context, root.as_deref(), arguments.format, output, &merged)?;
    if !context.global.quiet {
        context.talk(&format!("{}\n", summary_of(&merged)));
    }
    Ok(exit_code_of_merged(&merged.verdicts))
}
