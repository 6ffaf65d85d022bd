//! Errors of starting an instance.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use evercert_ns::NsError;
use evercert_ns::codes::{self, ErrorCode};

/// An instance could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration cannot be used; every complaint with its line where it has one.
    #[error("the configuration {path} cannot be used:\n{}", complaints.join("\n"))]
    Config {
        /// The file.
        path: String,
        /// One a line.
        complaints: Vec<String>,
    },
    /// A certificate or key file of a certkey cannot be used.
    #[error("certkey {certkey}: {path} cannot be used ({why})")]
    CertKey {
        /// The certkey.
        certkey: String,
        /// The file.
        path: String,
        /// Why.
        why: String,
        /// What NetScaler calls it.
        code: &'static ErrorCode,
    },
    /// The state directory cannot be used.
    #[error("the state directory {path} cannot be used")]
    StateDir {
        /// The directory or file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Another instance runs with the state directory.
    #[error("the state directory {0} is in use by another ADC")]
    InUse(PathBuf),
    /// The key of the sealed cache cannot be used.
    #[error("the cache key {path} cannot be used ({why})")]
    CacheKey {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A vserver's address cannot be listened on.
    #[error("vserver {vserver} cannot listen on {address}")]
    Listen {
        /// The vserver.
        vserver: String,
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A vserver's TLS settings cannot be used.
    #[error("the TLS settings of vserver {vserver} cannot be used")]
    Tls {
        /// The vserver.
        vserver: String,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// NITRO cannot be offered.
    #[error("NITRO cannot be offered: {0}")]
    Nitro(String),
    /// An address for NITRO cannot be listened on.
    #[error("NITRO cannot listen on {address}")]
    NitroListen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The Console's URL or token cannot be used.
    #[error("the link to the Console cannot be used ({0})")]
    Link(String),
    /// A thread or socket of the instance itself could not be made.
    #[error("starting {what}")]
    System {
        /// What was started.
        what: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl StartError {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Config { .. } => "Correct the lines named, and start again.",
            Self::CertKey { .. } => {
                "Give PEM files that belong together; paths are relative to ns.conf."
            }
            Self::StateDir { .. } => "Give a directory that this user may write, with --state-dir.",
            Self::InUse(_) => {
                "Stop the ADC that runs with it, or give this one a directory of its own with --state-dir."
            }
            Self::CacheKey { .. } => {
                "Restore the key file; or remove it together with zerotouch.cache, and let the instance sync anew."
            }
            Self::Listen { .. } => {
                "Free the address, or give the vserver another one; ports below 1024 need CAP_NET_BIND_SERVICE."
            }
            Self::Tls { .. } => "Correct the vserver's SSL profile and its CA bindings.",
            Self::Nitro(_) => {
                "Give --nitro-certificate a certkey of ns.conf, and --nitro-http-listen an address of this machine."
            }
            Self::NitroListen { .. } => "Free the address, or give --nitro-listen another one.",
            Self::Link(_) => {
                "Give --console https://HOST:PORT, and a token from `evercert instance token create`."
            }
            Self::System { .. } => "Look at the limits of processes and open files.",
        }
    }
}

impl From<StartError> for NsError {
    /// The same refusal of a command that would have led there.
    fn from(error: StartError) -> Self {
        match &error {
            StartError::CertKey {
                certkey,
                path,
                why,
                code,
            } => {
                tracing::info!(
                    certkey.name = certkey,
                    certkey.path = path,
                    error = why,
                    "refused"
                );
                Self::argument(code, certkey, path)
            }
            StartError::Listen {
                address, source, ..
            } => match source.kind() {
                std::io::ErrorKind::AddrInUse => {
                    Self::about(&codes::ADDRESS_IN_USE, address.to_string())
                }
                std::io::ErrorKind::AddrNotAvailable => {
                    Self::about(&codes::IP_MISSING, address.ip().to_string())
                }
                std::io::ErrorKind::PermissionDenied => {
                    Self::about(&codes::PERMISSION_DENIED, address.to_string())
                }
                _ => Self::about(&codes::SYSTEM_ERROR, Causes(&error).to_string()),
            },
            StartError::Config { complaints, .. } => {
                Self::about(&codes::INVALID_ARGUMENT, complaints.join("; "))
            }
            _ => Self::about(&codes::INVALID_ARGUMENT, Causes(&error).to_string()),
        }
    }
}

/// An error with its causes, on one line.
pub(crate) struct Causes<'a>(pub(crate) &'a dyn std::error::Error);

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
