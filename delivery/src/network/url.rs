//! The form of a URL.

use std::fmt;
use std::net::IpAddr;

use ureq::http::Uri;
use ureq::http::uri::Scheme;

use super::forbidden::Policy;
use super::host::Host;

/// Few servers accept more, and the client has to fit it into its buffer.
const MAX_URL_BYTES: usize = 8000;

/// Why a URL is not called. Displays without the URL, since people put keys into theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UrlProblem {
    /// It cannot be read.
    Malformed,
    /// It is longer than 8000 bytes.
    TooLong,
    /// It is neither `http://` nor `https://`.
    Scheme,
    /// It is `http://`, and only `https://` is allowed.
    HttpNotAllowed,
    /// It has a user name or a password before the host.
    UserInfo,
    /// There is no host, or it is neither an address nor a name.
    Host,
    /// The port is not a number from 1 to 65535.
    Port,
    /// Its host is an address that may not be called.
    ForbiddenAddress(IpAddr),
}

impl fmt::Display for UrlProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UrlProblem::Malformed => f.write_str("the URL cannot be read"),
            UrlProblem::TooLong => {
                write!(f, "the URL is longer than {MAX_URL_BYTES} bytes")
            }
            UrlProblem::Scheme => f.write_str("the URL begins with neither https:// nor http://"),
            UrlProblem::HttpNotAllowed => f.write_str("only https:// is allowed"),
            UrlProblem::UserInfo => f.write_str("the URL has a user name before the host"),
            UrlProblem::Host => f.write_str("the host of the URL is neither a name nor an address"),
            UrlProblem::Port => f.write_str("the port of the URL is not a number from 1 to 65535"),
            UrlProblem::ForbiddenAddress(address) => write!(f, "{address} is not public"),
        }
    }
}

impl std::error::Error for UrlProblem {}

/// Judges what can be judged without a name server: the form of a URL, and its host if that is an address.
///
/// Names are judged at every connection instead, by what they stand for then.
pub fn check_url(url: &str, policy: &Policy) -> Result<(), UrlProblem> {
    let uri = parse_url(url, policy)?;
    match host_of(&uri)? {
        Host::Address(address) if !policy.allows(address) => {
            Err(UrlProblem::ForbiddenAddress(address))
        }
        _ => Ok(()),
    }
}

/// Reads a URL and judges its form. The HTTP client is given what this returns, so that both read it the same way.
pub(crate) fn parse_url(url: &str, policy: &Policy) -> Result<Uri, UrlProblem> {
    if url.len() > MAX_URL_BYTES {
        return Err(UrlProblem::TooLong);
    }
    let uri: Uri = url.parse().map_err(|_| UrlProblem::Malformed)?;
    let scheme = uri.scheme().ok_or(UrlProblem::Scheme)?;
    if *scheme == Scheme::HTTP {
        if !policy.allow_http {
            return Err(UrlProblem::HttpNotAllowed);
        }
    } else if *scheme != Scheme::HTTPS {
        return Err(UrlProblem::Scheme);
    }
    host_of(&uri)?;
    Ok(uri)
}

/// The host of a URL whose authority is nothing but a host and perhaps a port.
pub(crate) fn host_of(uri: &Uri) -> Result<Host<'_>, UrlProblem> {
    let authority = uri.authority().ok_or(UrlProblem::Host)?;
    if authority.as_str().contains('@') {
        return Err(UrlProblem::UserInfo);
    }
    let host = authority.host();
    let after_host = authority.as_str().get(host.len()..).unwrap_or_default();
    let port = after_host.strip_prefix(':').unwrap_or(after_host);
    if !port.is_empty() && !is_port(port) {
        return Err(UrlProblem::Port);
    }
    Host::parse(host).ok_or(UrlProblem::Host)
}

