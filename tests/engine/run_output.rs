//! Exit codes and output: what the operation does is what the caller gets, byte for byte.

use std::process::{Output, Stdio};

use sha2::{Digest, Sha256};

use crate::engine::operations;
use crate::process::Running;
use crate::support::TestProject;

fn raw(project: &TestProject, operation: &str) -> Output {
    project
        .command(&["run", operation])
        .output()
        .expect("the binary runs")
}

#[test]
fn exit_codes_pass_through() {
    let project = TestProject::on_engine(&operations(&[
        ("zero", "true"),
        ("one", "exit 1"),
        ("three", "exit 3"),
        ("largest", "exit 255"),
        ("killed", "kill -KILL $$"),
        ("missing", "no-such-command"),
        ("not-executable", "/etc/passwd"),
    ]));
    for (operation, code) in [
        ("zero", 0),
        ("one", 1),
        ("three", 3),
        ("largest", 255),
        ("killed", 137),
        ("missing", 127),
        ("not-executable", 126),
    ] {
        let outcome = project.run(&["run", operation]).expect(code);
        assert_eq!(outcome.stdout, "", "{operation}");
    }
}

#[test]
fn a_command_that_is_not_found_is_explained() {
    let project = TestProject::on_engine(&operations(&[("missing", "no-such-command")]));
    let outcome = project.run(&["run", "missing"]).expect(127);
    assert!(
        outcome.stderr.contains("no-such-command: not found"),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome
            .stderr
            .contains("hint: `no-such-command` is neither on `PATH` nor in"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn standard_output_is_the_operations_and_nothing_else() {
    let project = TestProject::on_engine(&operations(&[
        ("nothing", "true"),
        ("open-line", "printf 'no newline'"),
        ("line", "echo one"),
        ("errors-only", "echo wrong >&2"),
        (
            "binary",
            r"i=0; while [ $i -lt 256 ]; do printf \\$(printf %03o $i); i=$((i+1)); done",
        ),
    ]));
    let every_byte: Vec<u8> = (0..=255).collect();
    for (operation, expected) in [
        ("nothing", &b""[..]),
        ("open-line", b"no newline"),
        ("line", b"one\n"),
        ("errors-only", b""),
        ("binary", &every_byte),
    ] {
        let output = raw(&project, operation);
        assert_eq!(output.status.code(), Some(0), "{operation}");
        assert_eq!(output.stdout, expected, "{operation}");
    }
}

#[test]
fn the_streams_stay_apart_and_each_in_order() {
    let script = "i=0; while [ $i -lt 500 ]; do echo out$i; echo err$i >&2; i=$((i+1)); done";
    let project = TestProject::on_engine(&operations(&[("both", script)]));
    project.run(&["up"]).expect(0);
    let outcome = project.run(&["run", "both", "--quiet"]).expect(0);
    let numbered = |word: &str| -> String { (0..500).map(|i| format!("{word}{i}\n")).collect() };
    assert_eq!(outcome.stdout, numbered("out"));
    assert_eq!(outcome.stderr, numbered("err"));
}

#[test]
fn output_arrives_while_the_operation_runs() {
    let project = TestProject::on_engine(&operations(&[(
        "prompt",
        "printf ready; while [ ! -e /tmp/go ]; do sleep 0.05; done; printf done",
    )]));
    let run = Running::start(&project, &["run", "prompt"]);
    run.wait_for_output("ready");
    project.run(&["exec", "--", "touch", "/tmp/go"]).expect(0);
    assert_eq!(run.wait().expect(0).stdout, "readydone");
}

#[test]
fn a_hundred_megabytes_arrive_byte_for_byte() {
    // More than the longest answer that is read of an engine which is no output.
    let megabytes = 100;
    // The pattern has an odd length, so that a piece lost or doubled moves everything after it.
    let script = format!(
        "node -e 'const b = Buffer.alloc(1048576 + 7); for (let i = 0; i < b.length; i++) b[i] = (i * 31 + (i >> 8)) & 255; \
         let n = 0; const more = () => {{ while (n++ < {megabytes}) if (!process.stdout.write(b)) return process.stdout.once(\"drain\", more) }}; more()'"
    );
    let project = TestProject::on_engine(&operations(&[("large", &script)]));
    let piece: Vec<u8> = (0..1_048_583_usize)
        .map(|i| u8::try_from((i * 31 + (i >> 8)) & 255).expect("a byte"))
        .collect();
    let mut expected = Sha256::new();
    for _ in 0..megabytes {
        expected.update(&piece);
    }
    let output = raw(&project, "large");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stdout.len(), piece.len() * megabytes);
    assert_eq!(Sha256::digest(&output.stdout), expected.finalize());
}

#[test]
fn standard_input_is_empty() {
    let project = TestProject::on_engine(&operations(&[("read", "cat; echo end")]));
    let mut command = project.command(&["run", "read"]);
    // Even where the caller has one: an operation on Upsun has no terminal and no input.
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let input = child.stdin.take();
    let output = child.wait_with_output().expect("it ends");
    drop(input);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stdout, b"end\n");
}

#[test]
fn a_helper_that_keeps_the_output_open_does_not_hold_up_the_end() {
    let project = TestProject::on_engine(&operations(&[(
        "start-helper",
        "sleep infinity & echo started; exit 4",
    )]));
    let outcome = project.run(&["run", "start-helper"]).expect(4);
    assert_eq!(outcome.stdout, "started\n");
}
