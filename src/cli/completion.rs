//! `completion` and `man`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;
use upsun_local::failure::Failure;

/// Arguments of `completion`.
#[derive(Debug, Args)]
pub(super) struct CompletionArguments {
    /// Name of the shell
    shell: Shell,
}

/// Prints a completion script.
pub(super) fn run(arguments: &CompletionArguments) -> Result<u8, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut Cli::command(),
        "upsun-local",
        &mut text,
    );
    print(&text)
}

/// Prints the manual page, with every command in it.
pub(super) fn man() -> Result<u8, Failure> {
    let mut text = Vec::new();
    let failed =
        |err: std::io::Error| Failure::fault(format!("the manual page cannot be made: {err}"));
    let mut command = Cli::command();
    command.build();
    clap_mangen::Man::new(command.clone())
        .render(&mut text)
        .map_err(failed)?;
    for sub in command
        .get_subcommands()
        .filter(|sub| sub.get_name() != "help")
    {
        let page = clap_mangen::Man::new(sub.clone());
        page.render_synopsis_section(&mut text).map_err(failed)?;
        page.render_description_section(&mut text).map_err(failed)?;
        page.render_options_section(&mut text).map_err(failed)?;
    }
    print(&text)
}

fn print(text: &[u8]) -> Result<u8, Failure> {
    use std::io::Write;
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(text).and_then(|()| stdout.flush());
    written.map(|()| 0).map_err(|err| Failure::unwritten(&err))
}
