//! Deploys: the web process, the hooks, and the order of things.

use crate::engine::{app, container, docker, operations_of, runs, wait_until};
use crate::support::TestProject;

#[test]
fn the_web_process_is_started_again_whenever_it_ends() {
    let project = TestProject::on_engine(&app(&format!(
        "web: {{ commands: {{ start: 'echo started; date +%s.%N >>/tmp/starts; exit 3' }} }}\n{}",
        operations_of(&[("starts", "cat /tmp/starts")])
    )));
    project.run(&["up"]).expect(0);
    let starts = || -> Vec<f64> {
        let text = project.run(&["run", "starts"]).stdout;
        text.lines()
            .map(|line| line.parse().expect("a time"))
            .collect()
    };
    wait_until("it was started three times", || starts().len() >= 3);
    let times = starts();
    // The pauses grow, so that a broken app does not keep the machine busy.
    let (first, second) = (times[1] - times[0], times[2] - times[1]);
    assert!(first >= 0.9 && second >= 1.9, "{times:?}");
    let logs = project.run(&["logs"]).expect(0);
    // Two streams of a container reach its log in any order.
    let ended = "`web.commands.start` ended with code 3; starting it again in 1 s";
    for part in ["started\n", ended] {
        assert!(logs.stdout.contains(part), "{}", logs.stdout);
    }
}

#[test]
fn pre_start_runs_before_start_and_post_start_beside_it() {
    let project = TestProject::on_engine(&app(&format!(
        "\
web:
  commands:
    pre_start: 'echo pre >>/tmp/order'
    start: 'echo start >>/tmp/order; exec sleep 1000'
    post_start: 'while ! grep -q start /tmp/order; do sleep 0.05; done; echo post >>/tmp/order'
{}",
        operations_of(&[("order", "cat /tmp/order")])
    )));
    project.run(&["up"]).expect(0);
    wait_until("all three ran", || {
        project.run(&["run", "order"]).stdout == "pre\nstart\npost\n"
    });
}

#[test]
fn a_web_process_that_listens_is_waited_for() {
    let server = "setTimeout(() => require(\"http\").createServer((q, s) => s.end(\"served\")).listen(process.env.PORT), 700)";
    let project = TestProject::on_engine(&app(&format!(
        "web:\n  commands:\n    start: |\n      exec node -e '{server}'\n{}",
        operations_of(&[("ask", "curl -sS http://127.0.0.1:$PORT/")])
    )));
    assert_eq!(project.run(&["run", "ask"]).expect(0).stdout, "served");
}

#[test]
fn hooks_run_once_for_a_deploy_and_only_post_deploy_when_nothing_changed() {
    let config = |more: &str| {
        app(&format!(
            "\
mounts: {{ data: {{ source: storage }} }}
hooks:
  deploy: 'echo deploy >>data/hooks'
  post_deploy: 'echo post_deploy >>data/hooks'
{more}{}",
            operations_of(&[("hooks", "cat data/hooks")])
        ))
    };
    let project = TestProject::on_engine(&config(""));
    let hooks = || project.run(&["run", "hooks"]).expect(0).stdout;
    // An operation deploys what is not there, and nothing a second time.
    assert_eq!(hooks(), "deploy\npost_deploy\n");
    assert_eq!(hooks(), "deploy\npost_deploy\n");
    project.run(&["up"]).expect(0);
    assert_eq!(hooks(), "deploy\npost_deploy\npost_deploy\n");
    project.file(".upsun/config.yaml", &config("timezone: Europe/Paris\n"));
    project.run(&["up"]).expect(0);
    let all = "deploy\npost_deploy\npost_deploy\ndeploy\npost_deploy\n";
    assert_eq!(hooks(), all);
}

#[test]
fn a_failing_deploy_hook_is_reported_and_does_not_undo_the_deploy() {
    let project = TestProject::on_engine(&app(&format!(
        "hooks: {{ deploy: 'echo migrating; exit 7', post_deploy: 'echo after' }}\n{}",
        operations_of(&[("ok", "echo ran")])
    )));
    let outcome = project.run(&["up"]).expect(1);
    for said in [
        "migrating",
        "`hooks.deploy` of `app` ended with code 7",
        "after",
    ] {
        assert!(outcome.stderr.contains(said), "{}", outcome.stderr);
    }
    assert_eq!(project.run(&["run", "ok"]).expect(0).stdout, "ran\n");
    // In the run that deploys, the operation's own code counts.
    project.run(&["down"]).expect(0);
    let run = project.run(&["run", "ok"]).expect(0);
    assert_eq!(run.stdout, "ran\n");
    assert!(
        run.stderr
            .contains("`hooks.deploy` of `app` ended with code 7"),
        "{}",
        run.stderr
    );
}

