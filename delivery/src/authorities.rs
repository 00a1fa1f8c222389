//! Certificate authorities of a user's own, which are trusted as well as Mozilla's.

use std::fmt;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, TrustAnchor};

/// Certificate authorities of a user's own.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Authorities {
    anchors: Arc<[TrustAnchor<'static>]>,
    certificates: Arc<[CertificateDer<'static>]>,
}

impl Authorities {
    /// Reads PEM: at least one certificate, and every one whole. Other things in between are passed over.
    pub fn from_pem(pem: &[u8]) -> Result<Authorities, NoAuthorities> {
        let mut roots = RootCertStore::empty();
        let mut certificates = Vec::new();
        for (place, certificate) in CertificateDer::pem_slice_iter(pem).enumerate() {
            let number = place + 1;
            let certificate =
                certificate.map_err(|error| NoAuthorities::Pem(number, error.to_string()))?;
            roots
                .add(certificate.clone())
                .map_err(|error| NoAuthorities::Certificate(number, error.to_string()))?;
            certificates.push(certificate);
        }
        if roots.is_empty() {
            return Err(NoAuthorities::Empty);
        }
        Ok(Authorities {
            anchors: roots.roots.into(),
            certificates: certificates.into(),
        })
    }

    pub(crate) fn anchors(&self) -> &[TrustAnchor<'static>] {
        &self.anchors
    }

    pub(crate) fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} authorities", self.anchors.len())
    }
}

/// Why a text is not the certificates of authorities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAuthorities {
    /// It holds no certificate.
    Empty,
    /// The certificate with this number is not PEM.
    Pem(usize, String),
    /// The certificate with this number is none.
    Certificate(usize, String),
}

impl fmt::Display for NoAuthorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoAuthorities::Empty => f.write_str("it holds no certificate in PEM"),
            NoAuthorities::Pem(number, why) => write!(f, "certificate {number}: {why}"),
            NoAuthorities::Certificate(number, why) => write!(f, "certificate {number}: {why}"),
        }
    }
}

impl std::error::Error for NoAuthorities {}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn certificate() -> String {
        let params = CertificateParams::default();
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().pem()
    }

    #[test]
    fn every_certificate_of_a_file_counts() {
        let pem = format!("some words\n{}\n{}", certificate(), certificate());
        let two = Authorities::from_pem(pem.as_bytes()).unwrap();
        assert_eq!(two.anchors().len(), 2);
        assert_eq!(Authorities::default().anchors().len(), 0);
    }

    #[test]
    fn one_bad_certificate_spoils_the_file() {
        let whole = certificate();
        let cut = &whole[..whole.len() - 20];
        let begin = "-----BEGIN CERTIFICATE-----\n";
        let end = "\n-----END CERTIFICATE-----\n";
        for (pem, problem) in [
            (String::new(), "it holds no certificate"),
            ("certificate".into(), "it holds no certificate"),
            (format!("{whole}{cut}"), "certificate 2: "),
            (format!("{begin}?{end}"), "certificate 1: "),
            (format!("{begin}aGVsbG8={end}{whole}"), "certificate 1: "),
        ] {
            let problem_found = Authorities::from_pem(pem.as_bytes()).unwrap_err();
            assert!(problem_found.to_string().starts_with(problem), "{pem}");
        }
    }
}
