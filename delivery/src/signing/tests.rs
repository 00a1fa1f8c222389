use std::collections::HashMap;
use std::time::Duration;

use ed25519_dalek::{Signature, Verifier, VerifyingKey};
use standardwebhooks::Webhook as Receiver;
use ureq::http::HeaderMap;

use super::*;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn signing(scheme: Scheme, secret: &str) -> Signing {
    Signing::new(scheme, [(secret, None)]).unwrap()
}

fn sign(signing: &Signing, content: &Content<'_>) -> HashMap<String, String> {
    let mut headers = Vec::new();
    signing.sign(content, &mut headers);
    let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
    let count = headers.len();
    let map: HashMap<String, String> = headers
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect();
    assert_eq!(map.len(), count, "no header is there twice");
    map
}

fn content(body: &[u8]) -> Content<'_> {
    Content {
        id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
        at: at(1_614_265_330),
        event: "lead:won",
        body,
    }
}

fn expect(headers: HashMap<String, String>, wanted: &[(&str, &str)]) {
    let own = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
    assert_eq!(headers, wanted.iter().map(own).collect());
}

#[test]
fn the_known_answer_of_the_standard() {
    let headers = sign(
        &signing(Scheme::Standard, SECRET),
        &content(br#"{"test": 2432232314}"#),
    );
    expect(
        headers,
        &[
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            (
                "webhook-signature",
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
        ],
    );
}

#[test]
fn the_known_answer_of_github() {
    let headers = sign(
        &signing(Scheme::GitHub, "It's a Secret to Everybody"),
        &content(b"Hello, World!"),
    );
    expect(
        headers,
        &[
            (
                "x-hub-signature-256",
                "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
            ),
            ("x-github-event", "lead:won"),
            ("x-github-delivery", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ],
    );
}

/// The same HMAC as GitHub's known answer, in base64.
#[test]
fn shopify_signs_the_body() {
    let headers = sign(
        &signing(Scheme::Shopify, "It's a Secret to Everybody"),
        &content(b"Hello, World!"),
    );
    expect(
        headers,
        &[
            (
                "x-shopify-hmac-sha256",
                "dXEH6g6yUJ/CESIczphLijdXC211hsIsRvQ3nIsEPhc=",
            ),
            ("x-shopify-topic", "lead:won"),
            ("x-shopify-webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ],
    );
}

/// Computed with Python's hmac.
#[test]
fn stripe_signs_time_and_body_with_the_whole_secret() {
    let headers = sign(
        &signing(Scheme::Stripe, SECRET),
        &content(br#"{"test": 2432232314}"#),
    );
    let wanted = "t=1614265330,v1=2e37df5d4a028c51a7f3133d64ae1e300d2c2c900f1b1d49d4369ad2530f8964";
    expect(headers, &[("stripe-signature", wanted)]);
}

#[test]
fn nothing_is_signed_where_nothing_is_to_be() {
    let none = Signing::new(Scheme::None, []).unwrap();
    expect(sign(&none, &content(b"{}")), &[]);
}

#[test]
fn the_receivers_library_accepts_it_and_nothing_altered() {
    let text = secret::generate(Scheme::Standard).unwrap().unwrap();
    let receiver = Receiver::new(&text).unwrap();
    let body = "{\"größe\":1.5}".as_bytes();
    let now = Content {
        at: SystemTime::now(),
        ..content(body)
    };
    let mut headers = HeaderMap::new();
    let mut list = Vec::new();
    signing(Scheme::Standard, &text).sign(&now, &mut list);
    headers.extend(list);
    receiver.verify(body, &headers).expect("a genuine call");
    assert!(receiver.verify(b"{}", &headers).is_err());
    headers.insert("webhook-id", "msg_2".parse().unwrap());
    assert!(receiver.verify(body, &headers).is_err());
}

#[test]
fn the_public_key_verifies_what_the_private_one_signs() {
    let text = secret::generate(Scheme::StandardEd25519).unwrap().unwrap();
    let public = secret::public_key(&text).unwrap();
    let bytes = decode(public.strip_prefix("whpk_").unwrap());
    let key = VerifyingKey::from_bytes(&bytes.try_into().unwrap()).unwrap();
    let headers = sign(&signing(Scheme::StandardEd25519, &text), &content(b"{}"));
    let encoded = headers["webhook-signature"].strip_prefix("v1a,").unwrap();
    let signature = Signature::from_slice(&decode(encoded)).unwrap();
    let signed = b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{}";
    key.verify(signed, &signature).unwrap();
    assert!(key.verify(b"other", &signature).is_err());
}

fn decode(base64: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD
        .decode(base64)
        .unwrap()
}

/// Secrets of a webhook during a rotation, and the headers at a time.
fn rotation(
    scheme: Scheme,
    seconds: u64,
) -> (HashMap<String, String>, [HashMap<String, String>; 3]) {
    let new = || secret::generate(scheme).unwrap().unwrap();
    let secrets = [new(), new(), new()];
    let ends = [None, Some(at(2000)), Some(at(1000))];
    let all = Signing::new(scheme, secrets.iter().map(String::as_str).zip(ends)).unwrap();
    let content = Content {
        at: at(seconds),
        ..content(b"{}")
    };
    let alone = |text: &String| sign(&signing(scheme, text), &content);
    (sign(&all, &content), secrets.each_ref().map(alone))
}

#[test]
fn during_a_rotation_every_secret_signs_until_its_end() {
    for (scheme, header, separator) in [
        (Scheme::Standard, "webhook-signature", " "),
        (Scheme::StandardEd25519, "webhook-signature", " "),
        (Scheme::Stripe, "stripe-signature", ",v1="),
    ] {
        for (seconds, count) in [(999, 3), (1000, 2), (1999, 2), (2000, 1), (1 << 40, 1)] {
            let (headers, alone) = rotation(scheme, seconds);
            let last = |value: &String| value.rsplit(separator).next().unwrap().to_owned();
            let wanted: Vec<String> = alone[..count].iter().map(|h| last(&h[header])).collect();
            let found: Vec<&str> = headers[header].split(separator).collect();
            // Stripe's header begins with the time.
            let found = &found[usize::from(scheme == Scheme::Stripe)..];
            assert_eq!(found, wanted, "{scheme:?} at {seconds}");
        }
    }
}

#[test]
fn where_one_signature_has_room_the_oldest_secret_signs_until_its_end() {
    for scheme in [Scheme::GitHub, Scheme::Shopify] {
        for (seconds, which) in [(999, 2), (1000, 1), (2000, 0)] {
            let (headers, alone) = rotation(scheme, seconds);
            assert_eq!(headers, alone[which], "{scheme:?} at {seconds}");
        }
    }
}

#[test]
fn a_secret_without_an_end_there_must_be() {
    let text = secret::generate(Scheme::Standard).unwrap().unwrap();
    for secrets in [vec![], vec![(text.as_str(), Some(at(1 << 40)))]] {
        let problem = Signing::new(Scheme::Standard, secrets).err();
        assert_eq!(problem, Some(SecretProblem::Missing));
    }
    let wrong = Signing::new(Scheme::StandardEd25519, [(text.as_str(), None)]);
    assert_eq!(wrong.err(), Some(SecretProblem::Prefix("whsk_")));
}

#[test]
fn any_name_of_an_event_makes_a_valid_header() {
    for (name, header) in [
        ("table.recordInsert", "table.recordInsert"),
        ("a b/c:d~", "a b/c:d~"),
        ("100%", "100%25"),
        ("größe", "gr%C3%B6%C3%9Fe"),
        ("\u{1f99b}\r\n\u{7f}", "%F0%9F%A6%9B%0D%0A%7F"),
    ] {
        let content = Content {
            event: name,
            ..content(b"{}")
        };
        let secret = "0123456789abcdef";
        let github = sign(&signing(Scheme::GitHub, secret), &content);
        let shopify = sign(&signing(Scheme::Shopify, secret), &content);
        assert_eq!(github["x-github-event"], header);
        assert_eq!(shopify["x-shopify-topic"], header);
    }
}

#[test]
fn a_key_does_not_show_itself() {
    let shown = format!("{:?}", signing(Scheme::Standard, SECRET));
    assert_eq!(shown, "Signing(Standard, 1 keys)");
}
