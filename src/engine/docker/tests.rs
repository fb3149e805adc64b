//! An engine that answers without an end, or not at all.

use std::path::PathBuf;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

use super::*;
use crate::engine::Error;
use crate::shutdown::Shutdown;

/// What a hostile engine does with everything but the greeting.
#[derive(Debug, Clone, Copy)]
enum Answer {
    /// It takes the request and says nothing.
    Nothing,
    /// The head of an answer, and then nothing.
    Head,
    /// A list that goes on and on.
    WithoutEnd,
    /// An error whose message goes on and on.
    ErrorWithoutEnd,
    /// An error with a reason.
    Refusal,
    /// An error without a reason.
    SilentRefusal,
    /// As nothing, after a greeting that says that it is Podman.
    Podman,
}

struct Hostile {
    _directory: tempfile::TempDir,
    socket: PathBuf,
    /// The requests' first lines.
    asked: mpsc::UnboundedReceiver<String>,
}

impl Hostile {
    fn new(answer: Answer) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("engine.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let (sender, asked) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer, sender.clone()));
            }
        });
        Hostile {
            _directory: directory,
            socket,
            asked,
        }
    }

    async fn engine(&self, patience: Patience) -> DockerEngine {
        let surroundings = Surroundings {
            wanted: Some(format!("unix://{}", self.socket.display())),
            ..Surroundings::default()
        };
        DockerEngine::connect_with(&surroundings, patience)
            .await
            .unwrap()
    }
}

async fn serve(mut stream: UnixStream, answer: Answer, asked: mpsc::UnboundedSender<String>) {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(read) => request.extend_from_slice(&buffer[..read]),
        }
    }
    let text = String::from_utf8_lossy(&request);
    let line = text.lines().next().unwrap_or_default().to_owned();
    let is_greeting = line.contains("/_ping ");
    let _ = asked.send(line);
    let head = match answer {
        Answer::Podman if is_greeting => {
            "HTTP/1.1 200 OK\r\nServer: Libpod/4.3.1 (linux)\r\nContent-Length: 2\r\n\r\nOK"
        }
        _ if is_greeting => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK",
        Answer::Nothing | Answer::Podman => "",
        Answer::Head => "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n[",
        Answer::WithoutEnd => "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[",
        Answer::Refusal => {
            "HTTP/1.1 500 No\r\nContent-Type: application/json\r\nContent-Length: 33\r\n\r\n{\"message\":\"the store is broken\"}"
        }
        Answer::SilentRefusal => "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
        Answer::ErrorWithoutEnd => {
            "HTTP/1.1 500 No\r\nContent-Type: application/json\r\n\r\n{\"message\":\""
        }
    };
    let _ = stream.write_all(head.as_bytes()).await;
    let is_endless = matches!(answer, Answer::WithoutEnd | Answer::ErrorWithoutEnd);
    if is_endless && !is_greeting {
        let piece = vec![b' '; 1024 * 1024];
        // Until nobody reads it any more.
        while stream.write_all(&piece).await.is_ok() {}
        return;
    }
    if !is_greeting {
        let _ = stream.read(&mut buffer).await;
    }
}

const SHORT: Duration = Duration::from_millis(50);

/// Longer than any answer takes.
const LONG: Duration = Duration::from_secs(60);

fn is_silent(err: &Error, call: &str) -> bool {
    let expected =
        format!("the container engine was asked to {call}, and did not answer within 0.05 s");
    err.to_string() == expected
}

#[tokio::test]
async fn no_call_is_waited_for_without_an_end() {
    for answer in [Answer::Nothing, Answer::Head] {
        let hostile = Hostile::new(answer);
        let engine = hostile.engine(Patience::of(SHORT, None)).await;
        let labels = Labels::new();
        let errors = [
            (engine.info().await.unwrap_err(), "describe itself"),
            (
                engine.containers(&labels).await.unwrap_err(),
                "list containers",
            ),
            (engine.volumes(&labels).await.unwrap_err(), "list volumes"),
            (engine.networks(&labels).await.unwrap_err(), "list networks"),
            (engine.images(&labels).await.unwrap_err(), "list images"),
            (engine.image("x").await.unwrap_err(), "look at an image"),
            (
                engine.container_state("x").await.unwrap_err(),
                "look at a container",
            ),
            (
                engine
                    .create_container(&ContainerSpec::default())
                    .await
                    .unwrap_err(),
                "create a container",
            ),
        ];
        for (err, call) in errors {
            assert!(is_silent(&err, call), "{answer:?}: {err}");
        }
    }
}

