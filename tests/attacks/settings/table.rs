//! The attacks: what is planted, and what commands must make of it.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::SECRET;

pub(super) const SETTINGS: &str = ".upsun-local.yaml";
const LINKED: &str = ".upsun/local/project.yaml";

/// Makes room for a file.
fn place(root: &Path, name: &str) -> PathBuf {
    let path = root.join(name);
    std::fs::create_dir_all(path.parent().expect("it can be done")).expect("it can be done");
    path
}

fn link(target: &str, root: &Path, name: &str) {
    symlink(target, place(root, name)).expect("it can be done");
}

fn pipe(root: &Path, name: &str) {
    let made = Command::new("mkfifo").arg(place(root, name)).status();
    assert!(made.expect("it can be done").success());
}

fn socket(root: &Path, name: &str) {
    drop(UnixListener::bind(place(root, name)).expect("it can be done"));
}

fn holes(root: &Path, name: &str) {
    let file = std::fs::File::create(place(root, name)).expect("it can be done");
    file.set_len(10 << 40).expect("it can be done");
}

/// What commands come to: whether the settings are refused.
pub(super) struct Refused {
    pub(super) look: bool,
    pub(super) read: bool,
    pub(super) tidy: bool,
}

const EVERYWHERE: Refused = Refused {
    look: true,
    read: true,
    tidy: true,
};
/// What stands there leads out, and tidying up does without it.
const UNLESS_TIDYING: Refused = Refused {
    tidy: false,
    ..EVERYWHERE
};
const WHERE_IT_IS_READ: Refused = Refused {
    look: false,
    ..UNLESS_TIDYING
};
const NOWHERE: Refused = Refused {
    read: false,
    ..WHERE_IT_IS_READ
};

pub(super) struct Attack {
    pub(super) name: &'static str,
    /// `.upsun-local.yaml`; none where `plant` makes it.
    pub(super) settings: Option<&'static str>,
    pub(super) plant: fn(&Path),
    pub(super) refused: Refused,
    /// What an error says.
    pub(super) words: &'static str,
}

const fn attack(
    name: &'static str,
    settings: &'static str,
    refused: Refused,
    words: &'static str,
) -> Attack {
    Attack {
        name,
        settings: Some(settings),
        plant: |_| {},
        refused,
        words,
    }
}

const fn planted(
    name: &'static str,
    settings: Option<&'static str>,
    plant: fn(&Path),
    refused: Refused,
    words: &'static str,
) -> Attack {
    Attack {
        name,
        settings,
        plant,
        refused,
        words,
    }
}

const OUTSIDE: &str = "it leads outside the repository";
const REACHES: &str = "reaches outside the repository";

