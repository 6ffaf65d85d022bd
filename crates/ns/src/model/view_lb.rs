//! Typed views of load balancing: how a service is chosen, and the monitors that probe it.

use std::net::IpAddr;
use std::time::Duration;

use crate::model::Config;
use crate::model::object::Object;
use crate::model::view_types::{ServiceType, ServiceView};
use crate::value::Value;

/// How services of a virtual server are chosen, beyond the method's name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BalancingView {
    /// Bytes hashed by URL and domain methods.
    pub hash_length: usize,
    /// Bits of an IPv4 address that are hashed; all when not set.
    pub netmask: Option<IpAddr>,
    /// Bits of an IPv6 address that are hashed.
    pub v6_bits: u8,
    /// Bits of an IPv4 address that persistence looks at; all when not set.
    pub persist_mask: Option<IpAddr>,
    /// Bits of an IPv6 address that persistence looks at.
    pub persist_v6_bits: u8,
}

/// The monitors of a service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MonitorsView {
    /// Those that decide.
    pub monitors: Vec<MonitorView>,
    /// Weight of monitors that must be up; 0 is all of them.
    pub threshold: u64,
}

/// A monitor as it is bound to a service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MonitorView {
    /// Its name.
    pub name: String,
    /// Its type: NetScaler's word, e.g. `HTTP-ECV`.
    pub kind: String,
    /// How much it counts.
    pub weight: u64,
    /// Time between two probes.
    pub interval: Duration,
    /// How long a probe may take.
    pub timeout: Duration,
    /// Probes looked at before a service that is up counts as down.
    pub retries: usize,
    /// How many of them must fail; 0 is all.
    pub failure_retries: usize,
    /// Successes in a row needed to be up again.
    pub success_retries: usize,
    /// Wait before a service that is down is probed again.
    pub down_time: Duration,
    /// Probed instead of the service's address.
    pub address: Option<IpAddr>,
    /// Probed instead of the service's port.
    pub port: Option<u16>,
    /// Whether an answer means down.
    pub reverse: bool,
    /// Whether it probes over TLS.
    pub secure: bool,
    /// Request line of HTTP probes.
    pub request: String,
    /// Statuses that mean up, as ranges.
    pub codes: Vec<(u16, u16)>,
    /// Fields of HTTP probes, as they were given.
    pub headers: String,
    /// What ECV probes send.
    pub send: String,
    /// What must come back.
    pub receive: String,
}

/// The monitor of services that have none of their own.
const DEFAULT_MONITOR: &str = "tcp-default";

impl Config {
    /// How a virtual server's services are chosen.
    pub fn balancing(&self, vserver: &str) -> Option<BalancingView> {
        let object = self.object("lb vserver", vserver)?;
        let number = |name: &str| object.integer(name).unwrap_or_default();
        let bits = |name: &str| u8::try_from(number(name)).unwrap_or(128);
        Some(BalancingView {
            hash_length: usize::try_from(number("hashLength")).unwrap_or(80),
            netmask: object.ip("netmask"),
            v6_bits: bits("v6netmasklen"),
            persist_mask: object.ip("persistMask"),
            persist_v6_bits: bits("v6persistmasklen"),
        })
    }

    /// The monitors of a service or member; none when it is not probed.
    pub fn monitors(&self, service: &ServiceView) -> MonitorsView {
        let (kind, key) = match &service.group {
            Some(group) => ("serviceGroup", group.as_str()),
            None => ("service", service.name.as_str()),
        };
        let none = MonitorsView {
            monitors: Vec::new(),
            threshold: 0,
        };
        let Some(holder) = self.object(kind, key).filter(|_| service.health_monitor) else {
            return none;
        };
        let mut names = self.monitors_of(holder);
        if names.is_empty() && is_probed(service) {
            names.push((DEFAULT_MONITOR.to_owned(), 1));
        }
        MonitorsView {
            monitors: names
                .iter()
                .filter_map(|(name, weight)| self.monitor(name, *weight))
                .collect(),
            threshold: holder.integer("monThreshold").unwrap_or_default(),
        }
    }