#[test]
fn deploy_hooks_find_what_is_there_at_run_time() {
    let project = TestProject::on_engine(&app(&format!(
        "\
mounts: {{ data: {{ source: storage }} }}
web: {{ commands: {{ start: 'touch /tmp/web; exec sleep 1000' }} }}
hooks:
  deploy: |
    (: >written) 2>/dev/null && echo 'the app is writable'
    echo $PLATFORM_ENVIRONMENT >data/env; id -un >>data/env
{}",
        operations_of(&[("look", "cat data/env")])
    )));
    project.file(".environment", "export SOURCED=yes\n");
    let outcome = project.run(&["run", "look"]).expect(0);
    assert!(
        !outcome.stderr.contains("is writable"),
        "{}",
        outcome.stderr
    );
    assert_eq!(outcome.stdout, "local\nweb\n");
}

#[test]
fn workers_run_beside_the_app_without_its_hooks_and_are_started_again() {
    let project = TestProject::on_engine(&app(&format!(
        "\
hooks: {{ deploy: 'echo deploy-hook-ran' }}
workers:
  queue:
    commands: {{ start: 'echo tick; sleep 0.2' }}
{}",
        operations_of(&[("ok", "true")])
    )));
    let up = project.run(&["up"]).expect(0);
    assert_eq!(
        up.stderr.matches("deploy-hook-ran").count(),
        1,
        "{}",
        up.stderr
    );
    wait_until("the worker was started again", || {
        let logs = project.run(&["logs", "--worker", "queue"]).expect(0);
        logs.stdout.matches("tick").count() >= 2
    });
    let status = project.run(&["status"]).expect(0);
    assert!(status.stdout.contains("app--queue"), "{}", status.stdout);
}

