//! As much of a shell as the tests' scripts need, and what the lifecycle's own scripts come to.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::fake::{Living, Process};
use crate::images::SUPERVISE;
use crate::lifecycle::RUN_VARIABLE;
use crate::lifecycle::memory::OUT_OF_MEMORY;

const COMMAND: &str = include_str!("../scripts/command.sh");
const CANCEL: &str = include_str!("../scripts/cancel.sh");
const ABANDONED: &str = include_str!("../scripts/abandoned.sh");

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

/// Whether a process is part of a script of the configuration, and not of our own.
pub(super) fn is_script(process: &Living) -> bool {
    process
        .command
        .get(2)
        .is_some_and(|script| script == COMMAND)
}

/// What `/bin/dash` does.
pub(super) async fn run(process: Process) -> i64 {
    let command = process.command().to_vec();
    if command[1] == SUPERVISE {
        return std::future::pending().await;
    }
    match command[2].as_str() {
        ABANDONED => abandoned(&process).await,
        COMMAND => script(&process, &command[4..].concat()).await,
        OUT_OF_MEMORY => {
            let id = process.container().to_owned();
            let exhausted = process.store().containers[&id].out_of_memory;
            if exhausted {
                process.print("1\n").await;
            }
            0
        }
        CANCEL => cancel(&process, &command[4], &command[5], &command[6]).await,
        _ => 0,
    }
}

/// `echo`, `sleep`, `exit`, `hog` (is killed for want of memory), `trap '' TERM`, `pkill` by a word of the script, `linger` (a child that keeps
/// the output open for so many seconds); everything else succeeds.
async fn script(process: &Process, script: &str) -> i64 {
    for line in script.split(['\n', ';']) {
        let (name, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        match name {
            "echo" => process.print(format!("{rest}\n")).await,
            "sleep" => pause(rest).await,
            "hog" => {
                let id = process.container().to_owned();
                process.store().exhaust(&id);
                return 137;
            }
            "exit" => return rest.parse().unwrap(),
            "trap" => process.catch_term(),
            "pkill" => {
                for other in process.neighbours() {
                    let script = other.command.last();
                    if is_script(&other) && script.is_some_and(|script| script.contains(rest)) {
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

/// What `abandoned.sh` comes to.
async fn abandoned(process: &Process) -> i64 {
    let runs: BTreeSet<String> = process
        .neighbours()
        .iter()
        .filter_map(|other| other.variables.get(RUN_VARIABLE).cloned())
        .collect();
    for run in runs {
        process.print(format!("{run}\n")).await;
    }
    0
}

/// What `cancel.sh` comes to.
async fn cancel(process: &Process, run: &str, grace: &str, stop: &str) -> i64 {
    let grace = Duration::from_secs(grace.parse().unwrap());
    if !grace.is_zero() && !members(process, run).is_empty() {
        let mut stopper = None;
        if stop.is_empty() {
            for other in members(process, run) {
                other.terminate();
            }
        } else {
            let stop = stop.to_owned();
            stopper = Some(process.fork(|child| async move { script(&child, &stop).await }));
        }
        let all_ended = async {
            while !members(process, run).is_empty() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            if let Some(stopper) = stopper {
                stopper.ended().await;
            }
        };
        // What is left is killed.
        let _ = tokio::time::timeout(grace, all_ended).await;
    }
    for run in [run, &format!("{run}-stop")] {
        for other in members(process, run) {
            other.kill();
            other.ended().await;
        }
    }
    0
}

/// Who carries the mark of a run, but for whoever asks.
fn members(process: &Process, run: &str) -> Vec<Arc<Living>> {
    let mut all = process.neighbours();
    all.retain(|other| {
        let mark = other.variables.get(RUN_VARIABLE);
        mark.is_some_and(|mark| mark == run) && !std::ptr::eq(&raw const **other, process.living())
    });
    all
}
