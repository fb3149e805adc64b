//! Events for people: the operation's own output unchanged, our words on standard error.

mod build;
mod deploy;
mod ending;
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

use std::collections::HashMap;
use std::io::{self, IsTerminal};

use indicatif::{MultiProgress, ProgressBar};

pub use self::screen::{Screen, Streams};
use super::Reporter;
use super::lines::{Lines, Tail};
use super::style::Style;
use super::{printable, wrapped};
use crate::event::{Envelope, Event};

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
    /// Where bars are drawn, in turns with what else is written there.
    progress: MultiProgress,
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
            progress: MultiProgress::new(),
            bars: HashMap::new(),
            lines: Lines::default(),
            hidden: Tail::default(),
            width: None,
            last: b'\n',
            is_reached: true,
            is_on_clone: false,
        }
    }

    /// Draws progress bars where somebody else may write in between, who shares `progress`.
    #[must_use]
    pub fn drawing_on(mut self, progress: MultiProgress) -> Self {
        self.progress = progress;
        self
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

    /// `    Verb what`, aligned at the verb's end.
    fn step(&mut self, verb: &str, what: &str) {
        let line = format!("{} {what}", self.style.good(format!("{verb:>9}")));
        if self.verbosity > Verbosity::Quiet {
            self.insist_indented(&line, AFTER_VERB);
        }
    }

    /// Tells of one event. An error means that standard output is closed or full.
    pub fn tell(&mut self, event: Event) -> io::Result<()> {
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
        }
        Ok(())
    }
}

impl<S: Screen> Reporter for Terminal<S> {
    fn report(&mut self, envelope: Envelope) -> io::Result<()> {
        self.tell(envelope.event)
    }

    fn finish(&mut self) {
        for (_, bar) in self.bars.drain() {
            bar.finish_and_clear();
        }
    }
}
