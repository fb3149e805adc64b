//! `hook`: checks and operation tests in front of every push, as Git's pre-push hook.

use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::context::Context;
use super::failure::{BAD_FILE, Failure};
use super::workspace::root;
use crate::plan::steps::quote;
use crate::source::Git;

/// What to do with the hook.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Let `check` and `test` run in front of every push; a hook that is there runs first
    Install,
    /// Take the hook away; the one that was there before comes back
    Uninstall,
}

const HOOK: &str = "pre-push";
/// Where the hook goes that was there before. The script knows this name too.
const EARLIER: &str = "pre-push.before-upsun-local";
const SCRIPT: &str = include_str!("hook/pre-push.sh");
/// What tells a script of ours, of whichever version.
const MARK: &str = "# Made by `upsun-local hook install`;";

/// Where hooks are, and what they are for.
struct Place {
    /// The directory that Git looks in.
    hooks: PathBuf,
    /// The project, relative to the top of the work tree.
    project: String,
    /// Whether other repositories have their hooks there too.
    is_shared: bool,
}

/// What has the hook's name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Present {
    Nothing,
    Ours,
    Other,
}

/// Installs or uninstalls.
pub(super) fn run(context: &Context, command: &Command) -> Result<u8, Failure> {
    let place = place(context)?;
    let words = match command {
        Command::Install => install(&place)?,
        Command::Uninstall => uninstall(&place)?,
    };
    if !context.global.quiet {
        context.talk(&words);
    }
    Ok(0)
}

fn place(context: &Context) -> Result<Place, Failure> {
    let asked = context.global.dir.clone();
    let directory = asked.map_or_else(std::env::current_dir, Ok);
    let directory = directory.and_then(|directory| directory.canonicalize());
    let directory = directory.map_err(|err| Failure::usage(format!("no such directory: {err}")))?;
    // A bare repository has no `.upsun/` either, but that is not what is wrong with it.
    if git(&directory, &["--is-bare-repository"]).is_ok_and(|lines| lines[0] == "true") {
        return Err(Failure::usage(format!(
            "`{}` is a bare repository: there are no files in it to check before a push",
            directory.display()
        ))
        .hint("install the hook in a clone that has a work tree"));
    }
    let root = root(context)?;
    let root = root
        .canonicalize()
        .map_err(|err| Failure::usage(format!("{}: {err}", root.display())))?;
    let lines = git(&root, &["--show-prefix", "--show-toplevel"])?;
    let [prefix, top] = lines.as_slice() else {
        return Err(Failure::fault("Git says less than it was asked for"));
    };
    // A relative `core.hooksPath` counts from there, where Git runs hooks.
    let top = Path::new(top);
    let lines = git(top, &["--git-common-dir", "--git-path", "hooks"])?;
    let [common, hooks] = lines.as_slice() else {
        return Err(Failure::fault("Git says less than it was asked for"));
    };
    let hooks = top.join(hooks);
    let is_below = |above: PathBuf| real(&hooks).starts_with(real(&above));
    let is_shared = !is_below(top.join(common)) && !is_below(top.to_owned());
    let project = prefix.trim_end_matches('/');
    Ok(Place {
        hooks,
        project: if project.is_empty() { "." } else { project }.to_owned(),
        is_shared,
    })
}

/// A path without links, whose last parts need not be there yet.
fn real(path: &Path) -> PathBuf {
    match (path.canonicalize(), path.parent(), path.file_name()) {
        (Err(_), Some(parent), Some(name)) => real(parent).join(name),
        (found, ..) => found.unwrap_or_else(|_| path.to_owned()),
    }
}

/// What `git rev-parse` says, line by line.
fn git(directory: &Path, questions: &[&str]) -> Result<Vec<String>, Failure> {
    let mut arguments = vec!["rev-parse"];
    arguments.extend(questions);
    let output = Git::of_process()
        .command(directory, &arguments)
        .output()
        .map_err(|err| match err.kind() {
            io::ErrorKind::NotFound => {
                Failure::usage("there is no `git` command").hint("install Git, or add it to `PATH`")
            }
            _ => Failure::fault(format!("`git` cannot be run: {err}")),
        })?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        let line = words.lines().next().unwrap_or_default();
        let reason = line.strip_prefix("fatal: ").unwrap_or(line);
        return Err(
            Failure::usage(format!("Git has no place for a hook here: {reason}"))
                .hint("`git init` makes a repository"),
        );
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().map(str::to_owned).collect())
}

