//! The parts of a request, each checked before anything is sent to a CA.

use evercert_acme::Eab;
use evercert_acme::vendors::{ContactRule, Support, Vendor as Known};
use evercert_api::{Problem, ProblemCode};
use evercert_types::{DomainName, Secret, parse_span};
use evercert_x509::tls;
use jiff::SignedDuration;

use crate::lifecycle::failure::sentence;
use crate::lifecycle::messages::BAD_CONTACT;
use crate::lifecycle::{LifecycleError, check_name};

/// Octets before the `@` (RFC 5321 §4.5.3.1.1).
const LONGEST_LOCAL_PART: usize = 64;
/// No lifetime shorter than this can be renewed in time.
const SHORTEST_LIFETIME: SignedDuration = SignedDuration::from_hours(1);

pub(super) fn name(name: &str) -> Result<(), LifecycleError> {
    check_name(name, 64, "-_.", "/name")?;
    // The list of types has this place among the vendors.
    if name == "types" {
        return Err(invalid("/name", "\"types\" cannot be a vendor's name").into());
    }
    Ok(())
}

/// A contact address without white space around it; an empty one is none.
pub(super) fn email(text: Option<&str>, kind: &Known) -> Result<Option<String>, Box<Problem>> {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    let Some(text) = text else {
        if kind.contact == ContactRule::Required {
            let detail = format!("{} needs a contact e-mail address", kind.name);
            return Err(invalid("/email", detail));
        }
        return Ok(None);
    };
    if is_address(text) {
        return Ok(Some(text.to_owned()));
    }
    Err(invalid("/email", format!("{BAD_CONTACT}: \"{text}\""))
        .known_as(BAD_CONTACT)
        .with_remedy("Give one plain address, such as ops@example.com, or none.")
        .into())
}

/// An address that a CA takes: a plain local part and a domain name with a dot.
fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let atom = |part: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
        !part.is_empty() && part.chars().all(allowed)
    };
    local.len() <= LONGEST_LOCAL_PART
        && local.split('.').all(atom)
        && domain.contains('.')
        && domain
            .parse::<DomainName>()
            .is_ok_and(|domain| !domain.is_wildcard())
}

pub(super) fn ca_bundle(pem: Option<&str>) -> Result<Option<String>, Box<Problem>> {
    let Some(pem) = pem.filter(|pem| !pem.trim().is_empty()) else {
        return Ok(None);
    };
    match tls::root_store(pem) {
        Ok(_) => Ok(Some(pem.to_owned())),
        Err(error) => Err(invalid(
            "/ca_bundle",
            format!("the CA bundle: {}", sentence(&error)),
        )),
    }
}

/// Both parts of an external account binding, or none.
pub(super) fn eab(
    kid: Option<&str>,
    hmac: Option<&Secret<String>>,
) -> Result<Option<Eab>, Box<Problem>> {
    let kid = kid.map(str::trim).filter(|kid| !kid.is_empty());
    match (kid, hmac) {
        (None, None) => Ok(None),
        (Some(kid), Some(hmac)) => Eab::from_text(kid, hmac.expose())
            .map(Some)
            .map_err(|error| invalid("/eab_hmac", error.to_string())),
        (Some(_), None) => Err(invalid("/eab_hmac", "the key id comes with an HMAC key")),
        (None, Some(_)) => Err(invalid("/eab_kid", "the HMAC key comes with a key id")),
    }
}

/// This CA gives no account without a binding.
pub(super) fn eab_missing(kind: &Known) -> Problem {
    let portal = "Copy key id and HMAC key from the CA's portal.";
    let detail = "this CA needs an external account binding";
    Problem::new(ProblemCode::CaVendorFailed, detail)
        .with_remedy(kind.eab_help.unwrap_or(portal))
        .at("/eab_kid")
}

/// How long before expiry to renew, from either of the two ways to say it.
pub(super) fn renew_before(
    span: Option<&str>,
    days: Option<u32>,
) -> Result<Option<SignedDuration>, Box<Problem>> {
    match (span, days) {
        (Some(_), Some(_)) => Err(invalid(
            "/renew_before_days",
            "give renew_before or renew_before_days, not both",
        )),
        (None, Some(0)) => Err(invalid("/renew_before_days", "it must be 1 day at least")),
        (None, Some(days)) => Ok(Some(SignedDuration::from_hours(24 * i64::from(days)))),
        (Some(span), None) => positive(span, "/renew_before").map(Some),
        (None, None) => Ok(None),
    }
}

