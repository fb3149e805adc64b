//! Which settings reach for what lies outside the repository.

use std::path::Path;

use super::Settings;
use crate::bounded;
use crate::config::outline::Outline;

/// Ports below this one are the system's: on most machines only root may open them.
const FIRST_FREE_PORT: u16 = 1024;

/// A setting that counts only where the user of this machine wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaching {
    /// The key, such as `services.db.external`.
    pub key: String,
    /// Its 1-based line.
    pub line: Option<usize>,
}

/// Takes what leads out of the repository at `root` away from the settings, and says what that was.
pub(super) fn take_out(settings: &mut Settings, outline: &Outline, root: &Path) -> Vec<Reaching> {
    let mut taken = Vec::new();
    let mut take = |keys: &[&str]| {
        taken.push(Reaching {
            key: keys.join("."),
            line: outline.line(keys),
        });
    };
    if settings.engine.take().is_some() {
        take(&["engine"]);
    }
    if !std::mem::take(&mut settings.engines).is_empty() {
        take(&["engines"]);
    }
    if std::mem::take(&mut settings.proxy) != super::Proxy::default() {
        take(&["proxy"]);
    }
    for (name, service) in &mut settings.services {
        if service.external.take().is_some() {
            take(&["services", name, "external"]);
        }
    }
    let is_system = |port: u16| (1..FIRST_FREE_PORT).contains(&port);
    if settings.port.is_some_and(|port| is_system(port.get())) {
        settings.port = None;
        take(&["port"]);
    }
    if let Some(mail) = &mut settings.mail
        && mail.port.is_some_and(is_system)
    {
        mail.port = None;
        take(&["mail", "port"]);
    }
    let leads_out = |path: &Path| bounded::inside(root, path).is_none();
    if settings.env_file.as_deref().is_some_and(leads_out) {
        settings.env_file = None;
        take(&["env_file"]);
    }
    let before = settings.ca_certificates.len();
    settings.ca_certificates.retain(|path| !leads_out(path));
    if settings.ca_certificates.len() < before {
        take(&["ca_certificates"]);
    }
    settings.images.retain(|kind, image| {
        let is_local = is_of_this_machine(image);
        if is_local {
            take(&["images", kind]);
        }
        !is_local
    });
    taken.sort_by_key(|reaching| reaching.line);
    taken
}

/// Whether the registry of an image is the engine's own machine, so that a stranger cannot look into it.
fn is_of_this_machine(image: &str) -> bool {
    let Some((registry, _)) = image.split_once('/') else {
        return false;
    };
    let host = registry.split(':').next().unwrap_or_default();
    let host = host.to_ascii_lowercase();
    let address = host.parse::<std::net::Ipv4Addr>();
    host == "localhost"
        || host.ends_with(".localhost")
        || address.is_ok_and(|address| address.is_loopback() || address.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(text: &str) -> (Settings, Vec<String>) {
        let (mut settings, outline) = Settings::with_outline(text, "file").unwrap();
        let taken = take_out(&mut settings, &outline, Path::new("/repository"));
        let taken = taken
            .into_iter()
            .map(|it| format!("{}:{}", it.key, it.line.unwrap_or_default()));
        (settings, taken.collect())
    }

    #[test]
    fn what_leads_out_is_taken_away_and_named_with_its_line() {
        let text = "
engine: tcp://evil
engines: [tcp://evil]
proxy: {http: http://evil}
services:
  db: {external: 'redis://host'}
  other: {}
port: 80
mail: {port: 25}
env_file: /proc/self/environ
ca_certificates: [a.pem, ../b.pem]
images: {php: localhost/php, nodejs: 'LOCALHOST:5000/node', python: 127.0.0.2/python, ruby: 'a.localhost:1/x', java: 0.0.0.0/java, golang: example.com/golang, rust: my/rust}
";
        let (settings, taken) = taken(text);
        assert_eq!(
            taken,
            [
                "engine:2",
                "engines:3",
                "proxy:4",
                "services.db.external:6",
                "port:8",
                "mail.port:9",
                "env_file:10",
                "ca_certificates:11",
                "images.php:12",
                "images.nodejs:12",
                "images.python:12",
                "images.ruby:12",
                "images.java:12",
            ]
        );
        assert_eq!(settings.engine, None);
        assert_eq!(settings.proxy, super::super::Proxy::default());
        assert_eq!(settings.services["db"].external, None);
        assert_eq!((settings.port, settings.env_file), (None, None));
        assert_eq!(settings.ca_certificates, [Path::new("a.pem")]);
        assert_eq!(settings.images.len(), 2);
    }

    #[test]
    fn what_stays_inside_stays() {
        let text = "
role: viewer
port: 8080
mail: {port: 8025}
env_file: a/../.env
ca_certificates: /repository/company.pem
images: {nodejs: 'registry.example.com/node:24'}
";
        let (settings, taken) = taken(text);
        assert!(taken.is_empty(), "{taken:?}");
        assert_eq!(settings, Settings::parse(text, "file").unwrap());
    }

    #[test]
    fn a_proxy_that_is_only_for_its_password_leads_out_too() {
        assert_eq!(taken("proxy: {credentials: true}").1, ["proxy:1"]);
        assert!(taken("proxy: {}").1.is_empty());
    }
}
