//! `check`: everything that is wrong with the configuration.
//!
//! It needs no engine, and looks at nothing outside the repository.

use std::path::Path;
use std::rc::Rc;

use clap::{Args, ValueEnum};

use super::context::Context;
use super::opened;
use upsun_local::config::problem::{Problem, Severity};
use upsun_local::config::render::{github, json, render, sarif};
use upsun_local::config::{self, Loaded};
use upsun_local::failure::{BAD_CONFIGURATION, Failure};
use upsun_local::revision::Revision;
use upsun_local::text;
use upsun_local::workspace::settings;

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// Fail on warnings too
    #[arg(long)]
    strict: bool,
    /// Check the configuration of this commit instead of the working tree
    #[arg(long, value_name = "REF")]
    at: Option<String>,
}

/// How to print problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// With the line of the file and a hint, for people
    Text,
    /// One JSON document: `{"problems": […]}`
    Json,
    /// A SARIF 2.1.0 log, for code hosts and editors
    Sarif,
    /// Workflow commands, which GitHub shows in pull requests
    Github,
}

/// Checks the configuration. What Upsun would refuse is the exit code 78.
pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<u8, Failure> {
    let root = match opened::root(context) {
        // A commit may have what is not checked out.
        Err(failure) if arguments.at.is_some() => {
            let asked = context.global.dir.clone();
            let here = asked.map_or_else(std::env::current_dir, Ok);
            here.ok().filter(|here| here.is_dir()).ok_or(failure)?
        }
        root => root?,
    };
    let settings = settings::of(&root, &context.surroundings)?;
    let loaded = match &arguments.at {
        Some(name) => at(&root, name, &settings.check.ignore, arguments.format)?,
        None => config::load_ignoring(&root, &settings.check.ignore),
    };
    let errors = count(&loaded, Severity::Error);
    let warnings = count(&loaded, Severity::Warning);
    let fails = errors > 0 || arguments.strict && warnings > 0;
    let is_shown = |problem: &&Problem| {
        // Asked to say only what went wrong, it leaves out what does not count.
        let counts = problem.is_error() || arguments.strict && problem.is_warning();
        counts || !context.global.quiet
    };
    let text = match arguments.format {
        Format::Json => json(&loaded.problems),
        Format::Sarif => sarif(&loaded.problems, &loaded.texts),
        Format::Github => {
            let shown: Vec<Problem> = loaded.problems.iter().filter(is_shown).cloned().collect();
            github(&shown, &loaded.texts, &folder(context, &root))
        }
        Format::Text => {
            let width = rustix::termios::tcgetwinsize(std::io::stdout())
                .map_or(80, |size| usize::from(size.ws_col).max(40));
            let color = context.out_style.color;
            let shown = loaded.problems.iter().filter(is_shown);
            let text: String = shown
                .map(|problem| render(problem, &loaded.texts, color, width) + "\n")
                .collect();
            context.sentences(&text, 0)
        }
    };
    context.print(&text)?;
    let is_for_people = matches!(arguments.format, Format::Text | Format::Github);
    if is_for_people && (fails || !context.global.quiet) {
        context.talk(&conclusion(context, &loaded, errors, warnings, fails));
    }
    Ok(if fails { BAD_CONFIGURATION } else { 0 })
}

/// What is wrong at a commit.
fn at(root: &Path, name: &str, ignored: &[String], format: Format) -> Result<Loaded, Failure> {
    let root = root
        .canonicalize()
        .map_err(|err| Failure::usage(format!("{}: {err}", root.display())))?;
    let revision = Rc::new(Revision::open(&root, name)?);
    if !revision.is_configured()? {
        return Err(Failure::new(
            BAD_CONFIGURATION,
            format!("there is no `.upsun/` at `{name}`"),
        )
        .hint(
            "Upsun deploys only commits that have `.upsun/`; check that the directory is committed",
        ));
    }
    let loaded = config::load_files_ignoring(revision, ignored);
    Ok(match format {
        Format::Text | Format::Json => loaded.named_at(name),
        // They are shown beside a file of the repository, which is found by its path alone.
        Format::Sarif | Format::Github => loaded,
    })
}

fn count(loaded: &Loaded, severity: Severity) -> usize {
    let problems = loaded.problems.iter();
    problems
        .filter(|problem| problem.severity == severity)
        .count()
}

/// The last line: what was found, and what Upsun would do.
fn conclusion(
    context: &Context,
    loaded: &Loaded,
    errors: usize,
    warnings: usize,
    fails: bool,
) -> String {
    let files = text::count(loaded.texts.len(), "file");
    let silenced = match loaded.silenced {
        0 => String::new(),
        count => format!(" ({} silenced)", text::count(count, "warning")),
    };
    let notes = match count(loaded, Severity::Note) {
        0 => String::new(),
        notes => format!(", {}", text::count(notes, "note")),
    };
    let found = format!(
        "{}, {}{notes} in {files}{silenced}",
        text::count(errors, "error"),
        text::count(warnings, "warning")
    );
    let style = context.style;
    if errors > 0 {
        format!(
            "{}: Upsun would refuse this configuration\n",
            style.error(found)
        )
    } else if fails {
        format!("{}: with `--strict`, warnings fail\n", style.error(found))
    } else if warnings > 0 {
        format!("{}\n", style.warning(found))
    } else {
        format!(
            "{}\n",
            style.good(format!("no problems{notes} in {files}{silenced}"))
        )
    }
}

/// Where the repository lies in the checkout of a workflow, with `/` and without one at the end.
pub(super) fn folder(context: &Context, root: &Path) -> String {
    let inside = || {
        let checkout = Path::new(&context.variable("GITHUB_WORKSPACE")?)
            .canonicalize()
            .ok()?;
        let root = root.canonicalize().ok()?;
        Some(root.strip_prefix(checkout).ok()?.to_str()?.to_owned())
    };
    inside().unwrap_or_default()
}