fn install(place: &Place) -> Result<String, Failure> {
    let (hook, earlier) = (place.hooks.join(HOOK), place.hooks.join(EARLIER));
    let present = present(&hook)?;
    if present == Present::Other {
        if is_there(&earlier) {
            return Err(Failure::new(
                BAD_FILE,
                format!(
                    "`{}` is not ours, and `{EARLIER}` beside it is taken",
                    hook.display()
                ),
            )
            .hint("make one hook of the two, under the first name"));
        }
        std::fs::rename(&hook, &earlier).map_err(|err| failed(&hook, &err))?;
    }
    if let Err(err) = write(&hook, &script(place)) {
        if present == Present::Other {
            // Better the hook that was there than none.
            let _ = std::fs::rename(&earlier, &hook);
        }
        return Err(failed(&hook, &err));
    }
    let mut words = format!(
        "`check` runs in front of every push, and `test` of the apps that it changes: {}\n",
        hook.display()
    );
    if is_there(&earlier) {
        words.push_str("The hook that was there runs first.\n");
    }
    if place.is_shared {
        words.push_str(
            "`core.hooksPath` leads there for other repositories too: where one has no `.upsun/` it does nothing.\n",
        );
    }
    Ok(words)
}

fn uninstall(place: &Place) -> Result<String, Failure> {
    let (hook, earlier) = (place.hooks.join(HOOK), place.hooks.join(EARLIER));
    match present(&hook)? {
        Present::Nothing if !is_there(&earlier) => {
            return Ok(format!("There is no hook in {}\n", place.hooks.display()));
        }
        Present::Nothing => {}
        Present::Other => {
            return Err(Failure::new(
                BAD_FILE,
                format!("`{}` is not ours, so it stays", hook.display()),
            )
            .hint(
                "whatever wrote it may have replaced ours; remove it by hand if it is not wanted",
            ));
        }
        Present::Ours if !is_there(&earlier) => {
            std::fs::remove_file(&hook).map_err(|err| failed(&hook, &err))?;
            return Ok(format!(
                "Nothing runs in front of a push any more: {} is removed\n",
                hook.display()
            ));
        }
        Present::Ours => {}
    }
    // One step, so that there is a hook at every moment.
    std::fs::rename(&earlier, &hook).map_err(|err| failed(&hook, &err))?;
    Ok(format!(
        "The hook that was there before is back: {}\n",
        hook.display()
    ))
}

fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn present(hook: &Path) -> Result<Present, Failure> {
    if !is_there(hook) {
        return Ok(Present::Nothing);
    }
    // A link is somebody's way to have one hook in many places: never ours.
    if hook.is_symlink() {
        return Ok(Present::Other);
    }
    let bytes = std::fs::read(hook).map_err(|err| failed(hook, &err))?;
    let is_ours = String::from_utf8_lossy(&bytes)
        .lines()
        .take(5)
        .any(|line| line.starts_with(MARK));
    Ok(if is_ours {
        Present::Ours
    } else {
        Present::Other
    })
}

fn failed(path: &Path, err: &io::Error) -> Failure {
    Failure::new(BAD_FILE, format!("{}: {err}", path.display()))
}

fn script(place: &Place) -> Vec<u8> {
    // Where `PATH` has none: what a program that shows windows starts often has another one than a shell.
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("upsun-local"));
    let program = String::from_utf8_lossy(program.as_os_str().as_bytes()).into_owned();
    SCRIPT
        .replacen("@DIRECTORY@", &quote(&place.project), 1)
        .replacen("@PROGRAM@", &quote(&program), 1)
        .into_bytes()
}

/// Writes the whole file or nothing.
fn write(hook: &Path, script: &[u8]) -> io::Result<()> {
    let directory = hook.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(script)?;
    file.as_file()
        .set_permissions(std::fs::Permissions::from_mode(0o755))?;
    file.persist(hook)?;
    Ok(())
}
