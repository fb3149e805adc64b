//! Events as text: the operation's own output is unchanged, messages go to standard error.

mod build;
mod deploy;
mod dev;
mod ending;
mod folded;
mod image;
mod mounts;
mod notice;
mod printed;
mod run;
mod screen;
mod source;
mod suggested;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::io;

use self::dev::Followed;
use self::folded::Folded;
use self::printed::Printed;
pub use self::screen::{Screen, Streams};
use super::Reporter;
use super::board::Text;
use super::painter::Painter;
use super::style::Style;
use super::{printable, wrapped};
use crate::event::{Envelope, Event, Notice};

/// The indentation of further lines when a sentence after a verb is wrapped.
const AFTER_VERB: usize = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Verbosity {
    /// Only problems.
    Quiet,
    /// The progress.
    #[default]
    Normal,
    /// The progress and all output of builds and hooks.
    Verbose,
}

/// Prints events for a user.
#[derive(Debug)]
pub struct Terminal<S = Streams> {
    screen: S,
    style: Style,
    verbosity: Verbosity,
    /// Whether lines that move show what is in progress.
    moving: bool,
    /// The sizes of the images that are pulled, in bytes.
    sizes: HashMap<String, u64>,
    /// What was printed for work that a moving line stands for, by app.
    folded: BTreeMap<String, Terminal<Folded>>,
    /// The output of scripts that run, by app; that of other scripts has no name.
    printed: BTreeMap<String, Printed>,
    /// The number of columns of standard error, if it is a terminal.
    width: Option<usize>,
    /// The last byte that the operation wrote to the place where messages appear too.
    last: u8,
    /// What containers printed whose output is followed, by name; and the width of the longest name.
    followed: BTreeMap<String, Followed>,
    /// Whether the user can press Ctrl-C a second time.
    is_reached: bool,
    /// The last line about a cancellation, if nothing has been printed since: one Ctrl-C may cancel several builds.
    cancelling: Option<String>,
    /// Whether the current operation is a source operation, which works on a clone and needs no mounts.
    is_on_clone: bool,
}

impl Terminal {
    /// A reporter for the standard streams of this process. If `painter` is given, it shows what is in progress.
    pub fn new(style: Style, verbosity: Verbosity, painter: Option<&Painter>) -> Self {
        let painter = painter.filter(|_| verbosity > Verbosity::Quiet);
        let screen = Streams::of_process(painter, style);
        let mut terminal = Terminal::on(screen, style, verbosity, painter.is_some());
        terminal.width = wrapped::width_of(&io::stderr());
        terminal
    }
}

impl<S: Screen> Terminal<S> {
    /// A reporter that writes everything to a log.
    pub fn log(screen: S) -> Self {
        Terminal::on(screen, Style::default(), Verbosity::Verbose, false)
    }

    /// The screen that gets the text.
    pub(crate) fn screen_mut(&mut self) -> &mut S {
        &mut self.screen
    }

    pub(super) fn on(screen: S, style: Style, verbosity: Verbosity, moving: bool) -> Self {
        Terminal {
            screen,
            style,
            verbosity,
            moving,
            sizes: HashMap::new(),
            folded: BTreeMap::new(),
            printed: BTreeMap::new(),
            width: None,
            last: b'\n',
            followed: BTreeMap::new(),
            is_reached: true,
            cancelling: None,
            is_on_clone: false,
        }
    }

    /// For a run whose parent process ends on the first Ctrl-C, such as Git with its hooks: the user is back at the
    /// prompt then and cannot press Ctrl-C again.
    #[must_use]
    pub fn out_of_reach(mut self) -> Self {
        self.is_reached = false;
        self
    }

    /// Adds lines of text that come from outside of the events.
    pub fn note(&mut self, lines: &str) {
        self.insist(lines.trim_end_matches('\n'));
    }

    fn say(&mut self, line: &str) {
        if self.verbosity > Verbosity::Quiet {
            self.insist(line);
        }
    }

    /// Prints a line even in quiet mode.
    fn insist(&mut self, line: &str) {
        self.insist_indented(line, 0);
    }

    /// Prints a line even in quiet mode. If the line is wrapped, its further lines are indented.
    fn insist_indented(&mut self, line: &str, indent: usize) {
        // Names are made printable where they are put into a message. Doing it here again covers a place that forgets
        // to.
        let width = self.screen.columns().or(self.width);
        let line = wrapped::wrapped(&printable::lines(line), width, indent);
        let mut text = String::new();
        if self.last != b'\n' {
            text.push('\n');
            self.last = b'\n';
        }
        text.push_str(&line);
        text.push('\n');
        self.screen.talk(text.as_bytes());
    }

    /// Prints `    Verb what`, aligned at the end of the verb.
    fn step(&mut self, verb: &str, what: &str) {
        let line = format!("{} {what}", self.style.good(format!("{verb:>9}")));
        if self.verbosity > Verbosity::Quiet {
            self.insist_indented(&line, AFTER_VERB);
        }
    }

    /// Prints one event. An error means that standard output is closed or full.
    pub fn tell(&mut self, event: Event) -> io::Result<()> {
        if !matches!(event, Event::Notice(Notice::Cancelling { .. })) {
            self.cancelling = None;
        }
        let folds = self.moving && self.verbosity == Verbosity::Normal;
        match self.hear(&event) {
            Text::Folded if folds => Ok(()),
            _ => self.print(event),
        }
    }

    fn print(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::Notice(event) => self.notice(event),
            Event::Image(event) => self.image(event),
            Event::Build(event) => self.build(event),
            Event::Script(event) => self.script(event),
            Event::Deploy(event) => self.deploy(event),
            Event::Run(event) => return self.run(event),
            Event::Mounts(event) => self.mounts_event(event),
            Event::Source(event) => self.source(event),
            Event::Cron(event) => self.cron_event(event),
            Event::Dev(event) => self.dev_event(event),
        }
        Ok(())
    }
}

impl<S: Screen> Reporter for Terminal<S> {
    fn report(&mut self, envelope: Envelope) -> io::Result<()> {
        self.tell(envelope.event)
    }

    fn finish(&mut self) {
        self.screen.end();
    }
}
