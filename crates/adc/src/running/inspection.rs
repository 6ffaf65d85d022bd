//! Content inspection of the configuration as the data plane carries it out.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use evercert_ns::expr;
use evercert_ns::model::{
    Config, IcapActionView, InspectionActionView, InspectionFailure, InspectionPoint,
    InspectionPolicyView, InspectionServer, ServiceType, ServiceView, VserverView,
};

use super::certkeys::CertKeys;
use super::made::ServiceMade;
use super::services;
use super::{Builder, Surroundings};
use crate::config::Limits;
use crate::error::StartError;
use crate::icap::{
    Action, Failure, IcapService, IcapSettings, Inspection, Policy, PolicyCounts, header_lines,
};
use crate::traffic::backend::{Service, ServiceParts};
use crate::traffic::lb::{Balancer, Health, Method};
use crate::traffic::pool::PoolLimits;

/// ICAP services with what they were made of.
#[derive(Clone, Debug, Default)]
pub(super) struct IcapServices {
    services: Vec<(IcapMade, Arc<IcapService>)>,
    /// Of policies, by name in lower case.
    counts: HashMap<String, Arc<PolicyCounts>>,
}

/// What an ICAP service is made of.
#[derive(Clone, Debug, PartialEq)]
struct IcapMade {
    action: IcapActionView,
    servers: Vec<ServiceMade>,
}

/// What inspections are built with.
struct Ground<'a> {
    config: &'a Config,
    certkeys: &'a mut CertKeys,
    with: &'a Surroundings,
    /// Of the configuration before.
    before: &'a IcapServices,
    /// Of this one.
    services: &'a mut IcapServices,
    warnings: &'a mut Vec<String>,
}

impl Builder<'_> {
    /// What is shown to ICAP servers.
    ///
    /// # Errors
    /// When a certificate of a TLS service of ICAP servers cannot be used.
    pub(super) fn inspection(
        &mut self,
        view: &VserverView,
    ) -> Result<Option<Arc<Inspection>>, StartError> {
        let mut warnings = Vec::new();
        let mut ground = Ground {
            config: self.ns,
            certkeys: &mut self.certkeys,
            with: self.with,
            before: &self.before.icap,
            services: &mut self.running.icap,
            warnings: &mut warnings,
        };
        let inspection = ground.inspection(&view.name)?;
        for warning in warnings {
            self.warn(warning);
        }
        match view.kind.is_http() {
            true => Ok(inspection),
            false => {
                if inspection.is_some() {
                    let name = &view.name;
                    self.warn(format!("vserver {name}: only HTTP is inspected"));
                }
                Ok(None)
            }
        }
    }
}

