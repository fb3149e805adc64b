//! Which engine is found, and what is said of one that is not.

use super::context::hex_of_sha256;
use super::*;

fn addresses(s: &Surroundings) -> Vec<String> {
    candidates(s, &mut Vec::new())
        .0
        .into_iter()
        .map(|c| c.address)
        .collect()
}

#[test]
fn docker_host_comes_before_contexts_and_sockets() {
    let s = Surroundings {
        docker_host: Some("tcp://127.0.0.1:2375".into()),
        docker_context: Some("other".into()),
        ..Surroundings::default()
    };
    assert_eq!(addresses(&s), ["tcp://127.0.0.1:2375"]);
}

#[test]
fn without_any_word_of_the_user_the_usual_sockets_are_tried() {
    let s = Surroundings {
        home: Some("/home/ada".into()),
        runtime_dir: Some("/run/user/1000".into()),
        ..Surroundings::default()
    };
    let all = addresses(&s);
    assert_eq!(all[0], "unix:///var/run/docker.sock");
    assert!(
        all.contains(&"unix:///run/user/1000/docker.sock".to_owned()),
        "{all:?}"
    );
    assert!(
        all.contains(&"unix:///home/ada/.colima/default/docker.sock".to_owned()),
        "{all:?}"
    );
}

#[tokio::test]
async fn an_address_is_no_option_of_ssh() {
    for address in [
        "ssh://-oProxyCommand=false",
        "ssh://-lroot@host",
        "ssh://user@-oProxyCommand=false",
    ] {
        let s = Surroundings {
            wanted: Some(address.into()),
            ..Surroundings::default()
        };
        let Err(Error::Unavailable { tried, .. }) = connect(&s, &Patience::new(None)).await else {
            panic!("{address}");
        };
        assert!(tried[0].ends_with("cannot begin with `-`"), "{tried:?}");
    }
}

#[test]
fn the_current_context_is_read_where_docker_keeps_it() {
    let dir = tempfile::tempdir().unwrap();
    let digest = hex_of_sha256(b"remote");
    let meta = dir.path().join("contexts/meta").join(&digest);
    std::fs::create_dir_all(&meta).unwrap();
    std::fs::write(
        dir.path().join("config.json"),
        r#"{"currentContext":"remote"}"#,
    )
    .unwrap();
    std::fs::write(
        meta.join("meta.json"),
        r#"{"Name":"remote","Endpoints":{"docker":{"Host":"ssh://ada@example.org"}}}"#,
    )
    .unwrap();
    let s = Surroundings {
        docker_config: Some(dir.path().into()),
        ..Surroundings::default()
    };
    assert_eq!(addresses(&s), ["ssh://ada@example.org"]);
    let missing = Surroundings {
        docker_context: Some("nope".into()),
        ..s
    };
    let mut tried = Vec::new();
    assert_eq!(candidates(&missing, &mut tried).0, []);
    assert_eq!(tried, ["docker context `nope`: not found"]);
}

#[test]
fn an_engine_that_refuses_old_clients_says_which_version_it_wants() {
    let refusal =
        "client version 1.41 is too old. Minimum supported API version is 1.44, please upgrade";
    assert_eq!(
        version_after(refusal, "inimum supported API version is "),
        Some((1, 44))
    );
    let too_old = "client version 1.41 is too new. Maximum supported API version is 1.39";
    assert_eq!(
        version_after(too_old, "aximum supported API version is "),
        Some((1, 39))
    );
}

/// The reason and the hint for an engine that the user named and that does not answer.
async fn refused(s: &Surroundings) -> (String, String) {
    match connect(s, &Patience::new(None)).await {
        Err(Error::Unavailable { tried, hint }) => (tried.join("; "), hint),
        Err(err) => panic!("{err}"),
        Ok(connected) => panic!("{} answers", connected.address),
    }
}

#[tokio::test]
async fn a_scheme_that_docker_does_not_have_is_refused() {
    let s = Surroundings {
        wanted: Some("ftp://host".into()),
        ..Surroundings::default()
    };
    let (reason, _) = refused(&s).await;
    assert!(reason.contains("`ftp://` is not supported"), "{reason}");
}

#[test]
fn only_another_machine_is_remote() {
    for (address, expected) in [
        ("unix:///var/run/docker.sock", None),
        ("tcp://127.0.0.1:2375", None),
        ("tcp://localhost", None),
        ("tcp://[::1]:2375", None),
        ("tcp://0.0.0.0:2375", None),
        ("tcp://10.0.0.7:2376", Some("10.0.0.7")),
        ("https://engine.example.org/", Some("engine.example.org")),
        ("tcp://[2001:db8::1]:2376", Some("2001:db8::1")),
        ("ssh://ada@example.org:2222", Some("example.org")),
        ("ssh://127.0.0.1:2222", Some("127.0.0.1")),
    ] {
        assert_eq!(other_machine(address).as_deref(), expected, "{address}");
    }
}

#[test]
fn an_address_without_a_port_has_the_port_of_the_docker_command() {
    assert_eq!(host_and_port("host", 2375), "host:2375");
    assert_eq!(host_and_port("host:1/", 2375), "host:1");
    assert_eq!(host_and_port("[::1]", 2376), "[::1]:2376");
}

