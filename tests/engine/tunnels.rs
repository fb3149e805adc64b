//! Tunnels to services, and engines that `ssh` leads to.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::engine::{LIMIT, container, docker};
use crate::support::{TestProject, outcome};

/// Answers with the number of bytes that it got, once the client has sent everything; and a port that sends a megabyte
/// first and then counts.
const SERVER: &str = r#"
const net = require("node:net");
const counted = (socket, end) => {
  let count = 0;
  socket.on("data", (data) => { count += data.length; });
  socket.on("end", () => end(count));
  socket.on("error", () => {});
};
const listen = (port, serve) => net.createServer({ allowHalfOpen: true }, serve).listen(port);
listen(9001, (socket) => counted(socket, (count) => socket.end(`got ${count}`)));
listen(9002, (socket) => {
  socket.end(Buffer.alloc(1 << 20, 7));
  counted(socket, (count) => console.log(`counted ${count}`));
});
listen(process.env.PORT, (socket) => socket.end());
"#;

const CONFIG: &str = r"
applications:
  shop:
    type: nodejs:24
    build: {flavor: none}
    source: {root: shop}
    web: {commands: {start: node server.js}}
    relationships:
      counter: {service: counter, endpoint: redis}
      well: {service: well, endpoint: redis}
services:
  counter: {type: redis:8.0}
  well: {type: redis:8.0}
";

fn project() -> TestProject {
    let project = TestProject::on_engine(CONFIG);
    project.file("shop/server.js", SERVER).user_settings(
        "services:\n  counter: {external: 'redis://127.0.0.1:9001'}\n  well: {external: 'redis://127.0.0.1:9002'}\n",
    );
    project
}

fn port(project: &TestProject, relationship: &str) -> u16 {
    let property = format!("{relationship}.0.port");
    let outcome = project.run(&["tunnel", "info", "-P", &property]).expect(0);
    outcome.stdout.trim().parse().expect("a port")
}

/// Sends some bytes and reads the answer.
fn count(port: u16, bytes: usize) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the tunnel listens");
    stream.write_all(&vec![7; bytes]).expect("it reads");
    stream.shutdown(Shutdown::Write).expect("a half is closed");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

/// The processes of the app's container.
fn processes(project: &TestProject) -> String {
    docker(&["top", &container(project), "-eo", "pid,args"])
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < LIMIT, "{what}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn a_tunnel_passes_everything_on_until_it_is_closed() {
    let project = project();
    project.run(&["tunnel:open", "--app", "shop"]).expect(0);
    let again = project.run(&["tunnel", "open"]).expect(0);
    assert_eq!(
        again.stderr.matches("is already open").count(),
        2,
        "{}",
        again.stderr
    );
    let list = project
        .run(&[
            "tunnels",
            "--format",
            "csv",
            "--columns",
            "app,relationship,environment",
        ])
        .expect(0);
    assert_eq!(
        list.stdout,
        "App,Relationship,Environment\nshop,counter,local\nshop,well,local\n"
    );

    // Many at once, each of which ends one direction before the other.
    let counter = port(&project, "counter");
    std::thread::scope(|scope| {
        for number in 0..20 {
            let bytes = number * 100_000;
            scope.spawn(move || assert_eq!(count(counter, bytes), format!("got {bytes}")));
        }
    });

    // The other end may be the first to end.
    let mut stream =
        TcpStream::connect(("127.0.0.1", port(&project, "well"))).expect("the tunnel listens");
    let mut whole = Vec::new();
    stream.read_to_end(&mut whole).expect("it sends");
    assert_eq!(whole, vec![7; 1 << 20]);
    stream.write_all(&[1; 1000]).expect("it still reads");
    drop(stream);
    wait_until("the rest arrives", || {
        project
            .run(&["logs", "shop"])
            .stdout
            .contains("counted 1000")
    });
    wait_until("no command is left", || {
        !processes(&project).contains("perl")
    });

    // The container is replaced under the tunnel.
    project.file("shop/server.js", &format!("{SERVER}\n//"));
    project.run(&["up", "--quiet"]).expect(0);
    wait_until("the new container answers", || {
        count(counter, 10) == "got 10"
    });

    project.run(&["down", "--quiet"]).expect(0);
    assert!(TcpStream::connect(("127.0.0.1", counter)).is_err());
    let list = project.run(&["tunnels"]).expect(0);
    assert!(
        list.stderr.starts_with("No tunnel is open"),
        "{}",
        list.stderr
    );
}

#[test]
fn a_single_tunnel_says_which_port_is_taken_and_ends_with_ctrl_c() {
    let project = project();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let words = ["tunnel", "single", "-r", "counter", "--port", &port];
    let refused = project.run(&words).expect(73);
    assert!(
        refused
            .stderr
            .contains(&format!("error: 127.0.0.1:{port} is taken")),
        "{}",
        refused.stderr
    );
    drop(taken);
    let mut single = project
        .command(&words)
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let number: u16 = port.parse().expect("a port");
    wait_until("the tunnel listens", || {
        TcpStream::connect(("127.0.0.1", number)).is_ok()
    });
    assert_eq!(count(number, 5), "got 5");
    let pid = single.id().to_string();
    let signalled = Command::new("kill").args(["-INT", &pid]).status();
    assert!(signalled.is_ok_and(|status| status.success()));
    let status = single.wait().expect("it ends");
    assert_eq!(crate::support::code(status), 130);
    assert!(TcpStream::connect(("127.0.0.1", number)).is_err());
}

