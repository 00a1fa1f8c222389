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
    /// Names whose addresses were all allowed, and until when that is believed.
    vetted: Mutex<HashMap<String, Vetted>>,
}

struct Vetted {
    until: Instant,
    addresses: Arc<[IpAddr]>,
}

impl VettingResolver {
    pub(crate) fn new(policy: Policy) -> Self {
        VettingResolver::with_lookup(policy, Lookup::system())
    }

    fn with_lookup(policy: Policy, lookup: Lookup) -> Self {
        VettingResolver {
            policy,
            lookup,
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
                until: now + REMEMBER_FOR,
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
