//! The command line: arguments in, exit code out. Each command is a module with its arguments and a function `run`;
//! the other modules hold what several commands share.

mod access;
mod activity;
mod against;
mod check;
mod clean;
mod columns;
mod completion;
mod config;

mod browser;
mod context;
mod cron;
mod db;
mod describe;
mod dev;
mod diagnostics;
mod doctor;
mod down;
mod exec;
mod hook;
mod list;
mod lists;
mod logs;

mod masking;
mod mount;
mod plan;
mod plans;
mod relationships;
mod run;
mod schema;
mod serve;

mod source_operation;
mod ssh_bridge;
mod status;
mod table;
mod test;
mod tools;
mod tunnel;
mod up;
mod upsun;
mod upsun_client;
mod upsun_names;
mod url;
mod variables;

mod opened;
mod options;
mod watch;

use std::ffi::OsString;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitCode;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use self::context::Context;
use upsun_local::failure::{self, Failure};
use upsun_local::roles::EnvironmentType;

/// Run an Upsun project's runtime operations on your machine, in containers with Upsun's read-only file
/// system, mounts and roles.
#[derive(Debug, Parser)]
#[command(
    name = "upsun-local",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options that every command takes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Directory of the repository [default: the nearest parent directory with `.upsun/`]
    #[arg(
        short = 'C',
        long,
        global = true,
        value_name = "REPO",
        help_heading = "Global options"
    )]
    dir: Option<PathBuf>,
    /// Print only errors
    #[arg(short, long, global = true, help_heading = "Global options")]
    quiet: bool,
    /// Print every step; twice (`-vv`), also what goes on inside, for a bug report
    #[arg(
        short,
        long,
        global = true,
        action = clap::ArgAction::Count,
        help_heading = "Global options"
    )]
    verbose: u8,
    /// When to use colors
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        help_heading = "Global options"
    )]
    color: ColorChoice,
    /// How to show work in progress
    #[arg(
        long,
        global = true,
        value_name = "HOW",
        default_value = "auto",
        env = "UPSUN_LOCAL_PROGRESS",
        help_heading = "Global options"
    )]
    progress: ProgressChoice,
    /// Container engine: an address (`unix:///…`, `tcp://…`, `ssh://…`) or a docker context; `test` takes several
    #[arg(
        long = "engine",
        global = true,
        value_name = "ENGINE",
        env = "UPSUN_LOCAL_ENGINE",
        help_heading = "Global options"
    )]
    engines: Vec<String>,
    /// Name of the environment; each has its own containers and mount data
    #[arg(
        short,
        long,
        global = true,
        value_name = "NAME",
        env = "UPSUN_LOCAL_ENVIRONMENT",
        help_heading = "Global options"
    )]
    environment: Option<String>,
    /// Environment type to simulate
    #[arg(
        long,
        value_parser = environment_type(),
        global = true,
        value_name = "TYPE",
        env = "UPSUN_LOCAL_ENVIRONMENT_TYPE",
        help_heading = "Global options"
    )]
    environment_type: Option<EnvironmentType>,
    /// Accepted as Upsun's CLI does; but for `clean`, the project is always that of the repository
    #[arg(short = 'p', long, global = true, value_name = "ID", hide = true)]
    project: Option<String>,
    /// Answer every question with yes
    #[arg(short, long, global = true, help_heading = "Global options")]
    yes: bool,
}

/// When to use colors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// If the output is a terminal and `NO_COLOR` is not set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// How to show work in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressChoice {
    /// With lines that move on a terminal; otherwise as `plain`
    Auto,
    /// Each step and all output of builds, line by line
    Plain,
    /// As `--format json`, on commands that print events with it
    Json,
}

