//! Opens an address in a browser.

use std::process::{Command, Stdio};

use super::context::Context;

/// Opens an address in a browser, without waiting for that.
pub(super) fn open(context: &Context, url: &str) {
    let browser = context.variable("BROWSER");
    let programs = browser
        .iter()
        .map(String::as_str)
        .chain(["xdg-open", "open", "wslview"]);
    for program in programs {
        let started = Command::new(program)
            .arg(url)
            // A program of the repository must not be taken for a browser where `PATH` has relative entries.
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        if started.is_ok() {
            return;
        }
    }
    context.talk(&format!(
        "{}: no browser was found to open {url}; set `BROWSER` to name one\n",
        context.style.warning("warning")
    ));
}
