//! Git's pre-push hook: a script that checks and tests in front of every push, beside the hooks of others.

pub mod place;
mod script;

use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use self::place::Place;
use self::script::Script;
use crate::bounded::{self, MEBIBYTE};
use crate::failure::{BAD_FILE, Failure};
use crate::text::quote;

const HOOK: &str = "pre-push";
/// Where the hook goes that was there before. The script knows this name too.
const EARLIER: &str = "pre-push.before-upsun-local";
/// Where pre-commit moves a hook that it runs in front of its own.
const MOVED: &str = "pre-push.legacy";

/// What has the hook's name.
#[derive(Debug)]
enum Present {
    Nothing,
    Ours(Script),
    Other,
}

/// Installs the hook for a project. Returns what is to be known of it.
pub fn install(place: &Place) -> Result<String, Failure> {
    refuse_switched_off(place)?;
    refuse_husky(place)?;
    let (hook, present) = find(place)?;
    let earlier = place.hooks.join(EARLIER);
    let mut script = Script::default();
    let mut is_moved = false;
    match present {
        Present::Nothing => {}
        Present::Ours(ours) => script = ours,
        Present::Other => {
            refuse_by_name(place, &hook)?;
            // If a tool replaced this hook by its own earlier one, that one is kept already.
            if is_there(&earlier) && !is_same(&hook, &earlier) {
                return Err(Failure::new(
                    BAD_FILE,
                    format!(
                        "`upsun-local` did not make `{}`, and `{EARLIER}` beside it exists already",
                        hook.display()
                    ),
                )
                .hint("merge the two hooks into the first file"));
            }
            std::fs::rename(&hook, &earlier).map_err(|err| failed(&hook, &err))?;
            is_moved = true;
        }
    }
    if !script.projects.contains(&place.directory) {
        script.projects.push(place.directory.clone());
    }
    if let Err(err) = write(&hook, &script.text(&program(place))) {
        if is_moved {
            // Better the hook that was there than none.
            let _ = std::fs::rename(&earlier, &hook);
        }
        return Err(failed(&hook, &err));
    }
    Ok(installed(place, &hook, &earlier, &script))
}

/// What is to be known of a hook that is there now.
fn installed(place: &Place, hook: &Path, earlier: &Path, script: &Script) -> String {
    let mut words = format!(
        "`check` runs before every push, and `test` for the apps that the push changes: {}\n",
        hook.display()
    );
    let others: Vec<&String> = script
        .projects
        .iter()
        .filter(|project| **project != place.directory)
        .collect();
    if !others.is_empty() {
        words.push_str(&format!("It does so for {} too.\n", list(&others)));
    }
    if is_there(earlier) {
        let is_executable = earlier
            .metadata()
            .is_ok_and(|found| found.permissions().mode() & 0o111 != 0);
        words.push_str(if is_executable {
            "The hook that was there runs first.\n"
        } else {
            "The hook that was there is not executable, so it still does not run.\n"
        });
    }
    if script.has_rest() {
        words.push_str("The lines below the end of this hook are kept.\n");
    }
    if place.is_shared {
        words.push_str(
            "`core.hooksPath` makes other repositories use this hook too: it does nothing in a repository without `.upsun/`.\n",
        );
    }
    if place.is_committed {
        words.push_str(
            "The file is part of the repository: everyone who clones it needs `upsun-local` on `PATH`.\n",
        );
    }
    words
}

/// Refuses to remove a hook that another tool or a person wrote.
fn of_another_tool(hook: &Path) -> Failure {
    let message = format!(
        "`upsun-local` did not make `{}`, so it stays",
        hook.display()
    );
    Failure::new(BAD_FILE, message).hint(
        "another tool may have replaced the hook; remove the file by hand if you do not want it",
    )
}