/// One that does not fit would silently become the scheme's own.
fn is_port(text: &str) -> bool {
    text.bytes().all(|c| c.is_ascii_digit()) && text.parse().is_ok_and(|port: u16| port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str) -> Result<(), UrlProblem> {
        let policy = Policy {
            allowed_networks: vec!["10.1.0.0/16".parse().unwrap()],
            allow_http: true,
        };
        check_url(url, &policy)
    }

    #[test]
    fn ordinary_urls_pass() {
        for url in [
            "https://example.com",
            "https://example.com/hooks?key=1&b=%20#part",
            "HTTPS://EXAMPLE.COM/hooks",
            "http://example.com:8080/",
            "http://example.com:/",
            "http://8.8.8.8/",
            "http://[2606:4700::1111]:80/",
            "http://10.1.2.3/",
            "http://localhost/",
        ] {
            assert_eq!(check(url), Ok(()), "{url}");
        }
    }

    #[test]
    fn the_form_is_judged() {
        use UrlProblem::*;
        for (url, problem) in [
            ("", Malformed),
            ("not a url", Malformed),
            ("https://exa mple.com/", Malformed),
            ("https://example.com/\r\nx: y", Malformed),
            ("https://bücher.example/", Malformed),
            ("https://127%2e0.0.1/", Malformed),
            ("https://", Malformed),
            ("https:///hooks", Malformed),
            ("/hooks", Scheme),
            ("example.com", Scheme),
            ("example.com:80", Scheme),
            ("ftp://example.com/", Scheme),
            ("unix://run/socket", Scheme),
            ("https://user@example.com/", UserInfo),
            ("https://user:word@example.com/", UserInfo),
            ("https://example.com@127.0.0.1/", UserInfo),
            ("https://@example.com/", UserInfo),
            ("https://:80/", Host),
            ("https://a..b/", Host),
            ("https://1.2.3.4.5/", Host),
            ("https://256.1.1.1/", Host),
            ("https://[fe80::1%25eth0]/", Host),
            ("https://[::1", Malformed),
            ("https://example.com:99999/", Port),
            ("https://example.com:0/", Port),
            ("https://example.com:+80/", Port),
        ] {
            assert_eq!(check(url), Err(problem), "{url}");
        }
    }

    #[test]
    fn the_length_is_limited() {
        let url = |bytes: usize| format!("{:a<bytes$}", "https://example.com/");
        assert_eq!(check(&url(MAX_URL_BYTES)), Ok(()));
        assert_eq!(check(&url(MAX_URL_BYTES + 1)), Err(UrlProblem::TooLong));
    }

    #[test]
    fn literal_addresses_are_judged_in_every_spelling() {
        for (url, address) in [
            ("http://127.0.0.1/", "127.0.0.1"),
            ("http://127.1:80/", "127.0.0.1"),
            ("http://2130706433/", "127.0.0.1"),
            ("http://0x7f.0.0.1/", "127.0.0.1"),
            ("http://0177.0.0.1/", "127.0.0.1"),
            (
                "http://169.254.169.254/latest/meta-data/",
                "169.254.169.254",
            ),
            ("http://[::1]/", "::1"),
            ("http://[::ffff:127.0.0.1]:8080/", "::ffff:127.0.0.1"),
            ("http://[fd00:ec2::254]/", "fd00:ec2::254"),
            ("http://0/", "0.0.0.0"),
        ] {
            let address = address.parse().unwrap();
            assert_eq!(
                check(url),
                Err(UrlProblem::ForbiddenAddress(address)),
                "{url}"
            );
        }
    }

    #[test]
    fn http_can_be_forbidden() {
        let policy = Policy {
            allowed_networks: Vec::new(),
            allow_http: false,
        };
        let check = |url| check_url(url, &policy);
        assert_eq!(
            check("http://example.com/"),
            Err(UrlProblem::HttpNotAllowed)
        );
        assert_eq!(check("https://example.com/"), Ok(()));
    }

    #[test]
    fn problems_do_not_repeat_the_url() {
        let problem = check("ftp://word:hidden@example.com/key").unwrap_err();
        assert!(!format!("{problem} {problem:?}").contains("hidden"));
    }
}
