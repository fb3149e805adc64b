//! Events for people: the operation's own output unchanged, our words on standard error.

mod ending;
mod screen;
mod suggested;
#[cfg(test)]
mod tests;

use crate::text;
use crate::text::container_name;
use crate::text::{safe, safe_line};
use std::collections::HashMap;
use std::io::{self, IsTerminal};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use self::ending::Finished;
pub use self::screen::{Screen, Streams};
use self::suggested::Suggested;
use super::Reporter;
use super::lines::{Lines, Tail};
use super::style::Style;
use super::{printable, wrapped};
use crate::event::Commit;
use crate::event::Difference;
use crate::event::{Address, Advice, Event, Outcome, Step};
use crate::output::Output;

/// How many changes on mounts are told by name.
const CHANGES_SHOWN: usize = 20;

/// How many commits are told by name.
const COMMITS_SHOWN: usize = 20;

/// How much of what a check prints is kept until it has failed, in bytes.
const HIDDEN: usize = 16 * 1024;

/// The same for a step that should be quiet: what it printed is shown only there.
const QUIET: usize = 1 << 20;

/// What stands before each line that a step prints.
const MARGIN: &str = "        | ";

/// How far the lines of a sentence after a verb are indented.
const AFTER_VERB: usize = 10;

/// How much to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Verbosity {
    /// Only what went wrong.
    Quiet,
    /// What happens.
    #[default]
    Normal,
    /// Everything that is printed on the way.
    Verbose,
}

/// Talks to a person.
#[derive(Debug)]
pub struct Terminal<S = Streams> {
    screen: S,
    style: Style,
    verbosity: Verbosity,
    /// Whether standard error is a terminal, where progress can move.
    moving: bool,
    bars: HashMap<String, ProgressBar>,
    /// The unfinished last line of a step's output, and the end of all of it where it was not shown.
    lines: Lines,
    hidden: Tail,
    /// How wide standard error is, where that is a terminal.
    width: Option<usize>,
    /// The last byte that the operation wrote where our words are read too.
    last: u8,
    /// Whether a second Ctrl-C would come here.
    is_reached: bool,
    /// Whether what runs is a source operation, which works on a clone and needs no mounts.
    is_on_clone: bool,
}

impl Terminal {
    /// A reporter for the process's own standard streams.
    pub fn new(style: Style, verbosity: Verbosity) -> Self {
        let moving = io::stderr().is_terminal() && verbosity > Verbosity::Quiet;
        let mut terminal = Terminal::on(Streams::of_process(), style, verbosity, moving);
        terminal.width = wrapped::width_of(&io::stderr());
        terminal
    }
}

impl<S: Screen> Terminal<S> {
    /// Everything that happens, as it is written to a log.
    pub fn log(screen: S) -> Self {
        Terminal::on(screen, Style::default(), Verbosity::Verbose, false)
    }

    /// Where the text goes.
    pub fn screen_mut(&mut self) -> &mut S {
        &mut self.screen
    }

    fn on(screen: S, style: Style, verbosity: Verbosity, moving: bool) -> Self {
        Terminal {
            screen,
            style,
            verbosity,
            moving,
            bars: HashMap::new(),
            lines: Lines::default(),
            hidden: Tail::default(),
            width: None,
            last: b'\n',
            is_reached: true,
            is_on_clone: false,
        }
    }

    /// For what is run by a command that Ctrl-C ends at once, as Git is with its hooks: whoever pressed it is back at
    /// the prompt, and cannot press it again.
    #[must_use]
    pub fn out_of_reach(mut self) -> Self {
        self.is_reached = false;
        self
    }

    /// Lines of somebody else's, on lines of their own.
    pub fn note(&mut self, lines: &str) {
        self.insist(lines.trim_end_matches('\n'));
    }

    fn say(&mut self, line: &str) {
        if self.verbosity > Verbosity::Quiet {
            self.insist(line);
        }
    }

    /// Says it even when it should be quiet.
    fn insist(&mut self, line: &str) {
        self.insist_indented(line, 0);
    }

