//! The scripts themselves, on directories of this machine.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use super::{RESTORE, SAVE};

struct World {
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let world = World {
            dir: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(world.app()).unwrap();
        world
    }

    fn app(&self) -> PathBuf {
        self.dir.path().join("app")
    }

    fn store(&self) -> PathBuf {
        self.dir.path().join("caches/1")
    }

    fn file(&self, path: &str, content: &str) {
        let path = self.app().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.app().join(path)).unwrap_or_default()
    }

    /// Starts over with an empty app.
    fn clear(&self) {
        fs::remove_dir_all(self.app()).unwrap();
        fs::create_dir(self.app()).unwrap();
    }

    fn start(&self, script: &str, key: &str, directory: &str, more: &str) -> Child {
        Command::new("/bin/sh")
            .args(["-c", script, "upsun-local"])
            .arg(self.app())
            .arg(self.store())
            .args([key, directory, more])
            .env("LC_ALL", "C")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn run(&self, script: &str, key: &str, directory: &str, more: &str) -> Output {
        let child = self.start(script, key, directory, more);
        child.wait_with_output().unwrap()
    }

    #[track_caller]
    fn save(&self, key: &str, directory: &str) -> String {
        text(&self.run(SAVE, key, directory, ""))
    }

    #[track_caller]
    fn restore(&self, key: &str, directory: &str, more: &str) -> String {
        text(&self.run(RESTORE, key, directory, more))
    }

    fn archives(&self) -> Vec<String> {
        names(&self.store())
    }
}

#[track_caller]
fn text(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{errors}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn names(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_directory_comes_back_as_it_was() {
    let world = World::new();
    world.file("build/the assets/bin/tool", "run");
    world.file("build/the assets/.hidden", "");
    let top = world.app().join("build/the assets");
    std::os::unix::fs::symlink("bin/tool", top.join("link")).unwrap();
    fs::set_permissions(top.join("bin/tool"), Permissions::from_mode(0o750)).unwrap();
    fs::set_permissions(top.join("bin"), Permissions::from_mode(0o555)).unwrap();
    let time = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
    let before = time(&top.join("bin/tool"));
    assert_eq!(world.save("a", "build/the assets"), "");
    fs::set_permissions(top.join("bin"), Permissions::from_mode(0o755)).unwrap();
    world.clear();
    assert_eq!(world.restore("a", "build/the assets", ""), "hit");
    assert_eq!(names(&world.app().join("build")), ["the assets"]);
    assert_eq!(names(&top), [".hidden", "bin", "link"]);
    assert_eq!(
        fs::read_link(top.join("link")).unwrap(),
        Path::new("bin/tool")
    );
    assert_eq!(world.read("build/the assets/link"), "run");
    let mode = |path: &str| fs::metadata(top.join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("bin"), mode("bin/tool")), (0o555, 0o750));
    assert_eq!(time(&top.join("bin/tool")), before);
    fs::set_permissions(top.join("bin"), Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn another_key_gets_the_last_archive_only_if_a_stale_one_will_do() {
    let world = World::new();
    for key in ["a", "b"] {
        world.file("made/by", key);
        world.save(key, "made");
    }
    world.clear();
    assert_eq!(world.restore("c", "made", ""), "miss");
    assert_eq!(names(&world.app()), [""; 0]);
    assert_eq!(world.restore("c", "made", "stale"), "stale");
    assert_eq!(world.read("made/by"), "b");
}

#[test]
fn files_of_the_source_stay_as_they_are() {
    let world = World::new();
    world.file("made/source", "old");
    world.file("made/output", "1");
    world.save("a", "made");
    world.clear();
    world.file("made/source", "new");
    assert_eq!(world.restore("a", "made", ""), "hit");
    assert_eq!(
        (world.read("made/source"), world.read("made/output")),
        ("new".to_owned(), "1".to_owned())
    );
    assert_eq!(names(&world.app()), ["made"]);
    // The whole app is a directory too.
    world.save("b", "");
    world.clear();
    world.file("index", "");
    assert_eq!(world.restore("b", "", ""), "hit");
    assert_eq!(names(&world.app()), ["index", "made"]);
}

#[test]
fn a_damaged_archive_is_reported_once_and_leaves_nothing_in_the_app() {
    let world = World::new();
    world.file("made/large", &"x".repeat(100_000));
    world.save("a", "made");
    let archive = world.store().join("a.tar");
    let whole = fs::read(&archive).unwrap();
    world.clear();
    let zeros = vec![0; 20_480];
    for damaged in [
        &b""[..],
        b"garbage",
        &zeros,
        &whole[..3000],
        &whole[..50_000],
    ] {
        fs::write(&archive, damaged).unwrap();
        let output = world.run(RESTORE, "a", "made", "");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(errors, "the archive was damaged, and is removed\n");
        assert_eq!(names(&world.app()), [""; 0]);
        assert_eq!(world.restore("a", "made", ""), "miss");
    }
}

#[test]
fn what_a_killed_build_was_saving_counts_as_nothing() {
    let world = World::new();
    world.file("made/it", "");
    // The command that is to be killed finds a `tar` that stops in the middle.
    let programs = world.dir.path().join("programs");
    fs::create_dir(&programs).unwrap();
    let tar = programs.join("tar");
    fs::write(&tar, "#!/bin/sh\nprintf ./half >\"$4\"\nkill -9 $PPID\n").unwrap();
    fs::set_permissions(&tar, Permissions::from_mode(0o755)).unwrap();
    let script = format!("PATH={}:$PATH\n{SAVE}", programs.display());
    assert!(!world.run(&script, "a", "made", "").status.success());
    let left = world.archives();
    assert!(left.len() == 1 && left[0].contains(".part"), "{left:?}");
    assert_eq!(world.restore("a", "elsewhere", "stale"), "miss");
    // It is removed once nobody can be writing to it.
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(7200);
    let part = fs::File::options()
        .write(true)
        .open(world.store().join(&left[0]));
    part.unwrap().set_modified(old).unwrap();
    world.save("a", "made");
    assert_eq!(world.archives(), ["a.tar"]);
}

#[test]
fn builds_that_save_one_cache_at_once_leave_one_whole_archive() {
    let world = World::new();
    for file in 0..200 {
        world.file(&format!("made/{file}"), "content");
    }
    let children: Vec<Child> = (0..6).map(|_| world.start(SAVE, "a", "made", "")).collect();
    for child in children {
        text(&child.wait_with_output().unwrap());
    }
    assert_eq!(world.archives(), ["a.tar"]);
    world.clear();
    assert_eq!(world.restore("a", "made", ""), "hit");
    assert_eq!(names(&world.app().join("made")).len(), 200);
}

#[test]
fn the_last_three_archives_are_kept() {
    let world = World::new();
    world.file("made/it", "");
    for key in ["a", "b", "c", "d", "e"] {
        world.save(key, "made");
    }
    assert_eq!(world.archives(), ["c.tar", "d.tar", "e.tar"]);
}

#[test]
fn an_archive_that_is_there_is_not_made_again() {
    let world = World::new();
    world.file("made/it", "first");
    world.save("a", "made");
    world.file("made/it", "second");
    world.save("a", "made");
    world.clear();
    world.restore("a", "made", "");
    assert_eq!(world.read("made/it"), "first");
}

#[test]
fn a_directory_that_was_not_made_is_not_saved() {
    let world = World::new();
    assert_eq!(world.save("a", "made"), "absent");
    assert_eq!(world.archives(), [""; 0]);
}
