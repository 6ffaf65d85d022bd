//! Rate limits as token buckets on the stub's clock (those of Let's Encrypt, spring 2026).

use std::collections::HashMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::problem::Problem;

/// Which limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LimitKind {
    /// New accounts per IP address.
    Accounts,
    /// New orders per account.
    Orders,
    /// Certificates per registered domain or address.
    CertificatesPerDomain,
    /// Certificates per exact set of names.
    ExactSet,
    /// Failed authorizations per name and account.
    FailedAuthorizations,
    /// Requests per IP address; refused with 503, whatever is asked.
    Requests,
    /// Requests, refused with 429 and no problem document, as `ZeroSSL` does.
    Storm,
}

/// A token bucket: so many at once, and one more each `refill`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// So many at once.
    pub capacity: u32,
    /// The time for one more.
    pub refill: SignedDuration,
}

/// The modelled limits; those absent do not hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// New accounts, all clients together.
    pub accounts: Option<Bucket>,
    /// New orders per account; not for ARI renewals and renewals of the same set.
    pub orders: Option<Bucket>,
    /// Certificates per registered domain; not for ARI renewals and renewals of the same set.
    pub certificates_per_domain: Option<Bucket>,
    /// Certificates per exact set; not for ARI renewals.
    pub exact_set: Option<Bucket>,
    /// Failed authorizations per name and account; not for ARI renewals.
    pub failed_authorizations: Option<Bucket>,
    /// Failures of a name in a row after which it is paused for its account.
    pub pause_after: Option<u32>,
}

/// How full the buckets are.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// When each bucket is full again, in milliseconds since 1970.
    full_at: HashMap<(LimitKind, String), i64>,
    refused: HashMap<LimitKind, u32>,
}

impl Limits {
    /// Those of Let's Encrypt's production.
    pub const fn lets_encrypt() -> Self {
        Self {
            accounts: Some(Bucket::new(10, 18 * 60)),
            orders: Some(Bucket::new(300, 36)),
            certificates_per_domain: Some(Bucket::new(50, 7 * 86_400 / 50)),
            exact_set: Some(Bucket::new(5, 7 * 86_400 / 5)),
            failed_authorizations: Some(Bucket::new(5, 12 * 60)),
            pause_after: Some(1152),
        }
    }

    const fn bucket(&self, kind: LimitKind) -> Option<Bucket> {
        match kind {
            LimitKind::Accounts => self.accounts,
            LimitKind::Orders => self.orders,
            LimitKind::CertificatesPerDomain => self.certificates_per_domain,
            LimitKind::ExactSet => self.exact_set,
            LimitKind::FailedAuthorizations => self.failed_authorizations,
            LimitKind::Requests | LimitKind::Storm => None,
        }
    }
}

impl Bucket {
    /// A bucket with its refill in seconds.
    pub const fn new(capacity: u32, refill_seconds: i64) -> Self {
        Self {
            capacity,
            refill: SignedDuration::from_secs(refill_seconds),
        }
    }

    fn refill_millis(self) -> i64 {
        i64::try_from(self.refill.as_millis()).unwrap_or(i64::MAX)
    }
}

impl Ledger {
    /// Whether one more fits; nothing is taken.
    pub(super) fn check(
        &mut self,
        limits: &Limits,
        kind: LimitKind,
        of: &str,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let Some(bucket) = limits.bucket(kind) else {
            return Ok(());
        };
        let (now_millis, step) = (now.as_millisecond(), bucket.refill_millis());
        let full_at = self.full_at.get(&(kind, of.to_owned())).copied();
        let full_at = full_at.unwrap_or(now_millis).max(now_millis);
        let wait = full_at + step - step * i64::from(bucket.capacity) - now_millis;
        if wait <= 0 {
            return Ok(());
        }
        *self.refused.entry(kind).or_default() += 1;
        let wait = Duration::from_millis(wait.unsigned_abs());
        Err(refusal(kind, bucket, of, wait, now))
    }

    /// Takes one, whether or not it fits.
    pub(super) fn spend(&mut self, limits: &Limits, kind: LimitKind, of: &str, now: Timestamp) {
        if let Some(bucket) = limits.bucket(kind) {
            let now = now.as_millisecond();
            let full_at = self.full_at.entry((kind, of.to_owned())).or_insert(now);
            *full_at = (*full_at).max(now) + bucket.refill_millis();
        }
    }

    /// Notes a refusal that no bucket decided.
    pub(super) fn note(&mut self, kind: LimitKind) {
        *self.refused.entry(kind).or_default() += 1;
    }

    /// How often this limit refused.
    pub(super) fn refused(&self, kind: LimitKind) -> u32 {
        self.refused.get(&kind).copied().unwrap_or_default()
    }
}

/// The bucket named when a limit is only pretended.
pub(super) fn nominal(kind: LimitKind) -> Bucket {
    Limits::lets_encrypt()
        .bucket(kind)
        .unwrap_or(Bucket::new(20, 1))
}

/// A refusal in Boulder's words.
pub(super) fn refusal(
    kind: LimitKind,
    bucket: Bucket,
    of: &str,
    wait: Duration,
    now: Timestamp,
) -> Problem {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let until = now + SignedDuration::from_secs(seconds.cast_signed());
    let until = until.strftime("%Y-%m-%d %H:%M:%S UTC");
    let count = bucket.capacity;
    let hours = (bucket.refill * count.cast_signed()).as_hours();
    let (what, anchor) = match kind {
        LimitKind::Accounts => (
            format!("too many new registrations ({count}) from this IP address"),
            "new-registrations-per-ip-address",
        ),
        LimitKind::Orders => (
            format!("too many new orders ({count}) from this account"),
            "new-orders-per-account",
        ),
        LimitKind::CertificatesPerDomain => (
            format!("too many certificates ({count}) already issued for {of:?}"),
            "new-certificates-per-registered-domain",
        ),
        LimitKind::ExactSet => (
            format!(
                "too many certificates ({count}) already issued for this exact set of identifiers"
            ),
            "new-certificates-per-exact-set-of-identifiers",
        ),
        LimitKind::FailedAuthorizations => (
            {
                // The bucket's name begins with the account.
                let name = of.split_once(':').map_or(of, |(_, name)| name);
                format!("too many failed authorizations ({count}) for {name:?}")
            },
            "authorization-failures-per-identifier-per-account",
        ),
        LimitKind::Requests | LimitKind::Storm => {
            let problem = Problem::new(503, "rateLimited", "Service busy; retry later.");
            return problem.header("retry-after", seconds.to_string());
        }
    };
    let detail = format!(
        "{what} in the last {hours}h0m0s, retry after {until}: see https://letsencrypt.org/docs/rate-limits/#{anchor}"
    );
    Problem::new(429, "rateLimited", detail).header("retry-after", seconds.to_string())
}
