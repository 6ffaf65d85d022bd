//! Learning from refusals: which limit a CA means, and until when it wants to be left alone.

use evercert_acme::{AcmeError, ProblemKind};
use evercert_db::DbError;
use evercert_db::ledger::BucketKey;
use evercert_db::vendors::Vendor;
use jiff::{SignedDuration, Timestamp};

use super::price::{Goods, key, registered_domain, set_key};
use super::rules::Kind;
use crate::state::Console;

/// A refusal that names no limit stops everything of the vendor, but for no longer than this: the next order shows.
const LONGEST_FOR_ALL: SignedDuration = SignedDuration::from_hours(1);

/// Books a refusal, if it is one for a limit: what the CA says stands for all orders and after a restart.
///
/// # Errors
/// When the database fails.
pub(crate) async fn correct(
    console: &Console,
    vendor: &Vendor,
    goods: Goods<'_>,
    error: &AcmeError,
) -> Result<(), DbError> {
    let detail = error
        .problem()
        .and_then(|problem| problem.detail.as_deref());
    if let Some(url) = error.problem().and_then(|problem| problem.unpause_url()) {
        return note_pause(console, vendor, goods, detail.unwrap_or_default(), url).await;
    }
    if !is_limit(error) {
        return Ok(());
    }
    let asked = error
        .retry_after()
        .and_then(|wait| SignedDuration::try_from(wait).ok());
    let Some(asked) = asked.filter(|asked| asked.is_positive()) else {
        return Ok(());
    };
    let (key, wait) = match detail.and_then(|detail| limit_in(vendor, goods, detail)) {
        Some(key) => (key, asked),
        None => (
            key(vendor, Kind::Everything, String::new()),
            asked.min(LONGEST_FOR_ALL),
        ),
    };
    let until = console.now().checked_add(wait).unwrap_or(Timestamp::MAX);
    tracing::warn!(
        vendor.name = vendor.name, limit.kind = key.kind, limit.subject = key.subject, %until,
        "the CA refused for a rate limit"
    );
    let mut tx = console.db.begin_write().await?;
    tx.hold_tokens(&key, until).await?;
    tx.commit().await
}

/// Whether a CA refused for a rate limit.
pub(crate) fn is_limit(error: &AcmeError) -> bool {
    match error {
        AcmeError::Status { status, .. } => *status == 429,
        _ => error.problem().is_some_and(|problem| {
            problem.unpause_url().is_none()
                && (problem.kind() == ProblemKind::RateLimited || problem.status == Some(429))
                && problem.status != Some(503)
        }),
    }
}

/// The bucket that Let's Encrypt's words mean; other CAs that run Boulder say the same.
fn limit_in(vendor: &Vendor, goods: Goods<'_>, detail: &str) -> Option<BucketKey> {
    let quoted = || detail.split('"').nth(1).map(str::to_owned);
    let bucket = |kind, subject| key(vendor, kind, subject);
    if detail.contains("new registrations") {
        Some(bucket(Kind::Accounts, String::new()))
    } else if detail.contains("new orders") {
        Some(bucket(Kind::Orders, String::new()))
    } else if detail.contains("exact set of") {
        Some(set_key(vendor, goods))
    } else if detail.contains("failed authorizations") {
        Some(bucket(Kind::Failures, quoted()?))
    } else if detail.contains("already issued for") {
        Some(bucket(Kind::PerDomain, registered_domain(&quoted()?)))
    } else {
        None
    }
}

/// Notes that the CA paused names: those that it names, else all of the order.
async fn note_pause(
    console: &Console,
    vendor: &Vendor,
    goods: Goods<'_>,
    detail: &str,
    url: &str,
) -> Result<(), DbError> {
    let bases = goods.bases();
    let words: Vec<&str> = detail
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '\''))
        .collect();
    let named: Vec<&String> = bases
        .iter()
        .filter(|name| words.contains(&name.as_str()))
        .collect();
    let paused = if named.is_empty() {
        bases.iter().collect()
    } else {
        named
    };
    let mut tx = console.db.begin_write().await?;
    for name in paused {
        tx.note_pause(vendor.id, name, url).await?;
    }
    tx.commit().await
}

#[cfg(test)]
mod tests {
    use evercert_types::DomainName;

    use super::super::rules::tests::lets_encrypt;
    use super::*;

    #[test]
    fn boulders_words_name_the_bucket() {
        let vendor = lets_encrypt();
        let names: Vec<DomainName> = vec!["www.example.com".parse().unwrap()];
        let goods = Goods {
            names: &names,
            ips: &[],
        };
        let cases = [
            (
                "too many new registrations (10) from this IP address in the last 3h0m0s",
                "new_accounts_per_ip",
                "",
            ),
            (
                "too many new orders (300) from this account in the last 3h0m0s",
                "new_orders_per_account",
                "",
            ),
            (
                "too many certificates (50) already issued for \"example.com\" in the last 168h0m0s",
                "certificates_per_registered_domain",
                "example.com",
            ),
            (
                "too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s",
                "certificates_per_exact_set",
                "www.example.com",
            ),
            (
                "too many failed authorizations (5) for \"www.example.com\" in the last 1h0m0s",
                "failed_authorizations_per_name",
                "www.example.com",
            ),
        ];

        for (detail, kind, subject) in cases {
            let key = limit_in(&vendor, goods, detail).unwrap();
            assert_eq!((key.kind.as_str(), key.subject.as_str()), (kind, subject));
        }
        assert_eq!(limit_in(&vendor, goods, "slow down"), None);
    }
}
