//! What the setup script says while an image is built.

use super::writer::{not_emulated_extension, not_emulated_package};

/// What a line of a build's output says to the builder: the setup script starts such lines with
/// `upsun-local: `.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The image was built, but something is not as on Upsun.
    Warning(String),
    /// The image cannot be built; the reason in words.
    Failure(String),
}

/// Reads one line of a build's output; `None` for a line that is not a notice.
pub fn notice(line: &str) -> Option<Notice> {
    let line = without_colours(line.trim());
    let (kind, rest) = line.strip_prefix("upsun-local: ")?.split_once(' ')?;
    Some(match kind {
        "not-emulated" => Notice::Warning(not_emulated_package(rest)),
        "not-emulated-extension" => Notice::Warning(not_emulated_extension(rest)),
        "not-emulated-runtime" => Notice::Warning(format!("the runtime `{rest}` is not emulated")),
        "not-emulated-tool" => Notice::Warning(format!(
            "the command `{rest}` is missing in the container: Upsun's has it"
        )),
        "approximated-runtime" => Notice::Warning(format!(
            "the runtime `{rest}` is the distribution's version, not the one asked for"
        )),
        "unserved" => Notice::Warning(format!("some packages could not be installed: {rest}")),
        "failed" => Notice::Failure(rest.to_owned()),
        _ => return None,
    })
}

/// The line without the colours in front of it: Docker's builder paints what goes to stderr red, and the end of
/// that paint stands at the start of the next line.
fn without_colours(mut line: &str) -> &str {
    while let Some((_, rest)) = line
        .strip_prefix("\u{1b}[")
        .and_then(|rest| rest.split_once('m'))
    {
        line = rest;
    }
    line
}