#[test]
fn stopping_ends_the_web_process_at_once_and_gently() {
    let project = TestProject::on_engine(&app(&format!(
        "\
mounts: {{ data: {{ source: storage }} }}
web: {{ commands: {{ start: \"trap 'echo ended gently >data/end; exit 0' TERM; echo up; while :; do sleep 0.1; done\" }} }}
{}",
        operations_of(&[("read", "cat data/end")])
    )));
    project.run(&["up"]).expect(0);
    wait_until("it has its trap", || {
        project.run(&["logs"]).stdout == "up\n"
    });
    project.run(&["down"]).expect(0);
    let read = project.run(&["run", "read"]).expect(0);
    assert_eq!(read.stdout, "ended gently\n");
}

#[test]
fn a_container_that_was_stopped_or_removed_by_hand_is_mended_by_the_next_run() {
    let project = TestProject::on_engine(&app(&format!(
        "web: {{ commands: {{ start: 'exec sleep 1000' }} }}\nmounts: {{ data: {{ source: storage }} }}\n{}",
        operations_of(&[("count", "echo x >>data/n; wc -l <data/n")])
    )));
    assert_eq!(project.run(&["run", "count"]).expect(0).stdout, "1\n");
    docker(&["stop", "--time", "0", &container(&project)]);
    assert_eq!(project.run(&["run", "count"]).expect(0).stdout, "2\n");
    let paused = container(&project);
    docker(&["pause", &paused]);
    docker(&["unpause", &paused]);
    docker(&["rm", "--force", &paused]);
    assert_eq!(project.run(&["run", "count"]).expect(0).stdout, "3\n");
    assert!(runs(&project, "sleep 1000"));
}

#[test]
fn a_build_volume_that_was_removed_by_hand_is_built_again() {
    let project = TestProject::on_engine(&app(&operations_of(&[("ok", "ls .upsun")])));
    project.run(&["run", "ok"]).expect(0);
    docker(&["rm", "--force", &container(&project)]);
    let volume = crate::engine::volumes(&project, "build");
    docker(&["volume", "rm", &volume[0]]);
    assert_eq!(
        project.run(&["run", "ok"]).expect(0).stdout,
        "config.yaml\n"
    );
}

#[test]
fn an_app_that_is_gone_from_the_configuration_is_gone_from_the_sandbox() {
    let two = "\
applications:
  one: { type: 'nodejs:24', build: { flavor: none }, source: { root: code } }
  two: { type: 'nodejs:24', build: { flavor: none }, source: { root: code } }
";
    let project = TestProject::on_engine(two);
    project.file("code/index", "");
    project.run(&["up"]).expect(0);
    assert_eq!(crate::engine::running(&project).len(), 2);
    let one = two.lines().take(2).collect::<Vec<_>>().join("\n");
    project.file(".upsun/config.yaml", &one);
    project.run(&["up"]).expect(0);
    assert_eq!(crate::engine::running(&project).len(), 1);
}

const ENDING: &str = r#"
applications:
  app:
    type: nodejs:24
    build: {flavor: none}
    web: {commands: {start: "echo no such module; exit 3"}}
    operations:
      show: {commands: {start: "cat code; hostname; echo $PLATFORM_BRANCH"}}
    workers:
      queue: {commands: {start: "echo worker failed; exit 4"}}
"#;

#[test]
fn a_command_that_ends_again_and_again_is_told() {
    let project = TestProject::on_engine(ENDING);
    project.file("code", "1\n");
    let up = project.run(&["up"]).expect(0).stderr;
    for part in [
        "`web.commands.start` of `app` ended with code 3, 2 times already",
        "no such module",
        "`workers.queue.commands.start` of `app--queue` ended with code 4, 2 times already",
        "worker failed",
    ] {
        assert!(up.contains(part), "{part}: {up}");
    }
    let status = project
        .run(&["status", "--format", "json"])
        .expect(0)
        .stdout;
    let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
    assert_eq!(status[0]["ended"]["exit_code"], 3, "{status}");
    assert_eq!(
        status[1]["ended"]["command"],
        "workers.queue.commands.start"
    );
    let text = project.run(&["status"]).expect(0).stdout;
    assert!(text.contains("ends again and again, with code 4"), "{text}");
}

#[test]
fn a_process_that_waits_holds_no_operation_up_and_is_named_when_that_fails() {
    let project = TestProject::on_engine(
        r#"
applications:
  app:
    type: nodejs:24
    build: {flavor: none}
    web: {commands: {start: exec sleep 7305}}
    operations:
      ok: {commands: {start: "true"}}
      ask: {commands: {start: "curl --silent --show-error http://localhost:8888/"}}
"#,
    );
    let ok = project.run(&["run", "ok"]).expect(0).stderr;
    assert!(!ok.contains("listens"), "{ok}");
    project.run(&["down"]).expect(0);
    let ask = project.run(&["run", "ask"]).expect(7).stderr;
    assert!(
        ask.contains("nothing in `app` listens on 8888: its process is up and waits"),
        "{ask}"
    );
}

#[test]
fn a_build_is_deployed_to_the_workers_that_are_up_as_well() {
    let project = TestProject::on_engine(
        r#"
applications:
  app:
    type: nodejs:24
    build: {flavor: none}
    operations:
      show: {commands: {start: "cat code; hostname; echo $PLATFORM_BRANCH"}}
    workers:
      queue: {commands: {start: exec sleep 7306}}
      idle: {commands: {start: exec sleep 7307}}
"#,
    );
    project
        .file("code", "1\n")
        .file(".git/HEAD", "ref: refs/heads/feature/x\n");
    project.run(&["up"]).expect(0);
    let of_worker = [
        "exec",
        "--worker",
        "queue",
        "--",
        "sh",
        "-c",
        "cat code; hostname",
    ];
    assert_eq!(
        project.run(&of_worker).expect(0).stdout,
        "1\napp--queue.0\n"
    );
    project.file("code", "2\n");
    let run = project.run(&["run", "show"]).expect(0);
    assert_eq!(run.stdout, "2\napp.0\nfeature/x\n");
    for worker in ["app--queue", "app--idle"] {
        assert!(
            run.stderr.contains(&format!("Started {worker}")),
            "{}",
            run.stderr
        );
    }
    let again = project.run(&of_worker).expect(0);
    assert_eq!(again.stdout, "2\napp--queue.0\n");
    assert!(!again.stderr.contains("Started"), "{}", again.stderr);
}
