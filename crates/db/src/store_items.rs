//! The zero-touch store as instances see it: the last change of each item, and the counter that orders changes.
//!
//! A change is written in the transaction that makes it: [`Tx::put_store_item`] with the version it puts into
//! force. The revision is taken by an update of one row, which stays locked until the transaction ends: revisions
//! have no gaps, and who sees revision `n` sees every one before it.

use std::collections::HashMap;

use evercert_types::{
    CertificateId, Fingerprint, KeyAlgorithm, Labels, Secret, Selector, StoreKind, VersionId,
};
use jiff::Timestamp;
use sqlx::any::AnyRow;

use crate::row::{Fields as _, to_json};
use crate::{Db, DbError, Tx};

/// Name of the zero-touch store's counter.
pub const ZERO_TOUCH: &str = "zero_touch";
/// Name of the counter of the register of instances.
pub const INSTANCES: &str = "instances";

/// Name of the counter of the responses to challenges.
pub const CHALLENGES: &str = "challenges";

/// How many versions [`Db::store_contents`] reads at most.
pub const CONTENTS_AT_ONCE: usize = 32;

/// A version that instances in scope shall serve from now on.
#[derive(Clone, Debug)]
pub struct StorePut<'a> {
    /// The certificate.
    pub certificate_id: CertificateId,
    /// Its key algorithm: with the certificate it names the item.
    pub algorithm: KeyAlgorithm,
    /// The version in force.
    pub version_id: VersionId,
    /// The version's generation.
    pub generation: i64,
    /// Which instances get it.
    pub selector: &'a Selector,
    /// SHA-256 of the version's leaf.
    pub fingerprint: Fingerprint,
}

/// The last change of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreItem {
    /// The certificate.
    pub certificate_id: CertificateId,
    /// Its key algorithm.
    pub algorithm: KeyAlgorithm,
    /// The version in force; none once removed.
    pub version_id: Option<VersionId>,
    /// The version's generation.
    pub generation: i64,
    /// The revision that the change took.
    pub revision: i64,
    /// Which instances get it.
    pub selector: Selector,
    /// Which instances may still hold an earlier state of it.
    pub former_selectors: Vec<Selector>,
    /// SHA-256 of the version's leaf.
    pub fingerprint: Fingerprint,
    /// When it changed.
    pub changed_at: Timestamp,
}

/// What a version delivers.
#[derive(Clone, Debug)]
pub struct StoreContent {
    /// The certificate.
    pub certificate_id: CertificateId,
    /// Its key algorithm.
    pub algorithm: KeyAlgorithm,
    /// The certificate's name.
    pub name: String,
    /// The version.
    pub version_id: VersionId,
    /// Its generation.
    pub generation: i64,
    /// Leaf and intermediates in PEM.
    pub chain_pem: String,
    /// The private key, PKCS#8 DER.
    pub key: Secret<Vec<u8>>,
    /// When the version was committed, Unix milliseconds.
    pub committed_at_ms: i64,
}

/// When a version in force ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveEnd {
    /// The certificate's name.
    pub name: String,
    /// Its store.
    pub store: StoreKind,
    /// The version's key algorithm.
    pub algorithm: KeyAlgorithm,
    /// When it ends.
    pub not_after: Timestamp,
}

/// Where a counter stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreState {
    /// Begins anew, and larger, when the Console was restored from a backup.
    pub epoch: i64,
    /// The last revision taken; 0 before the first.
    pub revision: i64,
}

/// Where the counters stand that every Console watches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStates {
    /// The zero-touch store.
    pub zero_touch: StoreState,
    /// The register of instances.
    pub instances: StoreState,
    /// The responses to challenges.
    pub challenges: StoreState,
}

impl StoreItem {
    /// Whether it left the store.
    pub const fn is_removed(&self) -> bool {
        self.version_id.is_none()
    }

    /// Whether an instance with these labels has it in its set.
    pub fn is_for(&self, labels: &Labels) -> bool {
        !self.is_removed() && self.selector.matches(labels)
    }

    /// Whether an instance with these labels may hold any state of it.
    pub fn may_be_held(&self, labels: &Labels) -> bool {
        self.selector.matches(labels) || self.former_selectors.iter().any(|s| s.matches(labels))
    }
}

