//! The certificates of the host that containers have to trust: behind a company's proxy nothing can be
//! downloaded without them.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::bounded::{self, MEBIBYTE};
use crate::settings::{FILE_NAME, Settings};

/// Where the image's own and the added certificates stand together in a derived image.
pub(crate) const BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// The variables of the caller that name a bundle, in the order in which they are read.
const HOST_VARIABLES: [&str; 2] = ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"];

/// The variables that tell programs the path of the bundle.
const CONTAINER_VARIABLES: [&str; 11] = [
    "AWS_CA_BUNDLE",
    "BUNDLE_SSL_CA_CERT",
    "CARGO_HTTP_CAINFO",
    "COMPOSER_CAFILE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "HEX_CACERTS_PATH",
    "NODE_EXTRA_CA_CERTS",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
];

/// Certificates, each of them once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Certificates {
    /// The base64 text of each, without line breaks.
    bodies: Vec<String>,
}

/// The largest bundle of this machine that is read, in bytes.
const LARGEST_BUNDLE: u64 = 16 * MEBIBYTE;

/// A file of certificates that the settings name is of no use. Its path is not repeated, only which one it is.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read.
    #[error("{place}: file {number} of `ca_certificates`: {source}")]
    Read {
        /// Where it is written, as `file:line`.
        place: String,
        /// Which one of the list, from 1.
        number: usize,
        /// Why.
        source: bounded::Error,
    },
    /// There is no PEM certificate in it.
    #[error("{place}: file {number} of `ca_certificates` holds no PEM certificate")]
    Empty {
        /// Where it is written, as `file:line`.
        place: String,
        /// Which one of the list, from 1.
        number: usize,
    },
}

impl Certificates {
    /// The certificates of a PEM text; anything else in it, such as keys and comments, is left out.
    pub fn parse(pem: &[u8]) -> Certificates {
        let mut certificates = Certificates::default();
        certificates.add(pem);
        certificates
    }

