//! `scripts/check-images` against a registry of a few images, on this machine.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use serde_json::{Value, json};

/// The answers of a registry by path. All else is 404.
type Answers = BTreeMap<String, Value>;

fn registry(answers: Answers) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            serve(stream, &answers);
        }
    });
    format!("http://{address}")
}

fn serve(mut stream: TcpStream, answers: &Answers) {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut buffer) {
            Ok(read @ 1..) => request.extend_from_slice(&buffer[..read]),
            _ => return,
        }
    }
    let text = String::from_utf8_lossy(&request);
    let path = text.split(' ').nth(1).unwrap_or_default();
    let (status, body) = match answers.get(path) {
        Some(body) => ("200 OK", body.to_string()),
        None => ("404 Not Found", String::new()),
    };
    let length = body.len();
    let answer =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    let _ = stream.write_all(answer.as_bytes());
}

/// An image with one manifest.
fn add(answers: &mut Answers, repository: &str, tag: &str, configuration: &Value) {
    let digest = format!("sha256:{}", tag.replace('.', "0"));
    let manifest = json!({ "config": { "digest": digest } });
    answers.insert(format!("/v2/{repository}/manifests/{tag}"), manifest);
    answers.insert(
        format!("/v2/{repository}/blobs/{digest}"),
        json!({ "config": configuration }),
    );
}

fn check(registry: &str, images: &[&str]) -> (Option<i32>, String) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/check-images");
    let output = Command::new("python3")
        .args([script, "--registry", registry])
        .args(images)
        .output()
        .expect("python3 runs");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

#[test]
fn differences_from_the_table_are_named_and_their_lack_too() {
    let mut answers = Answers::new();
    let redis =
        json!({ "User": "", "Entrypoint": ["docker-entrypoint.sh"], "Volumes": { "/data": {} } });
    add(&mut answers, "library/redis", "8.0", &redis);
    let other = json!({ "User": "redis", "Entrypoint": ["run.sh"], "Volumes": { "/data": {}, "/etc/redis": {} } });
    add(&mut answers, "library/redis", "8.8", &other);
    let varnish =
        json!({ "User": "varnish", "Entrypoint": ["/usr/local/bin/docker-varnish-entrypoint"] });
    add(&mut answers, "library/varnish", "index", &varnish);
    let index = json!({ "manifests": [
        { "digest": "index", "platform": { "os": "linux", "architecture": "amd64" } },
        { "digest": "none", "platform": { "os": "windows", "architecture": "arm64" } },
    ] });
    answers.insert("/v2/library/varnish/manifests/9.0".to_owned(), index);
    let registry = registry(answers);

    assert_eq!(
        check(&registry, &["redis:8.0"]),
        (Some(0), "1 of 1 images are as in the table\n".to_owned())
    );
    assert_eq!(
        check(&registry, &["varnish:9.0"]),
        (
            Some(0),
            "note: varnish:9.0: there is none for arm64\n1 of 1 images are as in the table\n"
                .to_owned()
        )
    );
    let (code, text) = check(&registry, &["redis:8.8", "redis:7.2"]);
    assert_eq!(code, Some(1));
    for part in [
        "redis:8.8: user is `redis`, and the table has `-`",
        "redis:8.8: entry point is `run.sh`, and the table has `docker-entrypoint.sh`",
        "redis:8.8: volumes is `/data /etc/redis`, and the table has `/data`",
        "redis:7.2: there is no such image: the registry answers 404",
        "0 of 2 images are as in the table",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn without_a_registry_it_says_that_it_needs_one() {
    let (code, text) = check("http://127.0.0.1:1", &["redis:8.0"]);
    assert_eq!(code, Some(69));
    assert!(
        text.contains("hint: this script needs the registries"),
        "{text}"
    );
}
