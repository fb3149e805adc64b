//! The sockets at which engines usually listen.

use std::path::{Path, PathBuf};

use super::connect::Surroundings;

/// The usual sockets of Docker, in order, then those of Podman, each with its name for messages.
pub(super) fn usual(s: &Surroundings) -> Vec<(PathBuf, &'static str)> {
    let mut sockets = vec![(PathBuf::from("/var/run/docker.sock"), "")];
    if let Some(home) = &s.home {
        sockets.push((home.join(".docker/run/docker.sock"), " (Docker Desktop)"));
    }
    if let Some(runtime) = &s.runtime_dir {
        sockets.push((runtime.join("docker.sock"), " (rootless Docker)"));
    }
    if let Some(home) = &s.home {
        sockets.extend(colima(home).into_iter().map(|path| (path, " (Colima)")));
        sockets.push((home.join(".rd/docker.sock"), " (Rancher Desktop)"));
        sockets.push((home.join(".orbstack/run/docker.sock"), " (OrbStack)"));
    }
    if let Some(runtime) = &s.runtime_dir {
        sockets.push((runtime.join("podman/podman.sock"), " (Podman)"));
    }
    sockets.push((PathBuf::from("/run/podman/podman.sock"), " (Podman)"));
    // On macOS, Podman runs in a virtual machine: 5 has its socket among the temporary files, 4 below the home.
    if let Some(temporary) = &s.temporary_dir {
        let path = temporary.join("podman/podman-machine-default-api.sock");
        sockets.push((path, " (Podman machine)"));
    }
    if let Some(home) = &s.home {
        let machine = home.join(".local/share/containers/podman/machine");
        for path in [
            "podman.sock",
            "podman-machine-default/podman.sock",
            "qemu/podman.sock",
        ] {
            sockets.push((machine.join(path), " (Podman machine)"));
        }
    }
    sockets
}

/// The sockets of Colima's profiles: that of `default` first, whether it exists or not.
fn colima(home: &Path) -> Vec<PathBuf> {
    let directory = home.join(".colima");
    let first = directory.join("default/docker.sock");
    let profiles = std::fs::read_dir(&directory)
        .into_iter()
        .flatten()
        .flatten();
    let mut others: Vec<PathBuf> = profiles
        .map(|profile| profile.path().join("docker.sock"))
        .filter(|socket| *socket != first && socket.exists())
        .collect();
    others.sort();
    std::iter::once(first).chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_and_profiles_of_macos_are_tried_too() {
        let home = tempfile::tempdir().unwrap();
        let work = home.path().join(".colima/work/docker.sock");
        std::fs::create_dir_all(work.parent().unwrap()).unwrap();
        std::fs::write(&work, "").unwrap();
        std::fs::create_dir_all(home.path().join(".colima/_lima")).unwrap();
        let s = Surroundings {
            home: Some(home.path().into()),
            temporary_dir: Some("/var/folders/x/T".into()),
            ..Surroundings::default()
        };
        let all: Vec<PathBuf> = usual(&s).into_iter().map(|(path, _)| path).collect();
        let is_colima = |path: &&PathBuf| path.to_string_lossy().contains(".colima");
        let colima: Vec<&PathBuf> = all.iter().filter(is_colima).collect();
        let under = |path: &str| home.path().join(path);
        assert_eq!(
            colima,
            [
                &under(".colima/default/docker.sock"),
                &under(".colima/work/docker.sock")
            ]
        );
        for path in [
            PathBuf::from("/var/folders/x/T/podman/podman-machine-default-api.sock"),
            under(".local/share/containers/podman/machine/podman.sock"),
        ] {
            assert!(all.contains(&path), "{all:?}");
        }
    }
}
