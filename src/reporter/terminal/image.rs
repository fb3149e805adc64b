//! Images that are pulled or built.

use indicatif::{ProgressBar, ProgressStyle};

use super::{Screen, Terminal, Verbosity};
use crate::event::Image;
use crate::reporter::lines::Lines;
use crate::text::{self, safe_line};

impl<S: Screen> Terminal<S> {
    /// Prints the event, or moves a progress bar.
    pub(super) fn image(&mut self, event: Image) {
        match event {
            Image::PullStarted { image } => self.step("Pulling", &safe_line(&image)),
            Image::PullProgress { image, done, total } => self.bar(&image, done, total),
            Image::PullFinished { image, duration } => {
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

    fn bar(&mut self, image: &str, done: u64, total: u64) {
        if !self.moving {
            return;
        }
        let bar = self.bars.entry(image.to_owned()).or_insert_with(|| {
            let template = "{prefix:>9} {bar:24} {bytes} of {total_bytes} {bytes_per_sec}";
            let style = ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = self.progress.add(ProgressBar::new(total));
            bar.set_style(style.progress_chars("=> "));
            bar.set_prefix("Pulling");
            bar
        });
        bar.set_length(total);
        bar.set_position(done);
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
