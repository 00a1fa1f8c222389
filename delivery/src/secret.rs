//! The secret that signs a webhook's calls.

use std::{fmt, io};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit};
use sha2::Sha256;

const PREFIX: &str = "whsec_";
/// What the standard recommends; receivers' libraries accept any length.
const GENERATED_BYTES: usize = 32;

/// A secret, ready to sign. It can neither be displayed nor read back.
#[derive(Clone)]
pub struct Secret {
    /// The HMAC after it has taken in the key, so that a signature does not have to begin there.
    keyed: Hmac<Sha256>,
}

impl Secret {
    pub(crate) fn keyed(&self) -> Hmac<Sha256> {
        self.keyed.clone()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// What is wrong with the text of a secret. Says nothing of what the text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretProblem {
    /// It does not begin with `whsec_`.
    Prefix,
    /// What follows is not base64.
    Base64,
    /// It stands for this many bytes, not 24 to 64.
    Length(usize),
}

impl fmt::Display for SecretProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretProblem::Prefix => write!(f, "it does not begin with {PREFIX}"),
            SecretProblem::Base64 => write!(f, "what follows {PREFIX} is not base64"),
            SecretProblem::Length(bytes) => {
                write!(f, "it stands for {bytes} bytes instead of 24 to 64")
            }
        }
    }
}

impl std::error::Error for SecretProblem {}

/// A new secret as text.
pub fn generate() -> io::Result<String> {
    let mut bytes = [0; GENERATED_BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(format!("{PREFIX}{}", STANDARD.encode(bytes)))
}

/// Reads `whsec_` and the base64 of 24 to 64 bytes.
pub fn parse(text: &str) -> Result<Secret, SecretProblem> {
    let encoded = text.strip_prefix(PREFIX).ok_or(SecretProblem::Prefix)?;
    let key = STANDARD
        .decode(encoded)
        .map_err(|_| SecretProblem::Base64)?;
    if !(24..=64).contains(&key.len()) {
        return Err(SecretProblem::Length(key.len()));
    }
    let keyed = Hmac::new_from_slice(&key).expect("an HMAC takes a key of any length");
    Ok(Secret { keyed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_secrets_are_valid_and_differ() {
        let (one, two) = (generate().unwrap(), generate().unwrap());
        assert_ne!(one, two);
        assert!(parse(&one).is_ok() && parse(&two).is_ok());
        assert!(one.starts_with(PREFIX));
    }

    #[test]
    fn twenty_four_to_sixty_four_bytes_are_accepted() {
        let problem = |bytes| parse(&format!("{PREFIX}{}", STANDARD.encode(vec![7; bytes]))).err();
        assert_eq!(problem(23), Some(SecretProblem::Length(23)));
        assert_eq!(problem(24), None);
        assert_eq!(problem(64), None);
        assert_eq!(problem(65), Some(SecretProblem::Length(65)));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        ] {
            assert_eq!(parse(text).err(), Some(SecretProblem::Prefix), "{text}");
        }
        for text in [
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa w",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw ",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa-_",
        ] {
            assert_eq!(parse(text).err(), Some(SecretProblem::Base64), "{text}");
        }
    }

    #[test]
    fn neither_secret_nor_problem_shows_anything() {
        let text = generate().unwrap();
        assert_eq!(format!("{:?}", parse(&text).unwrap()), "Secret");
        let cut = &text[..text.len() - 1];
        let problem = parse(cut).unwrap_err();
        assert!(!format!("{problem:?} {problem}").contains(&cut[PREFIX.len()..PREFIX.len() + 4]));
    }
}