    /// The same, with the lines indented on which it goes on where it is too long for one.
    fn insist_indented(&mut self, line: &str, indent: usize) {
        // Names are made harmless where they are put into it. Should one be forgotten, it does no harm either.
        let line = wrapped::wrapped(&printable::lines(line), self.width, indent);
        let mut text = String::new();
        if self.last != b'\n' {
            text.push('\n');
            self.last = b'\n';
        }
        text.push_str(&line);
        text.push('\n');
        self.screen.talk(text.as_bytes());
    }

    /// Where something is.
    fn address(&mut self, address: &Address) {
        let url = safe_line(&address.url);
        let service = safe_line(address.service.as_deref().unwrap_or_default());
        match &address.redirects_to {
            Some(to) => self.step("", &format!("{url} redirects to {}", safe_line(to))),
            None if address.direct => self.step(
                "",
                &format!("{url} leads directly to {service}, without any route"),
            ),
            None => self.step("Open", &format!("{url} for {service}")),
        }
    }

    /// What an operation had changed on mounts before they were put back.
    fn restored(&mut self, container: &str, changes: &[Difference], lost: usize) {
        let (container, count) = (safe_line(container), changes.len());
        if count == 0 {
            let so_far = if lost == 0 {
                ""
            } else {
                ", as far as they could be read"
            };
            self.step(
                "Kept",
                &format!("the mounts of {container}: nothing changed on them{so_far}"),
            );
            return;
        }
        let counted = text::count(count, "change");
        self.step("Undid", &format!("{counted} on the mounts of {container}:"));
        for change in changes.iter().take(CHANGES_SHOWN) {
            self.step("", &safe_line(&change.to_string()));
        }
        if count > CHANGES_SHOWN {
            self.step("", &format!("and {} more", count - CHANGES_SHOWN));
        }
    }

    /// What a source operation committed.
    fn committed(&mut self, app: &str, branch: &str, commits: &[Commit], rewrote_history: bool) {
        let app = safe_line(app);
        if commits.is_empty() && !rewrote_history {
            self.step("", &format!("{app} made no commit"));
        }
        for (at, commit) in commits.iter().take(COMMITS_SHOWN).enumerate() {
            let verb = if at == 0 { "Committed" } else { "" };
            let subject = safe_line(&commit.subject);
            self.step(
                verb,
                &format!("{app}: {} {subject}", short_commit(&commit.id)),
            );
        }
        if commits.len() > COMMITS_SHOWN {
            let more = commits.len() - COMMITS_SHOWN;
            self.step("", &format!("and {more} more"));
        }
        if rewrote_history {
            let line = format!(
                "{}: {app} rewrote history: `{}` of the clone no longer holds the commit that it stood at",
                self.style.warning("warning"),
                safe_line(branch)
            );
            self.insist(&line);
        }
    }

    /// `    Verb what`, aligned at the verb's end.
    fn step(&mut self, verb: &str, what: &str) {
        let line = format!("{} {what}", self.style.good(format!("{verb:>9}")));
        if self.verbosity > Verbosity::Quiet {
            self.insist_indented(&line, AFTER_VERB);
        }
    }

    fn bar(&mut self, image: &str, done: u64, total: u64) {
        if !self.moving {
            return;
        }
        let bar = self.bars.entry(image.to_owned()).or_insert_with(|| {
            let template = "{prefix:>9} {bar:24} {bytes} of {total_bytes} {bytes_per_sec}";
            let style = ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            bar.set_style(style.progress_chars("=> "));
            bar.set_prefix("Pulling");
            bar
        });
        bar.set_length(total);
        bar.set_position(done);
    }

    /// What a build or a hook prints, indented line by line.
    fn step_output(&mut self, output: &Output) {
        if self.verbosity == Verbosity::Quiet {
            self.hidden.push(output.bytes(), QUIET);
            return;
        }
        let mut text = String::new();
        let before = self.style.faint(MARGIN);
        self.lines.push(output.bytes(), |line| {
            text.push_str(&format!("{before}{line}\n"));
        });
        // Many short lines are written at once: each would be a call of the system.
        if !text.is_empty() {
            self.screen.talk(text.as_bytes());
        }
    }

