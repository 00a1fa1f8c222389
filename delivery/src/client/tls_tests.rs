//! Receivers that speak TLS, well or badly.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{HandshakeKind, ServerConfig, ServerConnection, StreamOwned};

use super::*;
use crate::authorities::Authorities;
use crate::fixtures::settings;

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn issuer(name: &str) -> Issuer {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server on the loopback network that does this with each connection. Returns its URL and the count of its
/// connections.
fn serve_tcp(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let (count, serve) = (Arc::clone(&connections), Arc::new(serve));
    thread::spawn(move || {
        for stream in listener.incoming() {
            count.fetch_add(1, Ordering::SeqCst);
            let serve = Arc::clone(&serve);
            thread::spawn(move || serve(stream.unwrap()));
        }
    });
    (url, connections)
}

type TlsStream = StreamOwned<ServerConnection, TcpStream>;

/// One with a certificate by this issuer, which does this with each request that has arrived.
fn serve_tls(
    issuer: &Issuer,
    certificate: CertificateParams,
    answer: impl Fn(&mut TlsStream) -> std::io::Result<()> + Send + Sync + 'static,
) -> (String, Arc<AtomicUsize>) {
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
    serve_tcp(move |stream| {
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut stream = StreamOwned::new(connection, stream);
        let mut request = Vec::new();
        let mut byte = [0];
        while stream.read_exact(&mut byte).is_ok() {
            request.push(byte[0]);
            if request.ends_with(b"\r\n\r\nbody") && answer(&mut stream).is_err() {
                return;
            }
        }
    })
}

/// One that answers hello.
fn serve(issuer: &Issuer, certificate: CertificateParams) -> (String, Arc<AtomicUsize>) {
    serve_tls(issuer, certificate, |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")
    })
}

fn call(trusted: &Issuer, url: &str, count: usize) -> Answer {
    let client = client(trusted);
    let call = || call_within(&client, url, Duration::from_secs(30));
    (1..count).for_each(|_| drop(call()));
    call()
}

fn client(trusted: &Issuer) -> Client {
    let settings = Settings {
        authorities: Authorities::from_pem(trusted.pem().as_bytes()).unwrap(),
        ..settings()
    };
    Client::new(&settings, 1)
}

