//! What leads Upsun's command to a server on this machine: variables, and a directory of its own.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::context::Context;
use serde::{Deserialize, Serialize};
use upsun_local::failure::{CANNOT_MAKE, Failure};
use upsun_local::private;
use upsun_local::server::{Caller, Running};
use upsun_local::text::quote;
use upsun_local::workspace::Workspace;

/// The names of Upsun's CLI, each with the prefix of its variables.
const PROGRAMS: [(&str, &str); 2] = [("upsun", "UPSUN_CLI_"), ("platform", "PLATFORMSH_CLI_")];

/// The program that the bridge for `ssh` is called by.
const SSH: &str = "ssh";

/// Tells the bridge what it belongs to, as JSON.
pub(super) const BRIDGE: &str = "UPSUN_LOCAL_BRIDGE";

/// What the bridge for `ssh` belongs to.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Bridge {
    /// The root of the repository at hand.
    pub(super) root: Option<PathBuf>,
    /// The server, which knows the other repositories.
    pub(super) address: String,
    pub(super) token: String,
    /// The directory of `PATH` that holds the bridge.
    pub(super) directory: PathBuf,
    pub(super) role: Option<String>,
    pub(super) user: Option<String>,
}

/// Upsun's CLI on this machine.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    prefix: &'static str,
}

impl Program {
    /// The first of the programs on `PATH`.
    pub(super) fn find(context: &Context) -> Result<Self, Failure> {
        let path = context.surroundings.variables.raw("PATH");
        for (name, prefix) in PROGRAMS {
            let directories = path.into_iter().flat_map(std::env::split_paths);
            let mut found = directories
                // A program of the repository must not be taken for the CLI.
                .filter(|directory| directory.is_absolute())
                .map(|directory| directory.join(name))
                .filter(|path| is_program(path));
            if let Some(path) = found.next() {
                return Ok(Program { path, prefix });
            }
        }
        Err(
            Failure::usage("Upsun's CLI is not on `PATH`: there is no program `upsun` or `platform`")
                .hint("install it: https://docs.upsun.com/administration/cli.html, or `npm install --global upsun`"),
        )
    }
}

fn is_program(path: &Path) -> bool {
    let found = path.metadata();
    found.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// The variables for a client, by name.
#[derive(Debug)]
pub(super) struct Client(BTreeMap<String, OsString>);

impl Client {
    /// The variables that lead a program to a server.
    pub(super) fn of(
        context: &Context,
        workspace: &Workspace,
        program: &Program,
        server: &Running,
        caller: &Caller,
    ) -> Result<Self, Failure> {
        Client::with_prefix(context, Some(workspace), program.prefix, server, caller)
    }

    /// The variables for `upsun`.
    pub(super) fn for_a_shell(
        context: &Context,
        workspace: Option<&Workspace>,
        server: &Running,
        caller: &Caller,
    ) -> Result<Self, Failure> {
        Client::with_prefix(context, workspace, PROGRAMS[0].1, server, caller)
    }

    fn with_prefix(
        context: &Context,
        workspace: Option<&Workspace>,
        prefix: &str,
        server: &Running,
        caller: &Caller,
    ) -> Result<Self, Failure> {
        let state = match workspace {
            Some(workspace) => workspace.project.state_dir.clone(),
            None => context.state_dir()?,
        };
        let home = state.join("upsun-cli");
        let failed = |err: &dyn std::fmt::Display| {
            Failure::new(CANNOT_MAKE, format!("{}: {err}", home.display()))
        };
        private::directory(&home).map_err(|err| failed(&err))?;
        let programs = home.join("bin");
        write_bridge(&programs).map_err(|err| failed(&err))?;
        let mut all = BTreeMap::new();
        let mut set = |name: &str, value: OsString| all.insert(name.to_owned(), value);
        let own = |name: &str| format!("{prefix}{name}");
        set(&own("API_BASE_URL"), server.address.clone().into());
        set(&own("API_AUTH_URL"), server.address.clone().into());
        set(&own("TOKEN"), server.token(caller).into());
        set(&own("HOME"), home.clone().into());
        set(&own("UPDATES_CHECK"), "0".into());
        set(&own("API_DISABLE_CREDENTIAL_HELPERS"), "1".into());
        // What is cached has the address of an earlier server.
        set(&own("DISABLE_CACHE"), "1".into());
        set(&own("SSH_AUTO_LOAD_CERT"), "0".into());
        set(&own("SSH_WRITE_USER_CONFIG"), "0".into());
        set(&own("SERVICE_CONSOLE_URL"), server.address.clone().into());
        if !std::io::stdin().is_terminal() {
            set(&own("NO_INTERACTION"), "1".into());
        }
        // The CLI takes project and environment from the variables that a container of Upsun's has.
        if let Some(workspace) = workspace {
            set("PLATFORM_PROJECT", server.project.clone().into());
            set("PLATFORM_BRANCH", workspace.environment.name.clone().into());
        }
        let variables = &context.surroundings.variables;
        for name in ["no_proxy", "NO_PROXY"] {
            let before = variables.get(name).map(|hosts| format!("{hosts},"));
            set(
                name,
                format!("{}127.0.0.1", before.unwrap_or_default()).into(),
            );
        }
        let path = variables.raw("PATH").cloned().unwrap_or_default();
        let path = std::env::split_paths(&path).filter(|directory| *directory != programs);
        let path = std::env::join_paths(std::iter::once(programs.clone()).chain(path));
        set("PATH", path.map_err(|err| failed(&err))?);
        let bridge = Bridge {
            root: workspace.map(|workspace| workspace.project.root.clone()),
            address: server.address.clone(),
            token: server.token(caller),
            directory: programs,
            role: caller.role.clone(),
            user: caller.user.clone(),
        };
        let bridge = serde_json::to_string(&bridge).map_err(|err| failed(&err))?;
        set(BRIDGE, bridge.into());
        Ok(Client(all))
    }

    pub(super) fn variables(&self) -> &BTreeMap<String, OsString> {
        &self.0
    }

    /// The variables as commands of a shell.
    pub(super) fn for_shell(&self) -> String {
        let lines = self.0.iter().map(|(name, value)| {
            let value = value.to_string_lossy();
            format!("export {name}={}\n", quote(&value))
        });
        lines.collect()
    }
}

/// Writes the program `ssh` that leads into the containers of the sandbox.
fn write_bridge(directory: &Path) -> std::io::Result<()> {
    private::directory(directory).map_err(std::io::Error::other)?;
    let own = std::env::current_exe()?;
    let script = format!(
        "#!/bin/sh\nexec {} ssh-bridge \"$@\"\n",
        quote(&own.to_string_lossy())
    );
    let path = directory.join(SSH);
    if std::fs::read_to_string(&path).is_ok_and(|text| text == script) {
        return Ok(());
    }
    let new = directory.join("ssh.new");
    std::fs::write(&new, script)?;
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o700))?;
    std::fs::rename(&new, path)
}

/// Whether the arguments of the CLI name an app or a worker.
pub(super) fn names_app(arguments: &[String]) -> bool {
    arguments.iter().any(|argument| {
        let name = argument.split('=').next().unwrap_or_default();
        let is_short = argument.starts_with("-A") && !argument.starts_with("--");
        is_short || ["--app", "--worker"].contains(&name)
    })
}
