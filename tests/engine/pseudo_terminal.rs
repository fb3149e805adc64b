//! The binary on a terminal: what the terminal shows, and keys that are pressed.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use vt100::Parser;

use crate::engine::wait_until;
use crate::support::TestProject;

/// More rows than any test needs, so that nothing scrolls away.
const ROWS: u16 = 60;

pub(crate) const CTRL_C: u8 = 3;
pub(crate) const CTRL_Z: u8 = 26;

/// A terminal, and the process that it controls.
pub(crate) struct Terminal {
    child: Child,
    keys: File,
    seen: Arc<Mutex<Seen>>,
    reader: Option<JoinHandle<()>>,
}

struct Seen {
    parser: Parser,
    bytes: Vec<u8>,
}

impl Terminal {
    /// Starts the binary on a terminal with this many columns.
    pub(crate) fn start(project: &TestProject, arguments: &[&str], columns: u16) -> Self {
        Self::of(&mut project.command(arguments), columns)
    }

    /// Starts a command as the first process of a session with a terminal.
    pub(crate) fn of(command: &mut Command, columns: u16) -> Self {
        let main = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
        grantpt(&main).expect("its other end");
        unlockpt(&main).expect("its other end");
        let name = ptsname(&main, Vec::new()).expect("the name of its other end");
        let other = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty())
            .expect("its other end");
        tcsetwinsize(&main, size(columns)).expect("a size");
        let mut session = Command::new("setsid");
        session
            .arg("--ctty")
            .arg(command.get_program())
            .args(command.get_args())
            .current_dir(command.get_current_dir().expect("a directory"));
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => session.env(name, value),
                None => session.env_remove(name),
            };
        }
        if command.get_envs().all(|(name, _)| name != "TERM") {
            session.env("TERM", "xterm-256color");
        }
        let end = |other: &OwnedFd| other.try_clone().expect("one more end");
        let child = session
            .stdin(end(&other))
            .stdout(end(&other))
            .stderr(other)
            .spawn()
            .expect("`setsid` of util-linux");
        // Its copies of the other end would keep the terminal open.
        drop(session);
        let seen = Arc::new(Mutex::new(Seen {
            parser: Parser::new(ROWS, columns, 0),
            bytes: Vec::new(),
        }));
        let keys = File::from(main);
        let reader = read(keys.try_clone().expect("a reader"), Arc::clone(&seen));
        Terminal {
            child,
            keys,
            seen,
            reader: Some(reader),
        }
    }

    pub(crate) fn press(&mut self, key: u8) {
        self.keys.write_all(&[key]).expect("a terminal");
    }

    pub(crate) fn resize(&self, columns: u16) {
        let mut seen = self.seen.lock().expect("no panic");
        seen.parser.screen_mut().set_size(ROWS, columns);
        tcsetwinsize(&self.keys, size(columns)).expect("a size");
    }

    /// What the terminal shows at this moment.
    pub(crate) fn shows(&self) -> String {
        let seen = self.seen.lock().expect("no panic");
        seen.parser.screen().contents()
    }

    /// Everything that was written to the terminal.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.seen.lock().expect("no panic").bytes.clone()
    }

    /// Waits until the terminal shows a text.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) {
        wait_until(&format!("the terminal shows {text:?}"), || {
            self.shows().contains(text)
        });
    }

    /// Waits for the end of the process, and of what it wrote.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let status = self.child.wait().expect("it ends");
        if let Some(reader) = self.reader.take() {
            reader.join().expect("no panic");
        }
        let seen = self.seen.lock().expect("no panic");
        assert!(!seen.parser.screen().hide_cursor(), "the cursor is hidden");
        status
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(mut main: File, seen: Arc<Mutex<Seen>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        // At the end of the last process on the terminal, a read fails with EIO.
        while let Ok(length @ 1..) = main.read(&mut buffer) {
            let mut seen = seen.lock().expect("no panic");
            seen.parser.process(&buffer[..length]);
            seen.bytes.extend_from_slice(&buffer[..length]);
        }
    })
}

fn size(columns: u16) -> Winsize {
    Winsize {
        ws_row: ROWS,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}
