//! Who may do what: set-up, log-in, API tokens, roles, the audit log.

pub(crate) mod audit;
pub(crate) mod caller;
pub(crate) mod limit;
pub(crate) mod local;
pub(crate) mod password;
pub(crate) mod secret;
pub(crate) mod session;
pub(crate) mod setup;
pub(crate) mod token;

pub use setup::{InitError, init_admin};

use std::time::Duration;

use limit::Limiter;
use password::Passwords;

/// What is remembered between attempts to get in.
#[derive(Debug)]
pub(crate) struct Auth {
    /// Hashes passwords, a few at a time.
    pub(crate) passwords: Passwords,
    /// Failed log-ins by network.
    pub(crate) logins: Limiter,
    /// Failed log-ins by network and user name.
    pub(crate) logins_by_name: Limiter,
    /// Failed enrolments by network.
    pub(crate) enrollments: Limiter,
}

impl Auth {
    /// Nothing attempted yet.
    pub(crate) fn new() -> Self {
        let minute = Duration::from_secs(60);
        Self {
            passwords: Passwords::new(),
            logins: Limiter::new(20, minute),
            logins_by_name: Limiter::new(5, minute),
            enrollments: Limiter::new(300, minute),
        }
    }
}
