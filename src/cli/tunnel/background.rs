//! The process that keeps tunnels open in the background. It is this program again; it says on its standard output, in
//! one line of JSON, whether the tunnels are open, and then needs nothing of the terminal any longer.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use super::ServeArguments;
use crate::cli::context::{Context, Hearing};
use crate::cli::opened::open;
use upsun_local::actions::tunnel::{Opened, Request, Wanted};
use upsun_local::failure::Failure;
use upsun_local::tunnels::{Store, Tunnel};
use upsun_local::workspace::Workspace;

/// What the process in the background says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Report {
    Open {
        opened: Vec<Tunnel>,
        already: Vec<Tunnel>,
    },
    Failed {
        code: u8,
        message: String,
        hint: Option<String>,
    },
}

/// Starts the process, and waits until its tunnels are open.
pub(super) fn start(
    context: &Context,
    workspace: &Workspace,
    words: &[String],
) -> Result<Opened, Failure> {
    let failed = |err: &std::io::Error| {
        Failure::fault(format!(
            "the process for tunnels in the background cannot be started: {err}"
        ))
    };
    let (log, path) = Store::of(&workspace.project.state_dir)
        .log()
        .map_err(|err| failed(&err))?;
    let program = std::env::current_exe().map_err(|err| failed(&err))?;
    let global = &context.global;
    let mut command = Command::new(program);
    command.arg("-C").arg(&workspace.project.root);
    command
        .arg("--environment")
        .arg(&workspace.environment.name);
    command
        .arg("--environment-type")
        .arg(&workspace.environment.kind);
    for engine in &global.engines {
        command.arg("--engine").arg(engine);
    }
    command
        .args(["--color", "never", "tunnel", "serve"])
        .args(words);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .map_err(|err| failed(&err))?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        let _ = BufReader::new(stdout).read_line(&mut line);
    }
    match serde_json::from_str(&line) {
        Ok(Report::Open { opened, already }) => Ok(Opened { opened, already }),
        Ok(Report::Failed {
            code,
            message,
            hint,
        }) => Err(Failure {
            code,
            message,
            hint,
        }),
        Err(_) => Err(Failure::fault(
            "the process for tunnels in the background ended without a report",
        )
        .hint(format!("its messages are in {}", path.display()))),
    }
}

/// Keeps tunnels open, in the process that [`start`] started.
pub(super) async fn serve(context: &Context, arguments: &ServeArguments) -> Result<u8, Failure> {
    // The end of the terminal must not end the tunnels, nor a Ctrl-C that is for another program.
    let _ = rustix::process::setsid();
    let result = serve_until_closed(context, arguments).await;
    if let Err(failure) = &result {
        report(
            context,
            &Report::Failed {
                code: failure.code,
                message: failure.message.clone(),
                hint: failure.hint.clone(),
            },
        );
    }
    result.map(|()| 0)
}

async fn serve_until_closed(context: &Context, arguments: &ServeArguments) -> Result<(), Failure> {
    let workspace = open(context)?;
    let request = Request {
        wanted: if arguments.routes {
            Wanted::Routes
        } else {
            Wanted::All(arguments.open.target.named())
        },
        is_public: arguments.open.gateway_ports,
    };
    let (actions, listening) = context.actions(&workspace, Hearing::default()).await?;
    let result = actions
        .tunnel(&request, |opened| {
            let Opened { opened, already } = opened.clone();
            report(context, &Report::Open { opened, already });
        })
        .await;
    listening.finish(actions);
    result
}

/// Says how it went. The reader may have gone, and nothing reads standard output afterwards.
fn report(context: &Context, report: &Report) {
    if let Ok(line) = serde_json::to_string(report) {
        let _ = context.print(&format!("{line}\n"));
    }
    if let Ok(null) = std::fs::OpenOptions::new().write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdout(null);
    }
}
