//! What somebody should look at, though nothing has failed.

use evercert_api::ca_vendors::{Capabilities, VendorWarning};
use evercert_db::DbError;
use evercert_db::accounts::Account;
use evercert_db::vendors::Vendor;
use evercert_types::format_span;
use jiff::SignedDuration;

use crate::state::Console;

/// A directory is read daily; when that failed this long, somebody should know.
const OLD: SignedDuration = SignedDuration::from_hours(48);

/// All warnings about a vendor as it is now.
pub(super) async fn warnings(
    console: &Console,
    vendor: &Vendor,
    offered: &Capabilities,
    account: Option<&Account>,
) -> Result<Vec<VendorWarning>, DbError> {
    let shortest = match vendor.renew_before {
        Some(_) => console.db.shortest_life_of_vendor(vendor.id).await?,
        None => None,
    };
    let all = [
        account_missing(vendor, account),
        directory_old(console, offered),
        terms_changed(vendor, offered),
        profile_vanished(vendor, offered),
        window_long(vendor, shortest),
    ];
    Ok(all.into_iter().flatten().collect())
}

/// A warning.
pub(super) fn warning(code: &str, message: String, remedy: impl Into<String>) -> VendorWarning {
    VendorWarning {
        code: code.to_owned(),
        message,
        remedy: Some(remedy.into()),
    }
}

fn account_missing(vendor: &Vendor, account: Option<&Account>) -> Option<VendorWarning> {
    let registered = account.is_some_and(|account| account.url.is_some());
    let message = "No account is registered at the CA yet.".to_owned();
    let remedy = format!("Connect: `evercert ca-vendor test {}`.", vendor.name);
    (!registered).then(|| warning("account.missing", message, remedy))
}

fn directory_old(console: &Console, offered: &Capabilities) -> Option<VendorWarning> {
    let read_at = offered.read_at?;
    let message = format!("The directory could not be read since {read_at}.");
    let remedy = "Test the vendor: that says what is in the way.";
    let old = read_at.duration_until(console.now()) > OLD;
    old.then(|| warning("capabilities.old", message, remedy))
}

fn terms_changed(vendor: &Vendor, offered: &Capabilities) -> Option<VendorWarning> {
    let agreed = vendor.options.terms_agreed.as_ref()?;
    let present = offered.terms_of_service.as_ref()?;
    let message = format!("The CA's terms of service have changed: {present}");
    let remedy = format!(
        "Read them, then agree: `evercert ca-vendor edit {} --agree-tos`.",
        vendor.name
    );
    (agreed != present).then(|| warning("terms.changed", message, remedy))
}

fn profile_vanished(vendor: &Vendor, offered: &Capabilities) -> Option<VendorWarning> {
    let profile = vendor.profile.as_ref()?;
    let message = format!("The CA's directory no longer offers the profile \"{profile}\".");
    let remedy = match offered.profiles.as_slice() {
        [] => "It offers none: take the profile away.".to_owned(),
        offered => format!("Choose another: {}.", offered.join(", ")),
    };
    let vanished = !offered.profiles.contains(profile);
    vanished.then(|| warning("profile.vanished", message, remedy))
}

/// A window of half the lifetime or more would renew again and again; the plan falls back to fractions beyond half.
fn window_long(vendor: &Vendor, shortest: Option<SignedDuration>) -> Option<VendorWarning> {
    let (before, life) = (vendor.renew_before?, shortest?);
    let message = format!(
        "Renewing {} before expiry is half of the lifetime or more of certificates that live {}.",
        format_span(before),
        format_span(life)
    );
    let remedy = "Choose fewer days, or none: then the lifetime decides.";
    (before >= life / 2).then(|| warning("renew_before.long", message, remedy))
}
