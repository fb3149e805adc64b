//! `--partition`: the tests of one job of several, and what its report says about the suite.

use std::path::Path;

use super::super::context::Context;
use super::{Arguments, Format};
use upsun_local::actions::suite::{self, Case};
use upsun_local::bounded::read_anywhere;
use upsun_local::failure::{BAD_FILE, Failure};
use upsun_local::source::Git;
use upsun_local::suite::partition::{Partition, Timings};
use upsun_local::suite::{Report, document};
use upsun_local::text::count;
use upsun_local::workspace::Workspace;

/// The largest report that is read, in bytes. The output of each test takes up to 2 MB of it.
const LARGEST: u64 = 1 << 30;

/// A report of these tests without a verdict yet. Git is asked for the commit only if a reader of the report can use
/// it.
pub(super) fn whole(workspace: &Workspace, cases: &[Case<'_>], format: Format) -> Report {
    let root = &workspace.project.root;
    let commit = (format == Format::Json).then(|| commit(root)).flatten();
    Report {
        suite: Some(suite::identity_of(cases, commit)),
        ..Report::default()
    }
}

/// The tests of one partition, which the report then is of.
pub(super) fn part<'a>(
    context: &Context,
    arguments: &Arguments,
    cases: Vec<Case<'a>>,
    partition: Partition,
    report: &mut Report,
) -> Result<Vec<Case<'a>>, Failure> {
    let timings = match &arguments.timings {
        Some(file) => timings(file, &cases)?,
        None => Timings::default(),
    };
    let all = cases.len();
    let (own, part) = suite::part_of(cases, partition, &timings);
    if !context.global.quiet && !arguments.list {
        context.talk(&format!(
            "Partition {partition}, split {}: {} of {}\n",
            part.split(),
            own.len(),
            count(all, "test")
        ));
    }
    report.partition = Some(part);
    Ok(own)
}

/// The times of an earlier report, which must know some of the tests.
fn timings(file: &Path, cases: &[Case<'_>]) -> Result<Timings, Failure> {
    let timings = Timings::of(&read(file)?);
    let places: Vec<String> = cases.iter().map(Case::place).collect();
    if !cases.is_empty() && timings.known(&suite::shares(cases, &places)) == 0 {
        let message = format!("`{}` has no time of any of these tests", file.display());
        return Err(Failure::new(BAD_FILE, message).hint(
            "`--timings` takes a report of the same suite, as `test --format json` and `test --merge` write it; without `--timings`, tests are split by count",
        ));
    }
    Ok(timings)
}

/// A report that another job, or an earlier run, wrote.
pub(super) fn read(file: &Path) -> Result<Report, Failure> {
    let failed = |why: String| {
        Failure::new(
            BAD_FILE,
            format!("`{}` cannot be used: {why}", file.display()),
        )
        .hint("`upsun-local test --format json -o <file>` writes a report")
    };
    let bytes = read_anywhere(file, LARGEST).map_err(|err| failed(err.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| failed("it is not text".to_owned()))?;
    document::read(&text).map_err(|err| failed(err.to_string()))
}

/// The commit that is checked out.
fn commit(root: &Path) -> Option<String> {
    let mut git = Git::of_process().command(root, &["rev-parse", "--verify", "--quiet", "HEAD"]);
    let answer = git.output().ok().filter(|answer| answer.status.success())?;
    let commit = String::from_utf8(answer.stdout).ok()?.trim().to_owned();
    Some(commit).filter(|commit| !commit.is_empty())
}
