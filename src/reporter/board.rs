//! What is in progress, as the lines that move at the end of a terminal: each app and service with its step, the time
//! that it has taken and the last line that it printed. A pure model: events and times go in, lines come out.

mod layout;
mod row;
#[cfg(test)]
mod tests;

use std::time::Duration;

use self::row::{Key, Row};
use super::style::Style;
use crate::event::{Build, Cron, Deploy, Event, Image, Mounts, Notice, Run, Script, Source};
use crate::text::{self, safe_line};

/// The size of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub columns: usize,
    pub rows: usize,
}

/// What becomes of the line that an event has in plain output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Text {
    /// The line is printed.
    #[default]
    Printed,
    /// A line that moves stands for it, until the work is done.
    Folded,
}

/// What is in progress.
#[derive(Debug, Default)]
pub struct Board {
    rows: Vec<Row>,
    /// How many operations and crons run. Their output has the terminal to itself.
    running: usize,
}

impl Board {
    /// Takes an event that happens at a time. Times count from any one moment.
    pub fn hear(&mut self, event: &Event, now: Duration) -> Text {
        match event {
            Event::Notice(event) => self.notice(event, now),
            Event::Image(event) => self.image(event, now),
            Event::Build(event) => self.build(event, now),
            Event::Script(event) => self.script(event, now),
            Event::Deploy(event) => self.deploy(event, now),
            Event::Run(event) => self.run(event),
            Event::Mounts(event) => self.mounts(event, now),
            Event::Source(event) => self.source(event, now),
            Event::Cron(event) => self.cron(event),
            // What is edited scrolls by.
            Event::Dev(_) => Text::Printed,
        }
    }

    /// Whether nothing is to be shown.
    pub fn is_empty(&self) -> bool {
        self.running > 0 || self.rows.is_empty()
    }

    /// The lines that show what is in progress, each within the columns of the terminal, and at most half as many as
    /// the terminal has rows.
    pub fn lines(&self, now: Duration, size: Size, style: Style) -> Vec<String> {
        if self.is_empty() {
            return Vec::new();
        }
        layout::lines(&self.rows, now, size, style)
    }

    /// How far the work on an app has come: its step and the time.
    pub fn state_of(&self, app: &str, now: Duration) -> Option<String> {
        let row = self.rows.iter().find(|row| row.is_of(app))?;
        Some(layout::state(row, now))
    }

    fn notice(&mut self, event: &Notice, now: Duration) -> Text {
        match event {
            Notice::Waiting { holder } => {
                let what = format!("for {}", safe_line(holder));
                let since = self.find(&Key::Wait).map_or(now, |row| row.began);
                self.begin(Row::new(Key::Wait, "Waiting", what, since));
                Text::Folded
            }
            Notice::Waited { .. } => self.end(&Key::Wait),
            _ => Text::Printed,
        }
    }

    fn image(&mut self, event: &Image, now: Duration) -> Text {
        match event {
            Image::PullStarted { image } => {
                let key = Key::Image(image.clone());
                self.begin(Row::new(key, "Pulling", safe_line(image), now));
                Text::Folded
            }
            Image::PullProgress { image, done, total } => {
                if let Some(row) = self.find(&Key::Image(image.clone())) {
                    row.pulled = Some((*done, *total));
                }
                Text::Folded
            }
            Image::Started { image, base } => {
                let what = format!("an image on {}", safe_line(base));
                self.begin(Row::new(Key::Image(image.clone()), "Preparing", what, now));
                Text::Folded
            }
            Image::Line { line } => {
                // Only one image is built at a time in almost every case, and the event does not name it.
                let row = self.rows.iter_mut().rev();
                if let Some(row) = { row }.find(|row| row.verb == "Preparing") {
                    row.print(line.as_bytes());
                    row.print(b"\n");
                }
                Text::Folded
            }
            Image::PullFinished { image, .. } | Image::Finished { image, .. } => {
                self.end(&Key::Image(image.clone()))
            }
        }
    }

    fn build(&mut self, event: &Build, now: Duration) -> Text {
        match event {
            Build::Started {
                app, files, bytes, ..
            } => {
                let mut row = Row::new(Key::App(app.clone()), "Building", safe_line(app), now);
                let size = text::bytes(*bytes);
                row.printed_line(format!("{}, {size}", text::count(*files, "file")));
                self.begin(row);
                Text::Folded
            }
            Build::Cache { .. } => Text::Folded,
            Build::Reused { app, .. }
            | Build::Carried { app, .. }
            | Build::Failed { app, .. }
            | Build::Finished { app, .. } => self.end(&Key::App(app.clone())),
        }
    }