fn call_within(client: &Client, url: &str, timeout: Duration) -> Answer {
    client.call(&Call {
        url,
        headers: &[],
        timeout,
        body: b"body",
    })
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

#[test]
fn a_certificate_that_signs_itself_is_a_tls_fault() {
    // Whether it is for an end of its own, or for an issuer that nobody knows.
    let trusted = issuer("trusted");
    let itself = CertifiedIssuer::self_signed(for_loopback(), KeyPair::generate().unwrap());
    let (url, _) = serve(&itself.unwrap(), for_loopback());
    let fault = call(&trusted, &url, 1).fault.expect("a fault");
    assert_eq!(fault.kind, FaultKind::Tls, "{fault}");
}

/// The kind of fault of a call to a server that does this instead of TLS.
fn fault_of(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> FaultKind {
    let (url, _) = serve_tcp(serve);
    let client = client(&issuer("trusted"));
    let answer = call_within(&client, &url, Duration::from_millis(300));
    assert_eq!(answer.status, None);
    answer.fault.expect("a fault").kind
}

/// Sends this in place of a handshake and waits for the sender to close.
fn sends(bytes: &'static [u8]) -> impl Fn(TcpStream) + Send + Sync {
    move |mut stream| {
        stream.write_all(bytes).ok();
        io::copy(&mut stream, &mut io::sink()).ok();
    }
}

#[test]
fn a_handshake_that_is_refused_or_is_none_is_a_tls_fault() {
    for bytes in [
        // Fatal alerts: handshake failure, internal error.
        &b"\x15\x03\x03\x00\x02\x02\x28"[..],
        b"\x15\x03\x03\x00\x02\x02\x50",
        // No record, a record that is too long, and one of a kind that there is not.
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x16\x03\x03\xff\xff\x00\x00\x00\x00",
        b"\x63\x03\x03\x00\x01\x00",
        // A server's greeting with nothing in it.
        b"\x16\x03\x03\x00\x04\x02\x00\x00\x00",
    ] {
        let kind = fault_of(sends(bytes));
        assert_eq!(kind, FaultKind::Tls, "{}", bytes.escape_ascii());
    }
}

#[test]
fn a_handshake_that_stops_times_out() {
    for bytes in [
        &b""[..],
        // Half a record's head, a record without its end, a message without its end.
        b"\x16\x03",
        b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03",
        b"\x16\x03\x03\x00\x04\x02\x00\x00\x76",
    ] {
        let kind = fault_of(sends(bytes));
        assert_eq!(kind, FaultKind::Timeout, "{}", bytes.escape_ascii());
    }
}

#[test]
fn a_handshake_byte_by_byte_times_out() {
    let kind = fault_of(|mut stream| {
        let begin = b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xf0";
        for byte in begin.iter().chain(std::iter::repeat(&0)) {
            if stream.write_all(&[*byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
    });
    assert_eq!(kind, FaultKind::Timeout);
}

#[test]
fn a_handshake_that_is_broken_off_is_a_fault() {
    for bytes in [&b""[..], b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03"] {
        let kind = fault_of(move |mut stream| {
            // Read first: what is not read would break the connection off in another way.
            let greeting = stream.read(&mut [0; 16 * 1024]);
            assert!(greeting.is_ok_and(|length| length > 0));
            stream.write_all(bytes).ok();
        });
        assert_eq!(kind, FaultKind::Closed);
    }
}

#[test]
fn an_answer_over_tls_byte_by_byte_times_out() {
    let issuer = issuer("trusted");
    for (start, status) in [
        (&b"HTTP/1.1 200 OK\r\nx: "[..], None),
        (b"HTTP/1.1 200 OK\r\n\r\n", Some(200)),
    ] {
        let (url, _) = serve_tls(&issuer, for_loopback(), move |stream| {
            stream.write_all(start)?;
            loop {
                stream.write_all(b"2")?;
                thread::sleep(Duration::from_millis(5));
            }
        });
        let answer = call_within(&client(&issuer), &url, Duration::from_secs(1));
        assert_eq!(answer.fault.expect("a fault").kind, FaultKind::Timeout);
        assert_eq!(answer.status, status);
        assert_eq!(answer.body.first(), status.map(|_| &b'2'));
    }
}

#[test]
fn an_answer_over_tls_that_is_cut_is_a_fault() {
    let issuer = issuer("trusted");
    for (answer, status) in [
        (&b""[..], None),
        (b"HTTP/1.1 200 OK\r\nconte", None),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n01234",
            Some(200),
        ),
    ] {
        // Without a word that this is the end.
        let (url, _) = serve_tls(&issuer, for_loopback(), move |stream| {
            stream.write_all(answer)?;
            Err(io::Error::other("the end"))
        });
        let answer = call(&issuer, &url, 1);
        assert_eq!(answer.fault.expect("a fault").kind, FaultKind::Closed);
        assert_eq!(answer.status, status);
    }
}

#[test]
fn what_is_no_tls_after_the_handshake_is_a_fault() {
    let issuer = issuer("trusted");
    for (answer, garbage) in [
        (&b""[..], &b"HTTP/1.1 200 OK\r\n\r\n"[..]),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n01234",
            b"56789",
        ),
        // A fatal alert that is not encrypted.
        (b"", b"\x15\x03\x03\x00\x02\x02\x28"),
    ] {
        let (url, _) = serve_tls(&issuer, for_loopback(), move |stream| {
            stream.write_all(answer)?;
            stream.sock.write_all(garbage)?;
            io::copy(&mut stream.sock, &mut io::sink())?;
            Ok(())
        });
        let fault = call(&issuer, &url, 1).fault.expect("a fault");
        assert_eq!(fault.kind, FaultKind::Tls, "{fault}");
    }
}

#[test]
fn an_endless_answer_over_tls_is_cut_and_the_connection_closed() {
    let issuer = issuer("trusted");
    let (sent, received) = channel();
    let sent = Mutex::new(sent);
    let (url, _) = serve_tls(&issuer, for_loopback(), move |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\n")?;
        let end = loop {
            if let Err(end) = stream.write_all(&[b'x'; 65536]) {
                break end;
            }
        };
        sent.lock().unwrap().send(()).unwrap();
        Err(end)
    });
    let answer = call(&issuer, &url, 1);
    assert_eq!(answer.fault, None);
    assert_eq!(answer.body.len(), settings().max_response_bytes);
    received
        .recv_timeout(Duration::from_secs(30))
        .expect("the rest is not wanted");
}

#[test]
fn an_answer_over_tls_to_what_was_never_asked_answers_nothing() {
    const ASKED: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    const UNASKED: &[u8] = b"HTTP/1.1 500 Unasked\r\ncontent-length: 0\r\n\r\n";
    let issuer = issuer("trusted");
    // In one record, and in two.
    for answers in [&[&[ASKED, UNASKED].concat()[..]][..], &[ASKED, UNASKED]] {
        let answers: Vec<_> = answers.iter().map(|answer| answer.to_vec()).collect();
        let (sent, received) = channel();
        let sent = Mutex::new(sent);
        let (url, connections) = serve_tls(&issuer, for_loopback(), move |stream| {
            for answer in &answers {
                stream.write_all(answer)?;
            }
            sent.lock().unwrap().send(()).unwrap();
            Ok(())
        });
        let client = client(&issuer);
        for number in 1..=3 {
            let answer = call_within(&client, &url, Duration::from_secs(30));
            assert_eq!((answer.status, answer.fault), (Some(200), None));
            assert_eq!(connections.load(Ordering::SeqCst), number);
            received.recv_timeout(Duration::from_secs(30)).unwrap();
        }
    }
}

#[test]
fn a_further_connection_resumes_the_session_of_the_first() {
    let issuer = issuer("trusted");
    let (sent, received) = channel();
    let sent = Mutex::new(sent);
    let (url, _) = serve_tls(&issuer, for_loopback(), move |stream| {
        let kind = stream.conn.handshake_kind();
        sent.lock().unwrap().send(kind).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")?;
        Err(io::Error::other("the end"))
    });
    assert_eq!(call(&issuer, &url, 2).status, Some(200));
    let kinds: Vec<_> = received.try_iter().collect();
    let wanted = [HandshakeKind::Full, HandshakeKind::Resumed].map(Some);
    assert_eq!(kinds, wanted);
}

#[test]
fn an_authority_of_the_users_own_does_not_replace_those_of_the_public() {
    let own = Authorities::from_pem(issuer("own").pem().as_bytes()).unwrap();
    let public = webpki_roots::TLS_SERVER_ROOTS.len();
    for (authorities, count) in [(Authorities::default(), public), (own, public + 1)] {
        assert_eq!(tls::roots(&authorities).len(), count);
    }
}
