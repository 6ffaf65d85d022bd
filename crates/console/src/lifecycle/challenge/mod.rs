//! How names are proved: the choice, who shows the responses, and the wait for people.

pub(crate) mod choice;
pub mod manual;
mod respond;
pub(crate) mod responders;

use evercert_acme::ChallengeType;
use evercert_acme::vendors::{self, Support};
use evercert_db::DbError;
use evercert_db::terms::{ChallengeChoice, Terms};
use evercert_db::vendors::Vendor;
use evercert_types::{DomainName, Selector, StoreKind};

use super::failure::{Class, Failure, Stage};
use super::messages;
use super::preflight::mapping;
use crate::state::Console;
use choice::{DnsWay, Impossible, Offer, Responders, Situation, Subject, choose};

/// What of a certificate decides how its names are proved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish<'a> {
    pub(crate) names: &'a [DomainName],
    pub(crate) terms: &'a Terms,
    pub(crate) selector: &'a Selector,
    pub(crate) store: StoreKind,
}

/// A name that cannot be proved.
#[derive(Debug)]
pub(crate) struct Unprovable {
    /// Its place among the names; none for an address.
    pub(crate) index: Option<usize>,
    pub(crate) failure: Failure,
}

/// The first identifier that cannot be proved, as far as that can be told before the CA is asked.
pub(crate) async fn unprovable(
    console: &Console,
    wish: &Wish<'_>,
) -> Result<Option<Unprovable>, DbError> {
    let responders = responders_for(console, wish.selector, wish.store).await?;
    let mut situation = Situation {
        wanted: wish.terms.challenge,
        offered: Offer::UNKNOWN,
        subject: Subject::Ip,
        dns: DnsWay::Unmapped,
        responders,
    };
    for ip in &wish.terms.ips {
        if let Err(why) = choose(&situation) {
            let failure = impossible(why, &ip.to_string());
            return Ok(Some(Unprovable {
                index: None,
                failure,
            }));
        }
    }
    let (mut places, mut lacking) = (Vec::new(), Vec::new());
    for (index, name) in wish.names.iter().enumerate() {
        situation.dns = way_to(console, wish.terms, name).await?;
        situation.subject = subject_of(name);
        match choose(&situation) {
            Ok(_) => {}
            Err(Impossible::NoProvider) => {
                places.push(index);
                lacking.push(name.clone());
            }
            Err(why) => {
                return Ok(Some(Unprovable {
                    index: Some(index),
                    failure: impossible(why, name.as_str()),
                }));
            }
        }
    }
    let found = mapping::failure(&console.db, &lacking).await?;
    Ok(found.map(|(place, failure)| Unprovable {
        index: places.get(place).copied(),
        failure,
    }))
}

/// Whether a provider that may be used is there for a name.
async fn way_to(console: &Console, terms: &Terms, name: &DomainName) -> Result<DnsWay, DbError> {
    if terms.provider.is_some() {
        return Ok(DnsWay::Mapped);
    }
    let mapping = console.db.mapping_for(name.base()).await?;
    Ok(match mapping.is_some_and(|mapping| mapping.active) {
        true => DnsWay::Mapped,
        false => DnsWay::Unmapped,
    })
}

/// Who can show responses for a certificate: instances in scope that are there, and the Console's own listeners.
pub(crate) async fn responders_for(
    console: &Console,
    selector: &Selector,
    store: StoreKind,
) -> Result<Responders, DbError> {
    let instances = console.db.instances().await?;
    let known = responders::any_knows(&instances, selector);
    let instances = responders::any_can(&instances, selector, console.now());
    let (http, tls) = (
        console.config.challenge_http_listen.is_some(),
        console.config.challenge_tls_listen.is_some(),
    );
    Ok(Responders {
        http: instances || http,
        tls: instances || tls,
        unasked: store == StoreKind::ZeroTouch || http || tls,
        away: known && !instances,
    })
}