    /// What an operation prints that is only run to see whether it passes: shown when it does not.
    fn check_output(&mut self, output: &Output) {
        if self.verbosity == Verbosity::Verbose {
            self.step_output(output);
        } else {
            self.hidden.push(output.bytes(), HIDDEN);
        }
    }

    fn indented(&mut self, line: &str) {
        let text = format!("{}{line}\n", self.style.faint(MARGIN));
        self.screen.talk(text.as_bytes());
    }

    /// A step has printed everything. What was held back because it should be quiet is shown after all when it
    /// failed.
    fn finish_lines(&mut self, success: bool) {
        if let Some(line) = self.lines.finish() {
            self.indented(&line);
        }
        let (left_out, hidden) = self.hidden.take();
        if success {
            return;
        }
        if left_out > 0 {
            let size = text::bytes(left_out);
            self.indented(&format!("[{size} before this are left out]"));
        }
        let mut lines = Lines::default();
        let mut show = |line: String| {
            if !line.is_empty() {
                self.indented(&line);
            }
        };
        lines.push(&hidden, &mut show);
        if let Some(line) = lines.finish() {
            show(line);
        }
    }

    /// A line that the engine prints while it makes an image.
    fn image_line(&mut self, line: &str) {
        let mut lines = Lines::default();
        lines.push(line.as_bytes(), |line| self.indented(&line));
        if let Some(line) = lines.finish() {
            self.indented(&line);
        }
    }

    /// `cron tidy on app as admin`.
    fn cron(&self, name: &str, app: &str, role: Option<&str>) -> String {
        let role = role
            .map(|role| format!(" as {}", safe_line(role)))
            .unwrap_or_default();
        let name = self.style.strong(safe_line(name));
        format!("cron {name} on {}{role}", safe_line(app))
    }

    fn step_finished(
        &mut self,
        app: &str,
        step: Step,
        exit_code: i64,
        duration: std::time::Duration,
    ) {
        self.finish_lines(exit_code == 0);
        if exit_code == 0 {
            return;
        }
        if matches!(step, Step::DeployHook | Step::PostDeployHook) {
            let line = format!(
                "{}: `{}` of `{}` ended with code {exit_code} after {}; the deploy goes on, as on Upsun",
                self.style.warning("warning"),
                step.key(),
                safe_line(app),
                text::duration(duration),
            );
            self.insist(&line);
        }
    }
}

/// `app`, or `app--worker` as on Upsun.
fn place(app: &str, worker: Option<&str>) -> String {
    safe_line(&container_name(app, worker))
}

fn short(build: &str) -> &str {
    build.get(..12).unwrap_or(build)
}

fn short_commit(id: &str) -> &str {
    id.get(..7).unwrap_or(id)
}

