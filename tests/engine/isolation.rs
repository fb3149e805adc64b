//! What a container can reach, and what one repository's commands can touch of another's.

use crate::engine::{app, container, docker, objects, operations, operations_of, running, volumes};
use crate::support::TestProject;

fn inspect(id: &str) -> serde_json::Value {
    let all: serde_json::Value = serde_json::from_str(&docker(&["inspect", id])).expect("JSON");
    all[0].clone()
}

#[test]
fn the_container_has_no_privileges_and_nothing_of_the_host() {
    let project = TestProject::on_engine(&app(&format!(
        "mounts: {{ data: {{ source: storage }}, cache: {{ source: tmp }} }}\n{}",
        operations_of(&[("ok", "true")])
    )));
    project.run(&["up"]).expect(0);
    let found = inspect(&container(&project));
    let host = &found["HostConfig"];
    assert_eq!(host["ReadonlyRootfs"], true);
    assert_eq!(host["Privileged"], false);
    // Podman names those that a container has without further words; another test reads what processes have.
    let dropped = host["CapDrop"].as_array().expect("a list");
    assert!(
        dropped == &[serde_json::json!("ALL")] || dropped.len() > 10,
        "{dropped:?}"
    );
    assert!(
        host["CapAdd"].as_array().is_none_or(Vec::is_empty),
        "{}",
        host["CapAdd"]
    );
    assert_eq!(
        host["SecurityOpt"],
        serde_json::json!(["no-new-privileges"])
    );
    assert_eq!(host["PidsLimit"], 4096);
    // Podman names what is so without further words.
    assert!(["", "private"].contains(&host["PidMode"].as_str().expect("a mode")));
    assert_ne!(host["NetworkMode"], "host");
    assert_ne!(host["IpcMode"], "host");
    // Podman lists the volumes here too.
    let binds = host["Binds"].as_array().into_iter().flatten();
    for bind in binds {
        let source = bind.as_str().expect("text");
        assert!(source.starts_with("upsun-"), "{source}");
    }
    assert!(
        host["Devices"].as_array().is_none_or(Vec::is_empty),
        "{}",
        host["Devices"]
    );
    assert!(
        host["PortBindings"]
            .as_object()
            .is_none_or(serde_json::Map::is_empty),
        "{}",
        host["PortBindings"]
    );
    for mount in found["Mounts"].as_array().expect("mounts") {
        assert_eq!(mount["Type"], "volume", "{mount}");
    }
    assert_eq!(found["Config"]["User"], "10000:10000");
}

#[test]
fn processes_have_no_capabilities_and_cannot_get_any() {
    let project = TestProject::on_engine(&operations(&[
        (
            "status",
            "grep -E 'Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs|Seccomp:' /proc/self/status",
        ),
        (
            "socket",
            "ls /var/run/docker.sock /run/docker.sock 2>/dev/null",
        ),
        (
            "su",
            "su -c id 2>&1; find / -xdev -perm -4000 -user root -exec {} -c id ';' 2>/dev/null | grep uid=0",
        ),
    ]));
    let status = project.run(&["run", "status"]).expect(0).stdout;
    for line in status.lines().filter(|line| line.starts_with("Cap")) {
        assert!(line.ends_with("\t0000000000000000"), "{line}");
    }
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    assert!(status.contains("Seccomp:\t2"), "{status}");
    assert_eq!(project.run(&["run", "socket"]).stdout, "");
    assert!(!project.run(&["run", "su"]).stdout.contains("uid=0"));
}

