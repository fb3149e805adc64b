//! TLS to an engine, with the certificates that the `docker` command would use.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error as RustlsError, RootCertStore, SignatureScheme,
};

/// The files for a connection by TLS.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct TlsFiles {
    /// `ca.pem`: who signed the certificate of the engine. Without it, only the authorities of this system count.
    pub(super) authority: Option<PathBuf>,
    /// `cert.pem` and `key.pem`: who connects.
    pub(super) client: Option<(PathBuf, PathBuf)>,
    /// Whether any certificate of the engine is accepted.
    pub(super) accepts_any: bool,
}

impl TlsFiles {
    /// The files of a directory, as far as they exist.
    pub(super) fn in_directory(directory: &Path) -> Self {
        let file = |name: &str| Some(directory.join(name)).filter(|path| path.exists());
        TlsFiles {
            authority: file("ca.pem"),
            client: file("cert.pem").zip(file("key.pem")),
            accepts_any: false,
        }
    }
}

/// How to connect to one engine by TLS.
#[derive(Clone)]
pub(super) struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tls").field(&self.name).finish()
    }
}

impl Tls {
    /// Reads the files. `host` is a name or an IP address, without a port.
    pub(super) fn new(host: &str, files: &TlsFiles) -> Result<Self, String> {
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_| format!("`{host}` is not the name of a host"))?;
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|err| err.to_string())?;
        let builder = if files.accepts_any {
            let verifier = Arc::new(AcceptsAny(Arc::clone(&provider)));
            builder
                .dangerous()
                .with_custom_certificate_verifier(verifier)
        } else {
            builder.with_root_certificates(authorities(files.authority.as_deref())?)
        };
        let config = match &files.client {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = certificates(certificate)?;
                let secret = PrivateKeyDer::from_pem_file(key);
                let secret = secret.map_err(|err| unreadable(key, &err))?;
                let secret = provider.key_provider.load_private_key(secret);
                let secret = secret.map_err(|err| unreadable(key, &err))?;
                // The engine decides about the certificate: it may accept one that this library cannot read, such as
                // one of X.509's first version.
                let identity = SingleCertAndKey::from(CertifiedKey::new(chain, secret));
                builder.with_client_cert_resolver(Arc::new(identity))
            }
        };
        Ok(Tls {
            connector: TlsConnector::from(Arc::new(config)),
            name,
        })
    }

    pub(super) async fn connect(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.connector.connect(self.name.clone(), stream).await
    }
}

fn authorities(file: Option<&Path>) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    // Certificates of this system that cannot be read are of no use to other programs either.
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = file {
        let (added, _) = store.add_parsable_certificates(certificates(file)?);
        if added == 0 {
            return Err(format!("{}: there is no certificate in it", file.display()));
        }
    }
    Ok(store)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|err| unreadable(file, &err))
}

fn unreadable(file: &Path, err: &dyn std::error::Error) -> String {
    format!("{}: {}", file.display(), super::error::reason(err))
}

/// Accepts any certificate, but the engine has to have the key to it.
#[derive(Debug)]
struct AcceptsAny(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptsAny {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, RustlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        Err(RustlsError::General("TLS 1.2 is not spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::server::WebPkiClientVerifier;

    use super::*;

    /// Runs `openssl` in a directory. Returns whether there is such a command.
    fn openssl(directory: &Path, words: &str) -> bool {
        let output = Command::new("openssl")
            .args(words.split(' '))
            .current_dir(directory)
            .output();
        output.is_ok_and(|output| {
            assert!(output.status.success(), "{output:?}");
            true
        })
    }

    /// A directory with an authority, a server and a client of it, and another authority; `None` without `openssl`.
    fn certificates() -> Option<tempfile::TempDir> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let authority = |name: &str| {
            let key = "req -x509 -newkey rsa:2048 -nodes -days 2";
            openssl(
                path,
                &format!("{key} -keyout {name}-key.pem -out {name}.pem -subj /CN={name}"),
            )
        };
        if !authority("ca") {
            eprintln!("not tried: there is no `openssl`");
            return None;
        }
        authority("other");
        std::fs::write(path.join("names"), "subjectAltName=IP:127.0.0.1").unwrap();
        for (name, key) in [("server", "server-key"), ("cert", "key")] {
            let request = "req -newkey rsa:2048 -nodes -out request";
            openssl(
                path,
                &format!("{request} -keyout {key}.pem -subj /CN={name}"),
            );
            let sign = "x509 -req -in request -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2";
            openssl(path, &format!("{sign} -extfile names -out {name}.pem"));
        }
        Some(directory)
    }

    /// Serves one connection, of a client that the authority vouches for.
    async fn serve(directory: &Path) -> std::net::SocketAddr {
        let file = |name: &str| directory.join(name);
        let provider = Arc::new(ring::default_provider());
        let clients = authorities(Some(&file("ca.pem"))).unwrap();
        let clients =
            WebPkiClientVerifier::builder_with_provider(Arc::new(clients), Arc::clone(&provider));
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients.build().unwrap())
            .with_single_cert(
                super::certificates(&file("server.pem")).unwrap(),
                PrivateKeyDer::from_pem_file(file("server-key.pem")).unwrap(),
            );
        let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let _ = stream.write_all(b"hello").await;
                let _ = stream.shutdown().await;
            }
        });
        address
    }

    /// What the server says to a client with these files, or why there is no connection.
    async fn said(directory: &Path, files: &TlsFiles) -> Result<String, String> {
        let address = serve(directory).await;
        let tls = Tls::new("127.0.0.1", files)?;
        let stream = TcpStream::connect(address).await.unwrap();
        let connected = tls.connect(stream).await;
        let mut stream = connected.map_err(|err| err.to_string())?;
        let mut text = String::new();
        let read = stream.read_to_string(&mut text).await;
        read.map_err(|err| err.to_string())?;
        Ok(text)
    }

    #[tokio::test]
    async fn both_sides_have_to_prove_who_they_are() {
        let Some(directory) = certificates() else {
            return;
        };
        let directory = directory.path();
        let files = TlsFiles::in_directory(directory);
        assert_eq!(said(directory, &files).await.as_deref(), Ok("hello"));

        let stranger = TlsFiles {
            authority: Some(directory.join("other.pem")),
            ..files.clone()
        };
        let refused = said(directory, &stranger).await.unwrap_err();
        assert!(refused.contains("UnknownIssuer"), "{refused}");
        let unverified = TlsFiles {
            accepts_any: true,
            ..stranger
        };
        assert_eq!(said(directory, &unverified).await.as_deref(), Ok("hello"));

        let nobody = TlsFiles {
            client: None,
            ..files
        };
        let refused = said(directory, &nobody).await.unwrap_err();
        assert!(refused.contains("CertificateRequired"), "{refused}");
    }

    #[test]
    fn a_file_without_a_certificate_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ca.pem");
        std::fs::write(&file, "nothing").unwrap();
        let files = TlsFiles::in_directory(directory.path());
        let err = Tls::new("host", &files).unwrap_err();
        assert!(err.contains("ca.pem: there is no certificate"), "{err}");
    }
}
