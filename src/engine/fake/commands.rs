//! The few commands that are in every image of the fake, so that simple tests need no script.

use std::time::Duration;

use tokio::io::AsyncReadExt;

use super::files::Node;
use super::process::Process;

/// Whether a command is one of these.
pub(super) fn knows(command: &[String]) -> bool {
    let name = command.first().map(String::as_str);
    matches!(
        name,
        Some(
            "true"
                | "false"
                | "echo"
                | "sleep"
                | "cat"
                | "printenv"
                | "pwd"
                | "id"
                | "tar"
                | "touch"
                | "seq"
                | "tail"
        )
    )
}

/// Carries one of them out.
pub(super) async fn run(mut process: Process) -> i64 {
    let command = process.command().to_vec();
    let argument = command.get(1).cloned();
    match command[0].as_str() {
        "false" => 1,
        "echo" => {
            process.print(format!("{}\n", command[1..].join(" "))).await;
            0
        }
        "sleep" => {
            let seconds = argument.and_then(|text| text.parse().ok());
            tokio::time::sleep(Duration::from_secs_f64(seconds.unwrap_or_default())).await;
            0
        }
        "cat" => match argument {
            None => copy_input(&mut process).await,
            Some(path) => show_file(&process, &path).await,
        },
        "printenv" => {
            let name = argument.unwrap_or_default();
            match process.living().variables.get(&name).cloned() {
                Some(value) => {
                    process.print(format!("{value}\n")).await;
                    0
                }
                None => 1,
            }
        }
        "pwd" => {
            let text = format!("{}\n", process.living().working_dir);
            process.print(text).await;
            0
        }
        // `id -u` only.
        "id" => {
            let user = &process.living().user;
            let uid = user.split(':').next().unwrap_or_default();
            let text = format!("{}\n", if uid.is_empty() { "0" } else { uid });
            process.print(text).await;
            0
        }
        "tar" => unpack(&mut process).await,
        "seq" => {
            let last: u32 = argument.and_then(|text| text.parse().ok()).unwrap_or(0);
            for number in 1..=last {
                process.print(format!("{number}\n")).await;
            }
            0
        }
        // `tail /dev/zero` only: it keeps a line that never ends.
        "tail" => {
            process.store().exhaust(process.container());
            137
        }
        "touch" => make_file(&process, &argument.unwrap_or_default()).await,
        _ => 0,
    }
}

async fn copy_input(process: &mut Process) -> i64 {
    let Some(mut input) = process.input.take() else {
        return 0;
    };
    let mut buffer = vec![0; 8192];
    while let Ok(length @ 1..) = input.read(&mut buffer).await {
        process.print(buffer[..length].to_vec()).await;
    }
    0
}

/// `tar --extract … --directory <path>` of its input.
async fn unpack(process: &mut Process) -> i64 {
    let mut archive = Vec::new();
    if let Some(mut input) = process.input.take() {
        // Whoever writes may go away in the middle, which the archive itself shows.
        let _ = input.read_to_end(&mut archive).await;
    }
    let path = process.command().last().cloned().unwrap_or_default();
    let unpacked = process.store().unpack(process.container(), &path, &archive);
    match unpacked {
        Ok(()) => 0,
        Err(err) => {
            process.complain(format!("tar: {err}\n")).await;
            2
        }
    }
}

async fn show_file(process: &Process, path: &str) -> i64 {
    let found = process.store().file(process.container(), path);
    if let Some(Node::File(content)) = found {
        process.print(content).await;
        return 0;
    }
    let text = format!("cat: {path}: No such file or directory\n");
    process.complain(text).await;
    1
}

async fn make_file(process: &Process, path: &str) -> i64 {
    let made = process.store().touch(process.container(), path);
    match made {
        Ok(()) => 0,
        Err(reason) => {
            let text = format!("touch: cannot touch '{path}': {reason}\n");
            process.complain(text).await;
            1
        }
    }
}
