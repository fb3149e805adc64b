//! The `upsun-local` command: the command line is its front end, and everything it does is in the library.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
