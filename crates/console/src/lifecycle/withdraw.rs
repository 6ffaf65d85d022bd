//! Withdrawing TXT values: exactly our own, after success and failure alike, and again until it is done.

use std::future::Future;
use std::pin::pin;

use evercert_db::DbError;
use evercert_db::db::Engine;
use evercert_db::txt_journal::JournalEntry;
use evercert_dns::{Multi, Receipt};
use evercert_types::OrderId;
use futures_util::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Duration, Instant};

use super::authorize::AT_ONCE;
use super::dns_clients::{self, DnsClient};
use super::failure::{Class, Failure, Stage};
use super::issue::Drive;
use super::publish::target;
use crate::state::Console;

/// Waits between attempts to remove a value; the last one from then on.
const LADDER: [SignedDuration; 4] = [
    SignedDuration::from_secs(10),
    SignedDuration::from_mins(1),
    SignedDuration::from_mins(10),
    SignedDuration::from_hours(1),
];
/// After so long, once a day is enough.
const HOPEFUL: SignedDuration = SignedDuration::from_hours(24 * 7);

const LEASE: SignedDuration = SignedDuration::from_secs(60);
/// Held longer than that, it is renewed.
const LEASE_RENEWAL: Duration = Duration::from_secs(20);
const LEASE_PATIENCE: Duration = Duration::from_secs(90);
const LEASE_POLL: Duration = Duration::from_millis(50);

impl Drive<'_> {
    /// Withdraws the order's values and responses, and says which records of the operator may go; what cannot be withdrawn now is left to the sweep.
    pub(crate) async fn withdraw_values(&self) {
        self.withdraw_responses().await;
        if let Err(error) = self.release_records().await {
            tracing::warn!(order.id = %self.order.id, %error, "it cannot be logged which TXT records may go");
        }
        match self.console.db.journal_of(self.order.id).await {
            Ok(entries) => withdraw(self.console, entries).await,
            Err(error) => {
                tracing::warn!(order.id = %self.order.id, %error, "TXT values are left to the sweep");
            }
        }
    }
}

/// Withdraws values; failures are written into the journal and tried again later.
pub(crate) async fn withdraw(console: &Console, entries: Vec<JournalEntry>) {
    let work: Vec<_> = entries
        .iter()
        .map(|entry| withdraw_one(console, entry))
        .collect();
    stream::iter(work).buffer_unordered(AT_ONCE).collect().await
}

async fn withdraw_one(console: &Console, entry: &JournalEntry) {
    if let Err(failure) = remove(console, entry).await {
        postpone(console, entry, &failure).await;
    }
}

async fn remove(console: &Console, entry: &JournalEntry) -> Result<(), Failure> {
    let client = dns_clients::client(console, entry.provider_id).await?;
    let lease = NameLease::take(console, &client, &entry.fqdn).await?;
    lease.during(remove_holding(console, &client, entry)).await
}

async fn remove_holding(
    console: &Console,
    client: &DnsClient,
    entry: &JournalEntry,
) -> Result<(), Failure> {
    // Two orders can share an authorization, and so a value: the last one removes it.
    if console.db.release_shared_value(entry).await? {
        return Ok(());
    }
    let receipt: Option<Receipt> = entry
        .receipt
        .clone()
        .and_then(|json| serde_json::from_value(json).ok());
    client
        .provider
        .remove(&target(entry), receipt.as_ref())
        .await
        .map_err(|error| Failure::dns(&error))?;
    let mut tx = console.db.begin_step().await?;
    tx.journal_removed(&entry.id).await?;
    tx.commit().await?;
    Ok(())
}

async fn postpone(console: &Console, entry: &JournalEntry, failure: &Failure) {
    let next = console.hasten(next_removal(entry, console.now()));
    tracing::warn!(
        dns.name = entry.fqdn,
        order.id = %entry.order_id,
        next_try = %next,
        "a TXT value could not be removed: {}", failure.message
    );
    let written: Result<(), DbError> = async {
        let mut tx = console.db.begin_step().await?;
        tx.journal_failed(&entry.id, next, &failure.message).await?;
        tx.commit().await
    }
    .await;
    if let Err(error) = written {
        tracing::error!(dns.name = entry.fqdn, %error, "the journal of TXT values cannot be written");
    }
}