pub(super) const ATTACKS: &[Attack] = &[
    // The settings file itself.
    planted(
        "a link to a file of this machine",
        None,
        |root| link("../secret", root, SETTINGS),
        EVERYWHERE,
        OUTSIDE,
    ),
    planted(
        "a link to endless zeros",
        None,
        |root| link("/dev/zero", root, SETTINGS),
        EVERYWHERE,
        OUTSIDE,
    ),
    planted(
        "a link to the variables of the process",
        None,
        |root| link("/proc/self/environ", root, SETTINGS),
        EVERYWHERE,
        OUTSIDE,
    ),
    planted(
        "a link to standard input",
        None,
        |root| link("/dev/stdin", root, SETTINGS),
        EVERYWHERE,
        "",
    ),
    planted(
        "a link to itself",
        None,
        |root| link(SETTINGS, root, SETTINGS),
        EVERYWHERE,
        "leads to itself",
    ),
    planted(
        "a named pipe",
        None,
        |root| pipe(root, SETTINGS),
        EVERYWHERE,
        "not a regular file",
    ),
    planted(
        "a socket",
        None,
        |root| socket(root, SETTINGS),
        EVERYWHERE,
        "not a regular file",
    ),
    planted(
        "a directory",
        None,
        |root| std::fs::create_dir(root.join(SETTINGS)).expect("it can be done"),
        EVERYWHERE,
        "it is a directory",
    ),
    planted(
        "ten terabytes of holes",
        None,
        |root| holes(root, SETTINGS),
        EVERYWHERE,
        "larger than 1 MiB",
    ),
    // Files of other programs, in the place of settings.
    attack(
        "a .netrc",
        "machine github.com login x password hunter2-of-this-machine\n",
        EVERYWHERE,
        ".upsun-local.yaml:1",
    ),
    attack(
        "one token",
        "hunter2-of-this-machine\n",
        EVERYWHERE,
        ".upsun-local.yaml:1",
    ),
    attack(
        "a shell script",
        "export TOKEN=hunter2-of-this-machine\n",
        EVERYWHERE,
        ".upsun-local.yaml:1",
    ),
    attack(
        "a value in the wrong place",
        "role: hunter2-of-this-machine\n",
        EVERYWHERE,
        "role: this value is not a role",
    ),
    attack(
        "a broken text",
        "project: \"hunter2-of-this-machine\n",
        EVERYWHERE,
        ".upsun-local.yaml:",
    ),
    attack(
        "an alias",
        "project: *hunter2-of-this-machine\n",
        EVERYWHERE,
        ".upsun-local.yaml:1",
    ),
    // The project's id.
    planted(
        "the id is a file of this machine",
        Some("port: 8080\n"),
        |root| link("../../../secret", root, LINKED),
        NOWHERE,
        "",
    ),
    planted(
        "the id is endless zeros",
        Some("port: 8080\n"),
        |root| link("/dev/zero", root, LINKED),
        NOWHERE,
        "",
    ),
    planted(
        "the id is a named pipe",
        Some("port: 8080\n"),
        |root| pipe(root, LINKED),
        NOWHERE,
        "",
    ),
    planted(
        "the id is endless holes",
        Some("port: 8080\n"),
        |root| holes(root, LINKED),
        NOWHERE,
        "",
    ),
    // `env_file`.
    planted(
        "variables are a file of this machine",
        Some("env_file: .env\n"),
        |root| link("../secret", root, ".env"),
        WHERE_IT_IS_READ,
        OUTSIDE,
    ),
    planted(
        "variables are those of the process",
        Some("env_file: .env\n"),
        |root| link("/proc/self/environ", root, ".env"),
        WHERE_IT_IS_READ,
        OUTSIDE,
    ),
    planted(
        "variables are below a folder that leads out",
        Some("env_file: folder/secret\n"),
        |root| link("..", root, "folder"),
        WHERE_IT_IS_READ,
        OUTSIDE,
    ),
    planted(
        "variables are endless zeros",
        Some("env_file: .env\n"),
        |root| link("/dev/zero", root, ".env"),
        WHERE_IT_IS_READ,
        OUTSIDE,
    ),
    planted(
        "variables are a named pipe",
        Some("env_file: .env\n"),
        |root| pipe(root, ".env"),
        WHERE_IT_IS_READ,
        "not a regular file",
    ),
    planted(
        "variables are a megabyte too many",
        Some("env_file: .env\n"),
        |root| std::fs::write(root.join(".env"), vec![b'#'; 2 << 20]).expect("it can be done"),
        WHERE_IT_IS_READ,
        "larger than 1 MiB",
    ),
    planted(
        "variables are a folder",
        Some("env_file: .upsun\n"),
        |_| {},
        WHERE_IT_IS_READ,
        "it is a directory",
    ),
    attack(
        "variables are not there",
        "env_file: .env\n",
        WHERE_IT_IS_READ,
        ".upsun-local.yaml:1: `env_file`: there is no such file",
    ),
    planted(
        "variables are no variables",
        Some("env_file: .env\n"),
        |root| std::fs::write(root.join(".env"), SECRET).expect("it can be done"),
        WHERE_IT_IS_READ,
        "`env_file`: line 1 is not",
    ),
    attack(
        "an absolute path of variables",
        "env_file: /proc/self/environ\n",
        UNLESS_TIDYING,
        REACHES,
    ),
    attack(
        "a path of variables that leads out",
        "env_file: ../secret\n",
        UNLESS_TIDYING,
        REACHES,
    ),
    attack(
        "a path of variables that leads out and in again",
        "env_file: a/../../repository/.env\n",
        UNLESS_TIDYING,
        REACHES,
    ),
    // `ca_certificates`.
    attack(
        "certificates on standard input",
        "ca_certificates: [/dev/stdin]\n",
        UNLESS_TIDYING,
        REACHES,
    ),
    attack(
        "certificates of endless zeros",
        "ca_certificates: /dev/zero\n",
        UNLESS_TIDYING,
        REACHES,
    ),
    planted(
        "certificates are a file of this machine",
        Some("ca_certificates: a.pem\n"),
        |root| link("../secret", root, "a.pem"),
        WHERE_IT_IS_READ,
        OUTSIDE,
    ),
    planted(
        "certificates are a named pipe",
        Some("ca_certificates: a.pem\n"),
        |root| pipe(root, "a.pem"),
        WHERE_IT_IS_READ,
        "not a regular file",
    ),
    planted(
        "certificates are none",
        Some("ca_certificates: a.pem\n"),
        |root| std::fs::write(root.join("a.pem"), SECRET).expect("it can be done"),
        WHERE_IT_IS_READ,
        "no PEM certificate",
    ),
    // What leads out by itself.
    attack(
        "the engine of a stranger",
        "engine: tcp://evil.example:2375\n",
        EVERYWHERE,
        REACHES,
    ),
    attack(
        "the engine is a command",
        "engine: 'ssh://-oProxyCommand=touch%20canary'\n",
        EVERYWHERE,
        REACHES,
    ),
    attack(
        "the proxy of a stranger",
        "proxy: { https: 'http://evil.example' }\n",
        UNLESS_TIDYING,
        REACHES,
    ),
    attack(
        "the password of the proxy",
        "proxy: { credentials: true }\n",
        UNLESS_TIDYING,
        REACHES,
    ),
    attack(
        "the service of a stranger",
        "services: { db: { external: 'postgres://evil.example' } }\n",
        UNLESS_TIDYING,
        "`services.db.external` reaches",
    ),
    attack(
        "a port of the system",
        "port: 80\n",
        UNLESS_TIDYING,
        REACHES,
    ),
    attack(
        "a port of the system for mail",
        "mail: { port: 25 }\n",
        UNLESS_TIDYING,
        REACHES,
    ),
    attack(
        "an image of a registry of this machine",
        "images: { 'nodejs:24': 'localhost:5000/private' }\n",
        UNLESS_TIDYING,
        REACHES,
    ),
];