#[test]
fn a_process_that_is_killed_leaves_no_tunnel_behind() {
    let project = project();
    project.run(&["up", "--quiet"]).expect(0);
    let mut single = project
        .command(&["tunnel", "single", "-r", "counter"])
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    wait_until("the tunnel is listed", || {
        project.run(&["tunnels"]).stdout.contains("counter")
    });
    single.kill().expect("it is killed");
    single.wait().expect("it ends");
    let list = project.run(&["tunnels"]).expect(0);
    assert!(
        list.stderr.starts_with("No tunnel is open"),
        "{}",
        list.stderr
    );
    wait_until("no command is left", || {
        let processes = processes(&project);
        !processes.contains("perl") && !processes.contains("/bin/cat")
    });
}

/// An ssh server of this user on a port of its own, with keys of its own.
struct Server {
    directory: tempfile::TempDir,
    process: Child,
    port: u16,
}

impl Server {
    /// Starts a server, where there is a program for it. Otherwise says so, because the test then tries nothing.
    #[allow(clippy::print_stderr, reason = "the test says that it tries nothing")]
    fn start() -> Option<Self> {
        let program = std::path::Path::new("/usr/sbin/sshd");
        if !program.exists() {
            eprintln!("not tried: there is no {}", program.display());
            return None;
        }
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name).display().to_string();
        for name in ["host", "user"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f", &path(name)])
                .status();
            assert!(made.is_ok_and(|status| status.success()));
        }
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a port")
            .port();
        let settings = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\nUsePAM no\n",
            path("host"),
            path("user.pub"),
        );
        std::fs::write(path("server"), settings).expect("a file");
        let settings = format!(
            "Host *\n  IdentityFile {}\n  IdentitiesOnly yes\n  UserKnownHostsFile {}\n",
            path("user"),
            path("known"),
        );
        std::fs::write(path("client"), settings).expect("a file");
        let script = format!(
            "#!/bin/sh\nPATH=${{PATH#*:}} exec ssh -F {} \"$@\"\n",
            path("client")
        );
        std::fs::create_dir(path("bin")).expect("a directory");
        std::fs::write(path("bin/ssh"), script).expect("a script");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(path("bin/ssh"), mode).expect("a program");
        let process = Command::new(program)
            .args(["-D", "-e", "-f", &path("server")])
            .stderr(Stdio::null())
            .spawn()
            .expect("sshd starts");
        let server = Server {
            directory,
            process,
            port,
        };
        wait_until("sshd listens", || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        Some(server)
    }

    /// From now on the server's key is known.
    fn introduce(&self) {
        let path = |name: &str| self.directory.path().join(name);
        let key = std::fs::read_to_string(path("host.pub")).expect("a key");
        let line = format!("[127.0.0.1]:{} {key}", self.port);
        std::fs::write(path("known"), line).expect("a file");
    }

    fn command(&self, project: &TestProject, arguments: &[&str]) -> Command {
        let mut command = project.command(arguments);
        let (bin, path) = (
            self.directory.path().join("bin"),
            std::env::var("PATH").unwrap_or_default(),
        );
        command
            .env("PATH", format!("{}:{path}", bin.display()))
            .env("DOCKER_HOST", format!("ssh://127.0.0.1:{}", self.port));
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn an_engine_is_reached_through_ssh_at_any_port_once_its_key_is_known() {
    let Some(server) = Server::start() else {
        return;
    };
    let project = TestProject::on_engine(
        "applications:\n  shop:\n    type: nodejs:24\n    build: {flavor: none}\n    web: {commands: {start: sleep infinity}}\n    operations:\n      count: {commands: {start: wc -c}}\n",
    );
    let run = |words: &[&str]| outcome(&mut server.command(&project, words), &project.root());
    let refused = run(&["status"]).expect(69);
    assert!(
        refused.stderr.contains("Host key verification failed"),
        "{}",
        refused.stderr
    );
    assert!(!server.directory.path().join("known").exists());
    server.introduce();
    let up = run(&["up"]).expect(0);
    let note = "the addresses answer on 127.0.0.1, where the engine is";
    assert!(up.stderr.contains(note), "{}", up.stderr);
    let mut exec = server
        .command(&project, &["exec", "--", "sha256sum"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = exec.stdin.take().expect("a pipe");
    stdin.write_all(&vec![0; 3_000_000]).expect("it reads");
    drop(stdin);
    let output = exec.wait_with_output().expect("it ends");
    // The checksum of three million zeros.
    let expected = {
        let mut sum = Command::new("sha256sum")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sha256sum runs");
        let mut stdin = sum.stdin.take().expect("a pipe");
        stdin.write_all(&vec![0; 3_000_000]).expect("it reads");
        drop(stdin);
        sum.wait_with_output().expect("it ends").stdout
    };
    assert_eq!(output.stdout, expected);
    run(&["down", "--quiet"]).expect(0);
}
