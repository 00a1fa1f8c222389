//! Which addresses may be called.
//!
//! A database server sits in a network that its users cannot reach, and a URL is an offer to reach it for them. So
//! every call is judged twice: the form of its URL ([`check_url`]), and, in the resolver of the HTTP client, every
//! address that the connection is then made to ([`resolver`]). Nothing is looked up a second time in between.

mod cidr;
mod forbidden;
mod host;
pub(crate) mod lookup;
pub(crate) mod resolver;
mod url;

pub use cidr::{Network, NotANetwork};
pub use forbidden::Policy;
pub use url::{UrlProblem, check_url};

pub(crate) use host::Host;
pub(crate) use url::{host_of, parse_url};
