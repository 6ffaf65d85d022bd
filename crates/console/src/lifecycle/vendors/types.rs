//! The CAs that the Console knows, as the API tells them, and the choice of one for a vendor.

use evercert_acme::vendors::ContactRule;
use evercert_acme::vendors::{Limit, VENDORS, Vendor as Known, vendor, vendor_of};
use evercert_api::ca_vendors::{
    KnownProfile, VendorEnvironment, VendorLimit, VendorTraits, VendorType,
};
use evercert_api::{Problem, ProblemCode};
use evercert_db::vendors::Vendor;

/// The type of a directory that the Console does not know.
const ANY: &str = "acme";

/// Which CA, and which of its directories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) kind: &'static Known,
    pub(super) directory_url: String,
}

/// Every CA that the Console knows, by code.
pub fn types() -> Vec<VendorType> {
    VENDORS.iter().map(|kind| vendor_type(kind)).collect()
}

/// What is known of a saved vendor's CA.
pub(crate) fn kind_of(vendor: &Vendor) -> &'static Known {
    let chosen = vendor.options.type_code.as_deref().and_then(self::vendor);
    chosen
        .or_else(|| vendor_of(&vendor.directory_url))
        .or_else(|| self::vendor(ANY))
        .unwrap_or(VENDORS[0])
}

/// What is known of a CA beyond its directory; `directory_url` may narrow it.
pub(super) fn traits(kind: &'static Known, directory_url: &str) -> VendorTraits {
    VendorTraits {
        eab: kind.eab.as_str().to_owned(),
        ari: kind.ari.as_str().to_owned(),
        wildcard: kind.wildcard.as_str().to_owned(),
        ip_identifiers: kind.ip_identifiers.as_str().to_owned(),
        not_after: kind.not_after.as_str().to_owned(),
        cname_followed: kind.cname_followed.as_str().to_owned(),
        prevalidated: kind.prevalidated.as_str().to_owned(),
        max_names: kind.max_names,
        key_types: kind.key_types_at(directory_url).to_vec(),
        account_keys: kind
            .account_keys
            .iter()
            .map(|key| key.as_str().to_owned())
            .collect(),
        known_profiles: kind.known_profiles.iter().map(known_profile).collect(),
        max_concurrent_requests: u32::try_from(kind.max_concurrent_requests).unwrap_or(u32::MAX),
        requests_per_second: kind.requests_per_second,
        limits: kind.limits.iter().map(vendor_limit).collect(),
        notes: kind.notes.iter().map(|&note| note.to_owned()).collect(),
    }
}

/// The CA and directory that type, environment and URL of a request mean.
pub(super) fn choose(
    type_code: Option<&str>,
    environment: Option<&str>,
    directory_url: Option<&str>,
) -> Result<Choice, Box<Problem>> {
    let named = type_code.map(kind_named).transpose()?;
    let url = directory_url.map(checked_url).transpose()?;
    match (named, environment, url) {
        (_, Some(_), Some(_)) => Err(invalid(
            "/environment",
            "give an environment or a directory URL, not both",
        )),
        (None, Some(_), None) => Err(invalid("/type", "an environment is one of a type's")),
        (None, None, None) => Err(invalid("/type", "give a type or a directory URL")
            .with_remedy("`evercert ca-vendor types` lists the types.")
            .into()),
        (Some(kind), Some(environment), None) => environment_of(kind, environment),
        (Some(kind), None, None) => match kind.directory_url() {
            Some(url) => Ok(choice(kind, url)),
            None => Err(no_directory(kind)),
        },
        (named, None, Some(url)) => by_url(named, &url),
    }
}

fn by_url(named: Option<&'static Known>, url: &str) -> Result<Choice, Box<Problem>> {
    let owner = vendor_of(url);
    let any = vendor(ANY).unwrap_or(VENDORS[0]);
    let kind = match (named, owner) {
        (None, owner) => owner.unwrap_or(any),
        (Some(named), None) => named,
        (Some(named), Some(owner)) => {
            let related = named == owner || owner.family == Some(named.code) || named == any;
            if !related {
                let detail = format!(
                    "that is the directory of {}, not of {}",
                    owner.name, named.name
                );
                return Err(invalid("/directory_url", detail));
            }
            owner
        }
    };
    Ok(choice(kind, url))
}

fn kind_named(code: &str) -> Result<&'static Known, Box<Problem>> {
    vendor(code).ok_or_else(|| {
        let codes: Vec<&str> = VENDORS.iter().map(|kind| kind.code).collect();
        invalid("/type", format!("there is no CA type \"{code}\""))
            .with_remedy(format!("The types are: {}.", codes.join(", ")))
            .into()
    })
}

fn environment_of(kind: &'static Known, environment: &str) -> Result<Choice, Box<Problem>> {
    let found = kind
        .environments()
        .find(|(_, directory)| directory.code == environment);
    if let Some((owner, directory)) = found {
        return Ok(choice(owner, directory.url));
    }
    let codes: Vec<&str> = kind.environments().map(|(_, known)| known.code).collect();
    if codes.is_empty() {
        return Err(no_directory(kind));
    }
    let detail = format!("{} has no environment \"{environment}\"", kind.name);
    Err(invalid("/environment", detail)
        .with_remedy(format!("It has: {}.", codes.join(", ")))
        .into())
}

