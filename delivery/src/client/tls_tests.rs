use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use ureq::tls::Certificate;

use super::*;
use crate::fixtures::settings;

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn issuer(name: &str) -> Issuer {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server on the loopback network with a certificate by this issuer. Returns its URL and the count of its
/// connections.
fn serve(issuer: &Issuer, certificate: CertificateParams) -> (String, Arc<AtomicUsize>) {
    let key = KeyPair::generate().unwrap();
    let certificate = certificate.signed_by(&key, issuer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    thread::spawn(move || {
        for stream in listener.incoming() {
            count.fetch_add(1, Ordering::SeqCst);
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, stream.unwrap());
            thread::spawn(move || {
                let mut request = Vec::new();
                let mut byte = [0];
                while stream.read_exact(&mut byte).is_ok() {
                    request.push(byte[0]);
                    if request.ends_with(b"\r\n\r\nbody") {
                        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
                        stream.write_all(answer).unwrap();
                    }
                }
            });
        }
    });
    (url, connections)
}

fn call(trusted: &Issuer, url: &str, count: usize) -> Answer {
    let root = Certificate::from_der(trusted.der()).to_owned();
    let client = Client::with_roots(&settings(), 1, [root].into());
    let call = || {
        client.call(&Call {
            url,
            id: "msg_1",
            timestamp: "1614265330",
            signature: "v1,abc",
            attempt: 1,
            timeout: Duration::from_secs(30),
            body: b"body",
        })
    };
    (1..count).for_each(|_| drop(call()));
    call()
}

fn for_loopback() -> CertificateParams {
    CertificateParams::new(["127.0.0.1".to_owned()]).unwrap()
}

#[test]
fn a_trusted_receiver_is_called_and_its_connection_kept() {
    let issuer = issuer("trusted");
    let (url, connections) = serve(&issuer, for_loopback());
    let answer = call(&issuer, &url, 3);
    assert_eq!(answer.fault, None);
    assert_eq!(answer.status, Some(200));
    assert_eq!(answer.body, b"hello");
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[test]
fn a_certificate_that_is_not_to_be_trusted_is_a_tls_fault() {
    let (trusted, stranger) = (issuer("trusted"), issuer("stranger"));
    let mut expired = for_loopback();
    expired.not_after = date_time_ymd(2020, 1, 1);
    let elsewhere = CertificateParams::new(["example.com".to_owned()]).unwrap();
    for (issuer, certificate, why) in [
        (&trusted, expired, "expired"),
        (&trusted, elsewhere, "not valid for name"),
        (&stranger, for_loopback(), "UnknownIssuer"),
    ] {
        let (url, _) = serve(issuer, certificate);
        let answer = call(&trusted, &url, 1);
        let fault = answer.fault.expect("a fault");
        assert_eq!(fault.kind, FaultKind::Tls, "{fault}");
        assert!(fault.detail.contains(why), "{fault}");
        assert_eq!(answer.status, None);
    }
}
