//! What code of a repository reaches from its containers: nothing of a developer's own containers, and nothing at
//! link-local addresses, where clouds hand out credentials.

use std::process::Command;

use crate::support::TestProject;

/// A container such as a developer starts with `docker run`, which listens on the engine's default network. It goes
/// when it is dropped.
struct Neighbour {
    name: String,
    address: String,
}

const PORT: u16 = 8000;

fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output();
    let output = output.expect("docker runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    assert!(
        output.status.success(),
        "docker {arguments:?}: {}",
        text(&output.stderr)
    );
    text(&output.stdout)
}

impl Neighbour {
    fn start(project: &TestProject) -> Self {
        let name = format!("{}-neighbour", project.id);
        let server = format!(
            "require('net').createServer(s => s.end('secret\\n')).listen({PORT}, '0.0.0.0', () => console.log('up'))"
        );
        docker(&[
            "run",
            "--detach",
            "--name",
            &name,
            "--label",
            "local.upsun.test=neighbour",
            "node:24-bookworm",
            "node",
            "-e",
            &server,
        ]);
        let address = docker(&[
            "inspect",
            "--format",
            "{{.NetworkSettings.IPAddress}}",
            &name,
        ]);
        let neighbour = Neighbour { name, address };
        assert_eq!(neighbour.seen_from_the_default_network(), "secret");
        neighbour
    }

    /// That it does answer, so that a test which does not reach it proves something.
    fn seen_from_the_default_network(&self) -> String {
        let script = format!(
            "for try in $(seq 100); do {} 2>/dev/null && exit 0; sleep 0.1; done; exit 1",
            reach(&self.address, PORT)
        );
        docker(&[
            "run",
            "--rm",
            "--network",
            "bridge",
            "node:24-bookworm",
            "bash",
            "-c",
            &script,
        ])
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        let _ = Command::new("docker")
            .args(["rm", "--force", &self.name])
            .output();
    }
}

/// A command that prints the first line that a listener says, or fails within seconds.
fn reach(address: &str, port: u16) -> String {
    format!("timeout 4 bash -c 'exec 3<>/dev/tcp/{address}/{port} && head -n 1 <&3'")
}

/// A script that says whether it reached something.
fn attempt(address: &str, port: u16) -> String {
    format!(
        "if {}; then echo REACHED; else echo out of reach; fi",
        reach(address, port)
    )
}

#[test]
fn neither_a_build_nor_an_operation_reaches_a_developers_own_container() {
    let project = TestProject::new("").with_engine();
    let neighbour = Neighbour::start(&project);
    let script = attempt(&neighbour.address, PORT);
    let yaml = serde_json::to_string(&script).expect("a string is JSON");
    project.file(
        ".upsun/config.yaml",
        &format!(
            "applications:\n  app:\n    type: nodejs:24\n    build: {{ flavor: none }}\n    hooks: {{ build: {yaml}, deploy: {yaml} }}\n    operations: {{ look: {{ commands: {{ start: {yaml} }} }} }}\n"
        ),
    );
    let run = project.run(&["run", "look"]).expect(0);
    let all = format!("{}{}", run.stdout, run.stderr);
    // In the build hook, the deploy hook and the operation.
    assert_eq!(all.matches("out of reach").count(), 3, "{all}");
    assert!(!all.contains("REACHED") && !all.contains("secret"), "{all}");
}

#[test]
fn a_source_operation_does_not_reach_a_developers_own_container() {
    let project = TestProject::new("").with_engine();
    let neighbour = Neighbour::start(&project);
    let script = attempt(&neighbour.address, PORT);
    let yaml = serde_json::to_string(&script).expect("a string is JSON");
    project.file(
        ".upsun/config.yaml",
        &format!(
            "applications:\n  app:\n    type: nodejs:24\n    build: {{ flavor: none }}\n    source: {{ root: /, operations: {{ look: {{ command: {yaml} }} }} }}\n"
        ),
    );
    for arguments in [
        &["init", "--quiet"][..],
        &["add", "--all"],
        &[
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@b",
            "commit",
            "--quiet",
            "-m",
            "first",
        ],
    ] {
        let done = Command::new("git")
            .args(arguments)
            .current_dir(project.root())
            .status();
        assert!(done.expect("git runs").success(), "git {arguments:?}");
    }
    let run = project.run(&["source-operation", "run", "look"]).expect(0);
    let all = format!("{}{}", run.stdout, run.stderr);
    assert!(all.contains("out of reach"), "{all}");
    assert!(!all.contains("REACHED") && !all.contains("secret"), "{all}");
}

#[test]
fn link_local_addresses_lead_nowhere() {
    let script = "
while read -r interface destination gateway flags rest; do
    if [ \"$destination\" = 0000FEA9 ]; then echo \"$interface by $gateway\"; fi
done </proc/net/route
timeout 4 bash -c 'exec 3<>/dev/tcp/169.254.169.254/80' 2>&1";
    let yaml = serde_json::to_string(script).expect("a string is JSON");
    let project = TestProject::on_engine(&format!(
        "applications:\n  app:\n    type: nodejs:24\n    build: {{ flavor: none }}\n    hooks: {{ build: {yaml} }}\n    operations: {{ look: {{ commands: {{ start: {yaml} }} }} }}\n"
    ));
    // The hook's code is that of its last command.
    let build = project.run(&["run", "look"]).expect(1);
    assert_leads_nowhere(&build.stderr);
    let config = std::fs::read_to_string(project.root().join(".upsun/config.yaml"));
    let config = config
        .expect("a configuration")
        .replace("hooks:", "variables: {}\n    hooks: {}\n    #");
    project.file(".upsun/config.yaml", &config);
    assert_leads_nowhere(&project.run(&["run", "look"]).expect(1).stdout);
}

/// All link-local addresses are on the container's own network, where the one of clouds is its own, or they are
/// unreachable, as on Podman.
#[track_caller]
fn assert_leads_nowhere(said: &str) {
    let own = said.contains("eth0 by 00000000") && said.contains("Connection refused");
    let unreachable = said.contains("* by 00000000") && said.contains("No route to host");
    assert!(own || unreachable, "{said}");
}
