//! What something was built of: while that stays the same, what was built stays right.

use std::sync::Arc;

use evercert_ns::model::{
    Closure, Config, OcspResponderView, ServiceType, ServiceView, SslVserverView, VserverView,
};
use evercert_types::DomainName;

use super::certkeys::{CertKeys, LoadedCertKey};
use crate::tls::manual::ManualCertificate;
use crate::tls::resolver::{ChoicePolicy, DefaultCertificate};

/// Singletons that no vserver depends on.
const INERT: &[&str] = &["ns hostName", "ssl zeroTouchParam", "system parameter"];
const CERTKEY: &str = "ssl certKey";
const BUNDLE: &str = "ssl certKeyBundle";

/// The one-of-a-kind settings every vserver may depend on, and what they refer to (such as global bindings).
pub(super) fn singletons(config: &Config) -> Closure {
    config.singletons_except(INERT)
}

/// What a vserver is made of.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Made {
    objects: Closure,
    singletons: Closure,
    certkeys: Contents,
}

impl Made {
    /// Of a vserver of this kind and name.
    pub(super) fn of_vserver(
        config: &Config,
        certkeys: &CertKeys,
        singletons: &Closure,
        (kind, name): (&'static str, &str),
    ) -> Self {
        let monitors = config.objects("lb monitor");
        let bound_from_the_other_side = monitors
            .filter(|monitor| !monitor.bindings().is_empty())
            .map(|monitor| ("lb monitor", monitor.key()));
        let mut roots = vec![(kind, name.to_owned())];
        roots.extend(bound_from_the_other_side);
        let objects = config.closure(roots.iter().map(|(kind, key)| (*kind, key.as_str())));
        let names = (objects.objects().iter())
            .filter(|object| [CERTKEY, BUNDLE].contains(&object.resource().name))
            .map(|object| object.key());
        Self {
            certkeys: Contents::of(certkeys, names),
            objects: objects.without(CERTKEY).without(BUNDLE),
            singletons: singletons.clone(),
        }
    }
}

/// What a service behind one vserver is made of.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ServiceMade {
    view: ServiceView,
    vserver: ServiceType,
    certkeys: Contents,
}

impl ServiceMade {
    /// Of a service behind a vserver of this type.
    pub(super) fn of(certkeys: &CertKeys, vserver: ServiceType, view: &ServiceView) -> Self {
        let ssl = view.ssl.iter();
        let names = ssl.flat_map(|ssl| {
            let shown = ssl.client_certkeys.iter().chain(&ssl.forging_ca);
            let shown =
                shown.flat_map(|certkey| std::iter::once(&certkey.name).chain(&certkey.chain));
            let dynamic = ssl.dynamic_client_cert.iter();
            shown
                .chain(ssl.ca_certkeys.iter().map(|ca| &ca.name))
                .chain(dynamic.filter_map(|dynamic| dynamic.fallback.as_ref()))
        });
        Self {
            certkeys: Contents::of(certkeys, names.cloned()),
            view: view.clone(),
            vserver,
        }
    }
}

/// What the TLS of a vserver is made of.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TlsMade {
    view: SslVserverView,
    kind: ServiceType,
    sources: Closure,
    certkeys: Contents,
    /// Of the client CAs.
    responders: Vec<OcspResponderView>,
    defaults: [Default; 2],
}

impl TlsMade {
    /// Of a vserver with these settings.
    pub(super) fn of(
        config: &Config,
        certkeys: &CertKeys,
        vserver: &VserverView,
        ssl: &SslVserverView,
        policy: &ChoicePolicy,
    ) -> Self {
        let profile = ssl.profile.as_deref().unwrap_or_default();
        let http = vserver.http_profile.as_deref().unwrap_or_default();
        let own = ("ssl vserver", vserver.name.as_str());
        let sources = [own, ("ssl profile", profile), ("ns httpProfile", http)];
        let bound = ssl.server_certkeys.iter().chain(&ssl.sni_certkeys);
        let names = bound
            .flat_map(|certkey| std::iter::once(&certkey.name).chain(&certkey.chain))
            .chain(ssl.ca_certkeys.iter().map(|ca| &ca.name));
        let cas = ssl.ca_certkeys.iter();
        let responders: Vec<_> = cas
            .flat_map(|ca| config.ocsp_responders_of(&ca.name))
            .collect();
        let signers = responders
            .iter()
            .filter_map(|view| view.responder_cert.clone());
        Self {
            certkeys: Contents::of(certkeys, names.cloned().chain(signers)),
            responders: responders.clone(),
            view: ssl.clone(),
            kind: vserver.kind,
            sources: config.selection(sources),
            defaults: [&policy.default_sni, &policy.instance_default].map(Default::of),
        }
    }
}

/// A default certificate, to compare.
#[derive(Clone, Debug)]
enum Default {
    None,
    Name(DomainName),
    CertKeys(Vec<Arc<ManualCertificate>>),
}

impl Default {
    fn of(default: &Option<DefaultCertificate>) -> Self {
        match default {
            None => Self::None,
            Some(DefaultCertificate::Name(name)) => Self::Name(name.clone()),
            Some(DefaultCertificate::CertKeys(certkeys)) => Self::CertKeys(certkeys.clone()),
        }
    }
}

impl PartialEq for Default {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) => true,
            (Self::Name(a), Self::Name(b)) => a == b,
            (Self::CertKeys(a), Self::CertKeys(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| Arc::ptr_eq(a, b))
            }
            _ => false,
        }
    }
}

/// The contents of certkeys by name; equal when they are of the same reading.
#[derive(Clone, Debug)]
struct Contents(Vec<(String, Option<Arc<LoadedCertKey>>)>);

impl Contents {
    fn of(certkeys: &CertKeys, names: impl Iterator<Item = String>) -> Self {
        let read = |name: String| {
            let loaded = certkeys.loaded(&name).cloned();
            (name, loaded)
        };
        Self(names.map(read).collect())
    }
}

impl PartialEq for Contents {
    fn eq(&self, other: &Self) -> bool {
        let same = |a: &Option<Arc<LoadedCertKey>>, b: &Option<Arc<LoadedCertKey>>| match (a, b) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        };
        self.0.len() == other.0.len()
            && (self.0.iter().zip(&other.0)).all(|(a, b)| a.0 == b.0 && same(&a.1, &b.1))
    }
}
