//! Load balancing: which service takes a request, what keeps a client with its service, and what happens when none is
//! up.

pub(crate) mod balancer;
pub(crate) mod fallback;
pub(crate) mod hash;
pub(crate) mod health;
pub(crate) mod monitor;
pub(crate) mod monitors;
pub(crate) mod persistence;
pub(crate) mod probe;

pub(crate) use balancer::{Balancer, Method};
pub(crate) use fallback::{HttpsRedirect, Instead, instead};
pub(crate) use health::Health;
