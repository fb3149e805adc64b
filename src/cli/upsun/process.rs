//! The process of Upsun's CLI. It is a program that starts another one, a PHP, and leaves that behind when it is
//! killed, so its whole process group is ended.

use std::io::IsTerminal;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::Command;

use super::super::upsun_client::{Client, Program};
use upsun_local::failure::{CANNOT_MAKE, Failure};
use upsun_local::shutdown::{Shutdown, Urgency};

/// How long the CLI may take to end after a signal.
const PATIENCE: Duration = Duration::from_secs(3);

/// Runs the CLI, and returns its exit code.
pub(super) async fn run(
    program: &Program,
    client: &Client,
    arguments: &[String],
    shutdown: &Shutdown,
) -> Result<u8, Failure> {
    let mut command = Command::new(&program.path);
    command.args(arguments).envs(client.variables());
    // In `dash`, the CLI takes the two variables for those of a hook on Upsun, and would not wait.
    command.env_remove("SHELL");
    // On a terminal the CLI stays in the group of the terminal, which also gets Ctrl-C: another group could not read
    // what is typed.
    let has_group = !std::io::stdin().is_terminal();
    if has_group {
        command.process_group(0);
    }
    let mut child = command
        .spawn()
        .map_err(|err| Failure::new(CANNOT_MAKE, format!("{}: {err}", program.path.display())))?;
    let pid = child
        .id()
        .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let below = pid.map(|pid| Processes { pid, has_group });
    let status = tokio::select! {
        status = child.wait() => status,
        () = shutdown.reached(Urgency::Cancel) => {
            if let Some(group) = &below {
                group.end(Signal::TERM);
            }
            if let Ok(status) = tokio::time::timeout(PATIENCE, child.wait()).await {
                status
            } else {
                if let Some(group) = &below {
                    group.end(Signal::KILL);
                }
                child.wait().await
            }
        }
    };
    if let Some(group) = &below {
        group.end(Signal::KILL);
    }
    let status = status
        .map_err(|err| Failure::fault(format!("the end of Upsun's CLI was missed: {err}")))?;
    if let Some(code) = shutdown.exit_code() {
        return Ok(code);
    }
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    Ok(code
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(u8::MAX))
}

/// The CLI and what it has started.
struct Processes {
    pid: Pid,
    has_group: bool,
}

impl Processes {
    /// Sends a signal to all of them. An error says that there are none left.
    fn end(&self, signal: Signal) {
        if self.has_group {
            let _ = kill_process_group(self.pid, signal);
            return;
        }
        for child in children(self.pid) {
            let _ = kill_process(child, signal);
        }
        let _ = kill_process(self.pid, signal);
    }
}

/// The processes that a process has started, where the system says so.
fn children(parent: Pid) -> Vec<Pid> {
    let pid = parent.as_raw_nonzero();
    let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let list = list.unwrap_or_default();
    let numbers = list.split_whitespace().filter_map(|word| word.parse().ok());
    numbers.filter_map(Pid::from_raw).collect()
}
