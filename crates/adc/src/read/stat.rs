//! `stat`: counters of virtual servers, services, TLS and the appliance.

use evercert_ns::catalog;
use evercert_ns::command::Verb;
use evercert_ns::{NsError, codes};
use serde_json::json;

use super::machine;
use super::traffic::connections;
use super::{Reader, Row, Rows, missing};
use crate::dc2g::statistics::Statistics;
use crate::metrics::VserverMetrics;

impl Reader<'_> {
    /// Answers a read of statistics.
    pub(super) fn statistics(&self) -> Result<Rows, NsError> {
        match self.query.kind.as_str() {
            "hanode" => Ok(Rows::One(super::row([
                ("hacurstatus", json!("NO")),
                ("hacurstate", json!("UP")),
                ("hacurmasterstate", json!("Primary")),
                ("haerrsyncfailure", json!(0)),
            ]))),
            "ns" | "system" => Ok(Rows::One(self.system())),
            "ssl" => Ok(Rows::One(self.all_tls())),
            "ssldynamicclientcertcache" => Ok(Rows::One(self.client_certificates())),
            kind => self.of_objects(kind).map(Rows::List),
        }
    }

    fn of_objects(&self, kind: &str) -> Result<Vec<Row>, NsError> {
        let resource = catalog::resource_by_nitro(kind)
            .ok_or_else(|| NsError::about(&codes::INVALID_NITRO_TYPE, kind))?;
        let write: fn(&Self, &str) -> Row = match kind {
            "lbvserver" => |reader, name| reader.vserver_counters("lbvserver", name),
            "csvserver" => |reader, name| reader.vserver_counters("csvserver", name),
            "sslvserver" => Self::tls_counters,
            "service" => Self::service_counters,
            "responderpolicy" => |reader, name| {
                let (hits, undefined) = reader.counted("responder policy", name);
                super::row([
                    ("name", json!(name)),
                    ("pipolicyhits", json!(hits)),
                    ("pipolicyundefhits", json!(undefined)),
                ])
            },
            "servicegroup" => |reader, name| {
                let members = reader.config.service_group(name);
                let state = reader.group_state(&members);
                super::row([("servicegroupname", json!(name)), ("state", json!(state))])
            },
            _ if resource.rule(Verb::Stat).is_some() => Self::name_only,
            _ => return Err(NsError::about(&codes::INVALID_NITRO_ACTION, "stat")),
        };
        let owners = match resource.is_singleton() {
            true => vec![String::new()],
            false => self.owners(resource)?,
        };
        if owners.is_empty()
            && let Some(name) = &self.query.name
        {
            return Err(missing(resource, name));
        }
        let rows = owners.iter().map(|name| {
            let mut row = write(self, name);
            if self.query.bindings && kind == "lbvserver" {
                let services = self.services_of(name);
                row.insert("service".to_owned(), json!(services));
            }
            row
        });
        Ok(rows.collect())
    }

    /// Nothing is counted for this type.
    fn name_only(&self, name: &str) -> Row {
        let resource = catalog::resource_by_nitro(&self.query.kind);
        let key = resource.and_then(|resource| resource.keys().next());
        key.map_or_else(Row::new, |key| Row::from_iter([(key.field(), json!(name))]))
    }

    fn vserver_counters(&self, kind: &str, name: &str) -> Row {
        let running = self.serving(name);
        let object = catalog::resource_by_nitro(kind)
            .and_then(|resource| self.config.object(resource.name, name));
        let mut row = super::row([
            ("name", json!(name)),
            ("state", json!(self.vserver_state(kind, name))),
        ]);
        if let Some(object) = object {
            let address = object
                .ip("IPAddress")
                .map_or_else(|| "0.0.0.0".to_owned(), |ip| ip.to_string());
            row.insert("primaryipaddress".to_owned(), json!(address));
            row.insert(
                "primaryport".to_owned(),
                json!(object.integer("port").unwrap_or(0)),
            );
            row.insert("type".to_owned(), json!(object.text("serviceType")));
        }
        let services = running
            .iter()
            .flat_map(|vserver| vserver.balancer.services());
        let (up, down): (Vec<_>, Vec<_>) = services.partition(|service| service.is_up());
        let all = up.len() + down.len();
        row.extend(super::row([
            (
                "vslbhealth",
                json!((up.len() * 100).checked_div(all).unwrap_or(0)),
            ),
            ("actsvcs", json!(up.len())),
            ("inactsvcs", json!(down.len())),
        ]));
        if let Some(vserver) = running {
            row.extend(traffic(&vserver.metrics));
        }
        row
    }

    fn services_of(&self, name: &str) -> Vec<Row> {
        let running = self.serving(name);
        let services = running
            .iter()
            .flat_map(|vserver| vserver.balancer.services());
        services
            .map(|service| self.service_counters(&service.name))
            .collect()
    }

    fn service_counters(&self, name: &str) -> Row {
        let running = self.running_services(name);
        let active: usize = running.iter().map(|service| connections(service)).sum();
        let idle: usize = running.iter().map(|service| service.pool.len()).sum();
        let mut row = super::row([
            ("name", json!(name)),
            ("state", json!(self.service_state(name))),
            ("cursrvrconnections", json!(active + idle)),
            ("svrestablishedconn", json!(active)),
            ("curreusepool", json!(idle)),
        ]);
        if let Some(view) = self.config.service(name) {
            let address = match view.address {
                evercert_ns::model::ServiceAddress::Ip(ip) => ip.to_string(),
                evercert_ns::model::ServiceAddress::Domain(domain) => domain,
            };
            row.insert("primaryipaddress".to_owned(), json!(address));
            row.insert("primaryport".to_owned(), json!(view.port));
        }
        row
    }

    fn tls_counters(&self, name: &str) -> Row {
        let mut row = super::row([("vservername", json!(name))]);
        if let Some(vserver) = self.serving(name) {
            row.insert(
                "state".to_owned(),
                json!(self.vserver_state("lbvserver", name)),
            );
            row.extend(handshakes(std::iter::once(&vserver.metrics)));
        }
        row
    }

    fn all_tls(&self) -> Row {
        let entries = self.instance.vservers();
        let vservers: Vec<_> = entries.iter().map(|entry| entry.live.now()).collect();
        let tls = vservers.iter().filter(|vserver| vserver.tls().is_some());
        let mut row = handshakes(tls.map(|vserver| &vserver.metrics));
        row.insert("sslenginestatus".to_owned(), json!(1));
        row
    }

    /// Client certificates made for servers, of all profiles together and of each.
    fn client_certificates(&self) -> Row {
        let dc2g = &self.instance.dc2g;
        let mut row = certificate_counts(&dc2g.statistics());
        let profiles = dc2g.by_profile().into_iter().map(|(name, counts)| {
            let mut row = certificate_counts(&counts);
            row.insert("name".to_owned(), json!(name));
            row
        });
        row.insert("sslprofile".to_owned(), json!(profiles.collect::<Vec<_>>()));
        row
    }

    fn system(&self) -> Row {
        let up_for = self
            .now()
            .duration_since(self.instance.started_at)
            .as_secs();
        let started = self.instance.started_at.strftime("%a %b %e %H:%M:%S %Y");
        let memory = machine::memory();
        let entries = self.instance.vservers();
        let clients: i64 = entries
            .iter()
            .map(|e| e.live.now().metrics.connections.get())
            .sum();
        super::row([
            ("starttime", json!(started.to_string())),
            ("starttimelocal", json!(started.to_string())),
            ("timesincestart", json!(up_for.max(0))),
            (
                "numcpus",
                json!(std::thread::available_parallelism().map_or(1, usize::from)),
            ),
            ("memuseinmb", json!(memory.used / (1 << 20))),
            ("memusagepcnt", json!(memory.percent())),
            ("cpuusagepcnt", json!(machine::cpu_percent())),
            ("tcpcurclientconn", json!(clients)),
        ])
    }
}

