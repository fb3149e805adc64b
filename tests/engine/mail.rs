//! `mail: true`: a server takes what apps send, and shows it. Mailpit's own image is not at hand everywhere, so a
//! small one that speaks SMTP and HTTP stands for it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use crate::engine::{containers, docker};
use crate::support::TestProject;

const DOCKERFILE: &str = r#"FROM python:3.14-bookworm
RUN printf '%s\n' \
    'import os, socketserver, threading' \
    'mails = []' \
    'def address(name):' \
    '    host, port = os.environ[name].rsplit(":", 1)' \
    '    return host, int(port)' \
    'class Smtp(socketserver.StreamRequestHandler):' \
    '    def say(self, text): self.wfile.write(text.encode() + b"\r\n")' \
    '    def handle(self):' \
    '        self.say("220 here")' \
    '        for line in self.rfile:' \
    '            word = line[:4].upper()' \
    '            if word == b"QUIT": return self.say("221 bye")' \
    '            if word in (b"MAIL", b"RCPT"): mails.append(line)' \
    '            if word == b"DATA":' \
    '                self.say("354 go on")' \
    '                for line in self.rfile:' \
    '                    if line == b".\r\n": break' \
    '                    mails.append(line)' \
    '            self.say("250 ok")' \
    'class Web(socketserver.StreamRequestHandler):' \
    '    def handle(self):' \
    '        self.rfile.readline()' \
    '        self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n" + b"".join(mails))' \
    'web = socketserver.ThreadingTCPServer(address("MP_UI_BIND_ADDR"), Web)' \
    'threading.Thread(target=web.serve_forever, daemon=True).start()' \
    'socketserver.ThreadingTCPServer(address("MP_SMTP_BIND_ADDR"), Smtp).serve_forever()' \
    >/server.py
CMD ["python3", "/server.py"]
"#;

/// The image, which goes with the test.
struct Image(String);

impl Image {
    fn build() -> Self {
        let now = std::time::UNIX_EPOCH.elapsed().expect("a time").as_nanos();
        let tag = format!("upsun-local-test/mail:{}-{now}", std::process::id());
        let mut build = Command::new("docker")
            .args(["build", "-q", "-t", &tag, "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("docker runs");
        let mut stdin = build.stdin.take().expect("a pipe");
        stdin
            .write_all(DOCKERFILE.as_bytes())
            .expect("docker reads");
        drop(stdin);
        assert!(build.wait().expect("docker ends").success());
        Image(tag)
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["rmi", "-f", &self.0]).output();
    }
}

/// A project whose mail is on, with these lines of settings.
fn project(image: &Image, mail: &str) -> TestProject {
    let project = TestProject::on_engine(
        r#"
applications:
  app:
    type: php:8.4
    build: { flavor: none }
    operations:
      host: { commands: { start: 'echo "$PLATFORM_SMTP_HOST"' } }
      send:
        commands:
          start: |
            php -r 'exit(mail("ann@example.com, Bob <bob@example.com>", "Hello", "First line\nSecond line",
                "From: shop@example.com\r\nCc: cleo@example.com,\r\n dora@example.com", "-fbounce@example.com") ? 0 : 1);'
"#,
    );
    let settings = format!("project: {}\n{mail}\n", project.id);
    project.file(".upsun-local.yaml", &settings);
    // No registry has it.
    project.user_settings(&format!("images: {{ mailpit: '{}' }}\n", image.0));
    project
}

fn get(url: &str) -> String {
    let address = url.strip_prefix("http://").expect("a URL");
    let mut stream = TcpStream::connect(address).expect("somebody listens");
    stream
        .write_all(b"GET / HTTP/1.0\r\n\r\n")
        .expect("it reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it answers");
    text
}

#[test]
fn mail_that_an_app_sends_is_shown_on_this_machine() {
    let image = Image::build();
    let project = project(&image, "mail: true");
    let up = project.run(&["up"]).expect(0);
    let url = up
        .stderr
        .split_whitespace()
        .find(|word| word.starts_with("http://127.0.0.1:"))
        .unwrap_or_else(|| panic!("{}", up.stderr))
        .to_owned();
    project.run(&["run", "send"]).expect(0);
    let shown = get(&url).replace('\r', "");
    let recipients: Vec<&str> = shown
        .lines()
        .filter(|line| line.starts_with("MAIL ") || line.starts_with("RCPT "))
        .filter_map(|line| line.split(['<', '>']).nth(1))
        .collect();
    assert_eq!(
        recipients,
        [
            "bounce@example.com",
            "ann@example.com",
            "bob@example.com",
            "cleo@example.com",
            "dora@example.com"
        ],
        "{shown}"
    );
    assert!(shown.contains("Subject: Hello\n"), "{shown}");
    assert!(shown.ends_with("\n\nFirst line\nSecond line\n"), "{shown}");
    let status = project.run(&["status"]).expect(0).stdout;
    assert!(
        status.contains(&format!("The mail of local is at {url}")),
        "{status}"
    );
    project.run(&["logs", "--service", "mail"]).expect(0);
    let name = docker(&[
        "ps",
        "--filter",
        "label=local.upsun.kind=mail",
        "--format",
        "{{.Ports}}",
    ]);
    assert!(
        name.lines().all(|line| line.starts_with("127.0.0.1:")),
        "{name}"
    );

    // Switched off, it goes, and Upsun's sign for that is an empty host.
    project.file(".upsun-local.yaml", &format!("project: {}\n", project.id));
    project.run(&["up"]).expect(0);
    let names = containers(&project);
    assert!(!names.iter().any(|name| name.contains("mail")), "{names:?}");
    assert_eq!(project.run(&["run", "host"]).expect(0).stdout, "\n");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let image = Image::build();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let project = project(&image, &format!("mail: {{ port: {port} }}"));
    let outcome = project.run(&["up"]).expect(73);
    let said = format!(
        "error: the service `mail` cannot start: the port {port} of this machine is taken\n\nhint: name another one in .upsun-local.yaml: `mail: {{ port: 8025 }}`\n"
    );
    assert!(outcome.stderr.ends_with(&said), "{}", outcome.stderr);
    drop(taken);
    project.run(&["up"]).expect(0);
}
