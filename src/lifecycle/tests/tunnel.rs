//! Tunnels: connections of this machine that a command in a container passes on.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::engine::Engine;
use crate::engine::fake::Process;
use crate::event::Notice;
use crate::lifecycle::{Far, Forward, Through};
use crate::shutdown::Urgency;

/// What the command in the container does, by the port: 1 sends everything back, 2 sends an answer and then counts
/// what it gets, and nothing listens on any other.
async fn relay(mut process: Process, counted: Arc<AtomicUsize>) -> i64 {
    let mut input = process.input.take().unwrap();
    let port = process.command().last().unwrap().clone();
    let mut buffer = vec![0; 4096];
    let mut total = 0;
    match port.as_str() {
        "1" => {
            while let Ok(read @ 1..) = input.read(&mut buffer).await {
                process.print(buffer[..read].to_vec()).await;
                total += read;
            }
            process.complain(format!("{total}\n")).await;
            0
        }
        "2" => {
            process.complain("6\n").await;
            process.print("answer").await;
            while let Ok(read @ 1..) = input.read(&mut buffer).await {
                total += read;
            }
            counted.store(total, Ordering::SeqCst);
            0
        }
        _ => {
            process.complain("Connection refused\n").await;
            3
        }
    }
}

fn far(port: u16) -> Far {
    Far {
        through: Through::App {
            app: "shop".to_owned(),
            worker: None,
        },
        host: "far.internal".to_owned(),
        port,
    }
}

async fn world() -> World {
    world_counting(&Arc::default()).await
}

/// A world whose far end keeps the number of bytes that it got.
async fn world_counting(counted: &Arc<AtomicUsize>) -> World {
    let world = World::new(SHOP);
    let is_relay = |command: &[String]| command[0] == "/usr/bin/perl";
    let counted = Arc::clone(counted);
    let program = move |process| relay(process, Arc::clone(&counted));
    world.engine.program(is_relay, program);
    world.up().await.unwrap();
    world
}

/// Serves a tunnel to a port while `act` has its near end.
async fn with_tunnel(world: &World, port: u16, act: impl AsyncFnOnce(std::net::SocketAddr)) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = listener.local_addr().unwrap();
    let forwards = [Forward {
        listener,
        far: far(port),
    }];
    let served = world.on(async |sandbox| sandbox.serve(&forwards).await);
    let acted = async {
        act(near).await;
        world.shutdown.request();
    };
    let (served, ()) = tokio::join!(served, acted);
    served.unwrap();
}

fn warnings(world: &World) -> Vec<String> {
    let told = world.told.lock().unwrap();
    let warning = |event: &Event| match event {
        Event::Notice(Notice::Warning { message, .. }) => Some(message.clone()),
        _ => None,
    };
    told.iter().filter_map(warning).collect()
}

#[tokio::test]
async fn bytes_pass_in_both_directions_until_both_have_ended() {
    let world = world().await;
    with_tunnel(&world, 1, async |near| {
        let connections = (0..20).map(|number: u8| async move {
            let mut stream = TcpStream::connect(near).await.unwrap();
            let sent = vec![number; 50_000];
            let (mut reader, mut writer) = stream.split();
            let mut got = Vec::new();
            let send = async {
                writer.write_all(&sent).await.unwrap();
                writer.shutdown().await.unwrap();
            };
            let (read, ()) = tokio::join!(reader.read_to_end(&mut got), send);
            read.unwrap();
            assert_eq!(got, sent);
        });
        futures_util::future::join_all(connections).await;
    })
    .await;
    assert_eq!(warnings(&world), [""; 0]);
}

#[tokio::test]
async fn the_far_end_may_end_first_and_go_on_reading() {
    let counted = Arc::default();
    let world = world_counting(&counted).await;
    with_tunnel(&world, 2, async |near| {
        let mut stream = TcpStream::connect(near).await.unwrap();
        let mut got = String::new();
        stream.read_to_string(&mut got).await.unwrap();
        assert_eq!(got, "answer");
        stream.write_all(&vec![0; 30_000]).await.unwrap();
        stream.shutdown().await.unwrap();
        while counted.load(Ordering::SeqCst) < 30_000 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_port_where_nothing_listens_is_named_in_a_warning() {
    let world = world().await;
    with_tunnel(&world, 3, async |near| {
        let mut stream = TcpStream::connect(near).await.unwrap();
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    })
    .await;
    assert_eq!(
        warnings(&world),
        ["no connection to far.internal:3: Connection refused"]
    );
}

#[tokio::test]
async fn a_container_that_was_replaced_is_found_again() {
    let world = world().await;
    let ids = || -> Vec<String> { world.engine.store().containers.keys().cloned().collect() };
    let before = ids();
    world.file("server.js", "listen(1)");
    with_tunnel(&world, 1, async |near| {
        world.up().await.unwrap();
        assert_ne!(before, ids());
        let mut stream = TcpStream::connect(near).await.unwrap();
        stream.write_all(b"hello").await.unwrap();
        let mut got = [0; 5];
        stream.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"hello");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn tunnels_end_when_their_container_is_gone_for_good() {
    let world = world().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let forwards = [Forward {
        listener,
        far: far(1),
    }];
    let served = world.on(async |sandbox| sandbox.serve(&forwards).await);
    let removed = async {
        tokio::time::sleep(std::time::Duration::from_secs(7200)).await;
        let ids: Vec<String> = world.engine.store().containers.keys().cloned().collect();
        for id in ids {
            world.engine.remove_container(&id).await.unwrap();
        }
    };
    let (served, ()) = tokio::join!(served, removed);
    assert!(matches!(served, Err(Error::NotUp { container }) if container == "shop"));
    assert_eq!(world.shutdown.urgency(), Urgency::None);
}

#[tokio::test]
async fn down_closes_the_tunnels_of_its_environment() {
    use crate::tunnels::{Record, Store};
    let world = world().await;
    let store = Store::of(&world.project.state_dir);
    let record = |environment: &str| Record {
        project: "shop".to_owned(),
        environment: environment.to_owned(),
        app: None,
        tunnels: Vec::new(),
    };
    let closes = Shutdown::new();
    let kept = store.keep(&record("local"), &closes).unwrap();
    let other = store.keep(&record("other"), &Shutdown::new()).unwrap();
    let closed = async {
        closes.reached(Urgency::Cancel).await;
        kept.remove();
    };
    let down = world.on(async |sandbox| sandbox.down(crate::lifecycle::Down::KeepVolumes).await);
    let (down, ()) = tokio::join!(down, closed);
    down.unwrap();
    assert_eq!(store.open().len(), 1);
    other.remove();
}
