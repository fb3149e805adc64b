//! Events as JSON, one a line, on standard output.

use std::io::{self, Write};

use super::Reporter;
use crate::event::Event;

/// Prints every event as one line of JSON.
#[derive(Debug, Default)]
pub struct Json;

impl Reporter for Json {
    fn report(&mut self, event: Event) -> io::Result<()> {
        let mut line = serde_json::to_vec(&event)?;
        line.push(b'\n');
        let mut stdout = io::stdout().lock();
        stdout.write_all(&line)?;
        stdout.flush()
    }
}