    // Runs on every command, over some 200 kB: so it works on bytes, each of them once.
    fn add(&mut self, pem: &[u8]) {
        let pem = String::from_utf8_lossy(pem);
        let mut known: HashSet<String> = self.bodies.iter().cloned().collect();
        for part in pem.split("-----BEGIN CERTIFICATE-----").skip(1) {
            let Some((text, _)) = part.split_once("-----END CERTIFICATE-----") else {
                continue;
            };
            let mut body = String::with_capacity(text.len());
            for line in text.split_ascii_whitespace() {
                body.push_str(line);
            }
            let base64 =
                |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
            if !body.is_empty() && body.bytes().all(base64) && known.insert(body.clone()) {
                self.bodies.push(body);
            }
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bodies.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.bodies.len()
    }

    /// All of them as PEM, in a stable order, so that the same certificates always give the same image.
    pub(crate) fn to_pem(&self) -> String {
        let mut bodies: Vec<&str> = self.bodies.iter().map(String::as_str).collect();
        bodies.sort_unstable();
        let mut pem = String::new();
        for body in bodies {
            pem.push_str("-----BEGIN CERTIFICATE-----\n");
            let mut rest = body;
            while !rest.is_empty() {
                let (line, after) = rest.split_at(rest.len().min(64));
                let _ = writeln!(pem, "{line}");
                rest = after;
            }
            pem.push_str("-----END CERTIFICATE-----\n");
        }
        pem
    }
}

/// Finds the certificates to trust: the files of `ca_certificates`, or, where the settings name none, those that the
/// caller's own `SSL_CERT_FILE` and `NODE_EXTRA_CA_CERTS` point at.
///
/// `lookup` reads an environment variable, `read` a file up to a limit. A variable that points nowhere is passed over,
/// a setting that does is an error.
pub fn find_ca_bundle(
    settings: &Settings,
    lookup: impl Fn(&str) -> Option<String>,
    read: impl Fn(&Path, u64) -> Result<Vec<u8>, bounded::Error>,
) -> Result<Option<Certificates>, Error> {
    let mut certificates = Certificates::default();
    let place = || {
        let place = settings.places.get("ca_certificates");
        place.map_or(FILE_NAME, String::as_str).to_owned()
    };
    for (index, path) in settings.ca_certificates.iter().enumerate() {
        let number = index + 1;
        let pem = read(path, MEBIBYTE).map_err(|source| Error::Read {
            place: place(),
            number,
            source,
        })?;
        let before = certificates.len();
        certificates.add(&pem);
        if certificates.len() == before && Certificates::parse(&pem).is_empty() {
            return Err(Error::Empty {
                place: place(),
                number,
            });
        }
    }
    if settings.ca_certificates.is_empty() {
        let mut paths: Vec<String> = HOST_VARIABLES.into_iter().filter_map(lookup).collect();
        // Both variables usually name the same file.
        paths.dedup();
        for path in paths {
            let path = std::path::absolute(&path).unwrap_or_else(|_| PathBuf::from(&path));
            if let Ok(pem) = read(&path, LARGEST_BUNDLE) {
                certificates.add(&pem);
            }
        }
    }
    Ok((!certificates.is_empty()).then_some(certificates))
}

/// The variables that make Node, Python, Git, curl, Composer and others use the bundle of a derived image that
/// certificates were added to.
pub fn certificate_variables() -> Vec<(&'static str, &'static str)> {
    CONTAINER_VARIABLES
        .into_iter()
        .map(|name| (name, BUNDLE))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\nBBBB\n-----END CERTIFICATE-----\n";
    const TWO: &str = "-----BEGIN CERTIFICATE-----\r\nCCCC\r\n-----END CERTIFICATE-----\r\n";

    fn read(path: &Path, _limit: u64) -> Result<Vec<u8>, bounded::Error> {
        match path.to_str() {
            Some("/one" | "one.pem") => Ok(ONE.into()),
            Some("/both") => Ok(format!("# a\n{TWO}{ONE}").into()),
            Some("/none") => Ok(b"nothing".to_vec()),
            _ => Err(bounded::Error::Missing),
        }
    }

    fn find(setting: &[&str], variables: &[(&str, &str)]) -> Result<Option<Certificates>, Error> {
        let settings = Settings {
            ca_certificates: setting.iter().map(PathBuf::from).collect(),
            ..Settings::default()
        };
        let lookup = |name: &str| {
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        find_ca_bundle(&settings, lookup, read)
    }

    #[test]
    fn a_bundle_is_taken_apart_and_each_certificate_kept_once() {
        let certificates = Certificates::parse(format!("{ONE}{TWO}{ONE}").as_bytes());
        assert_eq!(certificates.len(), 2);
        assert_eq!(
            certificates.to_pem(),
            format!("{ONE}{TWO}")
                .replace('\r', "")
                .replace("AAAA\nBBBB", "AAAABBBB")
        );
    }

    #[test]
    fn the_order_of_a_bundle_does_not_matter() {
        let one = Certificates::parse(format!("{ONE}{TWO}").as_bytes());
        let two = Certificates::parse(format!("{TWO}{ONE}").as_bytes());
        assert_eq!(one.to_pem(), two.to_pem());
    }

    #[test]
    fn keys_and_broken_blocks_are_left_out() {
        let key = "-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----\n";
        let open = "-----BEGIN CERTIFICATE-----\nDDDD\n";
        let certificates = Certificates::parse(format!("{key}{ONE}{open}").as_bytes());
        assert_eq!(certificates.len(), 1);
        assert!(!certificates.to_pem().contains("SECRET"));
    }

    #[test]
    fn settings_stand_above_the_callers_variables() {
        let found = find(&["one.pem"], &[("SSL_CERT_FILE", "/both")]).unwrap();
        assert_eq!(found.unwrap().len(), 1);
    }

    #[test]
    fn the_callers_variables_add_up() {
        let variables = [("SSL_CERT_FILE", "/one"), ("NODE_EXTRA_CA_CERTS", "/both")];
        assert_eq!(find(&[], &variables).unwrap().unwrap().len(), 2);
        assert_eq!(find(&[], &[("SSL_CERT_FILE", "/gone")]).unwrap(), None);
        assert_eq!(find(&[], &[]).unwrap(), None);
    }

    #[test]
    fn a_setting_that_leads_nowhere_is_an_error() {
        assert!(matches!(find(&["/gone"], &[]), Err(Error::Read { .. })));
        assert!(matches!(find(&["/none"], &[]), Err(Error::Empty { .. })));
    }

    #[test]
    fn every_variable_names_the_bundle() {
        let variables = certificate_variables();
        assert!(variables.contains(&("NODE_EXTRA_CA_CERTS", BUNDLE)));
        assert!(variables.iter().all(|(_, value)| *value == BUNDLE));
    }
}
