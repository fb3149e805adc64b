//! `dev` on real development servers: what is saved is seen in an answer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::example;
use crate::support::TestProject;

const LIMIT: Duration = Duration::from_secs(300);

/// `dev` while it runs.
struct Dev {
    child: Child,
    said: Arc<Mutex<String>>,
    /// Where the app answers.
    url: String,
}

impl Dev {
    /// Starts it, and waits until everything is up.
    fn start(project: &TestProject) -> Dev {
        let mut child = project
            .command(&["dev"])
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let said = Arc::new(Mutex::new(String::new()));
        let (kept, stderr) = (Arc::clone(&said), child.stderr.take().expect("a pipe"));
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                kept.lock()
                    .expect("no panic")
                    .push_str(&format!("{line}\n"));
            }
        });
        let mut dev = Dev {
            child,
            said,
            url: String::new(),
        };
        dev.wait_for("Watching ");
        let said = dev.said();
        let line = said.lines().find(|line| line.contains(" Open http"));
        let url = line.and_then(|line| line.split_whitespace().nth(1));
        url.expect("an address").clone_into(&mut dev.url);
        dev
    }

    fn said(&self) -> String {
        self.said.lock().expect("no panic").clone()
    }

    #[track_caller]
    fn wait_for(&mut self, text: &str) {
        let began = Instant::now();
        while !self.said().contains(text) {
            let ended = self.child.try_wait().expect("it can be waited for");
            assert!(
                ended.is_none() && began.elapsed() < LIMIT,
                "{text:?} is not said:\n{}",
                self.said()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The answer of the app, head and all.
    fn get(&self) -> String {
        let rest = self.url.strip_prefix("http://").expect("an address");
        let authority = rest.trim_end_matches('/');
        let port = authority
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok());
        let mut stream =
            TcpStream::connect(("127.0.0.1", port.expect("a port"))).expect("somebody listens");
        write!(
            stream,
            "GET / HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n"
        )
        .expect("it reads");
        let mut text = Vec::new();
        let _ = stream.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Waits until the app serves a text.
    #[track_caller]
    fn wait_until_served(&self, text: &str) {
        let began = Instant::now();
        loop {
            let page = self.get();
            if page.contains(text) {
                return;
            }
            assert!(
                began.elapsed() < LIMIT,
                "{text:?} is not served, but {page}\n{}",
                self.said()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Leaves it with Ctrl-C.
    fn leave(mut self) {
        let id = i32::try_from(self.child.id()).expect("a process id");
        kill_process(Pid::from_raw(id).expect("a process id"), Signal::INT).expect("it is there");
        self.child.wait().expect("it can be waited for");
        assert!(self.said().contains("     Left "), "{}", self.said());
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Replaces a text in a file of the repository.
fn edit(project: &TestProject, path: &str, from: &str, to: &str) {
    let file = project.root().join(path);
    let text = std::fs::read_to_string(&file).expect("a file");
    assert!(text.contains(from), "{text}");
    std::fs::write(file, text.replacen(from, to, 1)).expect("a file");
}

fn settings(project: &TestProject, command: &str) {
    let text = format!("project: {}\ndev: {{command: {command}}}\n", project.id);
    project.file(".upsun-local.yaml", &text);
}

#[test]
fn the_development_server_of_next_sees_what_is_saved() {
    let project = example("nextjs");
    settings(&project, "npx next dev --port $PORT");
    let dev = Dev::start(&project);
    dev.wait_until_served("<h1>Notice board</h1>");
    edit(&project, "app/page.js", "Notice board", "Edited board");
    dev.wait_until_served("<h1>Edited board</h1>");
    // An editor that saves by renaming.
    let page = project.root().join("app/page.js");
    let text = std::fs::read_to_string(&page).expect("a file");
    let swap = project.root().join("app/.page.js.swp");
    std::fs::write(&swap, text.replace("Edited board", "Renamed board")).expect("a file");
    std::fs::rename(swap, page).expect("a rename");
    dev.wait_until_served("<h1>Renamed board</h1>");
    // A new module, and one that goes.
    project.file("app/new/title.js", "export const title = \"New board\";\n");
    edit(&project, "app/page.js", "Renamed board", "{title}");
    edit(
        &project,
        "app/page.js",
        "import {",
        "import { title } from \"./new/title\";\nimport {",
    );
    dev.wait_until_served("<h1>New board</h1>");
    let run = project.run(&["exec", "--synced", "--", "cat", "app/new/title.js"]);
    assert!(run.expect(0).stdout.contains("New board"));
    dev.leave();
}

#[test]
fn the_development_server_of_django_sees_what_is_saved() {
    let project = example("django");
    settings(&project, "python manage.py runserver 0.0.0.0:$PORT");
    let dev = Dev::start(&project);
    dev.wait_until_served("\"items\"");
    edit(
        &project,
        "project/urls.py",
        "\"items\": list",
        "\"edited\": 1, \"items\": list",
    );
    dev.wait_until_served("\"edited\": 1");
    edit(
        &project,
        "stock/management/commands/stock.py",
        "cents",
        "edited cents",
    );
    let run = project.run(&["run", "stock", "--synced"]).expect(0);
    assert!(run.stdout.contains("edited cents"), "{}", run.stdout);
    assert!(
        run.stderr.contains("as edited, not a clean build"),
        "{}",
        run.stderr
    );
    dev.leave();
}