fn traffic(metrics: &VserverMetrics) -> Row {
    let requests = metrics.total_requests();
    super::row([
        ("tothits", json!(requests)),
        ("totalrequests", json!(requests)),
        ("totalresponses", json!(requests)),
        ("curclntconnections", json!(metrics.connections.get())),
        ("establishedconn", json!(metrics.connections.get())),
    ])
}

fn handshakes<'m>(metrics: impl Iterator<Item = &'m VserverMetrics>) -> Row {
    let (mut full, mut resumed, mut refused, mut failed) = (0, 0, 0, 0);
    for metrics in metrics {
        full += metrics.handshakes_full.get();
        resumed += metrics.handshakes_resumed.get();
        refused += metrics.handshakes_refused.get();
        failed += metrics.handshakes_failed.get();
    }
    super::row([
        ("ssltotsessions", json!(full + resumed)),
        ("ssltotnewsessions", json!(full)),
        ("ssltotsessionhits", json!(resumed)),
        ("ssltothandshakesrefused", json!(refused)),
        ("ssltothandshakesfailed", json!(failed)),
    ])
}

/// How many were made, used again, not asked for, refused by reason, and are kept.
fn certificate_counts(counts: &Statistics) -> Row {
    let refused: u64 = counts.refused.values().sum();
    let mut row = super::row([
        ("forged", json!(counts.forged)),
        ("cachehits", json!(counts.hits)),
        ("notasked", json!(counts.not_asked)),
        ("refused", json!(refused)),
        ("cached", json!(counts.cached)),
    ]);
    for (reason, count) in &counts.refused {
        let reason = reason.replace('_', "");
        row.insert(format!("refused{reason}"), json!(count));
    }
    row
}