#[test]
fn two_clones_of_one_project_do_not_see_one_another() {
    let config = app(&format!(
        "mounts: {{ data: {{ source: storage }} }}\n{}",
        operations_of(&[
            ("write", "echo $PLATFORM_PROJECT >data/f"),
            ("read", "cat data/f")
        ])
    ));
    let clones = [
        TestProject::on_engine(&config),
        TestProject::on_engine(&config),
    ];
    for clone in &clones {
        // As Upsun's own command links a checkout to its project.
        clone
            .file(
                ".upsun/local/project.yaml",
                &format!("id: {}\n", clones[0].id),
            )
            .file(".upsun-local.yaml", "");
    }
    clones[0].run(&["run", "write"]).expect(0);
    clones[1].run(&["run", "read"]).expect(1);
    assert_eq!(running(&clones[0]).len(), 1);
    assert_eq!(running(&clones[1]).len(), 1);
    let status = clones[1].run(&["status", "--format", "json"]).expect(0);
    let listed: serde_json::Value = serde_json::from_str(&status.stdout).expect("JSON");
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");

    clones[1].run(&["down", "--force"]).expect(0);
    clones[1].run(&["clean", "--yes"]).expect(0);
    assert_eq!(objects(&clones[1]), 0);
    let read = clones[0].run(&["run", "read"]).expect(0);
    assert_eq!(read.stdout, format!("{}\n", clones[0].id));
    assert!(!read.stderr.contains("Building"), "{}", read.stderr);
}

#[test]
fn apps_of_other_projects_are_not_on_the_same_network() {
    let server = "node -e 'require(\"http\").createServer((q, s) => s.end(\"reached\")).listen(8888, \"0.0.0.0\")'";
    let one = TestProject::on_engine(&app(&format!(
        "web:\n  commands:\n    start: |\n      {server}\n"
    )));
    let two = TestProject::on_engine(&operations(&[(
        "reach",
        "curl -sS --max-time 2 http://$ADDRESS:8888/ 2>&1",
    )]));
    one.run(&["up"]).expect(0);
    let address = docker(&[
        "inspect",
        &container(&one),
        "--format",
        "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}",
    ]);
    let own = one
        .run(&[
            "exec",
            "--",
            "curl",
            "-sS",
            "--retry-connrefused",
            "--retry",
            "20",
            &format!("http://{address}:8888/"),
        ])
        .expect(0);
    assert_eq!(own.stdout, "reached");
    let reach = two.run(&[
        "run",
        "reach",
        "--variable",
        &format!("env:ADDRESS={address}"),
    ]);
    assert_ne!(reach.code, 0, "{}", reach.stdout);
    assert!(!reach.stdout.contains("reached"), "{}", reach.stdout);
}

#[test]
fn clean_removes_all_of_a_project_and_no_shared_image() {
    let project = TestProject::on_engine(&app(&format!(
        "mounts: {{ data: {{ source: storage }}, cache: {{ source: tmp }} }}\nworkers: {{ w: {{ commands: {{ start: sleep 1000 }} }} }}\n{}",
        operations_of(&[("ok", "true")])
    )));
    project.run(&["up"]).expect(0);
    project.run(&["up", "-e", "other"]).expect(0);
    let image = docker(&[
        "inspect",
        &running(&project)[0],
        "--format",
        "{{.Config.Image}}",
    ]);
    project.run(&["clean"]).expect(64);
    assert_eq!(running(&project).len(), 4);
    project.run(&["clean", "--yes"]).expect(0);
    assert_eq!(objects(&project), 0);
    docker(&["image", "inspect", &image]);
    let again = project.run(&["clean", "--yes"]).expect(0);
    assert!(again.stderr.contains("Nothing was up"), "{}", again.stderr);
    // A project that was never up has no state to clean.
    let fresh = TestProject::on_engine(&app(""));
    fresh.run(&["clean", "--yes"]).expect(0);
    fresh.run(&["down"]).expect(0);
}

#[test]
fn everything_that_is_made_carries_the_labels() {
    let project = TestProject::on_engine(&app(
        "mounts: { data: { source: storage }, own: { source: instance } }\nhooks: { build: 'true' }",
    ));
    let count = |what: &[&str]| -> usize {
        let filter = format!("name=upsun-{}", project.id);
        docker(&[what, &["ls", "-q", "--filter", &filter]].concat())
            .lines()
            .count()
    };
    project.run(&["up"]).expect(0);
    assert_eq!(volumes(&project, "").len(), count(&["volume"]));
    // That of the environment, and that of builds.
    assert_eq!(count(&["network"]), 2);
    assert_eq!(count(&["container"]), 1);
    let labels = inspect(&container(&project))["Config"]["Labels"].clone();
    for (name, value) in [
        ("local.upsun.environment", "local"),
        ("local.upsun.app", "app"),
        ("local.upsun.kind", "web"),
    ] {
        assert_eq!(labels[name], value, "{labels}");
    }
}
