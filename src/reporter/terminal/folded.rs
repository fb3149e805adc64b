//! Text that is not printed while a moving line stands for it, and printed as a whole if the work fails.

use std::io;

use super::{Screen, Terminal, Verbosity};
use crate::event::{Build, Deploy, Event, Image, Notice, Outcome, Script};
use crate::reporter::board::Text;
use crate::reporter::lines::Tail;
use crate::reporter::style::Style;
use crate::text::{self, safe_line};

/// How many bytes of the text about one app are kept. `activity log` has all of it.
const KEPT: usize = 16 << 20;

/// Keeps the text about one app.
#[derive(Debug, Default)]
pub(super) struct Folded(Tail);

impl Screen for Folded {
    fn output(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.talk(bytes);
        Ok(())
    }

    fn talk(&mut self, bytes: &[u8]) {
        self.0.push(bytes, KEPT);
    }

    fn is_one(&self) -> bool {
        true
    }
}

impl<S: Screen> Terminal<S> {
    /// Moves the lines that show what is in progress, and says what becomes of the text of the event.
    pub(super) fn hear(&mut self, event: &Event) -> Text {
        if !self.moving {
            return Text::Printed;
        }
        let stopped = match event {
            Event::Build(Build::Failed { app, .. }) => self.screen.state_of(app),
            _ => None,
        };
        if let Event::Image(Image::PullProgress { image, total, .. }) = event {
            self.sizes.insert(image.clone(), *total);
        }
        let text = self.screen.hear(event);
        if self.verbosity != Verbosity::Normal {
            return text;
        }
        if let Event::Script(Script::Finished { app, exit_code, .. }) = event
            && self.fold(app, event)
        {
            if *exit_code != 0 {
                self.unfold(app);
            }
            return Text::Folded;
        }
        match event {
            Event::Notice(Notice::Waited { holder, duration }) => {
                let time = text::duration(*duration);
                self.step("Waited", &format!("{time} for {}", safe_line(holder)));
            }
            Event::Build(
                Build::Started { app, .. }
                | Build::Finished { app, .. }
                | Build::Reused { app, .. },
            ) => self.forget(app),
            Event::Deploy(
                Deploy::Started { container: app } | Deploy::Finished { container: app, .. },
            ) => self.forget(app),
            Event::Build(Build::Failed { app, result, .. }) => match (result, stopped) {
                (Outcome::Cancelled, Some(state)) => {
                    self.forget(app);
                    self.step("Stopped", &format!("{}: {state}", safe_line(app)));
                }
                _ => self.unfold(app),
            },
            Event::Build(Build::Cache { app, .. })
            | Event::Script(Script::Started { app, .. } | Script::Output { app, .. })
                if text == Text::Folded =>
            {
                self.folded
                    .entry(app.clone())
                    .or_insert_with(|| anew(self.style));
                self.fold(app, event);
            }
            _ => {}
        }
        text
    }

    /// Keeps the text of an event. Returns false if nothing is kept of the app.
    fn fold(&mut self, app: &str, event: &Event) -> bool {
        let folded = self.folded.get_mut(app);
        // Keeping text never fails.
        let kept = folded.map(|folded| folded.tell(event.clone()));
        kept.is_some()
    }

    fn forget(&mut self, app: &str) {
        self.folded.remove(app);
    }

    /// Prints what was kept of an app.
    fn unfold(&mut self, app: &str) {
        let Some(mut folded) = self.folded.remove(app) else {
            return;
        };
        folded.finish_lines(app, true);
        let (left_out, text) = folded.screen_mut().0.take();
        if left_out > 0 {
            let size = text::bytes(left_out);
            let line = format!("[{size} before this are left out: `upsun-local activity log`]");
            self.indented("", &line);
        }
        self.screen.talk(&text);
    }
}

fn anew(style: Style) -> Terminal<Folded> {
    Terminal::on(Folded::default(), style, Verbosity::Verbose, false)
}
