//! As much of a shell as the tests' scripts need, and what the lifecycle's own scripts come to.

use std::time::Duration;

use crate::engine::fake::{Living, Process};
use crate::images::SUPERVISE;

const COMMAND: &str = include_str!("../scripts/command.sh");
const CANCEL: &str = include_str!("../scripts/cancel.sh");
const RUN_VARIABLE: &str = "UPSUN_LOCAL_RUN";

/// What an exec is for, in a word or two.
pub(super) fn title(command: &str) -> String {
    let arguments = |script: &str| {
        let start = format!("/bin/dash -c {script} upsun-local ");
        command.strip_prefix(&start).map(str::to_owned)
    };
    if let Some(script) = arguments(COMMAND) {
        return script;
    }
    match arguments(CANCEL) {
        Some(arguments) => format!("cancel {}", arguments.trim_end()),
        None => "our own".to_owned(),
    }
}

/// What `/bin/dash` does.
pub(super) async fn run(process: Process) -> i64 {
    let command = process.command().to_vec();
    if command[1] == SUPERVISE {
        return std::future::pending().await;
    }
    match command[2].as_str() {
        COMMAND => script(&process, &command[4..].concat()).await,
        CANCEL => cancel(&process, &command[4], &command[5], &command[6]).await,
        _ => 0,
    }
}

/// `echo`, `sleep`, `exit`, `trap '' TERM`, `pkill` by a word of the script, `linger` (a child that keeps
/// the output open for so many seconds); everything else succeeds.
async fn script(process: &Process, script: &str) -> i64 {
    for line in script.split(['\n', ';']) {
        let (name, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        match name {
            "echo" => process.print(format!("{rest}\n")).await,
            "sleep" => pause(rest).await,
            "exit" => return rest.parse().unwrap(),
            "trap" => process.catch_term(),
            "pkill" => {
                for other in process.neighbours() {
                    let script = other.command.last();
                    if other.variables.contains_key(RUN_VARIABLE)
                        && script.is_some_and(|script| script.contains(rest))
                    {
                        other.terminate();
                    }
                }
            }
            "linger" => {
                let seconds = rest.to_owned();
                process.fork(|_child| async move {
                    pause(&seconds).await;
                    0
                });
            }
            _ => {}
        }
    }
    0
}

async fn pause(seconds: &str) {
    tokio::time::sleep(Duration::from_secs(seconds.parse().unwrap())).await;
}

/// What `cancel.sh` comes to.
async fn cancel(process: &Process, run: &str, grace: &str, stop: &str) -> i64 {
    let members = || {
        let mut all = process.neighbours();
        all.retain(|other| {
            other
                .variables
                .get(RUN_VARIABLE)
                .is_some_and(|found| found == run)
        });
        all
    };
    let grace = Duration::from_secs(grace.parse().unwrap());
    if !grace.is_zero() && !members().is_empty() {
        if stop.is_empty() {
            for other in members() {
                other.terminate();
            }
        } else {
            let stop = stop.to_owned();
            process.fork(|child| async move { script(&child, &stop).await });
        }
        let all_ended = async {
            while !members().is_empty() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        if tokio::time::timeout(grace, all_ended).await.is_ok() {
            return 0;
        }
    }
    for other in members() {
        Living::kill(&other);
        other.ended().await;
    }
    0
}
