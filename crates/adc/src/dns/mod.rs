//! Authoritative DNS: services of type ADNS (UDP) and `ADNS_TCP` answer from the records of the configuration.
//!
//! [`Records`] is an immutable snapshot made of the configuration; [`Sockets`] opens and closes the services' sockets
//! as the configuration changes. There is no recursion and no cache: what is not ours is refused (RFC 1035, 2308,
//! 4592, 6891, 8482).

mod answer;
mod limit;
mod listen;
mod records;

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use evercert_ns::Config;
use evercert_ns::model::{ServiceAddress, ServiceType};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

pub(crate) use listen::{Prepared, Sockets};
pub(crate) use records::Records;

/// What DNS of a configuration is: what is answered, and where.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dns {
    pub(crate) records: Arc<Records>,
    pub(crate) services: Vec<Service>,
}

/// A service that answers questions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) transport: Transport,
    pub(crate) address: SocketAddr,
}

/// How questions come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
}

impl Dns {
    /// What the configuration says; `listen` gives services other addresses.
    pub(crate) fn of(config: &Config, listen: impl Fn(&str) -> Option<SocketAddr>) -> Self {
        let service = |view: evercert_ns::model::ServiceView| {
            let transport = match view.kind {
                ServiceType::Adns => Transport::Udp,
                ServiceType::AdnsTcp => Transport::Tcp,
                _ => return None,
            };
            let configured = match view.address {
                ServiceAddress::Ip(ip) => Some(SocketAddr::new(ip, view.port)),
                ServiceAddress::Domain(_) => None,
            };
            let address = listen(&view.name).or(configured).filter(|_| view.enabled)?;
            Some(Service {
                name: view.name,
                transport,
                address,
            })
        };
        Self {
            records: Arc::new(Records::of(config)),
            services: config.services().filter_map(service).collect(),
        }
    }
}

/// What answering shares.
#[derive(Debug, Default)]
pub(crate) struct Server {
    pub(crate) records: ArcSwap<Records>,
    pub(crate) counts: Arc<Counts>,
}

/// Questions by what became of them.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) questions: Counter,
    /// With the records asked for.
    pub(crate) answered: Counter,
    /// The name, or the type at the name, is not there.
    pub(crate) negative: Counter,
    pub(crate) refused: Counter,
    /// Too long for a datagram.
    pub(crate) truncated: Counter,
    /// Not answered, or answered truncated, because one network asked too much.
    pub(crate) limited: Counter,
}

impl Counts {
    /// Shows them among the instance's metrics.
    pub(crate) fn register(&self, registry: &mut Registry) {
        for (name, help, counter) in [
            ("dns_questions", "DNS questions", &self.questions),
            (
                "dns_answered",
                "DNS questions answered with records",
                &self.answered,
            ),
            (
                "dns_negative",
                "DNS questions for what is not there",
                &self.negative,
            ),
            ("dns_refused", "DNS questions refused", &self.refused),
            (
                "dns_truncated",
                "DNS answers too long for a datagram",
                &self.truncated,
            ),
            (
                "dns_limited",
                "DNS questions beyond the rate of a network",
                &self.limited,
            ),
        ] {
            registry.register(name, help, counter.clone());
        }
    }
}

#[cfg(test)]
mod tests;
