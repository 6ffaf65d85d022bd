//! What is left at a CA: when an order could be placed, without placing or taking anything.

use std::net::IpAddr;

use evercert_db::DbError;
use evercert_db::ledger::Draw;
use evercert_db::vendors::Vendor;
use evercert_types::DomainName;
use jiff::{SignedDuration, Timestamp};

use super::price::{Exemption, Goods, needed, price};
use super::rules::{Kind, rules};
use crate::state::Console;

/// A set of names counts as issued before for so long (Let's Encrypt).
pub(crate) const SAME_SET: SignedDuration = SignedDuration::from_hours(24 * 120);

/// Whether an order would be placed, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    /// When every bucket has a token; not after now: at once.
    pub(crate) ready_at: Timestamp,
    /// The buckets that the order would take from, or that must not be empty.
    pub(crate) lines: Vec<Line>,
}

/// One bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) kind: Kind,
    /// What the CA counts: nothing, a registered domain, a set of names, a name.
    pub(crate) subject: String,
    /// 0: nobody says how many.
    pub(crate) burst: u32,
    pub(crate) left: u32,
    /// Seconds in which a token comes back.
    pub(crate) refill_secs: u32,
    /// When a token can be had; not after now: at once.
    pub(crate) ready_at: Timestamp,
}

impl Budget {
    /// The bucket that is waited for longest, in words; none when nothing is waited for.
    pub(crate) fn in_words(&self, now: Timestamp) -> Option<String> {
        let waits = self.lines.iter().filter(|line| line.ready_at > now);
        waits.max_by_key(|line| line.ready_at).map(Line::in_words)
    }
}

impl Line {
    /// `50 certificates for one registered domain (example.com) are used up; one more from …`.
    pub(crate) fn in_words(&self) -> String {
        let subject = match self.subject.as_str() {
            "" => String::new(),
            subject => format!(" ({subject})"),
        };
        let what = self.kind.in_words();
        match self.kind {
            Kind::Everything => format!("the CA asked to be left alone until {}", self.ready_at),
            _ if self.left > 0 || self.burst == 0 => {
                format!(
                    "the CA said for {what}{subject} to come back at {}",
                    self.ready_at
                )
            }
            _ => format!(
                "the CA's limit of {} {what}{subject} is used up until {}",
                self.burst, self.ready_at
            ),
        }
    }
}

/// What an order of these names would find at a vendor; `replaces_in_window`: it names the certificate it replaces,
/// inside that one's ARI window.
///
/// # Errors
/// When the database fails.
pub(crate) async fn budget(
    console: &Console,
    vendor: &Vendor,
    names: &[DomainName],
    ips: &[IpAddr],
    ari: Ari,
) -> Result<Budget, DbError> {
    let goods = Goods { names, ips };
    let exemption = exemption(console, vendor, goods, ari).await?;
    let rules = rules(vendor);
    let draws = price(vendor, &rules, goods, exemption);
    let now = console.now();
    let mut lines = Vec::new();
    for draw in draws.into_iter().chain(needed(vendor, &rules, goods)) {
        let bucket = console.db.bucket(&draw.key).await?;
        let line = line(&draw, bucket.as_ref(), now);
        lines.extend(line.filter(|line| line.burst > 0 || line.ready_at > now));
    }
    let ready_at = lines.iter().map(|line| line.ready_at).max().unwrap_or(now);
    Ok(Budget {
        ready_at: ready_at.max(now),
        lines,
    })
}

/// Whether an order says which certificate it replaces, inside that one's ARI window (RFC 9773 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ari {
    /// It does.
    InWindow,
    /// It does not, or outside.
    No,
}

/// What an order is exempt from.
pub(crate) async fn exemption(
    console: &Console,
    vendor: &Vendor,
    goods: Goods<'_>,
    ari: Ari,
) -> Result<Exemption, DbError> {
    let issued = console
        .db
        .issued_at(&vendor.directory_url, &goods.digest())
        .await?;
    let recently = |at: Timestamp| at.duration_until(console.now()) < SAME_SET;
    Ok(Exemption {
        by_ari: ari == Ari::InWindow,
        as_renewal: issued.is_some_and(recently),
    })
}

pub(crate) fn line(
    draw: &Draw,
    bucket: Option<&evercert_db::ledger::Bucket>,
    now: Timestamp,
) -> Option<Line> {
    Some(Line {
        kind: Kind::of_word(&draw.key.kind)?,
        subject: draw.key.subject.clone(),
        burst: draw.burst,
        left: draw.left(bucket, now),
        refill_secs: draw.refill_secs,
        ready_at: draw.ready_at(bucket, now),
    })
}
