//! A receiver with TLS, whose certificate is by an authority of its own.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair,
};
use rustls::crypto::ring;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::connection::read_request;

/// A receiver that answers every call with 200. Its threads end with the process.
pub struct TlsReceiver {
    url: String,
    authority: String,
}

impl TlsReceiver {
    /// Starts one.
    pub fn start() -> Self {
        let issuer = authority();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port on loopback");
        let address = listener.local_addr().expect("its address");
        let receiver = Self {
            url: format!("https://{address}/hook"),
            authority: issuer.pem(),
        };
        let config = Arc::new(config(&issuer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let config = config.clone();
                thread::spawn(move || serve(config, stream));
            }
        });
        receiver
    }

    /// Where it is to be called.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The certificate of its authority, in PEM.
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

/// An authority, a certificate of 127.0.0.1 by it, and the key of that, in PEM.
pub(crate) fn certificate() -> (String, String, String) {
    let issuer = authority();
    let (key, certificate) = signed_by(&issuer);
    (issuer.pem(), certificate.pem(), key.serialize_pem())
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "authority of a test");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    CertifiedIssuer::self_signed(params, key).expect("an authority")
}

fn signed_by(issuer: &CertifiedIssuer<'static, KeyPair>) -> (KeyPair, Certificate) {
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(["127.0.0.1".to_owned()])
        .and_then(|params| params.signed_by(&key, issuer))
        .expect("a certificate");
    (key, certificate)
}

fn config(issuer: &CertifiedIssuer<'static, KeyPair>) -> ServerConfig {
    let (key, certificate) = signed_by(issuer);
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider's versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .expect("key and certificate belong together")
}

/// Serves a connection until the sender closes it, or does not trust this side.
fn serve(config: Arc<ServerConfig>, stream: TcpStream) {
    let connection = ServerConnection::new(config).expect("a connection");
    let mut stream = StreamOwned::new(connection, stream);
    let mut buffer = Vec::new();
    while let Ok(Some(_)) = read_request(&mut stream, &mut buffer) {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        if stream.write_all(answer).is_err() {
            return;
        }
    }
}