/// Reads an environment type.
fn environment_type() -> impl TypedValueParser<Value = EnvironmentType> {
    let value = |name: &'static str, help: &'static str| PossibleValue::new(name).help(help);
    PossibleValuesParser::new([
        value("production", "The one production environment"),
        value("staging", "A copy to test on before production"),
        value("development", "Every other environment"),
    ])
    .try_map(|name| name.parse::<EnvironmentType>())
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run an operation in its app's container; build and start first if something changed
    Run(run::Arguments),
    /// List the operations
    #[command(alias = "ops")]
    List(list::Arguments),
    /// Show who may run what on which environments, and what changed since a commit
    Access(access::Arguments),
    /// Show what a push would build, deploy and delete, and why
    Plan(plan::Arguments),
    /// Check the configuration: report errors that Upsun would refuse, and warnings
    #[command(alias = "validate")]
    Check(check::Arguments),
    /// Build and start the apps and their workers
    Up(up::Arguments),
    /// Stop and remove the containers; keep the data of mounts
    Down(down::Arguments),
    /// Show which containers are up
    Status(status::Arguments),
    /// Show the output of an app's processes or of a service
    Logs(logs::Arguments),
    /// Run a command, or a shell, in an app's container
    #[command(alias = "ssh")]
    Exec(exec::Arguments),
    /// Query a database, or write it to a file
    #[command(subcommand)]
    Db(db::Command),
    /// Run the client of Redis in an app's container
    #[command(name = "redis-cli")]
    RedisCli(tools::RedisArguments),
    /// Run the client of Valkey in an app's container
    #[command(name = "valkey-cli")]
    ValkeyCli(tools::RedisArguments),
    /// Run Drush in a Drupal app's container
    Drush(tools::DrushArguments),
    /// List, copy, reset and compare the data of the writable mounts
    #[command(subcommand)]
    Mount(mount::Command),
    /// List the crons, or run one now
    #[command(subcommand)]
    Cron(cron::Command),
    /// Try source operations: commands that commit to the repository
    #[command(subcommand, name = "source-operation")]
    SourceOperation(source_operation::Command),
    /// Rerun an operation, the tests or the check whenever a file changes
    Watch(watch::Arguments),
    /// Keep everything up and the apps in step with the files as you edit them
    Dev(dev::Arguments),
    /// Test the operations: compare what each does with what the settings expect
    Test(test::Arguments),
    /// Check and test before every push, as Git's pre-push hook
    #[command(subcommand)]
    Hook(hook::Command),
    /// Show what was run, built and deployed here; read logs, cancel activities
    #[command(subcommand)]
    Activity(activity::Command),
    /// Show the variables of an app's container, each with its origin
    Variables(variables::Arguments),
    /// Show the relationships of an app: host, port and credentials of its services
    Relationships(relationships::Arguments),
    /// List the apps
    Apps(lists::Arguments),
    /// List the workers of the apps
    Workers(lists::Arguments),
    /// List the services
    Services(lists::Arguments),
    /// List the routes, with their addresses on this machine
    Routes(lists::RouteArguments),
    /// Open ports of this machine that lead to the services of an app
    #[command(subcommand)]
    Tunnel(tunnel::Command),
    /// Serve Upsun's API for the `upsun` command, and the console for a browser, on this machine
    Serve(serve::Arguments),
    /// Run Upsun's own command, `upsun`, on the sandbox
    Upsun(upsun::Arguments),
    /// Connect to a container as `ssh` does, for Upsun's own command
    #[command(name = "ssh-bridge", hide = true, disable_help_flag = true)]
    SshBridge(ssh_bridge::Arguments),
    /// Print the addresses of the environment
    Url(url::Arguments),
    /// Check this machine and the engine, and list every known difference from Upsun
    Doctor(doctor::Arguments),
    /// Remove everything that was made for this repository: containers, mount data, builds, caches
    Clean(clean::Arguments),
    /// Print the configuration with all files merged, and includes and anchors expanded
    Config(config::Arguments),
    /// Print a JSON Schema of the configuration, for editors
    #[command(after_long_help = schema::IN_AN_EDITOR)]
    Schema,
    /// Print the completion script of a shell
    Completion(completion::CompletionArguments),
    /// Print the manual page
    Man,
}

/// How many threads a server has: clients and activities mostly wait.
const SERVING_THREADS: usize = 2;

/// The whole program.
pub(crate) fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let cli = match upsun_names::translate(arguments, Cli::command) {
        Ok(arguments) => match Cli::try_parse_from(arguments) {
            Ok(cli) => cli,
            Err(err) => return ExitCode::from(refuse(&err)),
        },
        Err(elsewhere) => return ExitCode::from(point_elsewhere(elsewhere)),
    };
    let context = Context::of_process(cli.global);
    let code = run(&context, cli.command).unwrap_or_else(|failure| {
        context.say(&failure);
        failure.code
    });
    context.end(code)
}

