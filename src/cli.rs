//! The command line: arguments in, exit code out. One module per command, each with its arguments and a
//! short `run`.

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

mod source_operation;
mod status;
mod table;
mod test;
mod tools;
mod up;
mod upsun_names;
mod url;
mod variables;

mod opened;
mod options;
mod watch;
mod wildcard;

use std::ffi::OsString;
use std::path::PathBuf;
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
    /// The repository [default: the nearest parent directory with `.upsun/`]
    #[arg(
        short = 'C',
        long,
        global = true,
        value_name = "REPO",
        help_heading = "Global options"
    )]
    dir: Option<PathBuf>,
    /// Say only what went wrong
    #[arg(short, long, global = true, help_heading = "Global options")]
    quiet: bool,
    /// Say everything that happens; given twice (`-vv`), also what goes on inside, for a bug report
    #[arg(
        short,
        long,
        global = true,
        action = clap::ArgAction::Count,
        help_heading = "Global options"
    )]
    verbose: u8,
    /// Whether to use colours
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        help_heading = "Global options"
    )]
    color: ColorChoice,
    /// The container engine: an address (`unix:///…`, `tcp://…`, `ssh://…`) or a docker context
    #[arg(
        long,
        global = true,
        value_name = "ENGINE",
        env = "UPSUN_LOCAL_ENGINE",
        help_heading = "Global options"
    )]
    engine: Option<String>,
    /// The environment; each has containers and mount data of its own
    #[arg(
        short,
        long,
        global = true,
        value_name = "NAME",
        env = "UPSUN_LOCAL_ENVIRONMENT",
        help_heading = "Global options"
    )]
    environment: Option<String>,
    /// The environment type to simulate
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

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Reads an environment type.
fn environment_type() -> impl TypedValueParser<Value = EnvironmentType> {
    let value = |name: &'static str, help: &'static str| PossibleValue::new(name).help(help);
    PossibleValuesParser::new([
        value("production", "The one production environment"),
        value("staging", "What comes before it"),
        value("development", "Everything else"),
    ])
    .try_map(|name| name.parse::<EnvironmentType>())
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run an operation in its app's container, building and starting what is not current
    Run(run::Arguments),
    /// List the operations
    #[command(alias = "ops")]
    List(list::Arguments),
    /// Show who may run what, on which environments, and how that changed since a commit
    Access(access::Arguments),
    /// Show what a push does: which apps are built or deployed again, why, and what becomes of data
    Plan(plan::Arguments),
    /// Check the configuration: everything that Upsun would refuse, and what deserves a look
    #[command(alias = "validate")]
    Check(check::Arguments),
    /// Build and start the apps and their workers
    Up(up::Arguments),
    /// Stop and remove the containers; the data of mounts stay
    Down(down::Arguments),
    /// Show what is up
    Status(status::Arguments),
    /// Show what an app's processes print
    Logs(logs::Arguments),
    /// Run a command, or a shell, in an app's container
    #[command(alias = "ssh")]
    Exec(exec::Arguments),
    /// Query a database, or write it to a file
    #[command(subcommand)]
    Db(db::Command),
    /// Run the client of an app's Redis
    #[command(name = "redis-cli")]
    RedisCli(tools::RedisArguments),
    /// Run the client of an app's Valkey
    #[command(name = "valkey-cli")]
    ValkeyCli(tools::RedisArguments),
    /// Run Drush in a Drupal app's container
    Drush(tools::DrushArguments),
    /// Look at and change what is on the writable mounts
    #[command(subcommand)]
    Mount(mount::Command),
    /// Look at the crons, and run one
    #[command(subcommand)]
    Cron(cron::Command),
    /// Try a source operation: a command that commits to the repository
    #[command(subcommand, name = "source-operation")]
    SourceOperation(source_operation::Command),
    /// Run an operation, or check the configuration, again whenever a file changes
    Watch(watch::Arguments),
    /// Run operations and compare what they do with what is expected of them
    Test(test::Arguments),
    /// Check in front of every push, as Git's pre-push hook
    #[command(subcommand)]
    Hook(hook::Command),
    /// Look at what was run, built and deployed here, with its log, and cancel what still runs
    #[command(subcommand)]
    Activity(activity::Command),
    /// Show the variables of an app's container, each with where it comes from
    Variables(variables::Arguments),
    /// Show what an app is told of the services that it reaches
    Relationships(relationships::Arguments),
    /// List the apps
    Apps(lists::Arguments),
    /// List the workers of the apps
    Workers(lists::Arguments),
    /// List the services
    Services(lists::Arguments),
    /// List the routes, with their addresses on this machine
    Routes(lists::RouteArguments),
    /// Print the addresses at which the environment answers
    Url(url::Arguments),
    /// Check this machine and the engine, and say what is only approximated
    Doctor(doctor::Arguments),
    /// Remove everything that was made for this repository: containers, mount data, builds, caches
    Clean(clean::Arguments),
    /// Print the configuration with all files merged, and includes and anchors written out
    Config(config::Arguments),
    /// Print a JSON Schema of the configuration, for editors
    #[command(after_long_help = schema::IN_AN_EDITOR)]
    Schema,
    /// Print the completion script of a shell
    Completion(completion::CompletionArguments),
    /// Print the manual page
    Man,
}