#[tokio::test]
async fn an_answer_without_an_end_is_left() {
    for answer in [Answer::WithoutEnd, Answer::ErrorWithoutEnd] {
        let hostile = Hostile::new(answer);
        let engine = hostile.engine(Patience::new(None)).await;
        let labels = Labels::new();
        for (err, call) in [
            (
                engine.containers(&labels).await.unwrap_err(),
                "list containers",
            ),
            (engine.volumes(&labels).await.unwrap_err(), "list volumes"),
        ] {
            let expected = format!(
                "the container engine was asked to {call}, and its answer is longer than 64 MiB"
            );
            assert_eq!(err.to_string(), expected, "{answer:?}");
        }
    }
}

#[tokio::test]
async fn an_error_without_an_end_is_left_where_output_may_be_long() {
    let hostile = Hostile::new(Answer::ErrorWithoutEnd);
    let engine = hostile.engine(Patience::new(None)).await;
    let err = engine.pull_image("x", &|_| {}).await.unwrap_err();
    assert_eq!(
        err.to_string(),
        "the container engine was asked to pull an image, and its answer is longer than 64 MiB"
    );
}

#[tokio::test]
async fn the_first_wish_to_stop_ends_the_wait_for_a_silent_engine() {
    let mut hostile = Hostile::new(Answer::Nothing);
    let shutdown = Shutdown::new();
    let patience = Patience::new(Some(shutdown.clone()));
    let engine = hostile.engine(patience).await;
    let labels = Labels::new();
    let press = async {
        // The greeting, then the list.
        while let Some(line) = hostile.asked.recv().await {
            if line.contains("/containers/json") {
                break;
            }
        }
        shutdown.press(2);
    };
    let (result, ()) = tokio::join!(engine.containers(&labels), press);
    assert_eq!(
        result.unwrap_err().to_string(),
        "the container engine was asked to list containers, and did not answer after Ctrl-C"
    );
}

#[tokio::test]
async fn the_first_wish_to_stop_ends_the_wait_for_a_greeting() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("engine.sock");
    // Nobody accepts what comes here.
    let _listener = UnixListener::bind(&socket).unwrap();
    let shutdown = Shutdown::new();
    shutdown.press(2);
    let surroundings = Surroundings {
        wanted: Some(format!("unix://{}", socket.display())),
        ..Surroundings::default()
    };
    let patience = Patience::new(Some(shutdown));
    let err = DockerEngine::connect_with(&surroundings, patience)
        .await
        .unwrap_err();
    let Error::Unavailable { tried, .. } = err else {
        panic!("{err:?}");
    };
    assert!(
        tried[0].ends_with(": did not answer after Ctrl-C"),
        "{tried:?}"
    );
}

#[tokio::test]
async fn an_engine_that_refuses_everything_is_quoted() {
    for (answer, said) in [
        (Answer::Refusal, "the store is broken"),
        (Answer::SilentRefusal, "code 500, without a reason"),
    ] {
        let hostile = Hostile::new(answer);
        let engine = hostile.engine(Patience::of(LONG, None)).await;
        let labels = Labels::new();
        let volume = VolumeSpec {
            name: "data".to_owned(),
            labels: labels.clone(),
            directory_of: None,
            memory: None,
            layers: None,
        };
        for err in [
            engine.info().await.unwrap_err(),
            engine.containers(&labels).await.unwrap_err(),
            engine.image("node:24").await.unwrap_err(),
            engine.container_state("one").await.unwrap_err(),
            engine.create_volume(&volume).await.unwrap_err(),
            engine.remove_container("one").await.unwrap_err(),
        ] {
            let told = err.to_string();
            assert_eq!(told, format!("the container engine says: {said}"));
        }
    }
}

