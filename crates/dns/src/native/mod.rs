//! The provider types that are written by hand, and the table of all of them.

mod acmedns;
mod acmesh;
mod api;
mod aws;
mod azure;
mod challtestsrv;
#[cfg(feature = "dns-update")]
mod dns_update;
mod exec;
mod gcloud;
mod html;
mod httpreq;
mod jwt;
mod manual;
mod namecheap;
mod nsupdate;
mod oauth;
mod pdns;
mod process;
mod sets;
mod zonefile;

use std::sync::{Arc, LazyLock};

use crate::account::Pace;
use crate::bounded::Bounded;
use crate::engine;
use crate::error::DnsError;
use crate::provider::{Context, Descriptor, Maker, Provider, Settings};

/// Every provider type, alphabetically by code.
pub static PROVIDERS: LazyLock<Vec<&'static Descriptor>> = LazyLock::new(|| {
    let mut all = engine::descriptors();
    all.extend(NATIVE);
    #[cfg(feature = "dns-update")]
    all.extend(dns_update::services());
    all.sort_by_key(|descriptor| descriptor.code);
    all
});

/// Those written by hand.
const NATIVE: [&Descriptor; 19] = [
    &acmedns::DESCRIPTOR,
    &acmesh::DESCRIPTOR,
    &aws::DESCRIPTOR,
    &html::CYON,
    &html::FREEDNS,
    &html::HE,
    &html::ONE,
    &namecheap::DESCRIPTOR,
    &zonefile::MARADNS,
    &zonefile::NSD,
    &azure::DESCRIPTOR,
    &gcloud::DESCRIPTOR,
    &challtestsrv::DESCRIPTOR,
    &exec::DESCRIPTOR,
    &httpreq::DESCRIPTOR,
    &manual::DESCRIPTOR,
    &nsupdate::DESCRIPTOR,
    &nsupdate::KNOT,
    &pdns::DESCRIPTOR,
];

/// Those that run programs, or write files, of the host they run on.
const LOCAL: [&str; 4] = ["acmesh", "exec", "maradns", "nsd"];

/// Whether providers of that type run programs, or write files, of this host: only its administrators should configure
/// them, and [`LocalAccess`](crate::LocalAccess) says what they may use.
pub fn is_local(code: &str) -> bool {
    LOCAL.contains(&code)
}

/// The provider type with that code.
pub fn descriptor(code: &str) -> Option<&'static Descriptor> {
    PROVIDERS
        .iter()
        .copied()
        .find(|descriptor| descriptor.code == code)
}

/// Builds a provider with the system's clock and the locks of this process.
///
/// # Errors
/// When there is no such type, or a setting is missing, unknown or malformed.
pub fn build(code: &str, settings: &Settings) -> Result<Arc<dyn Provider>, DnsError> {
    build_with(code, settings, &Context::default())
}

/// Builds a provider in the given context.
///
/// # Errors
/// When there is no such type, or a setting is missing, unknown or malformed.
pub fn build_with(
    code: &str,
    settings: &Settings,
    context: &Context,
) -> Result<Arc<dyn Provider>, DnsError> {
    let descriptor = descriptor(code).ok_or_else(|| unknown(code))?;
    let context = Context {
        accounts: context.accounts.of(code, settings),
        ..context.clone()
    };
    let inner = match &descriptor.build {
        Maker::Native(build) => build(settings, &context)?,
        Maker::Described(description) => {
            engine::build(descriptor, description, settings, &context)?
        }
    };
    Ok(Arc::new(Bounded {
        code: descriptor.code,
        inner,
        account: context.accounts.account(Pace::default()),
    }))
}

fn unknown(code: &str) -> DnsError {
    let known: Vec<&str> = PROVIDERS.iter().map(|provider| provider.code).collect();
    let what = format!("there is no DNS provider type \"{code}\"");
    DnsError::setting("dns", what).with_remedy(format!("use one of {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_is_alphabetical_and_complete() {
        assert!(PROVIDERS.windows(2).all(|pair| pair[0].code < pair[1].code));
        for provider in PROVIDERS.iter() {
            let keys: BTreeSet<&str> = provider.fields.iter().map(|field| field.key).collect();
            assert_eq!(keys.len(), provider.fields.len(), "{}", provider.code);
            assert!(provider.docs.starts_with("https://"), "{}", provider.code);
            let groups = provider.one_of.iter().copied().flatten();
            assert!(
                groups.into_iter().all(|key| keys.contains(key)),
                "{}",
                provider.code
            );
            for field in provider.fields {
                assert!(field.help.ends_with('.'), "{}.{}", provider.code, field.key);
                assert!(field.default.is_none() || field.optional, "{}", field.key);
            }
        }
    }

    #[test]
    fn an_unknown_type_lists_the_known_ones() {
        let error = build("route66", &Settings::new()).unwrap_err();

        assert!(error.to_string().contains("route66"), "{error}");
        let known: Vec<&str> = PROVIDERS.iter().map(|provider| provider.code).collect();
        assert_eq!(error.remedy(), format!("use one of {}", known.join(", ")));
        assert!(known.contains(&"nsupdate") && known.contains(&"cf"));
    }

    #[test]
    fn missing_settings_are_told_before_anything_is_sent() {
        for provider in PROVIDERS.iter() {
            let error = build(provider.code, &Settings::new()).unwrap_err();
            assert!(error.to_string().contains("missing"), "{error}");
        }
    }
}