/// The whole program.
pub(crate) fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let cli = match upsun_names::translate(arguments, &is_known) {
        Ok(arguments) => match Cli::try_parse_from(arguments) {
            Ok(cli) => cli,
            Err(err) => return ExitCode::from(refuse(&err)),
        },
        Err(elsewhere) => return ExitCode::from(point_elsewhere(elsewhere)),
    };
    let context = Context::of_process(cli.global);
    let result = match cli.command {
        Command::Access(arguments) => access::run(&context, &arguments),
        Command::Activity(command) => activity::run(&context, &command),
        Command::Plan(arguments) => plan::run(&context, &arguments),
        Command::Check(arguments) => check::run(&context, &arguments),
        Command::Config(arguments) => config::run(&context, &arguments),
        Command::Hook(command) => hook::run(&context, &command),
        Command::Schema => schema::run(&context),
        Command::Completion(arguments) => completion::run(&arguments),
        Command::Man => completion::man(),
        command => start(&context, command),
    };
    let code = result.unwrap_or_else(|failure| {
        context.say(&failure);
        failure.code
    });
    context.end(code)
}

/// Whether it is the name of a command.
fn is_known(word: &str) -> bool {
    let command = Cli::command();
    word == "help" || command.find_subcommand(word).is_some()
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
    // clap's own usage code is 2; ours is that of sysexits.
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

fn start(context: &Context, command: Command) -> Result<u8, Failure> {
    // One thread is enough: it waits for the engine most of the time, and what blocks (reading files, writing
    // output) has threads of its own. Handing every piece of output from thread to thread costs more than it wins.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|err| Failure::fault(format!("the async runtime cannot be started: {err}")))?;
    let result = runtime.block_on(async {
        match command {
            Command::Run(arguments) => run::run(context, arguments).await,
            Command::List(arguments) => list::run(context, &arguments),
            Command::Access(arguments) => access::run(context, &arguments),
            Command::Activity(command) => activity::run(context, &command),
            Command::Plan(arguments) => plan::run(context, &arguments),
            Command::Check(arguments) => check::run(context, &arguments),
            Command::Config(arguments) => config::run(context, &arguments),
            Command::Hook(command) => hook::run(context, &command),
            Command::Schema => schema::run(context),
            Command::Up(arguments) => up::run(context, arguments).await,
            Command::Down(arguments) => down::run(context, &arguments).await,
            Command::Status(arguments) => status::run(context, &arguments).await,
            Command::Logs(arguments) => logs::run(context, &arguments).await,
            Command::Exec(arguments) => exec::run(context, arguments).await,
            Command::Db(command) => db::run(context, command).await,
            Command::RedisCli(arguments) => tools::redis(context, "redis-cli", arguments).await,
            Command::ValkeyCli(arguments) => tools::redis(context, "valkey-cli", arguments).await,
            Command::Drush(arguments) => tools::drush(context, arguments).await,
            Command::Relationships(arguments) => relationships::run(context, &arguments),
            Command::Apps(arguments) => lists::apps(context, &arguments),
            Command::Workers(arguments) => lists::workers(context, &arguments),
            Command::Services(arguments) => lists::services(context, &arguments),
            Command::Routes(arguments) => lists::routes(context, &arguments),
            Command::Url(arguments) => url::run(context, &arguments),
            Command::Mount(command) => mount::run(context, command).await,
            Command::Cron(command) => cron::run(context, &command).await,
            Command::Watch(arguments) => watch::run(context, arguments).await,
            Command::Test(arguments) => test::run(context, arguments).await,
            Command::SourceOperation(command) => source_operation::run(context, command).await,
            Command::Variables(arguments) => variables::run(context, &arguments),
            Command::Doctor(arguments) => doctor::run(context, &arguments).await,
            Command::Clean(arguments) => clean::run(context, &arguments).await,
            Command::Completion(arguments) => completion::run(&arguments),
            Command::Man => completion::man(),
        }
    });
    // Whatever still runs in the background (a read of a terminal) must not hold up the end.
    runtime.shutdown_background();
    result
}