/// Takes the hook away; the one that was there before comes back. Returns what is to be known of that.
pub fn uninstall(place: &Place) -> Result<String, Failure> {
    let (hook, present) = find(place)?;
    let earlier = place.hooks.join(EARLIER);
    let mut script = match present {
        Present::Nothing if !is_there(&earlier) => {
            return Ok(format!("There is no hook in {}\n", place.hooks.display()));
        }
        Present::Nothing => Script::default(),
        Present::Other if is_same(&hook, &earlier) => {
            std::fs::remove_file(&earlier).map_err(|err| failed(&earlier, &err))?;
            return Ok(format!(
                "The hook of upsun-local is already replaced by the hook that was there before: {}\n",
                hook.display()
            ));
        }
        Present::Other => return Err(of_another_tool(&hook)),
        Present::Ours(script) => script,
    };
    let removed = without_project(place, &mut script)?;
    if !script.projects.is_empty() {
        write(&hook, &script.text(&program(place))).map_err(|err| failed(&hook, &err))?;
        let others: Vec<&String> = script.projects.iter().collect();
        return Ok(format!(
            "The hook no longer checks {}, and still checks {}: {}\n",
            list(&removed.iter().collect::<Vec<_>>()),
            list(&others),
            hook.display()
        ));
    }
    // What pre-commit runs from where it moved it must not be pre-commit's own hook.
    let is_kept =
        is_there(&earlier) && (hook.ends_with(HOOK) || !script::is_of_pre_commit(&earlier));
    let mut words = if script.has_rest() {
        if is_kept {
            return Err(Failure::new(
                BAD_FILE,
                format!(
                    "`{}` has lines that `upsun-local` did not write",
                    hook.display()
                ),
            )
            .hint(format!(
                "move them to `{EARLIER}` beside it, which is restored"
            )));
        }
        write(&hook, &script.without_script()).map_err(|err| failed(&hook, &err))?;
        format!(
            "upsun-local no longer runs before `git push`; your own lines are kept: {}\n",
            hook.display()
        )
    } else if is_kept {
        // A rename is one step, so that there is a hook at every moment.
        std::fs::rename(&earlier, &hook).map_err(|err| failed(&hook, &err))?;
        format!(
            "The hook that was there before is restored: {}\n",
            hook.display()
        )
    } else {
        std::fs::remove_file(&hook).map_err(|err| failed(&hook, &err))?;
        format!(
            "upsun-local no longer runs before `git push`: {} is removed\n",
            hook.display()
        )
    };
    if !is_kept && is_there(&earlier) {
        std::fs::remove_file(&earlier).map_err(|err| failed(&earlier, &err))?;
    }
    if place.is_shared {
        words.push_str(
            "`core.hooksPath` made other repositories use this hook too: they no longer have it.\n",
        );
    }
    Ok(words)
}

/// Takes the project at hand, or those that are gone, out of what a script checks.
fn without_project(place: &Place, script: &mut Script) -> Result<Vec<String>, Failure> {
    // An older script had one project, and named it otherwise.
    if script.projects.is_empty() {
        return Ok(Vec::new());
    }
    let here = Path::new(&place.directory);
    let mut nearest = here.ancestors().map(|above| {
        if above.as_os_str().is_empty() {
            Path::new(".")
        } else {
            above
        }
    });
    let own = nearest.find_map(|above| {
        let mut projects = script.projects.iter();
        projects.find(|project| Path::new(project) == above)
    });
    let own = own.cloned();
    let is_gone = |project: &String| match &own {
        Some(own) => project == own,
        // A shared directory of hooks may serve another repository that has this project.
        None => !place.is_shared && !place.top.join(project).join(".upsun").is_dir(),
    };
    let (removed, kept): (Vec<String>, Vec<String>) = script.projects.drain(..).partition(is_gone);
    script.projects = kept;
    if removed.is_empty() {
        let others: Vec<&String> = script.projects.iter().collect();
        return Err(Failure::usage(format!(
            "the hook is not for this directory: it is for {}",
            list(&others)
        ))
        .hint("name the directory to remove with `-C`"));
    }
    Ok(removed)
}

/// Projects as they stand in a sentence.
fn list(projects: &[&String]) -> String {
    let names: Vec<String> = projects
        .iter()
        .map(|project| match project.as_str() {
            "." => "the top of the repository".to_owned(),
            project => format!("`{project}`"),
        })
        .collect();
    names.join(", ")
}