/// The lifetime to ask for, where the CA does not ignore or refuse that.
pub(super) fn lifetime(
    span: Option<&str>,
    kind: &Known,
) -> Result<Option<SignedDuration>, Box<Problem>> {
    let Some(span) = span else { return Ok(None) };
    let life = positive(span, "/lifetime")?;
    if life < SHORTEST_LIFETIME {
        return Err(invalid("/lifetime", "a lifetime is 1 hour at least"));
    }
    if kind.not_after == Support::No {
        let detail = format!("{} takes no requested lifetime", kind.name);
        return Err(invalid("/lifetime", detail)
            .with_remedy("Choose a profile with the lifetime you want, where the CA has profiles.")
            .into());
    }
    Ok(Some(life))
}

fn positive(span: &str, pointer: &str) -> Result<SignedDuration, Box<Problem>> {
    let span = parse_span(span).map_err(|error| invalid(pointer, error.to_string()))?;
    if span <= SignedDuration::ZERO {
        return Err(invalid(pointer, "it must be longer than nothing"));
    }
    Ok(span)
}

/// Text of an optional setting; an empty one is none.
pub(super) fn text(text: Option<&str>) -> Option<String> {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    text.map(str::to_owned)
}

fn invalid(pointer: &str, detail: impl Into<String>) -> Box<Problem> {
    Problem::new(ProblemCode::Invalid, detail)
        .at(pointer)
        .into()
}

#[cfg(test)]
mod tests {
    use evercert_acme::vendors::vendor;

    use super::*;

    #[test]
    fn plain_addresses_are_taken_and_others_refused_in_the_known_words() {
        let kind = vendor("lets-encrypt").unwrap();
        for good in ["ops@example.com", " a.b+c@sub.example.co.uk "] {
            assert!(email(Some(good), kind).unwrap().is_some(), "{good}");
        }
        for bad in [
            "ops",
            "ops@",
            "@example.com",
            "ops@example",
            "a b@example.com",
            "a..b@example.com",
            "Ops <ops@example.com>",
            "a@example.com,b@example.com",
            "mailto:ops@example.com",
            "ops@*.example.com",
            "a@b@example.com",
        ] {
            let problem = email(Some(bad), kind).unwrap_err();
            assert!(problem.detail.starts_with(BAD_CONTACT), "{bad}");
            assert_eq!(problem.pointer.as_deref(), Some("/email"));
        }
    }

    #[test]
    fn no_address_is_fine_where_the_ca_does_not_need_one() {
        assert_eq!(email(None, vendor("lets-encrypt").unwrap()).unwrap(), None);
        assert_eq!(email(Some(" "), vendor("acme").unwrap()).unwrap(), None);
        assert!(email(None, vendor("ssl-com").unwrap()).is_err());
    }

    #[test]
    fn days_are_said_in_two_ways_and_not_at_once() {
        let day = SignedDuration::from_hours(24);

        assert_eq!(renew_before(Some("30d"), None).unwrap(), Some(day * 30));
        assert_eq!(renew_before(None, Some(7)).unwrap(), Some(day * 7));
        assert_eq!(renew_before(None, None).unwrap(), None);
        assert!(renew_before(Some("1d"), Some(1)).is_err());
        assert!(renew_before(None, Some(0)).is_err());
        assert!(renew_before(Some("0s"), None).is_err());
    }

    #[test]
    fn a_lifetime_is_asked_of_those_only_who_give_it() {
        let google = vendor("google").unwrap();

        assert!(lifetime(Some("30d"), google).unwrap().is_some());
        assert!(lifetime(Some("1m"), google).is_err());
        assert!(lifetime(Some("30d"), vendor("lets-encrypt").unwrap()).is_err());
    }

    #[test]
    fn a_binding_is_whole_or_absent() {
        let hmac = Secret::new("c2VjcmV0".to_owned());

        assert!(eab(Some("kid"), Some(&hmac)).unwrap().is_some());
        assert!(eab(None, None).unwrap().is_none());
        assert_eq!(
            eab(Some("kid"), None).unwrap_err().pointer.unwrap(),
            "/eab_hmac"
        );
        assert_eq!(
            eab(Some(" "), Some(&hmac)).unwrap_err().pointer.unwrap(),
            "/eab_kid"
        );
    }
}
