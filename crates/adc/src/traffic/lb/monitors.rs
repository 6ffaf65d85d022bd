//! All monitors of an instance: started and stopped as the configuration changes.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use evercert_ns::model::{Config, MonitorView, ServiceAddress, ServiceView};
use rustls::ClientConfig;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::health::Health;
use super::monitor::watch;
use super::probe::{Probe, ProbeKind};

/// A service with the monitors that probe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Watched {
    service: Arc<str>,
    /// `host` of `host:port`.
    host: String,
    port: u16,
    monitors: Vec<MonitorView>,
    threshold: u64,
}

/// What services are watched, and how they are.
#[derive(Debug)]
pub(crate) struct Monitors {
    /// For probes over TLS.
    tls: Arc<ClientConfig>,
    /// Of all services anybody asked about, by name.
    healths: Mutex<HashMap<String, Arc<Health>>>,
    running: Mutex<HashMap<Arc<str>, Running>>,
}

#[derive(Debug)]
struct Running {
    watched: Watched,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// The services of a configuration that are to be watched: those that are enabled; and what monitors cannot do.
pub(crate) fn watched(config: &Config) -> (Vec<Watched>, Vec<String>) {
    let groups = config.objects("serviceGroup");
    let members = groups.flat_map(|group| config.service_group(&group.key()));
    let mut warnings = Vec::new();
    let mut all = Vec::new();
    for view in config.services().chain(members).filter(|view| view.enabled) {
        let mut bound = config.monitors(&view);
        bound.monitors.retain(|monitor| {
            let known = ProbeKind::of(monitor, "").is_some();
            if !known {
                let (name, kind) = (&monitor.name, &monitor.kind);
                warnings.push(format!(
                    "service {}: monitor {name} is of type {kind}, which does not probe; it decides nothing",
                    view.name
                ));
            }
            if monitor.kind == "PING" {
                warnings.push(format!(
                    "service {}: monitor {} of type PING connects to the port instead",
                    view.name, monitor.name
                ));
            }
            known
        });
        if !bound.monitors.is_empty() {
            all.push(Watched {
                service: view.name.as_str().into(),
                host: host(&view),
                port: view.port,
                monitors: bound.monitors,
                threshold: bound.threshold,
            });
        }
    }
    (all, warnings)
}

impl Monitors {
    /// Nothing is watched yet.
    pub(crate) fn new(tls: Arc<ClientConfig>) -> Self {
        Self {
            tls,
            healths: Mutex::default(),
            running: Mutex::default(),
        }
    }

    /// The health of a service, watched or not.
    pub(crate) fn health(&self, service: &str) -> Arc<Health> {
        let mut healths = self.healths();
        healths
            .entry(service.to_ascii_lowercase())
            .or_default()
            .clone()
    }

    /// Watches these services from now on, and no others; those that were watched the same way notice nothing.
    pub(crate) fn watch(&self, wanted: &[Watched], runtime: &Handle) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let names: HashMap<&str, &Watched> = wanted
            .iter()
            .map(|watched| (&*watched.service, watched))
            .collect();
        running.retain(|name, running| {
            let stays = names
                .get(&**name)
                .is_some_and(|wanted| **wanted == running.watched);
            if !stays && !names.contains_key(&**name) {
                self.health(name).watched_by(&[], 0);
            }
            stays
        });
        for watched in wanted {
            running
                .entry(watched.service.clone())
                .or_insert_with(|| self.start(watched, runtime));
        }
        self.healths()
            .retain(|_, health| Arc::strong_count(health) > 1);
    }

    fn start(&self, watched: &Watched, runtime: &Handle) -> Running {
        let health = self.health(&watched.service);
        let names: Vec<_> = (watched.monitors.iter())
            .map(|monitor| (monitor.name.clone(), monitor.weight))
            .collect();
        health.watched_by(&names, watched.threshold);
        let tasks = watched.monitors.iter().filter_map(|monitor| {
            let probe = self.probe(watched, monitor)?;
            let (service, health) = (watched.service.clone(), health.clone());
            Some(runtime.spawn(watch(
                service,
                monitor.clone(),
                probe,
                watched.threshold,
                health,
            )))
        });
        Running {
            tasks: tasks.collect(),
            watched: watched.clone(),
        }
    }

    fn probe(&self, watched: &Watched, monitor: &MonitorView) -> Option<Probe> {
        let port = monitor.port.unwrap_or(watched.port);
        let address = match monitor.address {
            Some(ip) => SocketAddr::new(ip, port).to_string(),
            None => format!("{}:{port}", watched.host),
        };
        Some(Probe {
            kind: ProbeKind::of(monitor, &address)?,
            address,
            tls: monitor.secure.then(|| self.tls.clone()),
        })
    }

    fn healths(&self) -> MutexGuard<'_, HashMap<String, Arc<Health>>> {
        self.healths.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn host(view: &ServiceView) -> String {
    match &view.address {
        ServiceAddress::Ip(std::net::IpAddr::V6(ip)) => format!("[{ip}]"),
        ServiceAddress::Ip(ip) => ip.to_string(),
        ServiceAddress::Domain(domain) => domain.clone(),
    }
}
