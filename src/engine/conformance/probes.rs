//! Commands that find out from inside a container what it may do, and what they come to in one of the fake: there they
//! read off what the container was asked for, and obey it.

use std::time::Duration;

use crate::engine::fake::{FakeEngine, Process};
use crate::engine::spec::ContainerSpec;

/// Counts processes, those that nobody has waited for among them.
pub(super) const COUNT: &str = "set -- /proc/[0-9]*; echo $#";

/// Leaves a process behind that ends a little later.
pub(super) const ORPHAN: &str = "sleep 0.2 >/dev/null 2>&1 &";

/// Starts forty processes.
pub(super) const CROWD: &str = "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do sleep 1000 >/dev/null 2>&1 & sleep 1000 >/dev/null 2>&1 & done; echo all";

/// Ends with 3, and leaves a process that keeps its output open.
pub(super) const LINGER: &str = "sleep 1000 & exit 3";

/// The names of its network's interfaces.
pub(super) const INTERFACES: &str = "ls /sys/class/net";

/// Which network it has: the same text for the same one.
pub(super) const NETWORK: &str = "readlink /proc/self/ns/net";

/// The address from which a link-local address would be reached; nothing if there is no way. Nothing is sent.
pub(super) const LINK_LOCAL: &str = "perl -MSocket -e 'socket(S, AF_INET, SOCK_DGRAM, 0); connect(S, sockaddr_in(9, inet_aton(q(169.254.1.1)))) or exit; print inet_ntoa((sockaddr_in(getsockname(S)))[1])'";

/// Makes a program at `$1` and runs it.
pub(super) const RUN_AT: &str = "cp /bin/true \"$1\" && \"$1\"";

/// A script as a command.
pub(super) fn script(script: &str, arguments: &[&str]) -> Vec<String> {
    let words = ["sh", "-c", script, "probe"].into_iter();
    words
        .chain(arguments.iter().copied())
        .map(str::to_owned)
        .collect()
}

/// Teaches the fake what these commands come to.
pub(super) fn teach(engine: &FakeEngine) {
    engine.program(
        |command| command.first().is_some_and(|name| name == "sh"),
        |process| async move { run(&process).await },
    );
    engine.program(
        |command| command == ["cat", "/proc/self/status"],
        |process| async move {
            let mask = mask(&spec_of(&process).capabilities);
            let text = format!("CapEff:\t{mask:016x}\nCapBnd:\t{mask:016x}\nNoNewPrivs:\t1\n");
            process.print(text).await;
            0
        },
    );
    engine.program(
        |command| command.first().is_some_and(|name| name == "df"),
        |process| async move {
            let size = size_of(&spec_of(&process), &process.command()[3]);
            process.print(format!("1B-blocks\n{size}\n")).await;
            0
        },
    );
    engine.program(
        |command| command.first().is_some_and(|name| name == "stat"),
        |process| async move {
            let options = options_of(&spec_of(&process), &process.command()[3]);
            let mode = options
                .split(',')
                .find_map(|option| option.strip_prefix("mode="));
            let mode = mode.unwrap_or("755").trim_start_matches('0');
            process.print(format!("{mode}\n")).await;
            0
        },
    );
    engine.program(
        |command| command.first().is_some_and(|name| name == "getent"),
        |process| async move {
            let name = process.command()[2].clone();
            match address(&process, &name) {
                Some(address) => {
                    process.print(format!("{address}  {name}\n")).await;
                    0
                }
                None => 2,
            }
        },
    );
}

async fn run(process: &Process) -> i64 {
    let spec = spec_of(process);
    match process.command()[2].as_str() {
        COUNT => {
            // With the init.
            let count = process.neighbours().len() + 1;
            process.print(format!("{count}\n")).await;
        }
        ORPHAN => drop(process.fork(|_| pause(Duration::from_millis(200)))),
        CROWD => {
            let most = usize::try_from(spec.pids_limit.unwrap_or(i64::MAX)).unwrap_or(usize::MAX);
            for _ in 0..40 {
                if process.neighbours().len() + 1 >= most {
                    process.complain("sh: 1: Cannot fork\n").await;
                    return 2;
                }
                process.fork(|_| pause(Duration::from_secs(1000)));
            }
            process.print("all\n").await;
        }
        LINGER => {
            process.fork(|child| async move {
                let code = pause(Duration::from_secs(1000)).await;
                // Until here it has the output open.
                drop(child);
                code
            });
            return 3;
        }
        INTERFACES => {
            let has_one = spec.network.is_some() || spec.network_of.is_some();
            process
                .print(if has_one { "eth0\nlo\n" } else { "lo\n" })
                .await;
        }
        NETWORK => {
            let shared = spec.network_of.and_then(|of| process.store().find(&of));
            let owner = shared.unwrap_or_else(|| process.container().to_owned());
            process.print(format!("{owner}\n")).await;
        }
        LINK_LOCAL => process.print("169.254.169.254".to_owned()).await,
        RUN_AT => {
            let path = process.command()[4].clone();
            let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
            let options = options_of(&spec, directory);
            return if options.split(',').any(|option| option == "exec") {
                0
            } else {
                126
            };
        }
        other => panic!("the fake does not know what this comes to: {other}"),
    }
    0
}

async fn pause(duration: Duration) -> i64 {
    tokio::time::sleep(duration).await;
    0
}

fn spec_of(process: &Process) -> ContainerSpec {
    process.store().containers[process.container()].spec.clone()
}

/// The capabilities as the kernel counts them.
fn mask(capabilities: &[String]) -> u64 {
    let bit = |name: &String| match name.as_str() {
        "CHOWN" => 1,
        "SETUID" => 1 << 7,
        other => panic!("the fake does not know this capability: {other}"),
    };
    capabilities.iter().map(bit).sum()
}

fn size_of(spec: &ContainerSpec, path: &str) -> u64 {
    let memory = spec.memory.on(0);
    let tmpfs = spec.tmpfs.iter().find(|tmpfs| tmpfs.target == path);
    match tmpfs {
        Some(tmpfs) => tmpfs.size_within(memory),
        None => spec.shared_memory.unwrap_or(64 * 1024 * 1024),
    }
}

fn options_of(spec: &ContainerSpec, path: &str) -> String {
    let tmpfs = spec.tmpfs.iter().find(|tmpfs| tmpfs.target == path);
    tmpfs.map(|tmpfs| tmpfs.options.clone()).unwrap_or_default()
}

/// The address of a name, as the container of a process sees it.
fn address(process: &Process, name: &str) -> Option<String> {
    let spec = spec_of(process);
    if let Some(address) = spec.hosts.get(name) {
        return Some(address.clone());
    }
    let network = spec.network?;
    let link = network.links.iter().find(|link| link.alias == name);
    let wanted = link.map_or(name, |link| link.container.as_str());
    let store = process.store();
    let found = store.containers.values().find(|held| {
        let other = held.spec.network.as_ref();
        let other = other.filter(|other| other.name == network.name);
        held.phase == crate::engine::fake::Phase::Running
            && other.is_some_and(|other| {
                held.name == wanted || other.aliases.iter().any(|alias| alias == wanted)
            })
    });
    found.map(|_| "172.18.0.2".to_owned())
}