    /// Names and weights of the monitors bound from either side.
    fn monitors_of(&self, holder: &Object) -> Vec<(String, u64)> {
        let mut names: Vec<(String, u64)> = Vec::new();
        let key = holder.key();
        let own = holder
            .bound("monitorName")
            .filter(|bound| bound.value("monState") != Some(&Value::Choice("DISABLED")))
            .filter(|bound| bound.value("passive").is_none())
            .map(|bound| (bound.target(), bound.integer("weight").unwrap_or(1)));
        let from_the_other_side = self.objects("lb monitor").flat_map(|monitor| {
            let to_this = monitor
                .bound("serviceName")
                .filter(|bound| bound.target().eq_ignore_ascii_case(&key))
                .filter(|bound| bound.value("state") != Some(&Value::Choice("DISABLED")));
            let name = monitor.key();
            to_this.map(move |bound| (name.clone(), bound.integer("weight").unwrap_or(1)))
        });
        for (name, weight) in own.chain(from_the_other_side) {
            if !names
                .iter()
                .any(|(known, _)| known.eq_ignore_ascii_case(&name))
            {
                names.push((name, weight));
            }
        }
        names
    }

    /// `None` when it is disabled.
    fn monitor(&self, name: &str, weight: u64) -> Option<MonitorView> {
        let monitor = self
            .object("lb monitor", name)
            .filter(|monitor| monitor.is("state", "ENABLED"))?;
        let text = |name: &str| monitor.text(name).unwrap_or_default().to_owned();
        let count = |name: &str, default: usize| {
            let number = monitor
                .integer(name)
                .and_then(|number| usize::try_from(number).ok());
            number.unwrap_or(default)
        };
        let time = |name: &str, default: u64| {
            interval(monitor.value(name)).unwrap_or(Duration::from_secs(default))
        };
        let codes = monitor.value("respCode").and_then(Value::as_list);
        Some(MonitorView {
            name: monitor.key(),
            kind: text("type"),
            weight,
            interval: time("interval", 5),
            timeout: time("resptimeout", 2),
            retries: count("retries", 3),
            failure_retries: count("failureRetries", 0),
            success_retries: count("successRetries", 1),
            down_time: time("downTime", 30),
            address: monitor.ip("destIP").filter(|ip| !ip.is_unspecified()),
            port: monitor
                .integer("destPort")
                .and_then(|port| u16::try_from(port).ok())
                .filter(|port| !matches!(port, 0 | 65535)),
            reverse: monitor.is("reverse", "YES"),
            secure: monitor.is("secure", "YES"),
            request: monitor.text("httpRequest").unwrap_or("HEAD /").to_owned(),
            codes: codes
                .unwrap_or_default()
                .iter()
                .filter_map(|word| range(word))
                .collect(),
            headers: text("customHeaders"),
            send: text("send"),
            receive: text("recv"),
        })
    }
}

/// Whether a service without a monitor of its own is probed all the same.
const fn is_probed(service: &ServiceView) -> bool {
    let speaks_tcp = matches!(
        service.kind,
        ServiceType::Http
            | ServiceType::Ssl
            | ServiceType::SslTcp
            | ServiceType::SslBridge
            | ServiceType::Tcp
    );
    speaks_tcp && !matches!(service.port, 0 | 65535)
}

/// `2 MIN`; seconds without a unit.
fn interval(value: Option<&Value>) -> Option<Duration> {
    let words = value?.words();
    let number: u64 = words.first()?.parse().ok()?;
    Some(match words.get(1).map(String::as_str) {
        Some("MSEC") => Duration::from_millis(number),
        Some("MIN") => Duration::from_secs(60 * number),
        _ => Duration::from_secs(number),
    })
}

/// `200` or `200-299`.
fn range(word: &str) -> Option<(u16, u16)> {
    let (from, to) = word.split_once('-').unwrap_or((word, word));
    Some((from.trim().parse().ok()?, to.trim().parse().ok()?))
}
