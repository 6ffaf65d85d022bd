//! What a preflight is about: the wish of a request, or the next renewal of a certificate.

use std::net::IpAddr;

use evercert_api::preflight::{PreflightOptions, PreflightRequest};
use evercert_api::{Problem, ProblemCode};
use evercert_db::certificates::Certificate;
use evercert_db::dns_providers::DnsProvider;
use evercert_db::vendors::Vendor;
use evercert_types::{DomainName, KeyAlgorithm};
use serde_json::json;

use super::names::Audience;
use crate::lifecycle::request::certificate_named;
use crate::lifecycle::{LifecycleError, messages};
use crate::state::Console;

/// How names are to be proved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Way {
    #[default]
    Dns,
    ManualDns,
    Http,
    TlsAlpn,
}

/// Whether the DNS may be written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writing {
    Tried,
    LeftOut,
}

/// Everything that is looked at.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    /// As they were written.
    pub(crate) texts: Vec<String>,
    pub(crate) ips: Vec<IpAddr>,
    /// As it was named; absent: a certificate without one.
    pub(crate) vendor_name: Option<String>,
    pub(crate) vendor: Option<Vendor>,
    pub(crate) keys: Vec<KeyAlgorithm>,
    pub(crate) profile: Option<String>,
    pub(crate) way: Way,
    /// The provider for all names, where one was chosen.
    pub(crate) provider: Option<DnsProvider>,
    /// The certificate that would be renewed.
    pub(crate) certificate: Option<Certificate>,
    pub(crate) writing: Writing,
}

impl Way {
    /// The ACME challenge type.
    pub(crate) const fn method(self) -> &'static str {
        match self {
            Self::Dns | Self::ManualDns => "dns-01",
            Self::Http => "http-01",
            Self::TlsAlpn => "tls-alpn-01",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text {
            "dns-01" => Some(Self::Dns),
            "dns-01-manual" => Some(Self::ManualDns),
            "http-01" => Some(Self::Http),
            "tls-alpn-01" => Some(Self::TlsAlpn),
            _ => None,
        }
    }
}

impl Writing {
    /// Unless it is declined, writing is tried.
    pub(crate) const fn unless_declined(write: Option<bool>) -> Self {
        match write {
            Some(false) => Self::LeftOut,
            _ => Self::Tried,
        }
    }
}

impl Subject {
    /// What a request asks for.
    pub(crate) async fn of_request(
        console: &Console,
        request: PreflightRequest,
    ) -> Result<Self, LifecycleError> {
        if request.domains.is_empty() && request.ips.is_empty() {
            let detail = "there is nothing to check: give at least one domain";
            return Err(Problem::new(ProblemCode::Invalid, detail)
                .at("/domains")
                .into());
        }
        let way = match request.challenge.as_deref() {
            None => Way::default(),
            Some(text) => Way::parse(text).ok_or_else(|| unknown_challenge(text))?,
        };
        Ok(Self {
            vendor: console.db.vendor_by_name(&request.vendor).await?,
            provider: match &request.provider {
                Some(name) => Some(provider_named(console, name).await?),
                None => None,
            },
            texts: request.domains,
            ips: request.ips,
            vendor_name: Some(request.vendor),
            keys: request.keys,
            profile: request.profile,
            way,
            certificate: None,
            writing: Writing::unless_declined(request.write),
        })
    }

    /// The next renewal of a certificate.
    pub(crate) async fn of_certificate(
        console: &Console,
        name: &str,
        options: PreflightOptions,
    ) -> Result<Self, LifecycleError> {
        let certificate = certificate_named(console, name).await?;
        let vendor = match (&options.vendor, certificate.vendor_id) {
            (Some(name), _) => console.db.vendor_by_name(name).await?,
            (None, Some(id)) => console.db.vendor(id).await?,
            (None, None) => None,
        };
        let terms = &certificate.terms;
        let provider = match terms.provider {
            Some(id) => console.db.dns_provider(id).await?,
            None => None,
        };
        let way = terms.challenge.map(|choice| json!(choice));
        let way = way.as_ref().and_then(|text| Way::parse(text.as_str()?));
        let slots = console.db.slots(certificate.id).await?;
        Ok(Self {
            texts: certificate.names.iter().map(ToString::to_string).collect(),
            ips: terms.ips.clone(),
            vendor_name: options
                .vendor
                .or_else(|| vendor.as_ref().map(|vendor| vendor.name.clone())),
            vendor,
            keys: slots.iter().map(|slot| slot.algorithm).collect(),
            profile: certificate.profile.clone(),
            way: way.unwrap_or_default(),
            provider,
            certificate: Some(certificate),
            writing: Writing::unless_declined(options.write),
        })
    }

    /// Whom the CA issues for; unknown: nothing is assumed.
    pub(crate) fn audience(&self) -> Audience {
        self.vendor.as_ref().map_or(Audience::Private, Audience::of)
    }

    /// The profile that would be asked for.
    pub(crate) fn profile(&self) -> Option<&str> {
        let of_vendor = self.vendor.as_ref().and_then(|one| one.profile.as_deref());
        self.profile.as_deref().or(of_vendor)
    }

    /// The names that are names, each once.
    pub(crate) fn names(&self) -> Vec<DomainName> {
        let mut names: Vec<DomainName> = Vec::new();
        for name in self
            .texts
            .iter()
            .filter_map(|text| DomainName::new(text).ok())
        {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

async fn provider_named(console: &Console, name: &str) -> Result<DnsProvider, LifecycleError> {
    let found = console.db.dns_provider_by_name(name).await?;
    found.ok_or_else(|| {
        let detail = format!("there is no DNS provider \"{name}\"");
        let mut problem = Problem::new(ProblemCode::DnsProviderNotFound, detail)
            .known_as(messages::provider_missing(name))
            .at("/provider");
        problem.status = 422;
        problem.into()
    })
}

fn unknown_challenge(text: &str) -> LifecycleError {
    let detail = format!("\"{text}\" is no way to prove names");
    Problem::new(ProblemCode::Invalid, detail)
        .with_remedy("Use dns-01, dns-01-manual, http-01 or tls-alpn-01.")
        .at("/challenge")
        .into()
}