impl Tx {
    /// Puts a version into the zero-touch store, in place of the item's version before; returns the revision.
    ///
    /// Put the same version again to change its scope.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_store_item(&mut self, put: &StorePut<'_>) -> Result<i64, DbError> {
        let item_id = item_id(put.certificate_id, put.algorithm);
        let revision = self.next_revision(ZERO_TOUCH).await?;
        let former = self.former_selectors(&item_id, put.selector).await?;
        let query = sqlx::query(
            "INSERT INTO store_items (item_id, certificate_id, algorithm, version_id, generation, revision, removed, \
               selector, former_selectors, fingerprint, changed_at_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9, $10) \
             ON CONFLICT (item_id) DO UPDATE SET version_id = excluded.version_id, generation = excluded.generation, \
               revision = excluded.revision, removed = 0, selector = excluded.selector, \
               former_selectors = excluded.former_selectors, fingerprint = excluded.fingerprint, \
               changed_at_ms = excluded.changed_at_ms",
        )
        .bind(item_id)
        .bind(put.certificate_id.to_string())
        .bind(put.algorithm.as_str())
        .bind(put.version_id.to_string())
        .bind(put.generation)
        .bind(revision)
        .bind(to_json(put.selector)?)
        .bind(to_json(&former)?)
        .bind(put.fingerprint.to_string())
        .bind(self.now().as_millisecond());
        self.execute("putting an item into the zero-touch store", query)
            .await?;
        Ok(revision)
    }

    /// Takes an item out of the zero-touch store; returns the revision, or none when it was not there.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_store_item(
        &mut self,
        certificate_id: CertificateId,
        algorithm: KeyAlgorithm,
    ) -> Result<Option<i64>, DbError> {
        let item_id = item_id(certificate_id, algorithm);
        let query = sqlx::query(
            "SELECT count(*) AS held FROM store_items WHERE item_id = $1 AND removed = 0",
        )
        .bind(&item_id);
        let held = self
            .one("removing an item from the zero-touch store", query)
            .await?;
        if held.map_or(Ok(0), |row| row.int("held"))? == 0 {
            return Ok(None);
        }
        let revision = self.next_revision(ZERO_TOUCH).await?;
        let query = sqlx::query(
            "UPDATE store_items SET removed = 1, version_id = NULL, revision = $2, changed_at_ms = $3 WHERE item_id = $1",
        )
        .bind(item_id)
        .bind(revision)
        .bind(self.now().as_millisecond());
        self.execute("removing an item from the zero-touch store", query)
            .await?;
        Ok(Some(revision))
    }

    /// Takes the next revision of a counter.
    pub(crate) async fn next_revision(&mut self, counter: &'static str) -> Result<i64, DbError> {
        let query = sqlx::query(
            "INSERT INTO store_state (store, epoch, revision) VALUES ($1, $2, 1) \
             ON CONFLICT (store) DO UPDATE SET revision = store_state.revision + 1 RETURNING revision",
        )
        .bind(counter)
        .bind(self.now().as_second());
        let row = self.one("taking the next revision", query).await?;
        row.ok_or_else(|| {
            DbError::inconsistent("taking the next revision", "no revision came back")
        })?
        .int("revision")
    }

    /// Every selector the item had, but for the one it gets.
    async fn former_selectors(
        &mut self,
        item_id: &str,
        next: &Selector,
    ) -> Result<Vec<Selector>, DbError> {
        let query =
            sqlx::query("SELECT selector, former_selectors FROM store_items WHERE item_id = $1")
                .bind(item_id);
        let row = self.one("reading the scopes an item had", query).await?;
        let Some(row) = row else {
            return Ok(Vec::new());
        };
        let mut former: Vec<Selector> = row.json("former_selectors")?;
        let last: Selector = row.json("selector")?;
        if !former.contains(&last) {
            former.push(last);
        }
        former.retain(|selector| selector != next);
        Ok(former)
    }
}

