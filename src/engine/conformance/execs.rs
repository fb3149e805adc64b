//! Commands in running containers.

use tokio::io::AsyncWriteExt;

use super::*;

pub(super) async fn a_command_has_output_errors_and_a_code<E: Engine>(trial: &Trial<'_, E>) {
    let id = trial.start(&trial.container("one")).await;
    assert_eq!(trial.run(&id, "true").await.0, 0);
    assert_eq!(trial.run(&id, "false").await.0, 1);
    let nothing = String::new();
    assert_eq!(
        trial.run(&id, "echo a b").await,
        (0, "a b\n".to_owned(), nothing.clone())
    );
    assert_eq!(
        trial.run(&id, "cat /none").await,
        (
            1,
            nothing,
            "cat: /none: No such file or directory\n".to_owned()
        )
    );
}

pub(super) async fn a_command_has_its_variables_directory_and_user<E: Engine>(
    trial: &Trial<'_, E>,
) {
    let mut spec = trial.container("one");
    spec.variables = [("OWN", "container"), ("BOTH", "container")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    spec.user = "10000:10000".to_owned();
    spec.working_dir = "/etc".to_owned();
    let id = trial.start(&spec).await;
    assert_eq!(trial.run(&id, "pwd").await.1, "/etc\n");
    assert_eq!(trial.run(&id, "id -u").await.1, "10000\n");
    let run = async |command: &str| {
        let spec = ExecSpec {
            command: words(command),
            user: Some("10001:10000".to_owned()),
            working_dir: Some("/tmp".to_owned()),
            variables: [("BOTH", "exec"), ("NEW", "exec")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            ..ExecSpec::default()
        };
        let exec = trial.engine.exec(&id, &spec).await.unwrap();
        trial.finish(exec).await.1
    };
    assert_eq!(run("pwd").await, "/tmp\n");
    assert_eq!(run("id -u").await, "10001\n");
    assert_eq!(run("printenv OWN").await, "container\n");
    assert_eq!(run("printenv BOTH").await, "exec\n");
    assert_eq!(run("printenv NEW").await, "exec\n");
    assert_eq!(trial.run(&id, "printenv NEW").await.0, 1);
}

pub(super) async fn input_reaches_a_command_until_it_is_closed<E: Engine>(trial: &Trial<'_, E>) {
    let id = trial.start(&trial.container("one")).await;
    let mut spec = ExecSpec {
        command: words("cat"),
        stdin: true,
        ..ExecSpec::default()
    };
    let mut exec = trial.engine.exec(&id, &spec).await.unwrap();
    exec.input.write_all(b"one\n").await.unwrap();
    exec.input.write_all(b"two\n").await.unwrap();
    exec.input.shutdown().await.unwrap();
    assert_eq!(trial.finish(exec).await.1, "one\ntwo\n");
    // Without input there is nothing to read from the start.
    spec.stdin = false;
    let exec = trial.engine.exec(&id, &spec).await.unwrap();
    assert_eq!(trial.finish(exec).await.0, 0);
}

pub(super) async fn a_command_that_is_missing_does_not_succeed<E: Engine>(trial: &Trial<'_, E>) {
    let id = trial.start(&trial.container("one")).await;
    let (code, out, errors) = trial.run(&id, "no-such-command").await;
    assert!([126, 127].contains(&code), "{code}");
    // The words of runc and crun differ, and `not_started` reads both.
    let said = format!("{out}{errors}");
    assert!(
        said.contains("executable file") && said.contains("not found"),
        "{said}"
    );
}

pub(super) async fn nothing_runs_in_a_container_that_does_not_run<E: Engine>(trial: &Trial<'_, E>) {
    let id = trial.create(&trial.container("one")).await;
    let spec = ExecSpec {
        command: words("true"),
        ..ExecSpec::default()
    };
    let refused = async || {
        let err = trial.engine.exec(&id, &spec).await.map(|_| ()).unwrap_err();
        assert!(matches!(&err, Error::Conflict(_)), "{err:?}");
    };
    refused().await;
    trial.engine.start_container(&id).await.unwrap();
    assert_eq!(trial.run(&id, "true").await.0, 0);
    trial.engine.stop_container(&id).await.unwrap();
    refused().await;
}

pub(super) async fn commands_end_with_their_container<E: Engine>(trial: &Trial<'_, E>) {
    let id = trial.start(&trial.container("one")).await;
    let spec = ExecSpec {
        command: words("sleep 500"),
        ..ExecSpec::default()
    };
    let exec = trial.engine.exec(&id, &spec).await.unwrap();
    let ended = |exit: Result<i64>| assert!(matches!(exit, Err(Error::ContainerEnded)), "{exit:?}");
    trial.engine.stop_container(&id).await.unwrap();
    ended(exec.exit.await);
    trial.engine.start_container(&id).await.unwrap();
    let mut exec = trial.engine.exec(&id, &spec).await.unwrap();
    trial.engine.remove_container(&id).await.unwrap();
    while exec.output.next().await.is_some() {}
    let exit = exec.exit.await;
    assert!(matches!(exit, Err(Error::NotFound(_))), "{exit:?}");
}

pub(super) async fn a_running_command_has_no_code_yet<E: Engine>(trial: &Trial<'_, E>) {
    let id = trial.start(&trial.container("one")).await;
    let spec = ExecSpec {
        command: words("cat"),
        stdin: true,
        ..ExecSpec::default()
    };
    let mut exec = trial.engine.exec(&id, &spec).await.unwrap();
    let exit = tokio::time::timeout(Duration::from_secs(2), &mut exec.exit).await;
    assert!(exit.is_err(), "{exit:?}");
    exec.input.shutdown().await.unwrap();
    assert_eq!(trial.finish(exec).await.0, 0);
}

pub(super) async fn a_code_is_known_while_something_keeps_the_output_open<E: Engine>(
    trial: &Trial<'_, E>,
) {
    let id = trial.start(&trial.container("one")).await;
    let spec = ExecSpec {
        command: super::probes::script(super::probes::LINGER, &[]),
        ..ExecSpec::default()
    };
    let mut exec = trial.engine.exec(&id, &spec).await.unwrap();
    assert_eq!(exec.exit.await.unwrap(), 3);
    // Podman closes the output of a command that has ended.
    let more = exec.output.next().now_or_never();
    assert!(matches!(more, None | Some(None)), "{more:?}");
}
