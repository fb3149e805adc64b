//! As much of a shell as the tests' scripts need, and what the lifecycle's own scripts come to.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::fake::{Living, Process};
use crate::images::SUPERVISE;
use crate::lifecycle::build_caches::{RESTORE, SAVE};
use crate::lifecycle::memory::OUT_OF_MEMORY;

const COMMAND: &str = include_str!("../scripts/command.sh");
const CANCEL: &str = include_str!("../scripts/cancel.sh");
const ABANDONED: &str = include_str!("../scripts/abandoned.sh");

/// What an exec is for, in a word or two.
pub(super) fn title(command: &str) -> String {
    let arguments = |script: &str, name: &str| {
        let start = format!("/bin/dash -c {script} {name} ");
        command.strip_prefix(&start).map(str::to_owned)
    };
    // The marks differ from run to run.
    if let Some(arguments) = arguments(COMMAND, "/bin/dash") {
        return without_marks(&arguments, 1).to_owned();
    }
    match arguments(CANCEL, "upsun-local") {
        Some(arguments) => format!("cancel {}", without_marks(&arguments, 2).trim_end()),
        None => "our own".to_owned(),
    }
}

/// Arguments after the first few.
fn without_marks(arguments: &str, count: usize) -> &str {
    arguments.splitn(count + 1, ' ').last().unwrap_or_default()
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
        COMMAND => script(&process, &command[5..].concat()).await,
        OUT_OF_MEMORY => {
            let id = process.container().to_owned();
            let exhausted = process.store().containers[&id].out_of_memory;
            if exhausted {
                process.print("1\n").await;
            }
            0
        }
        RESTORE => restore_cache(&process, &command[5..]).await,
        SAVE => {
            let made = process
                .store()
                .touch(process.container(), &archive(&command[5], &command[6]));
            i64::from(made.is_err())
        }
        CANCEL => cancel(&process, &command[6], &command[7]).await,
        _ => 0,
    }
}

/// `echo`, `sleep`, `exit`, `hog` (is killed for want of memory), `trap '' TERM`, `pkill` by a word of the script, `linger`
/// (a child that keeps the output open for so many seconds), `leap` (it cannot be caught); everything else succeeds.
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
        .filter(|other| is_script(other))
        .map(|other| other.command[4].clone())
        .collect();
    for run in runs {
        process.print(format!("{run}\n")).await;
    }
    0
}

/// What `cancel.sh` comes to.
async fn cancel(process: &Process, grace: &str, stop: &str) -> i64 {
    let leaps = |other: &Arc<Living>| other.command.iter().any(|word| word.contains("leap"));
    if members(process).iter().any(leaps) {
        return 1;
    }
    let grace = Duration::from_secs(grace.parse().unwrap());
    if !grace.is_zero() && !members(process).is_empty() {
        let mut stopper = None;
        if stop.is_empty() {
            for other in members(process) {
                other.terminate();
            }
        } else {
            let stop = stop.to_owned();
            stopper = Some(process.fork(|child| async move { script(&child, &stop).await }));
        }
        let all_ended = async {
            while !members(process).is_empty() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            if let Some(stopper) = stopper {
                stopper.ended().await;
            }
        };
        // What is left is killed.
        let _ = tokio::time::timeout(grace, all_ended).await;
    }
    for other in [members(process), stoppers(process)].concat() {
        other.kill();
        other.ended().await;
    }
    0
}

/// Who has a mark of the run that a process is to end.
fn members(process: &Process) -> Vec<Arc<Living>> {
    let number = |text: &str| text.parse::<u64>().unwrap();
    let [lowest, highest] = [4, 5].map(|at| number(&process.command()[at]));
    let mut all = process.neighbours();
    // Commands that deal with mounts have their mark in place of a name.
    let mark = |other: &Living| {
        if is_script(other) {
            Some(number(&other.command[4]))
        } else {
            other.command.get(3).and_then(|word| word.parse().ok())
        }
    };
    all.retain(|other| mark(other).is_some_and(|mark| (lowest..=highest).contains(&mark)));
    all
}

/// The others that are ending the same run, each with its stop command.
fn stoppers(process: &Process) -> Vec<Arc<Living>> {
    let marks = &process.command()[4..6];
    let mut all = process.neighbours();
    all.retain(|other| {
        other.command.get(2).is_some_and(|script| script == CANCEL)
            && &other.command[4..6] == marks
            && !std::ptr::eq(&raw const **other, process.living())
    });
    all
}

/// The archive of a build cache. The shell keeps all archives side by side.
fn archive(store: &str, key: &str) -> String {
    let (directory, name) = store.split_once("/build-caches/").unwrap();
    format!("{directory}/{name}-{key}.tar")
}

/// What `restore_cache.sh` comes to, without the files. The arguments are the store, the key, the directory, and `stale`.
async fn restore_cache(process: &Process, arguments: &[String]) -> i64 {
    let [store, key, _, stale] = arguments else {
        return 1;
    };
    let wanted = archive(store, key);
    let is_there = process.store().file(process.container(), &wanted).is_some();
    let any = archive(store, "");
    let any = any
        .trim_end_matches(".tar")
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .to_owned();
    let mounted = process
        .store()
        .volumes
        .values()
        .any(|volume| volume.files.iter().any(|(path, _)| path.starts_with(&any)));
    let result = match (is_there, mounted && stale == "stale") {
        (true, _) => "hit",
        (false, true) => "stale",
        (false, false) => "miss",
    };
    process.print(result).await;
    0
}
