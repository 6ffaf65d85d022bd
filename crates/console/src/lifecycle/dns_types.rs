//! The types of DNS provider that can be added, as the API shows them.

use std::time::Duration;

use evercert_api::dns_providers::{
    DnsCapabilities, DnsProof, DnsProviderField, DnsProviderType, DnsValues,
};
use evercert_api::{Problem, ProblemCode};
use evercert_dns::{Caps, Descriptor, Field, Multi, PROVIDERS, Proof, descriptor};

use super::LifecycleError;

/// Every type, by code.
pub fn all() -> Vec<DnsProviderType> {
    PROVIDERS.iter().map(|one| view(one)).collect()
}

/// The type with that code.
///
/// # Errors
/// When there is none.
pub fn one(code: &str) -> Result<DnsProviderType, LifecycleError> {
    descriptor(code).map(view).ok_or_else(|| {
        let detail = format!("there is no DNS provider type \"{code}\"");
        Problem::new(ProblemCode::NotFound, detail)
            .with_remedy("List them: `evercert dns-provider types`.")
            .into()
    })
}

fn view(descriptor: &Descriptor) -> DnsProviderType {
    DnsProviderType {
        code: descriptor.code.to_owned(),
        name: descriptor.name.to_owned(),
        docs: descriptor.docs.to_owned(),
        least_privilege: descriptor.least_privilege.map(str::to_owned),
        unofficial: descriptor.unofficial,
        notes: owned(descriptor.notes),
        local: evercert_dns::is_local(descriptor.code),
        proof: match descriptor.proof() {
            Proof::Server => DnsProof::RealServer,
            Proof::Recorded => DnsProof::Recording,
            _ => DnsProof::Documentation,
        },
        fields: descriptor.fields.iter().map(field).collect(),
        one_of: descriptor.one_of.iter().map(|group| owned(group)).collect(),
        capabilities: capabilities(&descriptor.caps),
    }
}

fn field(field: &Field) -> DnsProviderField {
    DnsProviderField {
        key: field.key.to_owned(),
        label: field.label.to_owned(),
        secret: field.secret,
        optional: field.optional,
        default: field.default.map(str::to_owned),
        help: field.help.to_owned(),
        acme_sh_env: owned(field.acme_sh_env),
        lego_env: owned(field.lego_env),
    }
}

fn capabilities(caps: &Caps) -> DnsCapabilities {
    let given = |ttl: u32| (ttl > 0).then_some(ttl);
    DnsCapabilities {
        values: match caps.multi {
            Multi::Records => DnsValues::RecordEach,
            Multi::Rrset | Multi::Zone => DnsValues::Set,
            Multi::Single => DnsValues::OneOnly,
            _ => DnsValues::OneByOne,
        },
        default_ttl: given(caps.default_ttl),
        min_ttl: given(caps.min_ttl),
        allowed_ttls: caps.allowed_ttls.to_vec(),
        serial_pause_ms: caps.serial.map(millis),
        propagation_limit_ms: millis(caps.propagation_limit),
        propagation_poll_ms: millis(caps.propagation_poll),
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn owned(list: &[&str]) -> Vec<String> {
    list.iter().map(|one| (*one).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_offered_with_all_that_is_known_of_it() {
        let types = all();

        assert_eq!(types.len(), PROVIDERS.len());
        assert!(types.iter().all(|one| !one.fields.is_empty()));
        let cloudflare = one("cf").unwrap();
        assert_eq!(cloudflare.one_of[1], ["email", "key"]);
        assert_eq!(cloudflare.capabilities.min_ttl, Some(60));
        assert_eq!(cloudflare.capabilities.values, DnsValues::RecordEach);
        assert_eq!(cloudflare.fields[0].acme_sh_env, ["CF_Token"]);
        assert!(cloudflare.least_privilege.is_some());
        assert!(one("one").unwrap().unofficial);
        assert_eq!(one("one").unwrap().capabilities.serial_pause_ms, Some(0));
        assert_eq!(one("pdns").unwrap().proof, DnsProof::RealServer);
        assert_eq!(one("duckdns").unwrap().capabilities.default_ttl, None);
    }

    #[test]
    fn an_unknown_type_is_not_found() {
        assert!(one("route66").is_err());
    }
}
