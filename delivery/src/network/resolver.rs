//! The resolver of the HTTP client: it looks the host up and judges every address, and the connection is made to the
//! very addresses that it returns.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::http::uri::Scheme;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::forbidden::Policy;
use super::host::Host;
use super::lookup::{Lookup, LookupProblem};
use super::url::host_of;
use crate::fault::{Fault, FaultKind};

/// The client asks at every call, even if a connection is open already.
const REMEMBER_FOR: Duration = Duration::from_secs(5);
/// Then what is too old is thrown away.
const REMEMBER_AT_MOST: usize = 1024;
/// What the client's list of addresses holds.
const MAX_ADDRESSES: usize = 16;

pub(crate) struct VettingResolver {
    policy: Policy,
    lookup: Lookup,
    remember_for: Duration,
    /// Names whose addresses were all allowed, and until when that is believed.
    vetted: Mutex<HashMap<String, Vetted>>,
}

struct Vetted {
    until: Instant,
    addresses: Arc<[IpAddr]>,
}

impl VettingResolver {
    pub(crate) fn new(policy: Policy) -> Self {
        VettingResolver::with_lookup(policy, Lookup::system(), REMEMBER_FOR)
    }

    pub(crate) fn with_lookup(policy: Policy, lookup: Lookup, remember_for: Duration) -> Self {
        VettingResolver {
            policy,
            lookup,
            remember_for,
            vetted: Mutex::default(),
        }
    }

    fn addresses(&self, name: &str, deadline: Option<Instant>) -> Result<Arc<[IpAddr]>, Fault> {
        let now = Instant::now();
        if let Some(addresses) = self.remembered(name, now) {
            return Ok(addresses);
        }
        let addresses = self
            .lookup
            .addresses(name, deadline)
            .map_err(|problem| match problem {
                LookupProblem::TooLate => {
                    Fault::new(FaultKind::Dns, format_args!("no answer for {name} in time"))
                }
                LookupProblem::Failed(problem) => {
                    Fault::new(FaultKind::Dns, format_args!("{name}: {problem}"))
                }
            })?;
        // One forbidden answer spoils them all: which one is used is decided by chance.
        for &address in &*addresses {
            self.judge(address)?;
        }
        self.remember(name, now, &addresses);
        Ok(addresses)
    }

    fn judge(&self, address: IpAddr) -> Result<(), Fault> {
        if self.policy.allows(address) {
            return Ok(());
        }
        let detail = format_args!("{address} is not public");
        Err(Fault::new(FaultKind::ForbiddenAddress, detail))
    }

    fn remembered(&self, name: &str, now: Instant) -> Option<Arc<[IpAddr]>> {
        let vetted = self.vetted.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = vetted.get(name).filter(|entry| now < entry.until)?;
        Some(Arc::clone(&entry.addresses))
    }

    fn remember(&self, name: &str, now: Instant, addresses: &Arc<[IpAddr]>) {
        let mut vetted = self.vetted.lock().unwrap_or_else(PoisonError::into_inner);
        if vetted.len() >= REMEMBER_AT_MOST {
            vetted.retain(|_, entry| now < entry.until);
        }
        if vetted.len() < REMEMBER_AT_MOST {
            let entry = Vetted {
                until: now + self.remember_for,
                addresses: Arc::clone(addresses),
            };
            vetted.insert(name.to_owned(), entry);
        }
    }
}

impl Resolver for VettingResolver {
    fn resolve(
        &self,
        uri: &Uri,
        _config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let problem = |problem| Fault::new(FaultKind::ForbiddenAddress, problem);
        let port = uri.port_u16().unwrap_or(match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTP => 80,
            _ => 443,
        });
        let mut resolved = self.empty();
        match host_of(uri).map_err(|e| ureq::Error::Other(problem(e).into()))? {
            Host::Address(address) => {
                self.judge(address)
                    .map_err(|fault| ureq::Error::Other(fault.into()))?;
                resolved.push(SocketAddr::new(address, port));
            }
            Host::Name(name) => {
                let deadline = Instant::now().checked_add(*timeout.after);
                let addresses = self
                    .addresses(name, deadline)
                    .map_err(|fault| ureq::Error::Other(fault.into()))?;
                for &address in addresses.iter().take(MAX_ADDRESSES) {
                    resolved.push(SocketAddr::new(address, port));
                }
            }
        }
        Ok(resolved)
    }
}

