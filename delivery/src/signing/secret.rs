//! The texts of secrets: what each scheme's look like, and which key they stand for.

use std::ops::RangeInclusive;
use std::{fmt, io};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{KEYPAIR_LENGTH, SECRET_KEY_LENGTH, SigningKey};
use zeroize::Zeroizing;

use super::Scheme;
use super::key::Key;

const SHARED_PREFIX: &str = "whsec_";
const PRIVATE_PREFIX: &str = "whsk_";
const PUBLIC_PREFIX: &str = "whpk_";
/// What the Standard Webhooks recommend, as bytes.
const STANDARD_BYTES: RangeInclusive<usize> = 24..=64;
/// Stripe's own have 32 characters after the prefix.
const STRIPE_CHARACTERS: RangeInclusive<usize> = 24..=128;
/// GitHub and Shopify let anything be a secret. A short one can be guessed by whoever has seen one call.
const PLAIN_CHARACTERS: RangeInclusive<usize> = 16..=256;
const GENERATED_BYTES: usize = 32;

/// What is wrong with the text of a secret. Says nothing of what the text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretProblem {
    /// There is none that counts without an end.
    Missing,
    /// The scheme has no secret.
    NotWanted,
    /// It does not begin with this.
    Prefix(&'static str),
    /// What follows the prefix is not base64.
    Base64,
    /// It stands for this many bytes.
    Bytes(usize),
    /// It has this many characters, without the prefix.
    Length(usize),
    /// Some of its characters are not printable ASCII, or it begins or ends with a space.
    Characters,
    /// The second half is not the public key to the first.
    NotAPair,
}

impl fmt::Display for SecretProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretProblem::Missing => f.write_str("there is none"),
            SecretProblem::NotWanted => f.write_str("signature none has no secret"),
            SecretProblem::Prefix(prefix) => write!(f, "it does not begin with {prefix}"),
            SecretProblem::Base64 => f.write_str("what follows the prefix is not base64"),
            SecretProblem::Bytes(bytes) => write!(f, "it stands for {bytes} bytes"),
            SecretProblem::Length(characters) => write!(f, "it is {characters} characters long"),
            SecretProblem::Characters => f.write_str(
                "it has characters that are not printable ASCII, or begins or ends with a space",
            ),
            SecretProblem::NotAPair => {
                f.write_str("its second half is not the public key to the first")
            }
        }
    }
}

impl std::error::Error for SecretProblem {}

/// What a secret of this scheme looks like, for people.
pub fn form(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Standard => "\"whsec_\" followed by the base64 of 24 to 64 random bytes",
        Scheme::StandardEd25519 => {
            "\"whsk_\" followed by the base64 of the 64 bytes of an ed25519 key: seed and public key"
        }
        Scheme::Stripe => "\"whsec_\" followed by 24 to 128 random characters of printable ASCII",
        Scheme::GitHub | Scheme::Shopify => "16 to 256 random characters of printable ASCII",
        Scheme::None => "nothing",
    }
}

/// A new secret; `None` where nothing is signed.
pub fn generate(scheme: Scheme) -> io::Result<Option<String>> {
    let mut bytes = Zeroizing::new([0; GENERATED_BYTES]);
    getrandom::fill(&mut *bytes)?;
    Ok(Some(match scheme {
        Scheme::Standard | Scheme::Stripe => {
            format!("{SHARED_PREFIX}{}", STANDARD.encode(bytes.as_slice()))
        }
        Scheme::StandardEd25519 => {
            let pair = Zeroizing::new(SigningKey::from_bytes(&bytes).to_keypair_bytes());
            format!("{PRIVATE_PREFIX}{}", STANDARD.encode(pair.as_slice()))
        }
        // Without characters that a shell or a configuration file would take for something else.
        Scheme::GitHub | Scheme::Shopify => {
            bytes.iter().map(|byte| format!("{byte:02x}")).collect()
        }
        Scheme::None => return Ok(None),
    }))
}

/// Whether the text can be a secret of this scheme.
pub fn check(scheme: Scheme, text: &str) -> Result<(), SecretProblem> {
    parse(scheme, text).map(drop)
}

/// The `whpk_` that verifies what a `whsk_` signs.
pub fn public_key(text: &str) -> Result<String, SecretProblem> {
    let public = private_key(text)?.verifying_key();
    Ok(format!("{PUBLIC_PREFIX}{}", STANDARD.encode(public)))
}

/// The key that a text stands for.
pub(super) fn parse(scheme: Scheme, text: &str) -> Result<Key, SecretProblem> {
    match scheme {
        Scheme::Standard => {
            let bytes = decode(text, SHARED_PREFIX)?;
            if !STANDARD_BYTES.contains(&bytes.len()) {
                return Err(SecretProblem::Bytes(bytes.len()));
            }
            Ok(Key::shared(&bytes))
        }
        Scheme::StandardEd25519 => private_key(text).map(|key| Key::Private(Box::new(key))),
        // The receivers' libraries take the whole text for the key, with the prefix.
        Scheme::Stripe => {
            let rest = text.strip_prefix(SHARED_PREFIX);
            check_plain(
                rest.ok_or(SecretProblem::Prefix(SHARED_PREFIX))?,
                STRIPE_CHARACTERS,
            )?;
            Ok(Key::shared(text.as_bytes()))
        }
        Scheme::GitHub | Scheme::Shopify => {
            check_plain(text, PLAIN_CHARACTERS)?;
            Ok(Key::shared(text.as_bytes()))
        }
        Scheme::None => Err(SecretProblem::NotWanted),
    }
}