impl<S: Screen> Reporter for Terminal<S> {
    fn report(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::OperationOutput { output } => match &output.0 {
                Output::Stdout(bytes) => {
                    self.screen.output(bytes)?;
                    if self.screen.is_one() {
                        self.last = bytes.last().copied().unwrap_or(self.last);
                    }
                }
                Output::Stderr(bytes) => {
                    self.screen.talk(bytes);
                    self.last = bytes.last().copied().unwrap_or(self.last);
                }
            },
            Event::Waiting { holder } => self.step("Waiting", &format!("for {}", safe_line(&holder))),
            Event::Warning { message, hint } => {
                let mut text = format!("{}: {}", self.style.warning("warning"), safe(&message));
                if let Some(hint) = hint {
                    text.push_str(&format!(" ({})", safe(&hint)));
                }
                self.insist(&text);
            }
            Event::PullStarted { image } => self.step("Pulling", &safe_line(&image)),
            Event::PullProgress { image, done, total } => self.bar(&image, done, total),
            Event::PullFinished { image, duration } => {
                let size = self.bars.remove(&image).map(|bar| {
                    bar.finish_and_clear();
                    format!(" ({})", text::bytes(bar.length().unwrap_or_default()))
                });
                self.step(
                    "Pulled",
                    &format!(
                        "{}{} in {}",
                        safe_line(&image),
                        size.unwrap_or_default(),
                        text::duration(duration)
                    ),
                );
            }
            Event::ImageStarted { base, .. } => self.step(
                "Preparing",
                &format!("an image with Upsun's tools on {}", safe_line(&base)),
            ),
            Event::ImageLine { line } => {
                if self.verbosity == Verbosity::Verbose {
                    self.image_line(&line);
                }
            }
            Event::ImageFinished { image, duration } => {
                self.step(
                    "Prepared",
                    &format!("{} in {}", safe_line(&image), text::duration(duration)),
                );
            }
            Event::BuildReused { app, build } => {
                self.step(
                    "Reusing",
                    &format!(
                        "the build {} of {} for this tree",
                        short(&build),
                        safe_line(&app)
                    ),
                );
            }
            Event::BuildStarted {
                app, files, bytes, ..
            } => {
                let what = format!(
                    "{} ({}, {})",
                    safe_line(&app),
                    text::count(files, "file"),
                    text::bytes(bytes)
                );
                self.step("Building", &what);
            }
            Event::StepStarted { app, step } => {
                self.step("Running", &format!("{} of {}", step.key(), safe_line(&app)));
            }
            Event::StepOutput { output, .. } => self.step_output(&output.0),
            Event::StepFinished {
                app,
                step,
                exit_code,
                duration,
            } => {
                self.step_finished(&app, step, exit_code, duration);
            }
            Event::BuildFinished { app, duration, .. } => {
                self.step(
                    "Built",
                    &format!("{} in {}", safe_line(&app), text::duration(duration)),
                );
            }
            Event::ServiceStarted { service, kind } => {
                let what = format!("{} ({})", safe_line(&service), safe_line(&kind));
                self.step("Starting", &what);
            }
            Event::ServiceFinished { service, duration } => {
                let what = format!("{} in {}", safe_line(&service), text::duration(duration));
                self.step("Started", &what);
            }
            Event::KeepingMounts { container } => {
                self.step("Keeping", &format!("the mounts of {}", safe_line(&container)));
            }
            Event::MountsRestored {
                container,
                changes,
                lost,
            } => self.restored(&container, &changes, lost),
            Event::AppCopying { container } => {
                let what = format!("{} and what is on its mounts", safe_line(&container));
                self.step("Copying", &what);
            }
            Event::MountCheckStarted {
                operation, mounts, ..
            } => {
                let operation = self.style.strong(safe_line(&operation));
                let more = match mounts {
                    0 => "no other mounts".to_owned(),
                    _ => text::count(mounts, "more mount"),
                };
                self.step(
                    "Checking",
                    &format!("{operation} with {more}, the rest read-only"),
                );
            }
            Event::MountCheckOutput { output } => self.check_output(&output.0),
            Event::MountCheckFinished { check, .. } => {
                self.finish_lines(check.result == Outcome::Success);
            }
            Event::MountsSuggested {
                container,
                suggestion,
                result,
                services,
                check,
                must_pass,
            } => self.suggested(&Suggested {
                container: &safe_line(&container),
                suggestion: &suggestion,
                result,
                services: &services,
                check: check.as_ref(),
                must_pass,
            }),
            Event::MountsWritten { file, mounts } => {
                let what = format!("{} to {}", text::count(mounts.len(), "mount"), safe_line(&file));
                self.say("");
                self.step("Added", &what);
            }
            Event::MailShown { url } => self.step("Mail", &format!("is at {}", safe_line(&url))),
            Event::RoutesReady { routes } => {
                for address in routes {
                    self.address(&address);
                }
            }
            Event::DeployStarted { .. } => {}
            Event::DeployFinished {
                container,
                duration,
            } => {
                self.step(
                    "Started",
                    &format!("{} in {}", safe_line(&container), text::duration(duration)),
                );
            }
            Event::OperationStarted {
                app,
                worker,
                operation,
                role,
                user,
                ..
            } => {
                let who =
                    user.map_or_else(|| role.clone(), |user| format!("{} ({role})", safe_line(&user)));
                let place = place(&app, worker.as_deref());
                self.step(
                    "Running",
                    &format!(
                        "{} on {place} as {who}",
                        self.style.strong(safe_line(&operation))
                    ),
                );
            }
            Event::Cancelling { reason, grace } => {
                // Who cancels it in another way sits elsewhere, or nowhere.
                let advice = if self.is_reached && reason == "Ctrl-C" {
                    " (press Ctrl-C again to kill it)"
                } else {
                    ""
                };
                let line = format!(
                    "{} because of {reason}: it has {} s to end{advice}",
                    self.style.warning("cancelling"),
                    grace.as_secs()
                );
                self.insist(&line);
            }
            Event::OperationFinished {
                app,
                worker,
                operation,
                role,
                exit_code,
                result,
                duration,
                read_only,
                not_started,
                known,
            } => {
                let strong = self.style.strong(safe_line(&operation));
                let place = place(&app, worker.as_deref());
                self.operation_finished(&Finished {
                    subject: format!("{strong} on {place} as {}", safe_line(&role)),
                    exit_code,
                    result,
                    duration,
                    advice: Advice {
                        read_only,
                        not_started,
                        known,
                    },
                    kind: "the operation",
                    operation: Some(operation.as_str()).filter(|_| !self.is_on_clone),
                });
            }
            Event::CloneStarted { branch, commit } => {
                self.is_on_clone = true;
                let what = format!("`{}` at {}", safe_line(&branch), short_commit(&commit));
                self.step("Cloning", &what);
            }
            Event::CommitsRequested { app } => {
                self.step("Fetching", &format!("what {} committed", safe_line(&app)));
            }
            Event::Committed {
                app,
                branch,
                commits,
                rewrote_history,
            } => self.committed(&app, &branch, &commits, rewrote_history),
            // It is data, and no talk.
            Event::Patch { .. } => {}
            Event::CommitsApplied {
                branch,
                because: None,
                ..
            } => self.step("Applied", &format!("`{}` has the new commits", safe_line(&branch))),
            Event::CommitsApplied {
                branch,
                because: Some(because),
                ..
            } => self.step(
                "Applied",
                &format!(
                    "the branch `{}` has the new commits; the checked-out one was left alone, as {}",
                    safe_line(&branch),
                    safe_line(&because)
                ),
            ),
            Event::CronPlanned { app, cron, next } => {
                let next = next.unwrap_or_else(|| "never".to_owned());
                let subject = self.cron(&cron, &app, None);
                self.step("Planned", &format!("{subject}: {next}"));
            }
            Event::CronStarted {
                app,
                cron,
                role,
                user,
                ..
            } => {
                let who = role.map(|role| match user {
                    Some(user) => format!("{} ({role})", safe_line(&user)),
                    None => role,
                });
                let subject = self.cron(&cron, &app, who.as_deref());
                self.step("Running", &subject);
            }
            Event::CronOutput { output, .. } => self.step_output(&output.0),
            Event::CronFinished {
                app,
                cron,
                role,
                exit_code,
                result,
                duration,
                read_only,
                not_started,
                known,
            } => {
                self.finish_lines(result == Outcome::Success);
                self.operation_finished(&Finished {
                    subject: self.cron(&cron, &app, role.as_deref()),
                    exit_code,
                    result,
                    duration,
                    advice: Advice {
                        read_only,
                        not_started,
                        known,
                    },
                    kind: "the cron",
                    operation: None,
                });
            }
            Event::Advice {
                subject,
                result,
                read_only,
                not_started,
                known,
                ..
            } => {
                let advice = Advice {
                    read_only,
                    not_started,
                    known,
                };
                match result {
                    Outcome::Success => self.warn_of(&subject, &advice),
                    _ => self.advise(&advice, None),
                }
            }
            Event::CronSkipped { app, cron, reason } => {
                let line = format!(
                    "{} {}: {}",
                    self.style.warning("  skipped"),
                    self.cron(&cron, &app, None),
                    safe_line(&reason)
                );
                self.insist(&line);
            }
            Event::Removed { kind, name } => self.step("Removed", &format!("{kind} {}", safe_line(&name))),
        }
        Ok(())
    }

    fn finish(&mut self) {
        for (_, bar) in self.bars.drain() {
            bar.finish_and_clear();
        }
    }
}
