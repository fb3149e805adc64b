//! The console in a real browser: Chromium drives the page of a real `upsun-local serve`, whose project runs on the
//! engine. `drive.mjs` holds what the browser does.
//!
//! The tests need Chromium, Node.js and the npm packages of `package.json`, which `scripts/test` sets up where it can.
//! Where one of them cannot be had, the tests say so and pass.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests say what they measured, and why they did nothing"
)]

mod engine_way;
#[path = "../support/mod.rs"]
mod support;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use engine_way::EngineWay;
use support::TestProject;

/// A project on the engine, with the server of its console.
struct Console {
    /// First, so that it ends before the project is removed.
    server: Child,
    url: String,
    project: TestProject,
    tools: PathBuf,
    chromium: PathBuf,
    /// The way from the server to the engine, where it can be cut.
    way: Option<EngineWay>,
}

impl Console {
    /// `None` where a browser or its driver cannot be had.
    fn start() -> Option<Self> {
        let (chromium, tools) = browser()?;
        Some(Self::serve(shop(), chromium, tools, None))
    }

    /// With a way to the engine that can be cut.
    fn start_with_a_way() -> Option<Self> {
        let (chromium, tools) = browser()?;
        let way = EngineWay::open();
        if way.is_none() {
            eprintln!(
                "The engine is not lost in this test: it is not behind a socket of this machine"
            );
        }
        Some(Self::serve(shop(), chromium, tools, Some(way?)))
    }

    /// For a project that defines next to nothing and is not up.
    fn start_empty() -> Option<Self> {
        let (chromium, tools) = browser()?;
        let config = "applications: { app: { type: nodejs:24 } }\n";
        let project = TestProject::new(config).with_engine();
        git(&project, &["init", "--quiet"]);
        Some(Self::serve(project, chromium, tools, None))
    }

    fn serve(
        project: TestProject,
        chromium: PathBuf,
        tools: PathBuf,
        way: Option<EngineWay>,
    ) -> Self {
        let mut server = project.command(&["serve"]);
        if let Some(way) = &way {
            server.env("DOCKER_HOST", way.address());
        }
        let mut server = server.stderr(Stdio::piped()).spawn().expect("a server");
        let mut lines = BufReader::new(server.stderr.take().expect("standard error")).lines();
        let url = lines.find_map(|line| {
            let line = line.expect("text");
            line.strip_prefix("The console is at ").map(str::to_owned)
        });
        // The pipe stays open, so that the server can print.
        std::thread::spawn(move || lines.for_each(drop));
        Console {
            server,
            url: url.expect("an address"),
            project,
            tools,
            chromium,
            way,
        }
    }