/// What a DNS name is, for the choice.
pub(crate) fn subject_of(name: &DomainName) -> Subject {
    match name.is_wildcard() {
        true => Subject::Wildcard,
        false => Subject::Name,
    }
}

/// What an authorization offers that is still to be met.
pub(crate) fn offer_of(read: &evercert_acme::Authorization) -> Offer {
    let has = |kind| read.to_solve(&kind).is_some();
    Offer {
        dns: has(ChallengeType::Dns01),
        http: has(ChallengeType::Http01),
        tls: has(ChallengeType::TlsAlpn01),
    }
}

/// The word for it, as authorizations keep it.
pub(crate) const fn word(kind: ChallengeChoice) -> &'static str {
    match kind {
        ChallengeChoice::Dns01 => "dns-01",
        ChallengeChoice::Dns01Manual => "dns-01-manual",
        ChallengeChoice::Http01 => "http-01",
        ChallengeChoice::TlsAlpn01 => "tls-alpn-01",
    }
}

/// What the CA calls it.
pub(crate) const fn type_of(kind: ChallengeChoice) -> ChallengeType {
    match kind {
        ChallengeChoice::Dns01 | ChallengeChoice::Dns01Manual => ChallengeType::Dns01,
        ChallengeChoice::Http01 => ChallengeType::Http01,
        ChallengeChoice::TlsAlpn01 => ChallengeType::TlsAlpn01,
    }
}

/// Whether a vendor's CA follows a CNAME at the challenge name; those we know nothing of do, as the standard says.
pub(crate) fn follows_cnames(vendor: &Vendor) -> bool {
    let coded = vendor.options.type_code.as_deref();
    let known = coded
        .and_then(vendors::vendor)
        .or_else(|| vendors::vendor_of(&vendor.directory_url));
    known.is_none_or(|known| known.cname_followed != Support::No)
}

/// What an impossible choice means for the order.
pub(crate) fn impossible(why: Impossible, name: &str) -> Failure {
    let failure = |code: &str, message: String| {
        Failure::new(Stage::Preflight, Class::Configuration, code, message)
    };
    let base = name.strip_prefix("*.").unwrap_or(name);
    match why {
        Impossible::NoProvider => failure("domain.unmapped", format!("no mapped domain holds {name}."))
            .known_as(messages::NO_PROVIDER)
            .with_remedy(format!(
                "Map the domain: `evercert domain map {base} --provider NAME`."
            )),
        Impossible::NotOffered(kind) => failure(
            "acme.challenge.not_offered",
            format!("the CA offers no {} challenge for {name}", type_of(kind).as_str()),
        )
        .with_remedy("Choose another challenge for the certificate, or another CA vendor."),
        Impossible::NothingOffered => failure(
            "acme.challenge.not_offered",
            format!("the CA offers neither http-01 nor tls-alpn-01 for {name}, and an address is proved by no other"),
        )
        .with_remedy("Use a CA vendor that issues for addresses."),
        Impossible::NotForWildcards(kind) => failure(
            "challenge.wildcard",
            format!("{name} cannot be proved by {}: a wildcard is proved by DNS only", word(kind)),
        )
        .with_remedy(
            "Leave the challenge to the Console, or choose dns-01 or dns-01-manual for the certificate.",
        ),
        Impossible::NoResponder(kind) => Failure::new(
            Stage::Preflight,
            Class::Transient,
            "challenge.no_responder",
            format!(
                "nobody can answer {} for {name}: no instance in the certificate's scope is connected that answers \
                 challenges, and this Console has no listener for it",
                word(kind)
            ),
        )
        .with_remedy(
            "Enrol an ADC in the scope, or start the Console with --challenge-http-listen or --challenge-tls-listen.",
        ),
        Impossible::NotFollowed => failure(
            "challenge.cname_not_followed",
            format!(
                "_acme-challenge.{base} is delegated by a CNAME, and this CA does not follow CNAMEs there"
            ),
        )
        .with_remedy(format!(
            "Remove the CNAME and map {base} to the provider of its own zone, or use another CA vendor."
        )),
    }
}
