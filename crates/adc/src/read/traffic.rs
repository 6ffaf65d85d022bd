//! State of virtual servers and services, and what their bindings tell of the other side.

use std::sync::Arc;

use evercert_ns::catalog;
use evercert_ns::model::{ServiceAddress, ServiceView};
use serde_json::{Value as Json, json};

use super::{Reader, Row, text};
use crate::traffic::backend::Service;
use crate::traffic::listener::Vserver;

const UP: &str = "UP";
const DOWN: &str = "DOWN";
const DISABLED: &str = "OUT OF SERVICE";

impl Reader<'_> {
    /// Completes the row of a virtual server.
    pub(super) fn vserver(&self, kind: &str, row: &mut Row) {
        let Some(name) = text(row, "name").map(str::to_owned) else {
            return;
        };
        let state = self.vserver_state(kind, &name);
        let counted = self.serving(&name);
        let services = counted
            .iter()
            .flat_map(|vserver| vserver.balancer.services());
        let (mut total, mut active) = (0_usize, 0_usize);
        for service in services {
            total += 1;
            active += usize::from(service.is_up());
        }
        let is_addressable = text(row, "ipv46").is_some_and(|ip| ip != "0.0.0.0");
        row.entry("ipv46").or_insert(json!("0.0.0.0"));
        row.entry("port").or_insert(json!("0"));
        let fields = [
            ("curstate", json!(state)),
            ("effectivestate", json!(state)),
            ("status", json!(1)),
            ("type", json!(vserver_type(kind, is_addressable))),
        ];
        row.extend(fields.map(|(field, value)| (field.to_owned(), value)));
        if kind == "lbvserver" {
            row.insert("totalservices".to_owned(), json!(total));
            row.insert("activeservices".to_owned(), json!(active));
            row.insert("health".to_owned(), json!(percent(active, total)));
        } else if let Some(ip) = row.get("ipv46").cloned() {
            row.insert("ip".to_owned(), ip);
            row.insert("value".to_owned(), json!(""));
        }
    }

    /// Completes the SSL side of a virtual server: what is offered differs from what is set, because old protocols
    /// are not there at all.
    pub(super) fn ssl_vserver(&self, row: &mut Row) {
        let serving = text(row, "vservername").and_then(|name| self.serving(name));
        if let Some(tls) = serving.as_ref().and_then(|vserver| vserver.tls()) {
            row.insert("protocolsoffered".to_owned(), json!(tls.protocols()));
        }
    }

    /// The state of a virtual server: UP, DOWN, or OUT OF SERVICE when it is disabled.
    pub(super) fn vserver_state(&self, kind: &str, name: &str) -> &'static str {
        let resource = catalog::resource_by_nitro(kind).map_or("lb vserver", |r| r.name);
        let Some(object) = self.config.object(resource, name) else {
            return DOWN;
        };
        if !object.is("state", "ENABLED") && object.value("state").is_some() {
            return DISABLED;
        }
        match kind {
            // As on NetScaler, its state does not follow its targets' unless -stateUpdate is set.
            "csvserver" => UP,
            "lbvserver" => {
                let vserver = self.serving(name);
                let any = vserver.is_some_and(|v| v.balancer.services().iter().any(|s| s.is_up()));
                if any { UP } else { DOWN }
            }
            // Kept as configuration only.
            _ => DOWN,
        }
    }

    /// The virtual server as it runs now.
    pub(super) fn serving(&self, name: &str) -> Option<Arc<Vserver>> {
        let entries = self.instance.vservers();
        let entry = entries
            .iter()
            .find(|entry| entry.live.name.eq_ignore_ascii_case(name));
        entry.map(|entry| entry.live.now())
    }

    /// Completes the row of a service.
    pub(super) fn service(&self, row: &mut Row) {
        let Some(name) = text(row, "name").map(str::to_owned) else {
            return;
        };
        if let Some(view) = self.config.service(&name) {
            let address = match &view.address {
                ServiceAddress::Ip(ip) => ip.to_string(),
                ServiceAddress::Domain(domain) => domain.clone(),
            };
            row.insert("ipaddress".to_owned(), json!(address));
            row.insert("servername".to_owned(), json!(view.server));
            row.remove("ip");
        }
        row.insert("svrstate".to_owned(), json!(self.service_state(&name)));
        let running = self.running_services(&name);
        let active: usize = running.iter().map(|s| connections(s)).sum();
        row.insert("numofconnections".to_owned(), json!(active));
    }

    /// The state of a service; of one nobody asks, whether anything speaks against it.
    pub(super) fn service_state(&self, name: &str) -> &'static str {
        let view = self.config.service(name);
        if view.is_some_and(|view| !view.enabled) {
            return DISABLED;
        }
        let running = self.running_services(name);
        match running.is_empty() || running.iter().any(|service| service.is_up()) {
            true => UP,
            false => DOWN,
        }
    }

    /// The service behind each virtual server it is bound to.
    pub(super) fn running_services(&self, name: &str) -> Vec<Arc<Service>> {
        let entries = self.instance.vservers();
        let mut found = Vec::new();
        for entry in entries.iter() {
            let vserver = entry.live.now();
            let services = vserver.balancer.services().iter();
            found.extend(
                services
                    .filter(|s| s.name.eq_ignore_ascii_case(name))
                    .cloned(),
            );
        }
        found
    }

    /// Completes the row of a service group.
    pub(super) fn service_group(&self, row: &mut Row) {
        let Some(name) = text(row, "servicegroupname").map(str::to_owned) else {
            return;
        };
        let members = self.config.service_group(&name);
        let state = self.group_state(&members);
        row.insert("servicegroupeffectivestate".to_owned(), json!(state));
        row.insert("numofconnections".to_owned(), json!(0));
    }

    /// The state of a group with these members.
    pub(super) fn group_state(&self, members: &[ServiceView]) -> &'static str {
        let is_up = |member: &&ServiceView| self.service_state(&member.name) == UP;
        match (members.iter().filter(is_up).count(), members.len()) {
            (_, 0) | (0, _) => DOWN,
            (up, all) if up < all => "PARTIAL-UP",
            _ => UP,
        }
    }

    /// Completes the row of a policy or an action.
    pub(super) fn policy(&self, kind: &str, row: &mut Row) {
        let key = match kind {
            "cspolicy" => "policyname",
            _ => "name",
        };
        let Some(name) = text(row, key).map(str::to_owned) else {
            return;
        };
        let (resource, uses) = match kind {
            "responderaction" => (
                "responder action",
                Some(self.referring("responder policy", "action", &name)),
            ),
            "csaction" => (
                "cs action",
                Some(self.referring("cs policy", "action", &name)),
            ),
            "cspolicy" => ("cs policy", None),
            "contentinspectionpolicy" => ("contentInspection policy", None),
            "contentinspectionaction" => {
                let uses = self.referring("contentInspection policy", "action", &name);
                row.insert("referencecount".to_owned(), json!(uses));
                return;
            }
            _ => ("responder policy", None),
        };
        if let Some(uses) = uses {
            row.insert("referencecount".to_owned(), json!(uses));
        }
        let (hits, undefined) = self.counted(resource, &name);
        row.insert("hits".to_owned(), json!(hits));
        row.insert("undefhits".to_owned(), json!(undefined));
    }

    /// How often a policy or an action was used, and how often its expression had no value.
    pub(super) fn counted(&self, resource: &'static str, name: &str) -> (u64, u64) {
        let running = self.instance.control.running();
        if resource == "contentInspection policy" {
            return running.inspections_counted(name);
        }
        let counted = running.policies.counts().of(resource, name);
        counted.map_or((0, 0), |counted| (counted.hits(), counted.undefined()))
    }

    fn referring(&self, resource: &str, attribute: &str, name: &str) -> usize {
        let objects = self.config.objects(resource);
        objects
            .filter(|object| {
                let target = object.text(attribute);
                target.is_some_and(|target| target.eq_ignore_ascii_case(name))
            })
            .count()
    }

    /// Completes the row of a binding with what is known of the other side.
    pub(super) fn enrich_binding(&self, kind: &str, row: &mut Row) {
        match kind {
            "lbvserver_service_binding" => self.bound_service(row),
            "service_lbmonitor_binding" => self.bound_monitor(row),
            "servicegroup_servicegroupmember_binding" => {
                let place = ["servicegroupname", "servername", "ip", "port"].map(|f| text(row, f));
                if let [Some(group), server, ip, Some(port)] = place {
                    let server = ip.or(server).unwrap_or_default();
                    let state = self.service_state(&format!("{group}?{server}?{port}"));
                    row.insert("svrstate".to_owned(), json!(state));
                }
            }
            "lbvserver_responderpolicy_binding" | "csvserver_responderpolicy_binding" => {
                row.entry("bindpoint").or_insert(json!("REQUEST"));
            }
            "sslprofile_sslcipher_binding" | "sslvserver_sslcipher_binding" => {
                if let Some(name) = row.get("ciphername").cloned() {
                    row.insert("cipheraliasname".to_owned(), name);
                }
            }
            _ => {}
        }
    }

    /// What a service's monitor has found.
    fn bound_monitor(&self, row: &mut Row) {
        let [Some(service), Some(monitor)] = ["name", "monitor_name"].map(|f| text(row, f)) else {
            return;
        };
        let running = self.running_services(service);
        let statuses = running.first().map(|service| service.health.monitors());
        let status = statuses
            .unwrap_or_default()
            .into_iter()
            .find(|status| status.name.eq_ignore_ascii_case(monitor));
        row.entry("weight").or_insert(json!("1"));
        row.entry("passive").or_insert(json!(false));
        let Some(status) = status else { return };
        let fields = [
            ("monitor_state", json!(status.verdict.as_str())),
            ("monitortotalprobes", json!(status.probes.to_string())),
            ("monitortotalfailedprobes", json!(status.failed.to_string())),
            (
                "monitorcurrentfailedprobes",
                json!(status.failing.to_string()),
            ),
            ("lastresponse", json!(status.message)),
            (
                "responsetime",
                json!(status.response.as_millis().to_string()),
            ),
        ];
        row.extend(fields.map(|(field, value)| (field.to_owned(), value)));
    }

    fn bound_service(&self, row: &mut Row) {
        let Some(name) = text(row, "servicename").map(str::to_owned) else {
            return;
        };
        row.entry("weight").or_insert(json!("1"));
        row.insert("curstate".to_owned(), json!(self.service_state(&name)));
        if let Some(view) = self.config.service(&name) {
            if let ServiceAddress::Ip(ip) = view.address {
                row.insert("ipv46".to_owned(), json!(ip.to_string()));
            }
            row.insert("port".to_owned(), json!(view.port));
            let kind = self
                .config
                .object("service", &name)
                .and_then(|s| s.text("serviceType"));
            row.insert("servicetype".to_owned(), json!(kind));
        }
    }
}

/// Exchanges under way.
pub(super) fn connections(service: &Service) -> usize {
    service.active.load(std::sync::atomic::Ordering::Relaxed)
}

fn vserver_type(kind: &str, is_addressable: bool) -> &'static str {
    match (kind, is_addressable) {
        ("csvserver", _) => "CONTENT",
        (_, true) => "ADDRESS",
        (_, false) => "NONADDRESSABLE",
    }
}

fn percent(part: usize, of: usize) -> Json {
    match of {
        0 => json!("0"),
        of => json!((part * 100 / of).to_string()),
    }
}