    /// Lets the browser do one of the things that `drive.mjs` knows.
    #[track_caller]
    fn drive(&self, what: &str) {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/console");
        let server = self.project.command(&[]);
        // Those of the project, for another start of the server.
        let variables = server.get_envs();
        let variables = variables.filter_map(|(name, value)| Some((name, value?)));
        let output = Command::new("node")
            .arg(directory.join("drive.mjs"))
            .args([what, &self.url])
            .env("TOOLS", &self.tools)
            .env("CHROMIUM", &self.chromium)
            .env("REPOSITORY", self.project.root())
            .env("PICTURES", pictures())
            .env("SERVER", self.server.id().to_string())
            .env("BINARY", env!("CARGO_BIN_EXE_upsun-local"))
            .env(
                "CUT",
                self.way.as_ref().map(EngineWay::cut).unwrap_or_default(),
            )
            .envs(variables)
            .stdin(Stdio::null())
            .output()
            .expect("Node.js");
        let said = String::from_utf8_lossy(&output.stdout);
        let failed = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{what}:\n{said}\n{failed}");
        print!("{said}");
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// A shop that is committed and up.
fn shop() -> TestProject {
    let project = TestProject::new(include_str!("project/config.yaml")).with_engine();
    let settings = include_str!("project/settings.yaml");
    project
        .file(
            ".upsun-local.yaml",
            &format!("project: {}\n{settings}", project.id),
        )
        .file("server.js", include_str!("project/server.js"))
        .file("work.js", include_str!("project/work.js"));
    git(&project, &["init", "--quiet"]);
    git(&project, &["add", "--all"]);
    git(&project, &["commit", "--quiet", "-m", "first"]);
    // What the pages show, before the browser opens them.
    project.run(&["up", "--quiet"]).expect(0);
    project
}

fn git(project: &TestProject, arguments: &[&str]) {
    let mut git = Command::new("git");
    git.args(["-c", "user.name=t", "-c", "user.email=t@example.org"]);
    let status = git.args(arguments).current_dir(project.root()).status();
    assert!(status.expect("git").success());
}

/// Chromium, and the directory of its driver.
fn browser() -> Option<(PathBuf, PathBuf)> {
    match (chromium(), tools()) {
        (Ok(chromium), Ok(tools)) => Some((chromium, tools)),
        (Err(why), _) | (_, Err(why)) => {
            eprintln!("The console is not tried in a browser: {why}");
            None
        }
    }
}

/// Where pictures go: into the documentation if they are wanted there (`CONSOLE_PICTURES=docs`).
fn pictures() -> PathBuf {
    match std::env::var_os("CONSOLE_PICTURES") {
        Some(directory) => Path::new(env!("CARGO_MANIFEST_DIR")).join(directory),
        None => Path::new(env!("CARGO_TARGET_TMPDIR")).join("console-pictures"),
    }
}

fn chromium() -> Result<PathBuf, &'static str> {
    let known = [
        "/usr/bin/chromium",
        "/usr/bin/chromium-browser",
        "/usr/bin/google-chrome",
    ];
    let found = known
        .into_iter()
        .map(PathBuf::from)
        .find(|path| path.exists());
    found.ok_or("there is no Chromium; Debian's package `chromium` has it")
}

/// The directory of the npm packages, where `scripts/test` puts them.
fn tools() -> Result<PathBuf, &'static str> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let cache = variable("XDG_CACHE_HOME");
    let cache = cache.or_else(|| Some(variable("HOME")?.join(".cache")));
    let directory = cache
        .map(|cache| cache.join("upsun-local-tests/console"))
        .filter(|directory| {
            let is_there = |name| directory.join("node_modules").join(name).exists();
            is_there("playwright-core") && is_there("axe-core")
        });
    directory
        .ok_or("there are no playwright-core and axe-core; `scripts/test` installs them from npm")
}

#[test]
fn an_admin_runs_and_cancels_a_viewer_is_denied_and_a_mount_is_restored_wide_and_narrow() {
    let Some(console) = Console::start() else {
        return;
    };
    console.drive("walk-1280");
    console.drive("walk-390");
}

#[test]
fn what_an_operation_wrote_is_listed_and_undone_and_a_source_operation_shows_its_commits() {
    let Some(console) = Console::start() else {
        return;
    };
    console.drive("undo");
    console.drive("source-operation");
}

#[test]
fn a_push_is_compared_with_a_commit_and_problems_stand_in_the_merged_configuration() {
    let Some(console) = Console::start() else {
        return;
    };
    console.drive("push");
}

#[test]
fn every_page_has_a_look_for_nothing_for_waiting_and_for_a_failure() {
    let Some(console) = Console::start_empty() else {
        return;
    };
    console.drive("states");
}

#[test]
fn a_wrong_clock_and_another_start_of_the_server_do_not_matter() {
    let Some(console) = Console::start() else {
        return;
    };
    console.drive("clock");
    console.drive("restarted");
}

#[test]
fn the_engine_is_lost_and_comes_back() {
    let Some(console) = Console::start_with_a_way() else {
        return;
    };
    console.drive("engine");
}

#[test]
fn axe_finds_nothing_on_any_page_in_light_and_in_dark() {
    let Some(console) = Console::start() else {
        return;
    };
    console.drive("axe");
}

#[test]
fn a_flood_of_output_a_lost_connection_and_a_broken_configuration_are_shown() {
    let Some(console) = Console::start() else {
        return;
    };
    console.drive("flood");
    console.drive("lost");
    console.drive("broken");
}