    fn script(&mut self, event: &Script, now: Duration) -> Text {
        if self.running > 0 {
            // The stop command of the operation that runs.
            return Text::Printed;
        }
        match event {
            Script::Started { app, step } => {
                let key = Key::App(app.clone());
                if self.find(&key).is_none() {
                    self.begin(Row::new(key.clone(), "Running", safe_line(app), now));
                }
                if let Some(row) = self.find(&key) {
                    row.enter(step.key());
                }
                Text::Folded
            }
            Script::Output { app, output, .. } => {
                if let Some(row) = self.find(&Key::App(app.clone())) {
                    row.print(output.0.bytes());
                }
                Text::Folded
            }
            Script::Finished { app, exit_code, .. } => {
                let key = Key::App(app.clone());
                if let Some(row) = self.find(&key) {
                    row.leave();
                    if row.verb == "Running" {
                        self.end(&key);
                    }
                }
                match exit_code {
                    0 => Text::Folded,
                    _ => Text::Printed,
                }
            }
        }
    }

    fn deploy(&mut self, event: &Deploy, now: Duration) -> Text {
        match event {
            Deploy::ServiceStarted { service, kind } => {
                let what = format!("{} ({})", safe_line(service), safe_line(kind));
                self.begin(Row::new(Key::App(service.clone()), "Starting", what, now));
                Text::Folded
            }
            Deploy::Started { container } => {
                let what = safe_line(container);
                self.begin(Row::new(Key::App(container.clone()), "Starting", what, now));
                Text::Folded
            }
            Deploy::ReadyAwaited { container } => {
                if let Some(row) = self.find(&Key::App(container.clone())) {
                    row.enter("until it answers");
                }
                Text::Folded
            }
            Deploy::ServiceFinished { service, .. } => self.end(&Key::App(service.clone())),
            Deploy::Finished { container, .. } => self.end(&Key::App(container.clone())),
            Deploy::MailShown { .. } | Deploy::RoutesReady { .. } => Text::Printed,
        }
    }

    fn run(&mut self, event: &Run) -> Text {
        match event {
            Run::Started { .. } => self.give_way(),
            Run::Output { .. } => {}
            Run::Finished { .. } => self.running = self.running.saturating_sub(1),
        }
        Text::Printed
    }

    fn cron(&mut self, event: &Cron) -> Text {
        match event {
            Cron::Started { .. } => self.give_way(),
            Cron::Finished { .. } => self.running = self.running.saturating_sub(1),
            Cron::Planned { .. } | Cron::Output { .. } | Cron::Skipped { .. } => {}
        }
        Text::Printed
    }

    /// Leaves the terminal to an operation or a cron.
    fn give_way(&mut self) {
        self.end(&Key::Step);
        self.running += 1;
    }

    fn mounts(&mut self, event: &Mounts, now: Duration) -> Text {
        match event {
            Mounts::Keeping { container } => {
                let what = format!("the mounts of {}", safe_line(container));
                self.step("Keeping", what, now)
            }
            Mounts::Copying { container } => {
                let what = format!("{} and what is on its mounts", safe_line(container));
                self.step("Copying", what, now)
            }
            Mounts::CheckStarted { operation, .. } => {
                let what = format!("{} with these mounts only", safe_line(operation));
                self.step("Checking", what, now)
            }
            Mounts::CheckOutput { output } => {
                if let Some(row) = self.find(&Key::Step) {
                    row.print(output.0.bytes());
                }
                Text::Printed
            }
            Mounts::Kept { .. }
            | Mounts::Changed { .. }
            | Mounts::Restored { .. }
            | Mounts::CheckFinished { .. }
            | Mounts::Suggested { .. }
            | Mounts::Written { .. } => self.end(&Key::Step),
        }
    }

    fn source(&mut self, event: &Source, now: Duration) -> Text {
        match event {
            Source::CloneStarted { branch, .. } => {
                self.step("Cloning", format!("`{}`", safe_line(branch)), now)
            }
            Source::CommitsRequested { app } => {
                let what = format!("what {} committed", safe_line(app));
                self.step("Fetching", what, now)
            }
            Source::Committed { .. } | Source::Patch { .. } | Source::CommitsApplied { .. } => {
                self.end(&Key::Step)
            }
        }
    }

    /// Shows a step that ends with the next one, or with the work that comes after it.
    fn step(&mut self, verb: &'static str, what: String, now: Duration) -> Text {
        self.begin(Row::new(Key::Step, verb, what, now));
        Text::Folded
    }

    fn find(&mut self, key: &Key) -> Option<&mut Row> {
        self.rows.iter_mut().find(|row| row.key == *key)
    }

    /// Shows a row, in the place of another one with its key.
    fn begin(&mut self, row: Row) {
        if let Key::App(_) = row.key {
            self.end(&Key::Step);
        }
        match self.find(&row.key) {
            Some(before) => *before = row,
            None => self.rows.push(row),
        }
    }

    fn end(&mut self, key: &Key) -> Text {
        self.rows.retain(|row| row.key != *key);
        Text::Printed
    }
}
