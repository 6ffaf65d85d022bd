//! Whose fault a failure is: what decides how soon a new attempt makes sense.

use std::error::Error;
use std::fmt;
use std::io::ErrorKind;

/// Whose fault a failure is, and so how soon a new attempt makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fault {
    /// Passes by itself within seconds or minutes.
    Transient,
    /// The CA wants less; wait for `retry_after()`.
    RateLimited,
    /// The CA could not validate a name.
    Validation,
    /// Stays until somebody edits something.
    Configuration,
    /// The CA or the way to it is down.
    Outage,
}

/// On which layer a request was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportFault {
    /// The host's name could not be resolved.
    Dns,
    /// Nobody listens there.
    Refused,
    /// There is no way there.
    Unreachable,
    /// The server's certificate is not trusted, or TLS failed otherwise.
    Tls,
    /// No connection or answer within the time limit.
    TimedOut,
    /// The connection broke.
    Broken,
}

impl TransportFault {
    pub(crate) const fn remedy(self) -> &'static str {
        match self {
            Self::Dns => "Check the host name in the directory URL and this machine's resolver.",
            Self::Refused | Self::Unreachable => {
                "Check the address and port in the directory URL, firewalls and the proxy setting."
            }
            Self::Tls => {
                "Give the CA bundle (PEM) that signs the CA server's certificate, check that its \
                 certificate names the host, and this machine's clock."
            }
            Self::TimedOut | Self::Broken => {
                "Check firewalls and proxies between here and the CA; it is tried again by itself."
            }
        }
    }
}

impl fmt::Display for TransportFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dns => "the host's name could not be resolved",
            Self::Refused => "the connection was refused",
            Self::Unreachable => "the host is unreachable",
            Self::Tls => "the TLS connection failed",
            Self::TimedOut => "no answer within the time limit",
            Self::Broken => "the connection broke",
        })
    }
}

impl TransportFault {
    /// Finds the layer in the chain of causes that the HTTP client gives.
    pub(crate) fn of(error: &reqwest::Error) -> Self {
        if error.is_timeout() {
            return Self::TimedOut;
        }
        let mut cause: Option<&(dyn Error + 'static)> = error.source();
        while let Some(current) = cause {
            if let Some(fault) = Self::of_cause(current) {
                return fault;
            }
            cause = current.source();
        }
        Self::Broken
    }

    fn of_cause(cause: &(dyn Error + 'static)) -> Option<Self> {
        if cause.is::<rustls::Error>() {
            return Some(Self::Tls);
        }
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            // An io::Error hides what it wraps from `source()`: look inside.
            let inner = io
                .get_ref()
                .and_then(|inner| Self::of_cause(inner as &(dyn Error + 'static)));
            return inner.or(match io.kind() {
                ErrorKind::ConnectionRefused => Some(Self::Refused),
                ErrorKind::HostUnreachable
                | ErrorKind::NetworkUnreachable
                | ErrorKind::AddrNotAvailable => Some(Self::Unreachable),
                ErrorKind::TimedOut => Some(Self::TimedOut),
                _ => None,
            });
        }
        cause
            .to_string()
            .starts_with("dns error")
            .then_some(Self::Dns)
    }
}