/// The file of the hook, whether or not it exists, and what is in it.
fn find(place: &Place) -> Result<(PathBuf, Present), Failure> {
    let hook = place.hooks.join(HOOK);
    let found = present(&hook)?;
    let moved = place.hooks.join(MOVED);
    if matches!(found, Present::Other)
        && script::is_of_pre_commit(&hook)
        && let ours @ Present::Ours(_) = present(&moved)?
    {
        return Ok((moved, ours));
    }
    Ok((hook, found))
}

fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Whether two files hold the same.
fn is_same(one: &Path, other: &Path) -> bool {
    match (read(one), read(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

/// A script of Git's or of a person: what is no file, or has no end, is none.
fn read(hook: &Path) -> Result<Vec<u8>, bounded::Error> {
    bounded::read_anywhere(hook, MEBIBYTE)
}

fn present(hook: &Path) -> Result<Present, Failure> {
    if !is_there(hook) {
        return Ok(Present::Nothing);
    }
    // A symbolic link shares one hook between repositories; `hook install` never makes one.
    if hook.is_symlink() {
        return Ok(Present::Other);
    }
    let bytes = match read(hook) {
        Ok(bytes) => bytes,
        Err(bounded::Error::TooLarge(_) | bounded::Error::Special) => return Ok(Present::Other),
        Err(err) => return Err(failed(hook, &err)),
    };
    Ok(Script::parse(&bytes).map_or(Present::Other, Present::Ours))
}

fn failed(path: &Path, err: &dyn std::fmt::Display) -> Failure {
    Failure::new(BAD_FILE, format!("{}: {err}", path.display()))
}

/// `core.hooksPath=/dev/null` is how hooks are switched off.
fn refuse_switched_off(place: &Place) -> Result<(), Failure> {
    if is_there(&place.hooks) && !place.hooks.is_dir() {
        return Err(Failure::new(
            BAD_FILE,
            format!(
                "hooks are switched off: `core.hooksPath` is `{}`, which is not a directory",
                place.hooks.display()
            ),
        )
        .hint("`git config --show-origin core.hooksPath` says where it is set"));
    }
    Ok(())
}

/// Husky writes the files of its directory again whenever packages are installed, and they look for what to run by
/// their own name.
fn refuse_husky(place: &Place) -> Result<(), Failure> {
    if !place.hooks.ends_with(".husky/_") {
        return Ok(());
    }
    let own = place.hooks.with_file_name(HOOK);
    Err(Failure::new(
        BAD_FILE,
        format!("husky manages the hooks in `{}`", place.hooks.display()),
    )
    .hint(format!("add `{}` to {}", line(place), own.display())))
}

/// What is started under another name must not look at it.
fn refuse_by_name(place: &Place, hook: &Path) -> Result<(), Failure> {
    let (reason, file) = if hook.is_symlink() {
        let target = std::fs::read_link(hook).map_err(|err| failed(hook, &err))?;
        ("is a symbolic link", place::real(&place.hooks.join(target)))
    } else if read(hook).is_ok_and(|bytes| script::asks_for_its_name(&bytes)) {
        ("looks at its own name", hook.to_owned())
    } else {
        return Ok(());
    };
    Err(Failure::new(
        BAD_FILE,
        format!(
            "`{}` {reason}, so it may not work under another name",
            hook.display()
        ),
    )
    .hint(format!(
        "add `{}` to {}, or to a script that it runs before a push",
        line(place),
        file.display()
    )))
}

/// The line that calls `hook run` from a hook of another tool.
fn line(place: &Place) -> String {
    let directory = match place.directory.as_str() {
        "." => String::new(),
        directory => format!("-C {} ", quote(directory)),
    };
    format!("upsun-local {directory}hook run \"$@\" || exit")
}

/// The program to run where `PATH` has none: what a program that shows windows starts often has another one than a shell.
fn program(place: &Place) -> String {
    let name = "upsun-local";
    // It is on this machine only.
    if place.is_committed {
        return name.to_owned();
    }
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from(name));
    String::from_utf8_lossy(program.as_os_str().as_bytes()).into_owned()
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