fn candidate(s: &Surroundings) -> Candidate {
    candidates(s, &mut Vec::new()).0.remove(0)
}

#[test]
fn the_variables_say_whether_the_engine_is_verified() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name);
    for name in ["cert.pem", "key.pem"] {
        std::fs::write(file(name), "").unwrap();
    }
    let s = Surroundings {
        docker_host: Some("tcp://host:2376".into()),
        cert_path: Some(directory.path().into()),
        ..Surroundings::default()
    };
    assert_eq!(candidate(&s).tls, None);
    let verified = candidate(&Surroundings {
        tls_verify: true,
        ..s.clone()
    });
    // It is missing, which is an error once it is read.
    let client = Some((file("cert.pem"), file("key.pem")));
    assert_eq!(
        verified.tls,
        Some(TlsFiles {
            authority: Some(file("ca.pem")),
            client: client.clone(),
            accepts_any: false,
        })
    );
    let unverified = candidate(&Surroundings { tls: true, ..s });
    assert_eq!(
        unverified.tls,
        Some(TlsFiles {
            authority: None,
            client,
            accepts_any: true,
        })
    );
}

#[test]
fn a_context_says_whether_the_engine_is_verified() {
    for (endpoint, expected) in [
        (r#"{"Host":"tcp://host:2376"}"#, None),
        (
            r#"{"Host":"tcp://host:2376","SkipTLSVerify":true}"#,
            Some(TlsFiles {
                accepts_any: true,
                ..TlsFiles::default()
            }),
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let meta = dir
            .path()
            .join("contexts/meta")
            .join(hex_of_sha256(b"remote"));
        std::fs::create_dir_all(&meta).unwrap();
        let text = format!(r#"{{"Name":"remote","Endpoints":{{"docker":{endpoint}}}}}"#);
        std::fs::write(meta.join("meta.json"), text).unwrap();
        let s = Surroundings {
            docker_config: Some(dir.path().into()),
            docker_context: Some("remote".into()),
            ..Surroundings::default()
        };
        assert_eq!(candidate(&s).tls, expected, "{endpoint}");
    }
}

#[tokio::test]
async fn a_missing_certificate_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let s = Surroundings {
        docker_host: Some("tcp://127.0.0.1:1".into()),
        cert_path: Some(directory.path().into()),
        tls_verify: true,
        ..Surroundings::default()
    };
    let (reason, _) = refused(&s).await;
    let file = directory.path().join("ca.pem");
    assert!(reason.contains(&file.display().to_string()), "{reason}");
}

#[test]
fn each_way_to_an_engine_has_hints_of_its_own() {
    let hint = |address: &str, reason: &str| {
        let candidate = Candidate {
            address: address.to_owned(),
            why: String::new(),
            tls: None,
        };
        hint::of(&candidate, reason).unwrap_or_default()
    };
    for (address, reason, part) in [
        ("unix:///s", "Permission denied", "usermod"),
        (
            "ssh://ada@host:2222",
            "ada@host: Permission denied (publickey).",
            "`ssh-add`",
        ),
        (
            "ssh://ada@host:2222",
            "Host key verification failed.",
            "connect once with `ssh -p 2222 ada@host`",
        ),
        (
            "ssh://host",
            "REMOTE HOST IDENTIFICATION HAS CHANGED: Host key verification failed.",
            "ssh-keygen -R",
        ),
        (
            "ssh://host",
            "permission denied while trying to connect to the Docker daemon socket",
            "in the group `docker`",
        ),
        (
            "ssh://host",
            "bash: line 1: docker: command not found",
            "needs the `docker` command",
        ),
        (
            "tcp://host:2376",
            "Client sent an HTTP request to an HTTPS server.",
            "DOCKER_TLS_VERIFY",
        ),
        (
            "tcp://host:2376",
            "invalid peer certificate: UnknownIssuer",
            "vouch",
        ),
        ("tcp://host", "Connection refused", "listens"),
        (
            "unix:///run/podman/podman.sock",
            "Connection refused",
            "podman system service --time 0",
        ),
        (
            "unix:///var/run/docker.sock",
            "it answers with code 500: boom",
            "its log says why",
        ),
    ] {
        let hint = hint(address, reason);
        assert!(hint.contains(part), "{address}: {reason}: {hint}");
    }
}

#[tokio::test]
async fn a_context_that_is_not_there_is_told_with_where_to_look() {
    let directory = tempfile::tempdir().unwrap();
    for (name, part) in [
        ("gone", "`docker context ls`"),
        ("one,two", "only `test` takes several engines"),
        ("one two", "only `test` takes several engines"),
    ] {
        let s = Surroundings {
            docker_context: Some(name.to_owned()),
            docker_config: Some(directory.path().into()),
            ..Surroundings::default()
        };
        let (reason, hint) = refused(&s).await;
        assert_eq!(reason, format!("docker context `{name}`: not found"));
        assert!(hint.contains(part), "{hint}");
    }
}
