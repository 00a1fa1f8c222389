//! What an administrator sets for all webhooks of a database.

use crate::authorities::Authorities;
use crate::network::{Network, Policy};

/// What an administrator sets for all webhooks of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Networks that may be called although they are not public.
    pub allowed_networks: Vec<Network>,
    /// Whether `http://` may be called, or `https://` only.
    pub allow_http: bool,
    /// Certificate authorities that are trusted as well as Mozilla's.
    pub authorities: Authorities,
    /// How much of an answer's body is kept.
    pub max_response_bytes: usize,
    /// The `user-agent` header.
    pub user_agent: String,
    /// What `[@sys:IntegrationURL]` stands for in templates; empty when there is none.
    pub integration_url: String,
}

impl Settings {
    /// The part that says which addresses may be called.
    pub fn policy(&self) -> Policy {
        Policy {
            allowed_networks: self.allowed_networks.clone(),
            allow_http: self.allow_http,
        }
    }
}
