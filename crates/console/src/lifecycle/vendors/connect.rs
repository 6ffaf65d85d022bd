//! Connecting to a CA on behalf of a vendor that is not saved yet, and judging what its directory says.

use evercert_acme::{AcmeError, Client};
use evercert_api::{Problem, ProblemCode};
use evercert_db::vendors::Vendor;
use serde_json::json;

use super::fields;
use super::types::kind_of;
use crate::lifecycle::LifecycleError;
use crate::lifecycle::acme_clients;
use crate::lifecycle::failure::{Failure, Stage};
use crate::state::Console;

/// What a vendor brings to the CA, beyond its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    /// It has an external account binding.
    pub(super) has_eab: bool,
    /// Somebody agrees to whatever the terms of service are.
    pub(super) agreed: bool,
    /// An account is to be registered, which the CA may refuse without agreement or binding.
    pub(super) registers: bool,
}

/// Reads the directory, checks the vendor against it, and asks for a nonce; the vendor takes down what was found.
pub(super) async fn connect(
    console: &Console,
    vendor: &mut Vendor,
    terms: Terms,
) -> Result<Client, LifecycleError> {
    let client = acme_clients::connect(console, vendor)
        .await
        .map_err(|error| refused(&error))?;
    if vendor
        .options
        .type_code
        .as_deref()
        .is_none_or(|code| code == "acme")
        && let Some(kind) = evercert_acme::vendors::recognise(client.directory())
    {
        vendor.options.type_code = Some(kind.code.to_owned());
    }
    let meta = &client.directory().meta;
    if terms.registers && meta.eab_required && !terms.has_eab {
        return Err(fields::eab_missing(kind_of(vendor)).into());
    }
    check_terms_of_service(meta.tos.as_deref(), vendor, terms)?;
    check_profile(&client, vendor)?;
    client.probe().await.map_err(|error| refused(&error))?;
    let known = acme_clients::known_capabilities(vendor);
    let mut offered = acme_clients::capabilities(&client, console.now());
    offered.orders_list = known.orders_list;
    vendor.capabilities = json!(offered);
    Ok(client)
}

fn check_terms_of_service(
    url: Option<&str>,
    vendor: &mut Vendor,
    terms: Terms,
) -> Result<(), Box<Problem>> {
    let Some(url) = url else {
        vendor.options.terms_agreed = None;
        return Ok(());
    };
    if terms.agreed {
        vendor.options.terms_agreed = Some(url.to_owned());
    }
    if !terms.registers || vendor.options.terms_agreed.as_deref() == Some(url) {
        return Ok(());
    }
    let detail = format!("the CA's terms of service are to be agreed to: {url}");
    Err(Problem::new(ProblemCode::CaVendorTermsNotAgreed, detail)
        .with_remedy(format!(
            "Read {url}, then save with `terms_agreed` (`--agree-tos`)."
        ))
        .at("/terms_agreed")
        .into())
}

fn check_profile(client: &Client, vendor: &Vendor) -> Result<(), Box<Problem>> {
    let profiles = &client.directory().meta.profiles;
    match &vendor.profile {
        Some(profile) if !profiles.contains_key(profile) => {
            let offered: Vec<&str> = profiles.keys().map(String::as_str).collect();
            let remedy = match offered.as_slice() {
                [] => "It offers none.".to_owned(),
                offered => format!("It offers: {}.", offered.join(", ")),
            };
            let detail = format!("the CA has no profile \"{profile}\"");
            Err(Problem::new(ProblemCode::Invalid, detail)
                .with_remedy(remedy)
                .at("/profile")
                .into())
        }
        _ => Ok(()),
    }
}

/// What the CA did, as the answer to a request.
pub(super) fn refused(error: &AcmeError) -> LifecycleError {
    failed(&Failure::acme(Stage::Account, error)).into()
}

/// A failure, as the answer to a request.
pub(super) fn failed(failure: &Failure) -> Problem {
    failure.to_problem(ProblemCode::CaVendorFailed)
}