/// When to try the removal again, after one more failure.
fn next_removal(entry: &JournalEntry, now: Timestamp) -> Timestamp {
    let rung = (entry.attempts as usize).min(LADDER.len() - 1);
    let wait = if entry.created_at.duration_until(now) > HOPEFUL {
        SignedDuration::from_hours(24)
    } else {
        LADDER[rung]
    };
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// Keeps other Consoles from changing the same record set, or the same zone, meanwhile; within one process the
/// providers see to that themselves.
pub(crate) struct NameLease<'a> {
    held: Option<(&'a Console, String, String)>,
}

impl<'a> NameLease<'a> {
    /// Takes the lease, where one is needed: several Consoles can share the database, and the provider reads and
    /// writes the whole record set, or the whole zone.
    pub(crate) async fn take(
        console: &'a Console,
        client: &DnsClient,
        fqdn: &str,
    ) -> Result<Self, Failure> {
        let scope = scope(client.provider.caps().multi, fqdn);
        let (Some(scope), Engine::Postgres) = (scope, console.db.engine()) else {
            return Ok(Self { held: None });
        };
        // Of the type, not the entry: two entries may be for the same account.
        let name = format!("dns:{}:{scope}", client.type_code);
        let owner = format!("{}/{}", console.node, OrderId::new());
        let deadline = Instant::now() + LEASE_PATIENCE;
        while !console.db.acquire_lease(&name, &owner, LEASE).await? {
            if Instant::now() >= deadline {
                return Err(Failure::new(
                    Stage::DnsWrite,
                    Class::Transient,
                    "dns.busy",
                    format!("another order holds the records of {scope}"),
                ));
            }
            tokio::time::sleep(LEASE_POLL).await;
        }
        Ok(Self {
            held: Some((console, name, owner)),
        })
    }

    /// Does what the lease was taken for, holding it for as long as that takes; then gives it up.
    pub(crate) async fn during<T>(self, work: impl Future<Output = T>) -> T {
        let Some((console, name, owner)) = self.held else {
            return work.await;
        };
        let mut work = pin!(work);
        let done = loop {
            match tokio::time::timeout(LEASE_RENEWAL, work.as_mut()).await {
                Ok(done) => break done,
                Err(_) => renew(console, &name, &owner).await,
            }
        };
        // One that cannot be given up now runs out by itself.
        if let Err(error) = console.db.release_lease(&name, &owner).await {
            tracing::warn!(lease = name, %error, "a lease could not be given up");
        }
        done
    }
}

async fn renew(console: &Console, name: &str, owner: &str) {
    match console.db.acquire_lease(name, owner, LEASE).await {
        Ok(true) => {}
        Ok(false) => tracing::warn!(lease = name, "a lease was lost before its work was done"),
        Err(error) => tracing::warn!(lease = name, %error, "a lease could not be renewed"),
    }
}

/// What must not be changed by two Consoles at once, if anything.
fn scope(multi: Multi, fqdn: &str) -> Option<String> {
    match multi {
        Multi::Rrset => Some(fqdn.to_owned()),
        Multi::Zone => Some(evercert_dns::registrable(fqdn).to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use evercert_types::DnsProviderId;

    use super::*;

    #[test]
    fn removals_are_tried_again_hourly_and_after_a_week_daily() {
        let start = Timestamp::from_second(1_790_000_000).unwrap();
        let mut entry = JournalEntry {
            id: "1".into(),
            order_id: OrderId::new(),
            provider_id: DnsProviderId::new(),
            fqdn: "_acme-challenge.example.org".into(),
            value: "v".into(),
            receipt: None,
            attempts: 0,
            next_try_at: None,
            last_error: None,
            created_at: start,
        };
        let wait =
            |entry: &JournalEntry, now| next_removal(entry, now).as_second() - now.as_second();

        assert_eq!(wait(&entry, start), 10);
        entry.attempts = 50;
        assert_eq!(wait(&entry, start), 3_600);
        assert_eq!(
            wait(&entry, start + SignedDuration::from_hours(24 * 8)),
            86_400
        );
    }

    #[test]
    fn writers_of_a_set_hold_its_name_and_writers_of_a_zone_the_whole_domain() {
        let name = "_acme-challenge.www.example.co.uk";

        assert_eq!(scope(Multi::Rrset, name).as_deref(), Some(name));
        assert_eq!(scope(Multi::Zone, name).as_deref(), Some("example.co.uk"));
        assert_eq!(scope(Multi::Records, name), None);
    }
}
