//! Advice for a command or a process that ended in a container, where no operation's result carries it.

use crate::config::app::{App, Worker};
use crate::engine::Engine;
use crate::lifecycle::{Ended, Sandbox, Source, Tail};
use crate::mount_advice::messages;
use crate::text::container_name;
use crate::workspace::Workspace;

/// What the container's first process prints when the process that it runs has ended.
const ENDED: &str = "` ended with code ";

/// Where a command or a process ended.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub app: &'a App,
    /// The worker, if the container is a worker's.
    pub worker: Option<&'a Worker>,
    pub container: &'a str,
}

/// Sends the advice for a command that ended with this code.
pub async fn tell<E: Engine>(
    sandbox: &Sandbox<'_, E>,
    workspace: &Workspace,
    place: Place<'_>,
    subject: &str,
    script: &str,
    exit_code: i64,
    output: &Tail,
) {
    let Place { app, worker, .. } = place;
    let mounts = worker.map_or(&app.mounts, |worker| &worker.mounts);
    let mounts: Vec<String> = mounts.iter().map(|mount| mount.path.clone()).collect();
    let text = output.text();
    if exit_code == 0 && !messages::read(&text).speaks_of_a_write() {
        return;
    }
    // The files are only read if there is something to advise.
    let tree = workspace.scan().ok();
    let source = tree.as_ref().map(|tree| Source {
        tree,
        root: &app.source_root,
    });
    let title = container_name(&app.name, worker.map(|worker| worker.name.as_str()));
    let ended = Ended {
        container: place.container,
        mounts: &mounts,
        source,
        script,
        exit_code,
        output: &text,
    };
    sandbox.tell_advice(&title, subject, &ended).await;
}

/// Sends the advice for the process of an app or a worker, if its log shows that the process failed.
pub async fn tell_of_log<E: Engine>(
    sandbox: &Sandbox<'_, E>,
    workspace: &Workspace,
    place: Place<'_>,
    log: &Tail,
) {
    let text = log.text();
    let Some((said, exit_code)) = last_end(&text) else {
        return;
    };
    let script = match place.worker {
        Some(worker) => worker.commands.start.as_deref(),
        None => place.app.web.commands.start.as_deref(),
    };
    let mut output = Tail::default();
    output.push(said.as_bytes());
    let script = script.unwrap_or_default();
    tell(
        sandbox,
        workspace,
        place,
        "the process",
        script,
        exit_code,
        &output,
    )
    .await;
}

/// What a process printed before it ended the last time, and its exit code; `None` if the process has not failed.
fn last_end(log: &str) -> Option<(&str, i64)> {
    let at = log.rfind(ENDED)?;
    let begin = log[..at].rfind('\n').map_or(0, |at| at + 1);
    let rest = &log[at + ENDED.len()..];
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let code = rest[..end].parse().ok().filter(|code| *code != 0)?;
    let before = &log[..begin];
    let from = before.rfind(ENDED).map_or(0, |at| {
        before[at..].find('\n').map_or(at, |end| at + end + 1)
    });
    Some((&before[from..], code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_said_before_its_last_end_is_what_counts() {
        let log = "one\nupsun-local: `web.commands.start` ended with code 1; starting it again in 1 s\n\
                   two\nthree\nupsun-local: `web.commands.start` ended with code 2; starting it again in 2 s\n";
        assert_eq!(last_end(log), Some(("two\nthree\n", 2)));
        let first = &log[..log.find("two").unwrap()];
        assert_eq!(last_end(first), Some(("one\n", 1)));
        assert_eq!(last_end("all is well\n"), None);
        assert_eq!(last_end(&first.replace("code 1", "code 0")), None);
    }
}
