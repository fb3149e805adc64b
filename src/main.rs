//! The `upsun-local` command. Everything it does is in the library.

fn main() -> std::process::ExitCode {
    upsun_local::cli::main()
}
