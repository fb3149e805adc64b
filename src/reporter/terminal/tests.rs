use std::time::Duration;

use super::*;
use crate::event::MountCheck;
use crate::mount_suggestion::Suggestion;

/// Keeps what is said.
#[derive(Debug, Default)]
struct Page(String);

impl Screen for Page {
    fn output(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.talk(bytes);
        Ok(())
    }

    fn talk(&mut self, bytes: &[u8]) {
        self.0.push_str(&String::from_utf8_lossy(bytes));
    }

    fn is_one(&self) -> bool {
        true
    }
}

#[test]
fn who_cannot_press_ctrl_c_again_is_not_told_to() {
    let cancelling = || Event::Cancelling {
        reason: "Ctrl-C".to_owned(),
        grace: Duration::from_secs(15),
    };
    let mut terminal = Terminal::log(Page::default());
    terminal.report(cancelling()).unwrap();
    let mut in_hook = Terminal::log(Page::default()).out_of_reach();
    in_hook.report(cancelling()).unwrap();
    assert_eq!(
        terminal.screen_mut().0,
        "cancelling because of Ctrl-C: it has 15 s to end (press Ctrl-C again to kill it)\n"
    );
    assert_eq!(
        in_hook.screen_mut().0,
        "cancelling because of Ctrl-C: it has 15 s to end\n"
    );
}

#[test]
fn mounts_are_not_said_to_be_unchanged_where_they_could_not_be_read() {
    for (lost, end) in [
        (0, "on them\n"),
        (1, "on them, as far as they could be read\n"),
    ] {
        let mut terminal = Terminal::log(Page::default());
        let restored = Event::MountsRestored {
            container: "app".to_owned(),
            changes: Vec::new(),
            lost,
        };
        terminal.report(restored).unwrap();
        let said = &terminal.screen_mut().0;
        assert!(said.ends_with(end), "{said}");
    }
}

#[test]
fn mounts_that_do_not_suffice_are_an_error_only_where_they_are_to_be_written() {
    for (must_pass, label) in [(true, "error"), (false, "warning")] {
        let mut terminal = Terminal::log(Page::default());
        let suggested = Event::MountsSuggested {
            container: "app".to_owned(),
            suggestion: Suggestion::default(),
            result: Outcome::Success,
            services: Vec::new(),
            check: Some(MountCheck {
                result: Outcome::Failure,
                exit_code: 1,
                duration: Duration::from_secs(1),
                read_only: None,
                trouble: None,
            }),
            must_pass,
        };
        terminal.report(suggested).unwrap();
        let said = &terminal.screen_mut().0;
        let told = format!("{label}: where it can only write to its mounts it does not pass");
        assert!(said.contains(&told), "{said}");
    }
}
