//! Whether a certificate can be renewed by itself: what its enrolment for automatic renewal demands.

use evercert_api::{Problem, ProblemCode};
use evercert_db::certificates::Certificate;
use evercert_db::vendors::Vendor;

use super::request::check_challenges;
use super::{LifecycleError, messages, preflight};
use crate::state::Console;

/// Demands a registered CA vendor, names that a CA can issue for, and somebody who proves each of them: an active
/// provider, instances in scope, or a listener of the Console.
///
/// # Errors
/// With the first demand that is not met, in NetScaler Console's words and ours.
pub(crate) async fn check(
    console: &Console,
    certificate: &Certificate,
) -> Result<(), LifecycleError> {
    let vendor = match certificate.vendor_id {
        Some(id) => console.db.vendor(id).await?,
        None => None,
    };
    let vendor = vendor.ok_or_else(|| no_vendor(&certificate.name))?;
    check_names(&vendor, certificate)?;
    check_challenges(console, certificate).await
}

/// The certificate has no vendor to order from.
pub(crate) fn no_vendor(name: &str) -> Problem {
    let detail = format!("the certificate \"{name}\" has no CA vendor to order from");
    Problem::new(ProblemCode::Invalid, detail)
        .known_as(messages::NO_VENDOR)
        .with_remedy("Say which CA vendor shall renew it.")
        .at("/vendor")
}

/// Names that the CA issues for; a default certificate of an appliance, `ADCD` and its like, has none.
fn check_names(vendor: &Vendor, certificate: &Certificate) -> Result<(), LifecycleError> {
    if certificate.names.is_empty() && certificate.terms.ips.is_empty() {
        let detail = format!("\"{}\" names no domain", certificate.name);
        return Err(Problem::new(ProblemCode::CertificateInvalidDomain, detail)
            .known_as(messages::INVALID_DOMAIN)
            .into());
    }
    preflight::names::check_stored(vendor, &certificate.names)
}
