//! Images that are pulled or built.

use super::{Screen, Terminal, Verbosity};
use crate::event::Image;
use crate::reporter::lines::Lines;
use crate::text::{self, safe_line};

impl<S: Screen> Terminal<S> {
    pub(super) fn image(&mut self, event: Image) {
        match event {
            Image::PullStarted { image } => self.step("Pulling", &safe_line(&image)),
            Image::PullProgress { .. } => {}
            Image::PullFinished { image, duration } => {
                let size = self.sizes.remove(&image);
                let size = size.map(|size| format!(" ({})", text::bytes(size)));
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
            Image::Started { base, .. } => self.step(
                "Preparing",
                &format!("an image with Upsun's tools on {}", safe_line(&base)),
            ),
            Image::Line { line } => {
                if self.verbosity == Verbosity::Verbose {
                    self.image_line(&line);
                }
            }
            Image::Finished { image, duration } => {
                self.step(
                    "Prepared",
                    &format!("{} in {}", safe_line(&image), text::duration(duration)),
                );
            }
        }
    }

    /// Prints a line of the engine's output while it builds an image.
    fn image_line(&mut self, line: &str) {
        let mut lines = Lines::default();
        lines.push(line.as_bytes(), |line| self.indented("", &line));
        if let Some(line) = lines.finish() {
            self.indented("", &line);
        }
    }
}
