//! What holds for every input, however broken, of whatever reads what others wrote: one function for each target of
//! `fuzz/`, which tests call too.

use crate::settings::{Error, Settings};

pub use crate::config::soundness::{check as configuration, check_script as script};
pub use crate::lifecycle::soundness::{check_archive as mount_archive, check_left as left};
pub use crate::source::soundness::check_listing as listing;

/// Reads a text as settings.
///
/// # Panics
///
/// When an error says nothing, or names a line that the text has not.
pub fn settings(text: &[u8]) {
    let text = String::from_utf8_lossy(text);
    let Err(error) = Settings::parse(&text, "settings.yaml") else {
        return;
    };
    assert!(!error.to_string().is_empty(), "{error:?}");
    if let Error::Invalid {
        line: Some(line), ..
    } = error
    {
        let lines = text.lines().count().max(1);
        assert!((1..=lines + 1).contains(&line), "line {line} of {lines}");
    }
}
