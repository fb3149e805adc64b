//! The proxy that containers and image builds go through.

use crate::mask::MASK;
use crate::settings;

/// A proxy, with each setting where it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxy {
    http: Option<String>,
    https: Option<String>,
    no: Option<String>,
    has_lost: bool,
}

impl Proxy {
    /// What `proxy` of the settings says, and the caller's own variables for what it leaves open. `lookup` reads
    /// an environment variable.
    ///
    /// A proxy on the caller's own loopback address is passed over: a container would look for it in itself. User
    /// name and password are left out unless the settings want them in containers, where every script can read them.
    pub fn find(settings: &settings::Proxy, lookup: impl Fn(&str) -> Option<String>) -> Proxy {
        let either = |lower: &str| {
            lookup(lower)
                .or_else(|| lookup(&lower.to_uppercase()))
                .filter(|value| !value.is_empty())
        };
        let reachable = |lower: &str| either(lower).filter(|url| !is_loopback(url));
        let http = settings.http.clone().or_else(|| reachable("http_proxy"));
        let https = settings.https.clone().or_else(|| reachable("https_proxy"));
        let no = settings.no.clone().or_else(|| either("no_proxy"));
        let keeps = settings.credentials.unwrap_or_default();
        let has_credentials = |url: &Option<String>| {
            let url = url.as_deref().unwrap_or_default();
            credentials(url).is_some_and(|found| !found.is_empty())
        };
        let has_lost = !keeps && (has_credentials(&http) || has_credentials(&https));
        let kept = |url: Option<String>| match url {
            Some(url) if !keeps => Some(with_credentials(&url, None)),
            url => url,
        };
        Proxy {
            http: kept(http),
            https: kept(https),
            no,
            has_lost,
        }
    }

    /// Whether it is used without the user name and the password that belong to it.
    pub(crate) fn has_lost_credentials(&self) -> bool {
        self.has_lost
    }

    /// User names and passwords that are in it, each by itself and as they stand in the address.
    pub fn secrets(&self) -> Vec<String> {
        let all = self.http.iter().chain(&self.https);
        let all = all.filter_map(|url| credentials(url));
        all.flat_map(|found| {
            let password = found.split_once(':').map(|(_, password)| password);
            std::iter::once(found).chain(password).map(str::to_owned)
        })
        .filter(|secret| !secret.is_empty())
        .collect()
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

/// The range of what stands before the `@` of an address. A password may hold any character, also where it should
/// have been written as `%40`: so the last `@` counts.
fn credentials_at(url: &str) -> Option<std::ops::Range<usize>> {
    let begin = url.find("://").map_or(0, |at| at + 3);
    let end = begin + url.get(begin..)?.rfind('@')?;
    Some(begin..end)
}

fn credentials(url: &str) -> Option<&str> {
    url.get(credentials_at(url)?)
}

/// The address with something else for user name and password, or with nothing.
fn with_credentials(url: &str, instead: Option<&str>) -> String {
    let Some(found) = credentials_at(url) else {
        return url.to_owned();
    };
    let (before, after) = (&url[..found.start], &url[found.end + 1..]);
    match instead {
        Some(instead) => format!("{before}{instead}@{after}"),
        None => format!("{before}{after}"),
    }
}

/// A proxy's address as it can be shown.
pub fn shown(url: &str) -> String {
    with_credentials(url, Some(MASK))
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
    fn user_name_and_password_stay_out_unless_the_settings_want_them() {
        for (url, bare, masked) in [
            (
                "http://proxy:3128",
                "http://proxy:3128",
                "http://proxy:3128",
            ),
            (
                "http://u:p@proxy:3128/",
                "http://proxy:3128/",
                "http://******@proxy:3128/",
            ),
            ("http://u@proxy", "http://proxy", "http://******@proxy"),
            ("u:p@proxy:3128", "proxy:3128", "******@proxy:3128"),
            (
                "http://u:p@ss/w@proxy",
                "http://proxy",
                "http://******@proxy",
            ),
        ] {
            let proxy = find(&settings::Proxy::default(), &[("HTTPS_PROXY", url)]);
            assert_eq!(proxy.https.as_deref(), Some(bare));
            assert_eq!(proxy.has_lost_credentials(), url != bare);
            assert!(proxy.secrets().is_empty());
            let of_settings = settings::Proxy {
                http: Some(url.to_owned()),
                ..settings::Proxy::default()
            };
            assert_eq!(find(&of_settings, &[]).http.as_deref(), Some(bare));
            let wanted = settings::Proxy {
                credentials: Some(true),
                ..settings::Proxy::default()
            };
            let proxy = find(&wanted, &[("https_proxy", url)]);
            assert_eq!(proxy.https.as_deref(), Some(url));
            assert!(!proxy.has_lost_credentials());
            assert_eq!(shown(url), masked);
        }
    }

    #[test]
    fn what_is_kept_of_user_name_and_password_is_a_secret() {
        let wanted = settings::Proxy {
            http: Some("http://name:pass-word@proxy".to_owned()),
            credentials: Some(true),
            ..settings::Proxy::default()
        };
        assert_eq!(
            find(&wanted, &[]).secrets(),
            ["name:pass-word", "pass-word"]
        );
    }

    #[test]
    fn hosts_to_reach_directly_mean_nothing_without_a_proxy() {
        let proxy = find(&settings::Proxy::default(), &[("no_proxy", "x")]);
        assert!(proxy.variables().is_empty());
    }
}