#[tokio::test]
async fn the_hints_of_podman_name_its_own_command() {
    for (answer, command) in [(Answer::Nothing, "`docker "), (Answer::Podman, "`podman ")] {
        let hostile = Hostile::new(answer);
        let engine = hostile.engine(Patience::of(SHORT, None)).await;
        let err = engine.containers(&Labels::new()).await.unwrap_err();
        let Error::Unusable {
            hint: Some(hint), ..
        } = err
        else {
            panic!("{err:?}");
        };
        assert!(hint.starts_with(&format!("{command}ps`")), "{hint}");
        let hint = engine.fetch_hint("node:99").unwrap();
        assert!(hint.contains(&format!("{command}pull node:99`")), "{hint}");
    }
}

#[tokio::test]
async fn an_engine_that_ends_in_between_is_lost() {
    let hostile = Hostile::new(Answer::Refusal);
    let engine = hostile.engine(Patience::of(LONG, None)).await;
    std::fs::remove_file(&hostile.socket).unwrap();
    let err = engine.containers(&Labels::new()).await.unwrap_err();
    assert_eq!(
        err.to_string(),
        "the container engine stopped answering: No such file or directory"
    );
}

/// Keeps what is written to it.
#[derive(Clone, Default)]
struct Kept(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn each_call_is_told_with_its_name_its_time_and_what_came_of_it() {
    let kept = Kept::default();
    let writer = kept.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_ansi(false)
        .without_time()
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let hostile = Hostile::new(Answer::Nothing);
    let engine = hostile.engine(Patience::of(SHORT, None)).await;
    let spec = ContainerSpec {
        name: "shop".to_owned(),
        variables: [("TOKEN".to_owned(), "secret".to_owned())].into(),
        ..ContainerSpec::default()
    };
    engine.create_container(&spec).await.unwrap_err();
    let left = engine.image("node:24");
    assert!(left.now_or_never().is_none());
    let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("call=")).collect();
    let [created, looked] = &lines[..] else {
        panic!("{text}");
    };
    for part in [
        "DEBUG",
        "call=\"create_container\"",
        "name=\"shop\"",
        "took_ms=",
        "outcome=\"no use\"",
    ] {
        assert!(created.contains(part), "{part}: {created}");
    }
    for part in ["call=\"image\"", "name=\"node:24\"", "outcome=\"left\""] {
        assert!(looked.contains(part), "{part}: {looked}");
    }
    assert!(!text.contains("secret"), "{text}");
}

/// An engine at a TCP address, as one of another machine, that counts its connections.
struct Counting {
    address: String,
    connections: Arc<std::sync::atomic::AtomicUsize>,
}

impl Counting {
    /// With `hangs_up`, the engine closes each connection after one answer, without a word.
    async fn new(hangs_up: bool) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("tcp://{}", listener.local_addr().unwrap());
        let connections = Arc::<std::sync::atomic::AtomicUsize>::default();
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    while let Ok(byte) = stream.read_u8().await {
                        request.push(byte);
                        if !request.ends_with(b"\r\n\r\n") {
                            continue;
                        }
                        request.clear();
                        let answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]";
                        let _ = stream.write_all(answer).await;
                        if hangs_up {
                            break;
                        }
                    }
                });
            }
        });
        Counting {
            address,
            connections,
        }
    }

    /// Connects and asks a few times. Returns the number of connections.
    async fn after_questions(&self, questions: usize) -> usize {
        let surroundings = Surroundings {
            wanted: Some(self.address.clone()),
            ..Surroundings::default()
        };
        let engine = DockerEngine::connect(&surroundings, None).await.unwrap();
        for _ in 0..questions {
            // The connection is kept once it has noticed that the answer was read.
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            assert_eq!(engine.containers(&Labels::new()).await.unwrap(), []);
        }
        self.connections.load(std::sync::atomic::Ordering::SeqCst)
    }
}

#[tokio::test]
async fn connections_to_other_machines_serve_further_requests() {
    assert_eq!(Counting::new(false).await.after_questions(5).await, 1);
}

#[tokio::test]
async fn a_request_is_sent_again_if_the_engine_has_hung_up() {
    assert_eq!(Counting::new(true).await.after_questions(5).await, 6);
}
