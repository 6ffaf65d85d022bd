//! How a vserver's services are chosen, from its configuration.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use evercert_ns::model::{BalancingView, Config, PersistenceType, VserverView};

use super::{Builder, client_idle};
use crate::traffic::backend::Service;
use crate::traffic::lb::balancer::Key;
use crate::traffic::lb::hash::Masks;
use crate::traffic::lb::persistence::{Cookie, Persistence, SourceTable};
use crate::traffic::lb::{Balancer, HttpsRedirect, Method};
use crate::traffic::listener::{Vserver, VserverKind};

impl Builder<'_> {
    /// The balancer, with the clients it remembers.
    pub(super) fn balancer(&mut self, view: &VserverView, services: Vec<Arc<Service>>) -> Balancer {
        let before = self.known.get(view.name.as_str());
        let before = before.and_then(|built| built.vserver.balancer.persistence().cloned());
        let mut warnings = Vec::new();
        let balancing = Balancing::of(self.ns, view, &mut warnings);
        for warning in warnings {
            self.warn(warning);
        }
        let method = balancing.method;
        Balancer::new(services, method).with_persistence(balancing.persistence(before))
    }

    /// The clear port whose clients are sent to the vserver (`-redirectFromPort`).
    pub(super) fn redirect(
        &self,
        view: &VserverView,
        address: Option<SocketAddr>,
    ) -> Option<(Arc<Vserver>, SocketAddr)> {
        let from = view.redirect_from.as_ref()?;
        let name = format!("{}:{}", view.name, from.from_port);
        let configured = address.map(|address| SocketAddr::new(address.ip(), from.from_port));
        let listen = self.with.listen.get(&name).copied().or(configured)?;
        let vserver = Vserver {
            kind: VserverKind::Http,
            enabled: view.enabled,
            balancer: Balancer::new(Vec::new(), Method::RoundRobin),
            metrics: self.with.metrics.vserver(&name),
            client_idle: client_idle(view, &self.with.limits),
            strict_transport_security: None,
            backup: None,
            redirect_url: None,
            https_redirect: Some(HttpsRedirect {
                url: from.url.clone(),
                port: view.port,
            }),
            ssl_redirect: false,
            inspection: None,
            name: name.into(),
        };
        Some((Arc::new(vserver), listen))
    }
}

/// How services are chosen.
pub(super) struct Balancing {
    pub(super) method: Method,
    persistence: Kept,
}

enum Kept {
    Nobody,
    Source(Masks, Duration),
    Cookie(Cookie),
}

impl Balancing {
    /// As the vserver says; what has no effect is warned about.
    pub(super) fn of(config: &Config, view: &VserverView, warnings: &mut Vec<String>) -> Self {
        let details = config.balancing(&view.name).unwrap_or(BalancingView {
            hash_length: 80,
            netmask: None,
            v6_bits: 128,
            persist_mask: None,
            persist_v6_bits: 128,
        });
        let mut warn = |what: String| warnings.push(format!("vserver {}: {what}", view.name));
        Self {
            method: method(view, &details, &mut warn),
            persistence: persistence(view, &details, &mut warn),
        }
    }

    /// What keeps clients; what is remembered of them is taken over where the settings are the same.
    pub(super) fn persistence(self, before: Option<Arc<Persistence>>) -> Option<Arc<Persistence>> {
        match self.persistence {
            Kept::Nobody => None,
            Kept::Cookie(cookie) => Some(Arc::new(Persistence::Cookie(cookie))),
            Kept::Source(masks, timeout) => {
                let same = before.filter(|before| {
                    matches!(&**before, Persistence::SourceIp(table) if (table.masks, table.timeout) == (masks, timeout))
                });
                let fresh = || {
                    Arc::new(Persistence::SourceIp(Box::new(SourceTable::new(
                        masks, timeout,
                    ))))
                };
                Some(same.unwrap_or_else(fresh))
            }
        }
    }
}

fn method(view: &VserverView, details: &BalancingView, warn: &mut impl FnMut(String)) -> Method {
    let masks = masks(details.netmask, details.v6_bits);
    let length = details.hash_length;
    let key = match view.lb_method.as_str() {
        "ROUNDROBIN" => return Method::RoundRobin,
        // A request is an exchange here.
        "LEASTCONNECTION" | "LEASTREQUEST" => return Method::LeastConnection,
        "LEASTRESPONSETIME" => return Method::LeastResponseTime,
        "URLHASH" => Key::Url(length),
        "DOMAINHASH" => Key::Domain(length),
        "SOURCEIPHASH" => Key::Source,
        "DESTINATIONIPHASH" => Key::Destination,
        "SRCIPDESTIPHASH" => Key::SourceAndDestination,
        "SRCIPSRCPORTHASH" => Key::SourceAndPort,
        other => {
            warn(format!(
                "-lbMethod {other} is not supported; LEASTCONNECTION is used"
            ));
            return Method::LeastConnection;
        }
    };
    Method::Hash(key, masks)
}

fn persistence(view: &VserverView, details: &BalancingView, warn: &mut impl FnMut(String)) -> Kept {
    let timeout = view.persistence_timeout;
    match view.persistence {
        PersistenceType::None => Kept::Nobody,
        PersistenceType::SourceIp => Kept::Source(
            masks(details.persist_mask, details.persist_v6_bits),
            timeout,
        ),
        PersistenceType::CookieInsert if view.kind.is_http() => Kept::Cookie(Cookie {
            name: view
                .cookie_name
                .clone()
                .unwrap_or_else(|| cookie_name(&view.name)),
            timeout,
            is_secure: view.kind.is_ssl(),
        }),
        PersistenceType::CookieInsert => {
            warn("-persistenceType COOKIEINSERT has no effect: only HTTP has cookies".to_owned());
            Kept::Nobody
        }
        PersistenceType::SslSession => {
            warn(
                "-persistenceType SSLSESSION has no effect; SOURCEIP or COOKIEINSERT has"
                    .to_owned(),
            );
            Kept::Nobody
        }
        PersistenceType::Other(other) => {
            warn(format!(
                "-persistenceType {other} has no effect; SOURCEIP or COOKIEINSERT has"
            ));
            Kept::Nobody
        }
    }
}

/// `NSC_` and the vserver's name, as far as a cookie's name may have it.
fn cookie_name(vserver: &str) -> String {
    let may_have = |c: char| match c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') {
        true => c,
        false => '_',
    };
    format!("NSC_{}", vserver.chars().map(may_have).collect::<String>())
}

fn masks(v4: Option<IpAddr>, v6_bits: u8) -> Masks {
    let all = Masks::default();
    Masks {
        v4: match v4 {
            Some(IpAddr::V4(mask)) => mask,
            _ => all.v4,
        },
        v6_bits,
    }
}
