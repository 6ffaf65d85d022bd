//! Why values did not become visible, server by server.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::lookup::LookupError;

/// Values did not become visible.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PropagationError {
    /// The zone or its servers could not be found.
    #[error("finding the name servers of {name}")]
    Lookup {
        /// The effective name.
        name: String,
        /// Why not.
        #[source]
        source: LookupError,
    },
    /// A zone has no name server that can be reached.
    #[error("zone {zone} of {name} has no name server with an address that this host can reach")]
    NoServers {
        /// The effective name.
        name: String,
        /// Its zone.
        zone: String,
    },
    /// Time is up.
    #[error("{} not visible after {waited:?}: {}{}", plural(lacking.len()), join(lacking), note(warnings))]
    TimedOut {
        /// Where what is missing, and why.
        lacking: Vec<Lacking>,
        /// How long was waited.
        waited: Duration,
        /// Whether a name's servers all answered and none shows any of it.
        nowhere: bool,
        /// What was odd, a sentence each.
        warnings: Vec<String>,
    },
}

impl PropagationError {
    /// Whether watching again may help.
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Lookup { source, .. } => source.is_retryable(),
            Self::NoServers { .. } | Self::TimedOut { .. } => true,
        }
    }

    /// What a person can do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Lookup { source, .. } => source.remedy(),
            Self::NoServers { .. } => {
                "check the NS records of the zone, or name the servers to ask in the settings"
            }
            Self::TimedOut { warnings, .. } if !warnings.is_empty() => {
                "map the domain to the DNS provider that holds the delegated zone, or delegate the zone that was written to"
            }
            Self::TimedOut { nowhere: true, .. } => {
                "compare the zone's name servers with those that the DNS provider names for it: the domain may be delegated elsewhere, and the provider's zone parked; if the provider is just slow, wait longer"
            }
            Self::TimedOut { .. } => {
                "check that the DNS provider holds the zone that is delegated, and that its servers agree; if it is just slow, wait longer"
            }
        }
    }
}

/// A server that does not show what it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lacking {
    /// The server.
    pub server: SocketAddr,
    /// The name asked for.
    pub name: String,
    /// What it showed instead.
    pub why: String,
    /// Whether it answered for the name.
    pub is_answered: bool,
}

impl fmt::Display for Lacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}: {}", self.name, self.server, self.why)
    }
}

fn plural(count: usize) -> String {
    if count == 1 {
        "1 answer".to_owned()
    } else {
        format!("{count} answers")
    }
}

fn join(lacking: &[Lacking]) -> String {
    let texts: Vec<String> = lacking.iter().map(Lacking::to_string).collect();
    texts.join("; ")
}

fn note(warnings: &[String]) -> String {
    match warnings.is_empty() {
        true => String::new(),
        false => format!("; {}", warnings.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_names_each_server_that_lags() {
        let lacking = Lacking {
            server: "192.0.2.1:53".parse().unwrap(),
            name: "_acme-challenge.example.org".to_owned(),
            why: "1 of 2 values missing".to_owned(),
            is_answered: true,
        };
        let error = PropagationError::TimedOut {
            lacking: vec![lacking],
            waited: Duration::from_secs(120),
            nowhere: false,
            warnings: Vec::new(),
        };

        assert_eq!(
            error.to_string(),
            "1 answer not visible after 120s: _acme-challenge.example.org at 192.0.2.1:53: 1 of 2 values missing"
        );
    }
}
