//! The proxy that containers and image builds go through.

use crate::settings;

/// A proxy, with each setting where it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxy {
    http: Option<String>,
    https: Option<String>,
    no: Option<String>,
}

impl Proxy {
    /// What `proxy` of the settings says, and the caller's own variables for what it leaves open. `lookup` reads
    /// an environment variable.
    ///
    /// A proxy on the caller's own loopback address is passed over: a container would look for it in itself.
    pub fn find(settings: &settings::Proxy, lookup: impl Fn(&str) -> Option<String>) -> Proxy {
        let either = |lower: &str| {
            lookup(lower)
                .or_else(|| lookup(&lower.to_uppercase()))
                .filter(|value| !value.is_empty())
        };
        let reachable = |lower: &str| either(lower).filter(|url| !is_loopback(url));
        Proxy {
            http: settings.http.clone().or_else(|| reachable("http_proxy")),
            https: settings.https.clone().or_else(|| reachable("https_proxy")),
            no: settings.no.clone().or_else(|| either("no_proxy")),
        }
    }

    /// Whether requests go out directly.
    pub fn is_empty(&self) -> bool {
        self.http.is_none() && self.https.is_none()
    }

    /// The variables for a container, or the arguments of an image build: each in both spellings, since
    /// programs differ in which they read. None when there is no proxy.
    pub fn variables(&self) -> Vec<(String, String)> {
        if self.is_empty() {
            return Vec::new();
        }
        [
            ("http_proxy", &self.http),
            ("https_proxy", &self.https),
            ("no_proxy", &self.no),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_ref()?)))
        .flat_map(|(name, value)| {
            [
                (name.to_owned(), value.clone()),
                (name.to_uppercase(), value.clone()),
            ]
        })
        .collect()
    }
}

fn is_loopback(url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(settings: &settings::Proxy, variables: &[(&str, &str)]) -> Proxy {
        Proxy::find(settings, |name| {
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn both_spellings_are_given() {
        let proxy = find(
            &settings::Proxy::default(),
            &[("HTTPS_PROXY", "http://proxy:3128"), ("no_proxy", ".corp")],
        );
        let names: Vec<String> = proxy
            .variables()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(
            names,
            ["https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"]
        );
    }

    #[test]
    fn settings_stand_above_the_callers_variables() {
        let settings = settings::Proxy {
            http: Some("http://a".to_owned()),
            ..settings::Proxy::default()
        };
        let proxy = find(&settings, &[("http_proxy", "http://b")]);
        assert_eq!(proxy.http.as_deref(), Some("http://a"));
    }

    #[test]
    fn a_proxy_on_loopback_is_not_passed_on() {
        for url in [
            "http://127.0.0.1:3128",
            "localhost:1",
            "http://u:p@[::1]:8080/",
        ] {
            let proxy = find(&settings::Proxy::default(), &[("http_proxy", url)]);
            assert!(proxy.variables().is_empty(), "{url}");
        }
    }

    #[test]
    fn hosts_to_reach_directly_mean_nothing_without_a_proxy() {
        let proxy = find(&settings::Proxy::default(), &[("no_proxy", "x")]);
        assert!(proxy.variables().is_empty());
    }
}