/// Runs a command. Those that talk to an engine need the async runtime.
fn run(context: &Context, command: Command) -> Result<u8, Failure> {
    match command {
        Command::Run(arguments) => wait(run::run(context, arguments)),
        Command::List(arguments) => list::run(context, &arguments),
        Command::Access(arguments) => access::run(context, &arguments),
        Command::Plan(arguments) => plan::run(context, &arguments),
        Command::Check(arguments) => check::run(context, &arguments),
        Command::Up(arguments) => wait(up::run(context, arguments)),
        Command::Down(arguments) => wait(down::run(context, &arguments)),
        Command::Status(arguments) => wait(status::run(context, &arguments)),
        Command::Logs(arguments) => wait(logs::run(context, &arguments)),
        Command::Exec(arguments) => wait(exec::run(context, arguments)),
        Command::Db(command) => wait(db::run(context, command)),
        Command::RedisCli(arguments) => wait(tools::redis(context, "redis-cli", arguments)),
        Command::ValkeyCli(arguments) => wait(tools::redis(context, "valkey-cli", arguments)),
        Command::Drush(arguments) => wait(tools::drush(context, arguments)),
        Command::Mount(command) => wait(mount::run(context, command)),
        Command::Cron(command) => wait(cron::run(context, &command)),
        Command::SourceOperation(command) => wait(source_operation::run(context, command)),
        Command::Watch(arguments) => wait(watch::run(context, arguments)),
        Command::Dev(arguments) => wait(dev::run(context, arguments)),
        Command::Test(arguments) => wait(test::run(context, arguments)),
        Command::Hook(command) => hook::run(context, &command),
        Command::Activity(command) => activity::run(context, &command),
        Command::Variables(arguments) => variables::run(context, &arguments),
        Command::Relationships(arguments) => relationships::run(context, &arguments),
        Command::Apps(arguments) => lists::apps(context, &arguments),
        Command::Workers(arguments) => lists::workers(context, &arguments),
        Command::Services(arguments) => lists::services(context, &arguments),
        Command::Routes(arguments) => lists::routes(context, &arguments),
        Command::Tunnel(command) => wait(tunnel::run(context, command)),
        Command::Serve(arguments) => wait_on_threads(serve::run(context, arguments)),
        Command::Upsun(arguments) => wait_on_threads(upsun::run(context, arguments)),
        Command::SshBridge(arguments) => wait(ssh_bridge::run(context, arguments)),
        Command::Url(arguments) => url::run(context, &arguments),
        Command::Doctor(arguments) => wait(doctor::run(context, &arguments)),
        Command::Clean(arguments) => wait(clean::run(context, &arguments)),
        Command::Config(arguments) => config::run(context, &arguments),
        Command::Schema => schema::run(context),
        Command::Completion(arguments) => completion::run(&arguments),
        Command::Man => completion::man(),
    }
}

/// Waits for a command to end.
fn wait(command: impl Future<Output = Result<u8, Failure>>) -> Result<u8, Failure> {
    // One thread is enough: it waits for the engine most of the time, and what blocks (reading files, writing
    // output) has threads of its own. Handing every piece of output from thread to thread costs more than it wins.
    wait_on(tokio::runtime::Builder::new_current_thread(), command)
}

/// Waits for a command that serves many at once.
fn wait_on_threads(command: impl Future<Output = Result<u8, Failure>>) -> Result<u8, Failure> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(SERVING_THREADS);
    wait_on(runtime, command)
}

fn wait_on(
    mut runtime: tokio::runtime::Builder,
    command: impl Future<Output = Result<u8, Failure>>,
) -> Result<u8, Failure> {
    let runtime = runtime
        .enable_all()
        .build()
        .map_err(|err| Failure::fault(format!("the async runtime cannot be started: {err}")))?;
    // As one type, so that there is one copy of the code that waits, not one for each command.
    let command: Pin<Box<dyn Future<Output = _>>> = Box::pin(command);
    let result = runtime.block_on(command);
    // Whatever still runs in the background (a read of a terminal) must not hold up the end.
    runtime.shutdown_background();
    result
}

/// Says where a command of Upsun's CLI is done that has no counterpart here.
fn point_elsewhere(elsewhere: upsun_names::Elsewhere) -> u8 {
    let upsun_names::Elsewhere { word, hint } = elsewhere;
    let failure = Failure::usage(format!(
        "`{word}` is a command of Upsun's CLI that has no counterpart here"
    ))
    .hint(hint);
    // The global options may stand behind the word, where nothing can tell them from its own.
    if let Ok(cli) = Cli::try_parse_from(["upsun-local", "man"]) {
        Context::of_process(cli.global).say(&failure);
    }
    failure.code
}

/// Says what is wrong with a command line, or what it asks of clap; with the exit code.
fn refuse(err: &clap::Error) -> u8 {
    // clap exits with 2 for a usage error; `upsun-local` uses the code of sysexits.
    match err.print() {
        _ if err.use_stderr() => failure::USAGE,
        Ok(()) => 0,
        Err(why) => {
            let failure = Failure::unwritten(&why);
            failure.print_plainly();
            failure.code
        }
    }
}
