//! Keys, and the signatures that they make.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use ed25519_dalek::ed25519::signature::MultipartSigner;
use hmac::digest::block_api::CoreProxy;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What a secret stands for. Both kinds wipe their memory when they are dropped.
#[derive(Clone)]
pub(super) enum Key {
    /// Shared with the receiver: the HMAC after it has taken in the key, so that a signature need not begin there, and
    /// without room for a block, which each of many webhooks would have.
    Shared(<Hmac<Sha256> as CoreProxy>::Core),
    /// The receiver has the public half.
    Private(Box<SigningKey>),
}

impl Key {
    pub(super) fn shared(bytes: &[u8]) -> Key {
        let keyed = Hmac::new_from_slice(bytes).expect("an HMAC takes a key of any length");
        let (core, _empty) = keyed.decompose();
        Key::Shared(core)
    }

    /// A signature as Standard Webhooks spells it, with the word for its kind before it.
    pub(super) fn standard(&self, parts: &[&[u8]]) -> String {
        let kind = match self {
            Key::Shared(_) => "v1",
            Key::Private(_) => "v1a",
        };
        format!("{kind},{}", self.base64(parts))
    }

    pub(super) fn base64(&self, parts: &[&[u8]]) -> String {
        STANDARD.encode(self.bytes(parts))
    }

    pub(super) fn hex(&self, parts: &[&[u8]]) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |value: u8| char::from(DIGITS[usize::from(value)]);
        let bytes = self.bytes(parts);
        let digits = bytes
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
        digits.collect()
    }

    /// The signature of the parts one after the other.
    fn bytes(&self, parts: &[&[u8]]) -> Vec<u8> {
        match self {
            Key::Shared(keyed) => {
                let mut mac = Hmac::<Sha256>::compose(keyed.clone(), Default::default());
                parts.iter().for_each(|part| mac.update(part));
                mac.finalize().into_bytes().to_vec()
            }
            Key::Private(key) => key.multipart_sign(parts).to_bytes().to_vec(),
        }
    }
}
