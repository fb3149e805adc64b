//! What a container may do and reach, and what it may not: what `ContainerSpec` promises.

use std::net::{Ipv4Addr, TcpListener};

use super::*;
use crate::engine::spec::{Link, MemoryLimit, Network, Port, Tmpfs};

const MIB: u64 = 1024 * 1024;

pub(super) async fn what_a_command_leaves_behind_is_waited_for<E: Engine>(trial: &Trial<'_, E>) {
    let id = trial.start(&trial.container("one")).await;
    let count = async || trial.run_script(&id, probes::COUNT, &[]).await.1;
    let before = count().await;
    assert_eq!(trial.run_script(&id, probes::ORPHAN, &[]).await.0, 0);
    for _ in 0..200 {
        if count().await == before {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("what has ended is still there");
}

pub(super) async fn there_are_no_privileges_but_those_asked_for<E: Engine>(trial: &Trial<'_, E>) {
    let mut spec = trial.container("one");
    let none = trial.start(&spec).await;
    spec.name = trial.name("two");
    spec.capabilities = vec!["CHOWN".to_owned(), "SETUID".to_owned()];
    let two = trial.start(&spec).await;
    for (id, mask) in [(none, "0000000000000000"), (two, "0000000000000081")] {
        let status = trial.run(&id, "cat /proc/self/status").await.1;
        for line in [
            format!("CapEff:\t{mask}"),
            format!("CapBnd:\t{mask}"),
            "NoNewPrivs:\t1".to_owned(),
        ] {
            assert!(
                status.lines().any(|found| found == line),
                "{line}: {status}"
            );
        }
    }
}

pub(super) async fn no_more_processes_live_than_the_limit<E: Engine>(trial: &Trial<'_, E>) {
    let mut spec = trial.container("one");
    spec.pids_limit = Some(100);
    let id = trial.start(&spec).await;
    assert_eq!(trial.run_script(&id, probes::CROWD, &[]).await.1, "all\n");
    spec.name = trial.name("two");
    spec.pids_limit = Some(20);
    let id = trial.start(&spec).await;
    let (code, out, errors) = trial.run_script(&id, probes::CROWD, &[]).await;
    assert_ne!(code, 0);
    assert_eq!(out, "");
    assert!(errors.contains("fork"), "{errors}");
}

pub(super) async fn shared_memory_has_its_size<E: Engine>(trial: &Trial<'_, E>) {
    let mut spec = trial.container("one");
    spec.shared_memory = Some(8 * MIB);
    let id = trial.start(&spec).await;
    assert_eq!(size(trial, &id, "/dev/shm").await, 8 * MIB);
}

/// How much a file system holds.
async fn size<E: Engine>(trial: &Trial<'_, E>, id: &str, path: &str) -> u64 {
    let command = format!("df --block-size=1 --output=size {path}");
    let text = trial.run(id, &command).await.1;
    let last = text.split_whitespace().next_back().unwrap();
    last.parse().unwrap()
}

pub(super) async fn a_temporary_file_system_has_its_size_and_options<E: Engine>(
    trial: &Trial<'_, E>,
) {
    let mut spec = trial.container("one");
    spec.memory = MemoryLimit::Bytes(64 * MIB);
    let tmpfs = |target: &str, options: &str, size: u64| Tmpfs {
        target: target.to_owned(),
        options: options.to_owned(),
        size,
    };
    spec.tmpfs = vec![
        tmpfs("/small", "exec,mode=1777", 4 * MIB),
        tmpfs("/large", "noexec,mode=0700", 1024 * MIB),
    ];
    let id = trial.start(&spec).await;
    assert_eq!(size(trial, &id, "/small").await, 4 * MIB);
    // So it is full before the kernel has to end anything.
    assert_eq!(size(trial, &id, "/large").await, 32 * MIB);
    assert_eq!(trial.run(&id, "stat --format %a /small").await.1, "1777\n");
    assert_eq!(trial.run(&id, "stat --format %a /large").await.1, "700\n");
    let runs = async |path: &str| trial.run_script(&id, probes::RUN_AT, &[path]).await.0;
    assert_eq!(runs("/small/program").await, 0);
    assert_eq!(runs("/large/program").await, 126);
}

pub(super) async fn a_volume_in_memory_lasts_as_long_as_something_that_has_it_runs<E: Engine>(
    trial: &Trial<'_, E>,
) {
    let volume = VolumeSpec {
        name: trial.name("memory"),
        labels: trial.labels(),
        directory_of: None,
        memory: Some("mode=0777,size=1m".to_owned()),
        layers: None,
    };
    trial.engine.create_volume(&volume).await.unwrap();
    let mut spec = trial.container("one");
    spec.volumes = vec![mounted(&volume, "/memory")];
    let one = trial.start(&spec).await;
    spec.name = trial.name("two");
    let two = trial.start(&spec).await;
    assert_eq!(trial.run(&one, "touch /memory/x").await.0, 0);
    trial.engine.stop_container(&one).await.unwrap();
    assert_eq!(trial.run(&two, "cat /memory/x").await.0, 0);
    trial.engine.stop_container(&two).await.unwrap();
    trial.engine.start_container(&one).await.unwrap();
    assert_eq!(trial.run(&one, "cat /memory/x").await.0, 1);
}

pub(super) async fn hosts_are_names_of_addresses<E: Engine>(trial: &Trial<'_, E>) {
    let mut spec = trial.container("one");
    spec.hosts = [("db.internal".to_owned(), "10.1.2.3".to_owned())].into();
    spec.network = Some(network(trial, "net").await);
    let id = trial.start(&spec).await;
    let found = trial.run(&id, "getent hosts db.internal").await;
    assert_eq!(
        (found.0, found.1.starts_with("10.1.2.3 ")),
        (0, true),
        "{found:?}"
    );
    assert_ne!(trial.run(&id, "getent hosts other.internal").await.0, 0);
}

/// A network that is there.
async fn network<E: Engine>(trial: &Trial<'_, E>, part: &str) -> Network {
    let name = trial.name(part);
    trial
        .engine
        .create_network(&name, &trial.labels())
        .await
        .unwrap();
    Network {
        name,
        aliases: Vec::new(),
        links: Vec::new(),
    }
}

pub(super) async fn aliases_are_for_all_on_a_network_and_links_for_one<E: Engine>(
    trial: &Trial<'_, E>,
) {
    let net = network(trial, "net").await;
    let other = network(trial, "other").await;
    // A name of a container is a name for DNS, and those have at most 63 characters.
    let server = format!("upsun-{}-server", std::process::id());
    let mut spec = trial.container("one");
    spec.network = Some(Network {
        links: vec![Link {
            container: server.clone(),
            alias: "linked.internal".to_owned(),
        }],
        ..net.clone()
    });
    // What it is linked to is not there yet.
    let one = trial.start(&spec).await;
    spec.name = trial.name("two");
    spec.network = Some(net.clone());
    let two = trial.start(&spec).await;
    spec.name = trial.name("elsewhere");
    spec.network = Some(other);
    let elsewhere = trial.start(&spec).await;
    spec.name = format!("{server}-starting");
    spec.known_as.clone_from(&server);
    spec.network = Some(Network {
        aliases: vec!["alias.internal".to_owned()],
        ..net
    });
    let id = trial.start(&spec).await;
    trial.engine.rename_container(&id, &server).await.unwrap();
    let knows = async |id: &str, name: &str| {
        let (code, _, _) = trial.run(id, &format!("getent hosts {name}")).await;
        code == 0
    };
    for (id, alias, link) in [
        (&one, true, true),
        (&two, true, false),
        (&elsewhere, false, false),
    ] {
        assert_eq!(knows(id, "alias.internal").await, alias, "{id}");
        assert_eq!(knows(id, "linked.internal").await, link, "{id}");
        assert_eq!(knows(id, &server).await, alias, "{id}");
    }
}

pub(super) async fn a_container_has_its_own_network_anothers_or_none<E: Engine>(
    trial: &Trial<'_, E>,
) {
    let mut spec = trial.container("one");
    let none = trial.start(&spec).await;
    spec.name = trial.name("two");
    spec.network = Some(network(trial, "net").await);
    let own = trial.start(&spec).await;
    spec.name = trial.name("three");
    spec.network = None;
    spec.network_of = Some(trial.name("two"));
    let shared = trial.start(&spec).await;
    let interfaces = async |id: &str| trial.run_script(id, probes::INTERFACES, &[]).await.1;
    assert_eq!(interfaces(&none).await, "lo\n");
    assert_ne!(interfaces(&own).await, "lo\n");
    let network = async |id: &str| trial.run_script(id, probes::NETWORK, &[]).await.1;
    assert_eq!(network(&own).await, network(&shared).await);
    assert_ne!(network(&own).await, network(&none).await);
}

/// Clouds hand out credentials at such addresses.
pub(super) async fn link_local_addresses_are_not_those_of_the_engines_machine<E: Engine>(
    trial: &Trial<'_, E>,
) {
    let mut spec = trial.container("one");
    spec.network = Some(network(trial, "net").await);
    // Nothing that a project can set keeps the addresses open.
    spec.variables = [("PERL5OPT", "-Mnothing"), ("LD_PRELOAD", "/nothing")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    spec.user = "10000:10000".to_owned();
    spec.read_only = true;
    let id = trial.start(&spec).await;
    let is_closed = async || {
        let exec = ExecSpec {
            command: probes::script(probes::LINK_LOCAL, &[]),
            variables: [("PERL5OPT", ""), ("LD_PRELOAD", "")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            ..ExecSpec::default()
        };
        let exec = trial.engine.exec(&id, &exec).await.unwrap();
        let (code, from, errors) = trial.finish(exec).await;
        assert_eq!((code, errors.as_str()), (0, ""));
        from.is_empty() || from.starts_with("169.254.")
    };
    assert!(is_closed().await);
    trial.engine.stop_container(&id).await.unwrap();
    trial.engine.start_container(&id).await.unwrap();
    assert!(is_closed().await);
}

pub(super) async fn a_port_is_one_containers_at_a_time<E: Engine>(trial: &Trial<'_, E>) {
    let mut spec = trial.container("one");
    spec.network = Some(network(trial, "net").await);
    spec.ports = vec![Port {
        container: 8080,
        host: free_port(),
    }];
    let one = trial.start(&spec).await;
    spec.name = trial.name("two");
    let two = trial.create(&spec).await;
    let err = trial.engine.start_container(&two).await.unwrap_err();
    assert!(matches!(&err, Error::PortTaken(_)), "{err:?}");
    trial.engine.stop_container(&one).await.unwrap();
    trial.engine.start_container(&two).await.unwrap();
}

/// A port that nothing listens on at the moment.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// There is nothing to connect to in a container of the fake.
#[cfg(feature = "test-docker")]
mod reached {
    use std::net::{IpAddr, UdpSocket};

    use tokio::io::AsyncReadExt;
    use tokio::net::TcpStream;

    use super::*;

    /// An address of this machine that others reach it at, where it has one.
    fn outer_address() -> Option<IpAddr> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
        // Nothing is sent: the address of documentation only chooses an interface.
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
        Some(socket.local_addr().ok()?.ip())
    }

    /// A command that serves at port 8888.
    fn server() -> Vec<String> {
        let server = "require('net').createServer(s => s.end('there')).listen(8888)";
        ["node", "-e", server].map(str::to_owned).into()
    }

    /// Whether something answers at port 8888 of an address, asked from a container.
    async fn answers<E: Engine>(trial: &Trial<'_, E>, id: &str, address: &str) -> bool {
        let script = "timeout 2 bash -c \"exec 3<>/dev/tcp/$1/8888 && cat <&3\" 2>/dev/null";
        let (_, out, _) = trial.run_script(id, script, &[address]).await;
        out == "there"
    }

    async fn address<E: Engine>(trial: &Trial<'_, E>, id: &str) -> String {
        let out = trial.run(id, "hostname --ip-address").await.1;
        let mut addresses = out.split_whitespace();
        let is_own = |address: &&str| !address.starts_with("169.254.");
        addresses.find(is_own).unwrap().to_owned()
    }

    #[tokio::test]
    async fn a_container_that_starts_again_is_reached_at_once() {
        let engine = docker().await;
        Trial::hold(&engine, "again", async |trial| {
            let net = network(trial, "net").await;
            let mut spec = trial.container("one");
            let name = trial.name("server");
            spec.network = Some(Network {
                links: vec![Link {
                    container: name.clone(),
                    alias: "server.internal".to_owned(),
                }],
                ..net.clone()
            });
            let one = trial.start(&spec).await;
            let spec = ContainerSpec {
                name,
                network: Some(net),
                command: server(),
                stop_grace: Duration::ZERO,
                ..trial.container("server")
            };
            let id = trial.start(&spec).await;
            for _ in 0..2 {
                let mut count = 0;
                while !answers(trial, &one, "server.internal").await {
                    count += 1;
                    assert!(count < 8, "it does not answer");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                trial.engine.stop_container(&id).await.unwrap();
                trial.engine.start_container(&id).await.unwrap();
            }
        })
        .await;
    }

    #[tokio::test]
    async fn containers_of_two_networks_do_not_reach_each_other() {
        let engine = docker().await;
        Trial::hold(&engine, "apart", async |trial| {
            let mut ids = Vec::new();
            for part in ["one", "two", "three"] {
                let mut spec = trial.container(part);
                spec.network = Some(network(trial, part).await);
                spec.command = server();
                ids.push(trial.start(&spec).await);
            }
            let addresses = [address(trial, &ids[0]).await, address(trial, &ids[1]).await];
            for (id, own) in ids.iter().zip(&addresses) {
                let mut count = 0;
                while !answers(trial, id, own).await {
                    count += 1;
                    assert!(count < 100, "the server does not start");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
            // The end of a third network must not open the two others.
            for stopped in [false, true] {
                if stopped {
                    trial.engine.remove_container(&ids[2]).await.unwrap();
                }
                assert!(!answers(trial, &ids[0], &addresses[1]).await);
                assert!(!answers(trial, &ids[1], &addresses[0]).await);
            }
        })
        .await;
    }

    #[tokio::test]
    async fn a_port_is_reached_at_the_loopback_address_only() {
        let engine = docker().await;
        Trial::hold(&engine, "ports", async |trial| {
            let mut spec = trial.container("one");
            spec.network = Some(network(trial, "net").await);
            let host = free_port();
            let container = 8080;
            spec.ports = vec![Port { container, host }];
            let server = "require('net').createServer(s => s.end('there')).listen(8080)";
            spec.command = ["node", "-e", server].map(str::to_owned).into();
            trial.start(&spec).await;
            let mut said = String::new();
            // What forwards the port may be there before the server is.
            for _ in 0..200 {
                if let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, host)).await {
                    let _ = stream.read_to_string(&mut said).await;
                }
                if said == "there" {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            assert_eq!(said, "there");
            if let Some(outer) = outer_address() {
                let reached = TcpStream::connect((outer, host)).await;
                assert!(reached.is_err(), "{outer} answers");
            }
        })
        .await;
    }
}