impl fmt::Debug for VettingResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VettingResolver").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A resolver that allows 10.1.0.0/16, knows a few names, and counts how often it asks.
    fn resolver() -> (VettingResolver, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let lookup = Lookup::with(Arc::new(move |name: &str| {
            count.fetch_add(1, Ordering::SeqCst);
            let addresses: &[&str] = match name {
                "public.example" => &["1.1.1.1", "2606:4700::1111"],
                "allowed.example" => &["10.1.2.3"],
                "private.example" => &["192.168.0.1"],
                "mixed.example" => &["1.1.1.1", "8.8.8.8", "127.0.0.1"],
                "mapped.example" => &["::ffff:169.254.169.254"],
                "many.example" => &["1.1.1.1"; 30],
                "hidden.example" => &[["1.1.1.1"; 30].as_slice(), &["10.0.0.1"]].concat(),
                _ => return Err(io::Error::other("no such name")),
            };
            Ok(addresses.iter().map(|text| text.parse().unwrap()).collect())
        }));
        let policy = Policy {
            allowed_networks: vec!["10.1.0.0/16".parse().unwrap()],
            allow_http: true,
        };
        let resolver = VettingResolver::with_lookup(policy, lookup, REMEMBER_FOR);
        (resolver, asked)
    }

    fn resolve(resolver: &VettingResolver, url: &str) -> Result<Vec<String>, Fault> {
        let timeout = NextTimeout {
            after: Duration::from_secs(30).into(),
            ..NextTimeout::default()
        };
        match resolver.resolve(&url.parse().unwrap(), &Config::default(), timeout) {
            Ok(addresses) => Ok(addresses.iter().map(SocketAddr::to_string).collect()),
            Err(ureq::Error::Other(fault)) => Err(*fault.downcast().unwrap()),
            Err(other) => panic!("{other}"),
        }
    }

    fn refusal(url: &str) -> String {
        resolve(&resolver().0, url).unwrap_err().to_string()
    }

    #[test]
    fn the_addresses_of_a_name_are_used_with_the_port_of_the_url() {
        let (resolver, _) = resolver();
        let resolve = |url| resolve(&resolver, url).unwrap();
        assert_eq!(
            resolve("https://public.example/hooks"),
            ["1.1.1.1:443", "[2606:4700::1111]:443"]
        );
        assert_eq!(resolve("http://allowed.example"), ["10.1.2.3:80"]);
        assert_eq!(resolve("http://allowed.example:8080"), ["10.1.2.3:8080"]);
        assert_eq!(resolve("http://many.example").len(), MAX_ADDRESSES);
    }

    #[test]
    fn literal_addresses_are_not_looked_up() {
        let (resolver, asked) = resolver();
        assert_eq!(
            resolve(&resolver, "http://8.8.8.8").unwrap(),
            ["8.8.8.8:80"]
        );
        assert_eq!(
            resolve(&resolver, "http://134744072").unwrap(),
            ["8.8.8.8:80"]
        );
        assert_eq!(
            resolve(&resolver, "https://[2606:4700::1]:8443").unwrap(),
            ["[2606:4700::1]:8443"]
        );
        for url in [
            "http://127.0.0.1",
            "http://127.1",
            "http://[::ffff:7f00:1]",
            "http://0",
        ] {
            let fault = resolve(&resolver, url).unwrap_err();
            assert_eq!(fault.kind, FaultKind::ForbiddenAddress, "{url}");
        }
        assert_eq!(asked.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn one_forbidden_answer_refuses_the_name() {
        for (url, address) in [
            ("https://private.example", "192.168.0.1"),
            ("https://mixed.example", "127.0.0.1"),
            ("https://mapped.example", "::ffff:169.254.169.254"),
            ("https://hidden.example", "10.0.0.1"),
        ] {
            let expected = format!("forbidden address: {address} is not public");
            assert_eq!(refusal(url), expected);
        }
    }

    #[test]
    fn a_name_without_address_is_a_dns_fault() {
        assert_eq!(
            refusal("https://absent.example"),
            "dns: absent.example: no such name"
        );
    }

    #[test]
    fn only_what_was_allowed_is_remembered() {
        let (resolver, asked) = resolver();
        for _ in 0..3 {
            resolve(&resolver, "https://public.example").unwrap();
            resolve(&resolver, "https://public.example:8443").unwrap();
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        for _ in 0..3 {
            resolve(&resolver, "https://private.example").unwrap_err();
        }
        assert_eq!(asked.load(Ordering::SeqCst), 4);
        let later = Instant::now() + REMEMBER_FOR;
        assert!(resolver.remembered("public.example", later).is_none());
    }
}
