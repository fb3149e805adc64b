//! The binary while it runs: what it has printed so far, signals to it, its end.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use crate::engine::{LIMIT, wait_until};
use crate::support::{Outcome, TestProject, code};

/// A started process. It is killed when a test ends without waiting for it.
pub(crate) struct Running {
    child: Child,
    stdout: Captured,
    stderr: Captured,
}

struct Captured {
    bytes: Arc<Mutex<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

impl Captured {
    fn of(stream: Option<impl Read + Send + 'static>) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&bytes);
        let thread = stream.map(|mut stream| {
            std::thread::spawn(move || {
                let mut buffer = vec![0; 64 * 1024];
                while let Ok(length @ 1..) = stream.read(&mut buffer) {
                    kept.lock()
                        .expect("no panic")
                        .extend_from_slice(&buffer[..length]);
                }
            })
        });
        Captured { bytes, thread }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().expect("no panic")).into_owned()
    }
}

impl Running {
    /// Starts the binary with both streams captured.
    pub(crate) fn start(project: &TestProject, arguments: &[&str]) -> Self {
        Self::of(project.command(arguments))
    }

    /// Starts a command with both streams captured.
    pub(crate) fn of(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let stdout = Captured::of(child.stdout.take());
        let stderr = Captured::of(child.stderr.take());
        Running {
            child,
            stdout,
            stderr,
        }
    }

    /// Its standard output so far.
    pub(crate) fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// Its standard error so far.
    pub(crate) fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Waits until its standard output holds a text.
    #[track_caller]
    pub(crate) fn wait_for_output(&self, text: &str) {
        wait_until(&format!("{text:?} is printed"), || {
            self.stdout().contains(text)
        });
    }

    /// Waits until its standard error holds a text.
    #[track_caller]
    pub(crate) fn wait_for_talk(&self, text: &str) {
        wait_until(&format!("{text:?} is said"), || {
            self.stderr().contains(text)
        });
    }

    /// Sends it a signal.
    #[track_caller]
    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("a process id");
        kill_process(Pid::from_raw(id).expect("a process id"), signal).expect("it is there");
    }

    /// Whether it has not ended yet.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(mut self) -> Outcome {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                break status;
            }
            assert!(
                began.elapsed() < LIMIT,
                "it does not end; so far it said:\n{}",
                self.stderr()
            );
            std::thread::sleep(std::time::Duration::from_millis(10));
        };
        for captured in [&mut self.stdout, &mut self.stderr] {
            if let Some(thread) = captured.thread.take() {
                thread.join().expect("the reader does not panic");
            }
        }
        Outcome {
            code: code(status),
            stdout: self.stdout(),
            stderr: self.stderr(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fine when it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
