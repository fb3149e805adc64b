//! The use cases as a library: several activities in one process, each of which is stopped by itself.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use upsun_local::actions::Actions;
use upsun_local::actions::operation::{Mounts, Operation, Ran, Request};
use upsun_local::activity::{Activity, Recorded, Recording, State, Store};
use upsun_local::engine::docker::{DockerEngine, Surroundings as EngineSurroundings};
use upsun_local::event::{Envelope, Event, Events, Run};
use upsun_local::failure::Failure;
use upsun_local::lifecycle::Pull;
use upsun_local::project::Home;
use upsun_local::reporter::{self, Reporter};
use upsun_local::roles::{Actor, Role};
use upsun_local::settings::load::OwnFile;
use upsun_local::shutdown::Shutdown;
use upsun_local::user_variables::UserVariables;
use upsun_local::workspace::{Surroundings, Target, Variables, Workspace};

use crate::engine::{operations, runs, wait_until};
use crate::support::TestProject;

/// A front end that keeps what operations print.
#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<String>>);

impl Reporter for Kept {
    fn report(&mut self, envelope: Envelope) -> std::io::Result<()> {
        if let Event::Run(Run::Output { output }) = envelope.event {
            let text = String::from_utf8_lossy(output.0.bytes()).into_owned();
            self.0.lock().expect("nobody panics").push_str(&text);
        }
        Ok(())
    }
}

impl Kept {
    fn text(&self) -> String {
        self.0.lock().expect("nobody panics").clone()
    }
}

/// What an operation in an environment of its own is watched and stopped with.
struct Started {
    printed: Kept,
    shutdown: Shutdown,
    ran: tokio::task::JoinHandle<Result<Ran, Failure>>,
}

/// The engine of all tests.
fn here() -> EngineSurroundings {
    EngineSurroundings {
        docker_host: std::env::var("DOCKER_HOST").ok(),
        ..EngineSurroundings::default()
    }
}

fn state(root: &Path) -> PathBuf {
    root.parent().expect("a parent").join("state")
}

fn workspace(root: &Path, environment: &str) -> Arc<Workspace> {
    let surroundings = Surroundings {
        home: Home {
            state: Some(state(root)),
            home: None,
        },
        own_settings: OwnFile::default(),
        variables: Variables::new(std::env::vars_os()),
        environment: Some(environment.to_owned()),
        ..Surroundings::default()
    };
    Arc::new(Workspace::open(root, &surroundings).expect("a workspace"))
}

fn start(engine: &Arc<DockerEngine>, root: &Path, environment: &str) -> Started {
    let workspace = workspace(root, environment);
    let request = Request {
        target: Target::default(),
        operation: environment.to_owned(),
        actor: Actor {
            name: None,
            role: Role::Admin,
        },
        timeout: None,
        variables: UserVariables::new(),
        pull: Pull::Missing,
        rebuild: false,
        mounts: Mounts::Keep,
        synced: false,
    };
    let operation = Operation::prepare(&workspace, request).expect("an operation");
    let (printed, shutdown, recording) = (Kept::default(), Shutdown::new(), Recording::default());
    let (events, receiver) = Events::channel();
    let listener = Recorded::new(printed.clone(), recording.clone());
    let _ended = reporter::spawn(listener, receiver, shutdown.clone());
    let actions = Actions {
        workspace,
        engine: Arc::clone(engine),
        events,
        recording,
        shutdown: shutdown.clone(),
        is_quiet: false,
    };
    // Such a future goes from thread to thread: it is `Send`.
    let ran = tokio::spawn(async move { actions.run(&operation).await });
    Started {
        printed,
        shutdown,
        ran,
    }
}

/// The last activity of an environment, with its log.
fn recorded(root: &Path, environment: &str) -> (Activity, String) {
    let store = Store::of(&workspace(root, environment).project.state_dir);
    let ids = store.ids().expect("activities");
    let mut all = ids.iter().filter_map(|id| store.read(id));
    let activity = all
        .find(|activity| activity.environments == [environment])
        .expect("an activity");
    let log = std::fs::read_to_string(store.log(&activity.id)).expect("a log");
    (activity, log)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_environments_at_once_of_which_one_is_cancelled() {
    let project = TestProject::on_engine(&operations(&[
        (
            "one",
            "echo says one; while ! test -e /tmp/go; do sleep 0.1; done; echo ends one",
        ),
        (
            "two",
            "echo says two; trap 'echo cancelled two; exit 3' TERM; sleep 7741 & wait",
        ),
        (
            "three",
            "echo says three; while ! test -e /tmp/go; do sleep 0.1; done; exit 5",
        ),
    ]));
    let root = project.root();
    let engine = DockerEngine::connect(&here(), None).await;
    let engine = Arc::new(engine.expect("an engine"));
    let mut all = Vec::new();
    for environment in ["one", "two", "three"] {
        all.push(start(&engine, &root, environment));
    }
    let [one, two, three] = <[Started; 3]>::try_from(all).ok().expect("three");
    for (started, name) in [(&one, "one"), (&two, "two"), (&three, "three")] {
        let said = format!("says {name}\n");
        tokio::task::block_in_place(|| {
            wait_until("it begins", || started.printed.text().contains(&said));
        });
    }
    two.shutdown.request();
    let cancelled = two.ran.await.expect("no panic").expect("an end");
    assert_eq!(cancelled.exit_code, 143);
    assert_eq!(two.printed.text(), "says two\ncancelled two\n");
    assert!(!runs(&project, "sleep 7741"));
    // The others went on, and end as they would have.
    for environment in ["one", "three"] {
        let exec = ["exec", "--environment", environment, "touch", "/tmp/go"];
        project.run(&exec).expect(0);
    }
    let ran = one.ran.await.expect("no panic").expect("an end");
    assert_eq!(ran.exit_code, 0);
    let ran = three.ran.await.expect("no panic").expect("an end");
    assert_eq!(ran.exit_code, 5);
    for (environment, code, state, said) in [
        ("one", 0, State::Complete, "ends one\n"),
        ("two", 130, State::Cancelled, "cancelled two\n"),
        ("three", 5, State::Complete, "says three\n"),
    ] {
        let (activity, log) = recorded(&root, environment);
        assert_eq!(activity.state, state, "{environment}");
        let ran = activity.commands.last().expect("a command");
        assert_eq!(ran.exit_code, Some(code), "{environment}");
        assert!(log.contains(said), "{environment}: {log}");
        let others = ["one", "two", "three"]
            .into_iter()
            .filter(|it| *it != environment);
        for other in others {
            assert!(
                !log.contains(&format!("says {other}")),
                "{environment}: {log}"
            );
        }
    }
}

#[test]
fn an_activity_is_cancelled_and_its_process_goes_on() {
    let project = TestProject::on_engine(&operations(&[("long", "echo begun; sleep 7742")]));
    let mut command = project.command(&["watch", "long"]);
    command.stdin(std::process::Stdio::null());
    let watch = crate::process::Running::of(command);
    watch.wait_for_output("begun");
    project.run(&["activity", "cancel"]).expect(0);
    // What watches goes on to watch.
    watch.wait_for_talk("`run long` ended with code 143");
    assert!(!runs(&project, "sleep 7742"));
    watch.signal(rustix::process::Signal::INT);
    watch.wait().expect(130);
}
