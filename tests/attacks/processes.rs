//! Processes that want to outlive the command that started them.

use rustix::process::Signal;

use crate::engine::{app, container, docker, operations_of, processes, runs, wait_until};
use crate::process::Running;
use crate::support::TestProject;

/// Starts processes that hide, each in another way, and says so.
const HIDERS: &str = r#"
env -i setsid sleep 7801 &
(env -i setsid sleep 7802 </dev/null >/dev/null 2>&1 &)
nohup sleep 7803 </dev/null >/dev/null 2>&1 &
setsid sh -c '(env -i sleep 7804 </dev/null >/dev/null 2>&1 &)'
env -i perl -MPOSIX -e '
    fork and exit; setsid(); fork and exit;
    POSIX::close($_) for 0..255;
    $0 = "kworker 7805"; chdir "/"; sleep 7805;
'
(ulimit -w 5; env -i setsid sleep 7806 </dev/null >/dev/null 2>&1 &)
until [ "$(cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n' | grep -c '^780[1-6]$\|^kworker 7805')" -ge 6 ]; do sleep 0.05; done
"#;

/// What the command lines of all of them hold, and of what waits after them.
const TELL: [&str; 8] = [
    "sleep 7801",
    "sleep 7802",
    "sleep 7803",
    "sleep 7804",
    "kworker 7805",
    "sleep 7806",
    "sleep 7807",
    "sleep 7808",
];

/// A web process that starts helpers of its own whenever an operation asks for that, some of them without a parent.
const WEB: &str = r"
while :; do
    if [ -e /tmp/ask ]; then
        rm /tmp/ask
        sleep 7811 &
        (setsid sleep 7812 &)
        (env -i setsid sleep 7813 </dev/null >/dev/null 2>&1 &)
        touch /tmp/asked
    fi
    sleep 0.05
done
";

const HELPERS: [&str; 3] = ["sleep 7811", "sleep 7812", "sleep 7813"];

/// Makes the web process start its helpers.
const ASK: &str =
    "rm -f /tmp/asked; touch /tmp/ask; until [ -e /tmp/asked ]; do sleep 0.05; done\n";

fn project() -> TestProject {
    let waits = format!("{HIDERS}{ASK}echo ready; sleep 7807");
    let stubborn = format!("trap '' TERM\n{HIDERS}{ASK}echo ready; sleep 7808");
    let ends = format!("{HIDERS}{ASK}echo ended");
    let web = format!(
        "web: {{ commands: {{ start: {} }} }}\n",
        serde_json::to_string(WEB).expect("a string is JSON")
    );
    let list = [
        ("waits", waits.as_str()),
        ("stubborn", &stubborn),
        ("ends", &ends),
        ("next", "echo next"),
        (
            "hops",
            "perl -e 'fork and exit while 1' & echo ready; sleep 7807",
        ),
        (
            "leaps",
            "perl -MPOSIX -e 'fork and exit or setsid() while 1' & echo ready; sleep 7807",
        ),
        (
            "leaderless",
            "perl -Mthreads -e 'threads->create(sub { sleep 7809 }); syscall 60, 0' & echo ready; sleep 7807",
        ),
    ];
    TestProject::on_engine(&app(&(web + &operations_of(&list))))
}

/// Whether a process has exactly this command line; those of shells hold everybody's.
fn is_there(project: &TestProject, wanted: &str) -> bool {
    processes(project).iter().any(|line| {
        let rest = line.trim_start().split_once(' ');
        rest.is_some_and(|(_, arguments)| arguments.trim() == wanted)
    })
}

/// Fails unless all that an operation started is gone, and what the web process started is there.
#[track_caller]
fn expect_only_helpers(project: &TestProject, after: &str) {
    let left: Vec<_> = TELL
        .into_iter()
        .filter(|tell| is_there(project, tell))
        .collect();
    assert_eq!(left, [""; 0], "after {after}");
    for helper in HELPERS {
        assert!(is_there(project, helper), "{helper} after {after}");
    }
}

#[test]
fn what_hides_is_ended_with_its_operation_and_the_web_processes_helpers_stay() {
    let project = project();
    let run = project.run(&["run", "waits", "--timeout", "5"]).expect(124);
    assert_eq!(run.stdout, "ready\n");
    expect_only_helpers(&project, "a time limit");

    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let run = Running::start(&project, &["run", "waits"]);
        run.wait_for_output("ready");
        run.signal(signal);
        run.wait().expect(code);
        expect_only_helpers(&project, "a signal");
    }

    let run = Running::start(&project, &["run", "stubborn"]);
    run.wait_for_output("ready");
    run.signal(Signal::INT);
    run.wait_for_talk("cancelling");
    assert!(is_there(&project, "sleep 7802"), "it does not heed SIGTERM");
    run.signal(Signal::INT);
    run.wait().expect(130);
    expect_only_helpers(&project, "a second Ctrl-C");

    let run = Running::start(&project, &["run", "waits"]);
    run.wait_for_output("ready");
    run.signal(Signal::KILL);
    run.wait().expect(-9);
    assert!(is_there(&project, "sleep 7807"), "nobody ended it yet");
    project.run(&["run", "next"]).expect(0);
    expect_only_helpers(&project, "the command after one that was killed");
}