fn private_key(text: &str) -> Result<SigningKey, SecretProblem> {
    let bytes = decode(text, PRIVATE_PREFIX)?;
    let pair: &[u8; KEYPAIR_LENGTH] = bytes
        .as_slice()
        .try_into()
        .map_err(|_| SecretProblem::Bytes(bytes.len()))?;
    let (seed, public) = pair.split_at(SECRET_KEY_LENGTH);
    let key = SigningKey::from_bytes(seed.try_into().expect("so many bytes"));
    if key.verifying_key().as_bytes() != public {
        return Err(SecretProblem::NotAPair);
    }
    Ok(key)
}

fn decode(text: &str, prefix: &'static str) -> Result<Zeroizing<Vec<u8>>, SecretProblem> {
    let encoded = text
        .strip_prefix(prefix)
        .ok_or(SecretProblem::Prefix(prefix))?;
    let bytes = STANDARD.decode(encoded);
    Ok(Zeroizing::new(bytes.map_err(|_| SecretProblem::Base64)?))
}

fn check_plain(text: &str, length: RangeInclusive<usize>) -> Result<(), SecretProblem> {
    if !length.contains(&text.chars().count()) {
        return Err(SecretProblem::Length(text.chars().count()));
    }
    let printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if !printable || text.trim_matches(' ') != text {
        return Err(SecretProblem::Characters);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNED: [Scheme; 5] = [
        Scheme::Standard,
        Scheme::StandardEd25519,
        Scheme::GitHub,
        Scheme::Stripe,
        Scheme::Shopify,
    ];

    #[test]
    fn generated_secrets_fit_their_scheme_and_differ() {
        for scheme in SIGNED {
            let new = || generate(scheme).unwrap().unwrap();
            let (one, two) = (new(), new());
            assert_ne!(one, two);
            assert_eq!(check(scheme, &one), Ok(()), "{scheme:?}");
        }
        assert_eq!(generate(Scheme::None).unwrap(), None);
    }

    #[test]
    fn standard_secrets_stand_for_24_to_64_bytes() {
        let problem = |bytes| {
            let text = format!("whsec_{}", STANDARD.encode(vec![7; bytes]));
            check(Scheme::Standard, &text).err()
        };
        assert_eq!(problem(23), Some(SecretProblem::Bytes(23)));
        assert_eq!(problem(24), None);
        assert_eq!(problem(64), None);
        assert_eq!(problem(65), Some(SecretProblem::Bytes(65)));
    }

    #[test]
    fn other_texts_are_no_standard_secrets() {
        for text in [
            "",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        ] {
            let problem = check(Scheme::Standard, text).err();
            assert_eq!(problem, Some(SecretProblem::Prefix("whsec_")), "{text}");
        }
        for text in [
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa w",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw ",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa-_",
        ] {
            let problem = check(Scheme::Standard, text).err();
            assert_eq!(problem, Some(SecretProblem::Base64), "{text}");
        }
    }

    #[test]
    fn an_ed25519_secret_is_a_pair_that_belongs_together() {
        let scheme = Scheme::StandardEd25519;
        let text = generate(scheme).unwrap().unwrap();
        let pair = STANDARD.decode(&text["whsk_".len()..]).unwrap();
        let public = public_key(&text).unwrap();
        assert_eq!(public, format!("whpk_{}", STANDARD.encode(&pair[32..])));
        let spelled = |bytes: &[u8]| format!("whsk_{}", STANDARD.encode(bytes));
        let mut other = pair.clone();
        other[63] ^= 1;
        for (text, problem) in [
            (spelled(&pair[..32]), SecretProblem::Bytes(32)),
            (spelled(&other), SecretProblem::NotAPair),
            (format!("{text}="), SecretProblem::Base64),
            (
                text.replace("whsk_", "whsec_"),
                SecretProblem::Prefix("whsk_"),
            ),
        ] {
            assert_eq!(check(scheme, &text), Err(problem));
            assert_eq!(public_key(&text), Err(problem));
        }
    }

    #[test]
    fn plain_secrets_are_printable_and_neither_short_nor_long() {
        let long = |count| "x".repeat(count);
        for (text, problem) in [
            (long(15), Some(SecretProblem::Length(15))),
            (long(16), None),
            (long(256), None),
            (long(257), Some(SecretProblem::Length(257))),
            (format!("{}é", long(16)), Some(SecretProblem::Characters)),
            (format!("{}\n", long(16)), Some(SecretProblem::Characters)),
            (format!(" {}", long(16)), Some(SecretProblem::Characters)),
            ("It's a Secret to Everybody".into(), None),
        ] {
            for scheme in [Scheme::GitHub, Scheme::Shopify] {
                assert_eq!(check(scheme, &text).err(), problem, "{text}");
            }
        }
        for (text, problem) in [
            (long(40), Some(SecretProblem::Prefix("whsec_"))),
            (
                format!("whsec_{}", long(23)),
                Some(SecretProblem::Length(23)),
            ),
            (format!("whsec_{}", long(24)), None),
            (
                format!("whsec_{}", long(129)),
                Some(SecretProblem::Length(129)),
            ),
        ] {
            assert_eq!(check(Scheme::Stripe, &text).err(), problem, "{text}");
        }
        assert_eq!(check(Scheme::None, "x"), Err(SecretProblem::NotWanted));
    }

    #[test]
    fn problems_show_nothing_of_the_secret() {
        for scheme in SIGNED {
            let text = generate(scheme).unwrap().unwrap();
            for wrong in [&text[..text.len() - 1], &text[1..], &text[..14]] {
                let Err(problem) = check(scheme, wrong) else {
                    continue;
                };
                let shown = format!("{problem:?} {problem} {}", form(scheme));
                assert!(!shown.contains(&wrong[6..12]), "{shown}");
            }
        }
    }
}
