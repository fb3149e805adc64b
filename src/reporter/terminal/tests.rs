use std::time::Duration;

use super::*;

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