impl Db {
    /// Where the counters stand; cheap enough to be asked often.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn store_states(&self) -> Result<StoreStates, DbError> {
        let query = sqlx::query("SELECT store, epoch, revision FROM store_state");
        let rows = self
            .rows("reading the counters of the stores", query)
            .await?;
        let mut states = StoreStates::default();
        for row in rows {
            let state = StoreState {
                epoch: row.int("epoch")?,
                revision: row.int("revision")?,
            };
            match row.text("store")?.as_str() {
                ZERO_TOUCH => states.zero_touch = state,
                INSTANCES => states.instances = state,
                CHALLENGES => states.challenges = state,
                _ => {}
            }
        }
        Ok(states)
    }

    /// Makes the counters of a new database; their epoch is the present time, so that it never repeats.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ensure_store_states(&self) -> Result<StoreStates, DbError> {
        for counter in [ZERO_TOUCH, INSTANCES, CHALLENGES] {
            let query = sqlx::query("INSERT INTO store_state (store, epoch, revision) VALUES ($1, $2, 0) ON CONFLICT (store) DO NOTHING")
                .bind(counter)
                .bind(self.now().as_second());
            self.execute("making the counters of the stores", query)
                .await?;
        }
        self.store_states().await
    }

    /// Begins a new epoch of the zero-touch store, after a restore from a backup: every instance reads it anew.
    /// `seen` is the epoch that is to be left; nothing happens when another Console left it already.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_store_epoch(&self, seen: i64) -> Result<StoreStates, DbError> {
        let query =
            sqlx::query("UPDATE store_state SET epoch = $2 WHERE store = $1 AND epoch = $3")
                .bind(ZERO_TOUCH)
                .bind(self.now().as_second().max(seen.saturating_add(1)))
                .bind(seen);
        self.execute("beginning a new epoch", query).await?;
        self.store_states().await
    }

    /// The changes after a revision, oldest first, at most `limit`.
    ///
    /// # Errors
    /// When the database fails, or a row cannot be read.
    pub async fn store_items_after(
        &self,
        revision: i64,
        limit: i64,
    ) -> Result<Vec<StoreItem>, DbError> {
        let query = sqlx::query(
            "SELECT certificate_id, algorithm, version_id, generation, revision, removed, selector, former_selectors, \
               fingerprint, changed_at_ms FROM store_items WHERE revision > $1 ORDER BY revision LIMIT $2",
        )
        .bind(revision)
        .bind(limit);
        let rows = self
            .rows("reading the changes of the zero-touch store", query)
            .await?;
        rows.iter().map(read_item).collect()
    }

    /// The names of the certificates in the zero-touch store.
    ///
    /// # Errors
    /// When the database fails, or a row cannot be read.
    pub async fn zero_touch_names(&self) -> Result<HashMap<CertificateId, String>, DbError> {
        let query =
            sqlx::query("SELECT id, name FROM certificates WHERE store = $1").bind(ZERO_TOUCH);
        let rows = self
            .rows("reading the names of the zero-touch store", query)
            .await?;
        rows.iter()
            .map(|row| Ok((row.parse("id")?, row.text("name")?)))
            .collect()
    }

    /// When the versions in force end, soonest first, at most `limit`.
    ///
    /// # Errors
    /// When the database fails, or a row cannot be read.
    pub async fn active_ends(&self, limit: i64) -> Result<Vec<ActiveEnd>, DbError> {
        let query = sqlx::query(
            "SELECT c.name, c.store, s.algorithm, v.not_after FROM certificate_slots s \
             JOIN certificates c ON c.id = s.certificate_id JOIN versions v ON v.id = s.active_version_id \
             ORDER BY v.not_after, v.id LIMIT $1",
        )
        .bind(limit);
        let rows = self
            .rows("reading when the versions in force end", query)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(ActiveEnd {
                    name: row.text("name")?,
                    store: row.parse("store")?,
                    algorithm: row.parse("algorithm")?,
                    not_after: row.time("not_after")?,
                })
            })
            .collect()
    }

    /// What these versions deliver, in no order; those that are not there are left out. At most
    /// [`CONTENTS_AT_ONCE`]: what is beyond is not read.
    ///
    /// # Errors
    /// When the database fails, or a row or key cannot be read.
    pub async fn store_contents(
        &self,
        versions: &[VersionId],
    ) -> Result<Vec<StoreContent>, DbError> {
        let Some(first) = versions.first() else {
            return Ok(Vec::new());
        };
        let mut query = sqlx::query(
            "SELECT v.id, v.certificate_id, v.algorithm, v.generation, v.chain_pem, v.key_sealed, \
               v.committed_at_ms, c.name \
             FROM versions v JOIN certificates c ON c.id = v.certificate_id \
             WHERE v.key_sealed IS NOT NULL AND v.id IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, \
               $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, \
               $28, $29, $30, $31, $32)",
        );
        for n in 0..CONTENTS_AT_ONCE {
            query = query.bind(versions.get(n).unwrap_or(first).to_string());
        }
        let rows = self
            .rows("reading versions of the zero-touch store", query)
            .await?;
        rows.iter().map(|row| self.read_content(row)).collect()
    }

    fn read_content(&self, row: &AnyRow) -> Result<StoreContent, DbError> {
        let version_id: VersionId = row.parse("id")?;
        let key = self.open_sealed(&version_key_context(version_id), &row.text("key_sealed")?)?;
        Ok(StoreContent {
            certificate_id: row.parse("certificate_id")?,
            algorithm: row.parse("algorithm")?,
            name: row.text("name")?,
            version_id,
            generation: row.int("generation")?,
            chain_pem: row.text("chain_pem")?,
            key,
            committed_at_ms: row.int("committed_at_ms")?,
        })
    }
}

/// What a version's private key, PKCS#8 DER, is sealed for.
pub(crate) fn version_key_context(id: VersionId) -> String {
    format!("versions.key/{id}")
}

fn item_id(certificate: CertificateId, algorithm: KeyAlgorithm) -> String {
    format!("{certificate}/{algorithm}")
}

fn read_item(row: &AnyRow) -> Result<StoreItem, DbError> {
    let removed: i64 = row.int("removed")?;
    let version_id = match removed {
        0 => Some(row.parse("version_id")?),
        _ => None,
    };
    Ok(StoreItem {
        certificate_id: row.parse("certificate_id")?,
        algorithm: row.parse("algorithm")?,
        version_id,
        generation: row.int("generation")?,
        revision: row.int("revision")?,
        selector: row.json("selector")?,
        former_selectors: row.json("former_selectors")?,
        fingerprint: row.parse("fingerprint")?,
        changed_at: row.time_ms("changed_at_ms")?,
    })
}