impl Ground<'_> {
    /// The inspections of one vserver; `None` when it has none.
    ///
    /// # Errors
    /// When a certificate of a TLS service of ICAP servers cannot be used.
    fn inspection(&mut self, vserver: &str) -> Result<Option<Arc<Inspection>>, StartError> {
        let mut inspection = Inspection::default();
        for view in self.config.inspections(vserver) {
            let Some(policy) = self.policy(vserver, &view)? else {
                continue;
            };
            match view.point {
                InspectionPoint::Request => inspection.requests.push(policy),
                InspectionPoint::Response => inspection.answers.push(policy),
            }
        }
        let is_empty = inspection.requests.is_empty() && inspection.answers.is_empty();
        Ok((!is_empty).then(|| Arc::new(inspection)))
    }

    fn policy(
        &mut self,
        vserver: &str,
        view: &InspectionPolicyView,
    ) -> Result<Option<Policy>, StartError> {
        let about = format!("vserver {vserver}: content inspection policy {}", view.name);
        let rule = match expr::parse_rule(&view.rule) {
            Ok(rule) => rule,
            Err(error) => {
                let rule = &view.rule;
                self.warn(format!("{about} is not used: its rule {rule}: {error}"));
                return Ok(None);
            }
        };
        let action = match &view.action {
            InspectionActionView::Skip => Action::Skip,
            InspectionActionView::Drop => Action::Drop,
            InspectionActionView::Reset => Action::Reset,
            InspectionActionView::Other(kind) => {
                self.warn(format!(
                    "{about} is not used: its action of type {kind} names no ICAP server and profile"
                ));
                return Ok(None);
            }
            InspectionActionView::Icap(icap) if icap.profile.mode != view.point => {
                self.warn(format!(
                    "{about} is not used: ICAP profile {} has the other -mode",
                    icap.profile.name
                ));
                return Ok(None);
            }
            InspectionActionView::Icap(icap) => Action::Icap {
                service: self.icap(&about, icap)?,
                if_down: failure(icap.if_server_down),
                if_late: failure(icap.profile.on_timeout),
            },
        };
        Ok(Some(Policy {
            name: view.name.as_str().into(),
            rule,
            action,
            undefined: match view.undefined {
                InspectionActionView::Drop => Action::Drop,
                InspectionActionView::Reset => Action::Reset,
                _ => Action::Skip,
            },
            counts: self.counts(&view.name),
        }))
    }

    /// The policy's counters, which go on when the configuration changes.
    fn counts(&mut self, policy: &str) -> Arc<PolicyCounts> {
        let name = policy.to_ascii_lowercase();
        let known = self.before.counts.get(&name).cloned();
        let counts = self.services.counts.entry(name);
        counts.or_insert_with(|| known.unwrap_or_default()).clone()
    }

    fn icap(&mut self, about: &str, view: &IcapActionView) -> Result<Arc<IcapService>, StartError> {
        let servers = self.server_views(&view.server);
        let made = IcapMade {
            action: view.clone(),
            servers: servers
                .iter()
                .map(|server| ServiceMade::of(self.certkeys, ServiceType::SslTcp, server))
                .collect(),
        };
        if let Some(known) = self
            .services
            .find(&made)
            .or_else(|| self.before.find(&made))
        {
            self.services.keep(made, known.clone());
            return Ok(known);
        }
        let mut reached = Vec::new();
        if let InspectionServer::Address(address) = view.server {
            reached.push(at_address(&address.to_string(), &self.with.limits));
        }
        for server in servers.iter().filter(|server| server.enabled) {
            let kind = ServiceType::SslTcp;
            match services::service(server, kind, self.config, self.certkeys, self.with)? {
                Ok(service) => reached.push(service),
                Err(warning) => self.warn(warning),
            }
        }
        if reached.is_empty() {
            self.warn(format!(
                "{about}: action {} has no ICAP server that is enabled",
                view.name
            ));
        }
        let settings = self.settings(about, view);
        let balancer = Arc::new(Balancer::new(reached, Method::RoundRobin));
        let service = Arc::new(IcapService::new(settings, balancer));
        // Reading files may have changed what it is made of.
        let made = IcapMade {
            servers: servers
                .iter()
                .map(|server| ServiceMade::of(self.certkeys, ServiceType::SslTcp, server))
                .collect(),
            ..made
        };
        self.services.keep(made, service.clone());
        Ok(service)
    }

    fn server_views(&self, server: &InspectionServer) -> Vec<ServiceView> {
        match server {
            InspectionServer::Address(_) => Vec::new(),
            InspectionServer::Service(name) => self.config.service(name).into_iter().collect(),
            InspectionServer::Vserver(name) => {
                let vserver = self.config.vserver(name).filter(|vserver| vserver.enabled);
                vserver.map(|vserver| vserver.services).unwrap_or_default()
            }
        }
    }

    fn settings(&mut self, about: &str, view: &IcapActionView) -> IcapSettings {
        let profile = &view.profile;
        let (mut lines, mut headers) = (Vec::new(), None);
        if let Some(text) = profile.headers.as_deref() {
            match (expr::parse_text(text), fields(text)) {
                (Ok(expression), _) => headers = Some(expression),
                (Err(_), Some(fields)) => lines = fields,
                (Err(error), None) => self.warn(format!(
                    "{about}: -insertICAPHeaders of ICAP profile {} has no effect: it is neither an expression ({error}) \
                     nor header lines such as X-Site: 4",
                    profile.name
                )),
            }
        }
        IcapSettings {
            path: profile.uri.clone(),
            host: profile.host.clone(),
            user_agent: profile.user_agent.clone(),
            preview: profile.preview,
            allow_204: profile.allow_204,
            keep_alive: profile.keep_alive,
            fields: lines,
            headers,
            timeout: profile.timeout,
        }
    }

    fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }
}

impl IcapServices {
    /// How often a policy applied, and how often its rule had no result.
    pub(super) fn counted(&self, policy: &str) -> (u64, u64) {
        let counts = self.counts.get(&policy.to_ascii_lowercase());
        counts.map_or((0, 0), |counts| {
            let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
            (of(&counts.hits), of(&counts.undefined))
        })
    }

    fn find(&self, made: &IcapMade) -> Option<Arc<IcapService>> {
        let (_, service) = self.services.iter().find(|(other, _)| other == made)?;
        Some(service.clone())
    }

    fn keep(&mut self, made: IcapMade, service: Arc<IcapService>) {
        if self.find(&made).is_none() {
            self.services.push((made, service));
        }
    }

    /// Takes over the services an inspection uses.
    pub(super) fn adopt(&mut self, inspection: &Inspection, before: &Self) {
        let policies = inspection.requests.iter().chain(&inspection.answers);
        for policy in policies {
            let name = policy.name.to_ascii_lowercase();
            self.counts.insert(name, policy.counts.clone());
            let Action::Icap { service, .. } = &policy.action else {
                continue;
            };
            let known = before
                .services
                .iter()
                .find(|(_, known)| Arc::ptr_eq(known, service));
            if let Some((made, service)) = known {
                self.keep(made.clone(), service.clone());
            }
        }
    }
}

fn at_address(address: &str, limits: &Limits) -> Arc<Service> {
    Arc::new(Service::new(ServiceParts {
        name: address.into(),
        address: address.into(),
        tls: None,
        weight: 1,
        connect_timeout: limits.connect_timeout,
        response_timeout: limits.response_timeout,
        pool: PoolLimits::new(limits, 0),
        health: Arc::new(Health::new()),
        most_clients: None,
    }))
}

const fn failure(failure: InspectionFailure) -> Failure {
    match failure {
        InspectionFailure::Continue => Failure::Pass,
        InspectionFailure::Drop => Failure::Drop,
        InspectionFailure::Reset => Failure::Reset,
    }
}

/// Header lines as they are.
fn fields(text: &str) -> Option<Vec<(String, String)>> {
    header_lines(&text.replace("\\r", "\r").replace("\\n", "\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_lines_are_read_as_they_are() {
        let site = vec![("X-Site".to_owned(), "4".to_owned())];

        assert_eq!(fields("X-Site: 4\\r\\n"), Some(site));
        assert_eq!(fields("no header"), None);
    }
}
