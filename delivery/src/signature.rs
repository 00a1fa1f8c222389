//! How a receiver knows that a call is genuine and new.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac;

use crate::secret::Secret;

/// The `webhook-signature` of the standard scheme: over the id, the unix time of the call and the exact bytes sent.
pub(crate) fn standard(secret: &Secret, id: &str, timestamp: &str, body: &[u8]) -> String {
    let mut mac = secret.keyed();
    mac.update(id.as_bytes());
    mac.update(b".");
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    let mut signature = String::with_capacity(48);
    signature.push_str("v1,");
    STANDARD.encode_string(mac.finalize().into_bytes(), &mut signature);
    signature
}

#[cfg(test)]
mod tests {
    use standardwebhooks::Webhook as Receiver;
    use ureq::http::HeaderMap;

    use super::*;
    use crate::secret;

    #[test]
    fn the_known_answer() {
        let secret = secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = standard(
            &secret,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn the_receivers_library_accepts_it_and_nothing_altered() {
        let text = secret::generate().unwrap();
        let receiver = Receiver::new(&text).unwrap();
        let now = std::time::UNIX_EPOCH
            .elapsed()
            .unwrap()
            .as_secs()
            .to_string();
        let body = "{\"größe\":1.5}".as_bytes();
        let signature = standard(&secret::parse(&text).unwrap(), "msg_1", &now, body);
        let mut headers = HeaderMap::new();
        headers.insert("webhook-id", "msg_1".parse().unwrap());
        headers.insert("webhook-timestamp", now.parse().unwrap());
        headers.insert("webhook-signature", signature.parse().unwrap());
        receiver.verify(body, &headers).expect("a genuine call");
        assert!(receiver.verify(b"{}", &headers).is_err());
        headers.insert("webhook-id", "msg_2".parse().unwrap());
        assert!(receiver.verify(body, &headers).is_err());
    }
}