fn no_directory(kind: &'static Known) -> Box<Problem> {
    let detail = format!("the directory URL of {} is not the same for all", kind.name);
    let problem = invalid("/directory_url", detail);
    match kind.notes.first() {
        Some(note) => problem.with_remedy(*note).into(),
        None => problem,
    }
}

fn checked_url(url: &str) -> Result<String, Box<Problem>> {
    let url = url.trim();
    let usable = url.strip_prefix("https://").is_some_and(|rest| {
        !rest.is_empty() && !rest.starts_with('/') && !rest.contains(char::is_whitespace)
    });
    if usable {
        return Ok(url.to_owned());
    }
    let detail = "the directory URL must begin with https:// and a host";
    Err(invalid("/directory_url", detail))
}

fn choice(kind: &'static Known, url: &str) -> Choice {
    Choice {
        kind,
        directory_url: url.to_owned(),
    }
}

fn invalid(pointer: &str, detail: impl Into<String>) -> Box<Problem> {
    Problem::new(ProblemCode::Invalid, detail)
        .at(pointer)
        .into()
}

fn vendor_type(kind: &'static Known) -> VendorType {
    VendorType {
        code: kind.code.to_owned(),
        name: kind.name.to_owned(),
        docs: kind.docs.to_owned(),
        environments: kind
            .environments()
            .map(|(_, directory)| VendorEnvironment {
                code: directory.code.to_owned(),
                label: directory.label.to_owned(),
                url: directory.url.to_owned(),
            })
            .collect(),
        email_required: kind.contact == ContactRule::Required,
        eab_help: kind.eab_help.map(str::to_owned),
        traits: traits(kind, ""),
    }
}

fn known_profile(profile: &evercert_acme::vendors::KnownProfile) -> KnownProfile {
    KnownProfile {
        name: profile.name.to_owned(),
        lifetime_hours: profile.lifetime_hours,
        max_names: profile.max_names,
        ip_identifiers: profile.ip_identifiers.as_str().to_owned(),
    }
}

fn vendor_limit(limit: &Limit) -> VendorLimit {
    VendorLimit {
        kind: limit.kind.as_str().to_owned(),
        description: limit.kind.in_words().to_owned(),
        burst: limit.burst,
        refill_every_secs: limit.refill_every_secs,
        exempt_ari: limit.exempt_ari,
        exempt_renewal: limit.exempt_renewal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(
        type_code: Option<&str>,
        environment: Option<&str>,
        url: Option<&str>,
    ) -> Result<(&'static str, String), String> {
        let choice = choose(type_code, environment, url);
        choice
            .map(|choice| (choice.kind.code, choice.directory_url))
            .map_err(|problem| problem.pointer.unwrap_or_default())
    }

    #[test]
    fn a_type_brings_its_directory() {
        let (code, url) = chosen(Some("lets-encrypt"), None, None).unwrap();

        assert_eq!(code, "lets-encrypt");
        assert_eq!(url, "https://acme-v02.api.letsencrypt.org/directory");
    }

    #[test]
    fn an_environment_is_a_directory_of_the_type_or_its_family() {
        let staging = chosen(Some("lets-encrypt"), Some("staging"), None).unwrap();
        let europe = chosen(Some("digicert"), Some("eu"), None).unwrap();

        assert_eq!(staging.0, "lets-encrypt-staging");
        assert!(europe.1.contains("one.nl.digicert.com"));
    }

    #[test]
    fn a_known_directory_tells_its_type_and_an_unknown_one_is_any_acme_server() {
        let known = chosen(None, None, Some("https://acme.zerossl.com/v2/DV90"));
        let unknown = chosen(None, None, Some("https://ca.example/dir"));
        let own = chosen(
            Some("harica"),
            None,
            Some("https://acme.harica.gr/abc/directory"),
        );

        assert_eq!(known.unwrap().0, "zerossl");
        assert_eq!(unknown.unwrap().0, "acme");
        assert_eq!(own.unwrap().0, "harica");
    }

    #[test]
    fn what_does_not_fit_is_pointed_at() {
        let url = Some("https://acme.zerossl.com/v2/DV90");
        let rows = [
            ((None, None, None), "/type"),
            ((Some("buypass"), None, None), "/type"),
            ((None, Some("staging"), None), "/type"),
            ((Some("lets-encrypt"), Some("moon"), None), "/environment"),
            ((Some("zerossl"), Some("production"), url), "/environment"),
            ((Some("google"), None, url), "/directory_url"),
            ((Some("harica"), None, None), "/directory_url"),
            (
                (None, None, Some("http://ca.example/dir")),
                "/directory_url",
            ),
            ((None, None, Some("https://")), "/directory_url"),
        ];

        for ((type_code, environment, url), pointer) in rows {
            assert_eq!(chosen(type_code, environment, url).unwrap_err(), pointer);
        }
    }

    #[test]
    fn every_type_is_told_with_its_limits_and_notes() {
        let types = types();

        assert_eq!(types.len(), VENDORS.len());
        let staging = types.iter().find(|one| one.code == "lets-encrypt").unwrap();
        assert!(staging.environments.iter().any(|one| one.code == "staging"));
        assert!(staging.traits.limits.iter().any(|limit| limit.burst == 300));
    }
}