#[test]
fn what_hides_is_ended_after_a_test_and_stays_after_a_run_that_ends() {
    let project = project();
    let settings = format!(
        "project: {}\ntests: {{ it ends: {{ operation: ends, stdout: ended }} }}\n",
        project.id
    );
    project.file(".upsun-local.yaml", &settings);
    project.run(&["test"]).expect(0);
    expect_only_helpers(&project, "a test");
    // A run that ends by itself may start something that is to stay, and no later one ends it unless it changed its mark.
    project.run(&["run", "ends"]).expect(0);
    let run = Running::start(&project, &["run", "leaderless"]);
    run.wait_for_output("ready");
    run.signal(Signal::INT);
    run.wait().expect(130);
    for tell in &TELL[..5] {
        assert!(is_there(&project, tell), "{tell}");
    }
}

#[test]
fn what_hides_is_ended_with_a_command_of_exec() {
    let project = project();
    let script = format!("{HIDERS}{ASK}echo ready; sleep 7807");
    let exec = Running::start(&project, &["exec", "--", "dash", "-c", &script]);
    exec.wait_for_output("ready");
    exec.signal(Signal::INT);
    exec.wait().expect(130);
    // What lowers its own limit is not known any more to belong to a shell, and is ended by the next run that is.
    let run = Running::start(&project, &["run", "waits"]);
    run.wait_for_output("ready");
    run.signal(Signal::INT);
    run.wait().expect(130);
    expect_only_helpers(&project, "`exec`");
}

#[test]
fn a_process_whose_first_thread_has_ended_is_not_taken_for_one_that_has_ended() {
    let project = project();
    let run = Running::start(&project, &["run", "leaderless"]);
    run.wait_for_output("ready");
    let id = container(&project);
    let zombies = || {
        docker(&[
            "exec",
            &id,
            "sh",
            "-c",
            "grep -l '^State:.Z' /proc/[0-9]*/status || true",
        ])
    };
    wait_until("its first thread has ended", || !zombies().is_empty());
    run.signal(Signal::INT);
    run.wait().expect(130);
    assert_eq!(zombies(), "");
}

#[test]
fn a_process_that_forks_and_ends_again_and_again_does_not_escape() {
    let project = project();
    for operation in ["hops", "leaps"] {
        let run = Running::start(&project, &["run", operation]);
        run.wait_for_output("ready");
        run.signal(Signal::INT);
        let outcome = run.wait();
        // What nothing else ends goes with its container.
        assert!(matches!(outcome.code, 70 | 130), "{outcome:?}");
        assert!(!runs(&project, "fork and exit"), "{}", outcome.stderr);
        project.run(&["run", "next"]).expect(0);
    }
}

/// Every program of the app's container loads it: those that look for processes would find none.
#[test]
fn a_library_that_an_app_loads_into_every_program_hides_nothing() {
    let library = "\
#define _GNU_SOURCE\n\
#include <string.h>\n\
#include <errno.h>\n\
#include <unistd.h>\n\
extern char *program_invocation_short_name;\n\
__attribute__((constructor)) static void hide(void) {\n\
    if (strcmp(program_invocation_short_name, \"grep\") == 0) _exit(1);\n\
}\n";
    let project = TestProject::on_engine(&app("\
variables: { env: { LD_PRELOAD: /app/hide.so } }
hooks: { build: 'env -u LD_PRELOAD gcc -shared -fPIC -o hide.so hide.c' }
operations:
  waits: { commands: { start: 'setsid sleep 7821 & echo ready; sleep 7822' } }
  stops: { commands: { start: 'setsid sleep 7821 & echo ready; sleep 7822', stop: 'echo stopping' } }
"));
    project.file("hide.c", library);
    let hidden = project.run(&["exec", "--", "grep", "-c", "", "/proc/self/status"]);
    assert_eq!(
        (hidden.code, hidden.stdout.as_str()),
        (1, ""),
        "{}",
        hidden.stderr
    );
    for operation in ["waits", "stops"] {
        let run = Running::start(&project, &["run", operation]);
        run.wait_for_output("ready");
        run.signal(Signal::INT);
        run.wait().expect(130);
        assert!(!is_there(&project, "sleep 7821"), "{operation}");
        assert!(!is_there(&project, "sleep 7822"), "{operation}");
    }
}
