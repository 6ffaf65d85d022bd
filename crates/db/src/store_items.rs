//! The zero-touch store as instances see it: the last change of each item, and the counter that orders changes.
//!
//! A change is written in the transaction that makes it: [`Tx::put_store_item`] with the version it puts into
//! force. The revision is taken by an update of one row, which stays locked until the transaction ends: revisions
//! have no gaps, and who sees revision `n` sees every one before it.

use evercert_types::{CertificateId, Fingerprint, KeyAlgorithm, Labels, Secret, Selector, VersionId};
use jiff::Timestamp;
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::row::{RowExt, json_text};
use crate::{Db, DbError, Tx};

/// Name of the zero-touch store's counter.
pub const ZERO_TOUCH: &str = "zero_touch";
/// Name of the counter of the register of instances.
pub const INSTANCES: &str = "instances";

/// How many items [`Db::store_contents`] reads at most.
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

/// What an item delivers.
#[derive(Clone, Debug)]
pub struct StoreContent {
    /// The certificate.
    pub certificate_id: CertificateId,
    /// Its key algorithm.
    pub algorithm: KeyAlgorithm,
    /// The certificate's name.
    pub name: String,
    /// The version in force.
    pub version_id: VersionId,
    /// Its generation.
    pub generation: i64,
    /// The revision of the item's last change.
    pub revision: i64,
    /// Leaf and intermediates in PEM.
    pub chain_pem: String,
    /// The private key, PKCS#8 DER.
    pub key: Secret<Vec<u8>>,
    /// When the version was committed, Unix milliseconds.
    pub committed_at_ms: i64,
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
        let former = self.former_selectors(&item_id, Some(put.selector)).await?;
        let revision = self.next_revision(ZERO_TOUCH).await?;
        sqlx::query(
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
        .bind(json_text(put.selector))
        .bind(json_text(&former))
        .bind(put.fingerprint.to_string())
        .bind(self.now().as_millisecond())
        .execute(self.conn())
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
        let held = sqlx::query("SELECT count(*) AS held FROM store_items WHERE item_id = $1 AND removed = 0")
            .bind(&item_id)
            .fetch_one(self.conn())
            .await?;
        if held.try_get::<i64, _>("held")? == 0 {
            return Ok(None);
        }
        let revision = self.next_revision(ZERO_TOUCH).await?;
        sqlx::query(
            "UPDATE store_items SET removed = 1, version_id = NULL, revision = $2, changed_at_ms = $3 WHERE item_id = $1",
        )
        .bind(item_id)
        .bind(revision)
        .bind(self.now().as_millisecond())
        .execute(self.conn())
        .await?;
        Ok(Some(revision))
    }

    /// Takes the next revision of a counter.
    pub(crate) async fn next_revision(&mut self, counter: &'static str) -> Result<i64, DbError> {
        let row = sqlx::query(
            "INSERT INTO store_state (store, epoch, revision) VALUES ($1, $2, 1) \
             ON CONFLICT (store) DO UPDATE SET revision = store_state.revision + 1 RETURNING revision",
        )
        .bind(counter)
        .bind(self.now().as_second())
        .fetch_one(self.conn())
        .await?;
        Ok(row.try_get("revision")?)
    }

    /// Every selector the item had, but for the one it gets.
    async fn former_selectors(&mut self, item_id: &str, next: Option<&Selector>) -> Result<Vec<Selector>, DbError> {
        let row = sqlx::query("SELECT selector, former_selectors FROM store_items WHERE item_id = $1")
            .bind(item_id)
            .fetch_optional(self.conn())
            .await?;
        let Some(row) = row else { return Ok(Vec::new()) };
        let mut former: Vec<Selector> = row.json("store_items", "former_selectors")?;
        let last: Selector = row.json("store_items", "selector")?;
        if !former.contains(&last) {
            former.push(last);
        }
        former.retain(|selector| Some(selector) != next);
        Ok(former)
    }
}

impl Db {
    /// Where the counters stand, making them when this is a new database; cheap enough to be asked often.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn store_states(&self) -> Result<StoreStates, DbError> {
        let rows = sqlx::query("SELECT store, epoch, revision FROM store_state").fetch_all(self.pool()).await?;
        let mut states = StoreStates::default();
        for row in rows {
            let state = StoreState { epoch: row.try_get("epoch")?, revision: row.try_get("revision")? };
            match row.try_get::<String, _>("store")?.as_str() {
                ZERO_TOUCH => states.zero_touch = state,
                INSTANCES => states.instances = state,
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
        for counter in [ZERO_TOUCH, INSTANCES] {
            sqlx::query("INSERT INTO store_state (store, epoch, revision) VALUES ($1, $2, 0) ON CONFLICT (store) DO NOTHING")
                .bind(counter)
                .bind(self.now().as_second())
                .execute(self.pool())
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
        sqlx::query("UPDATE store_state SET epoch = $2 WHERE store = $1 AND epoch = $3")
            .bind(ZERO_TOUCH)
            .bind(self.now().as_second().max(seen.saturating_add(1)))
            .bind(seen)
            .execute(self.pool())
            .await?;
        self.store_states().await
    }

    /// The changes after a revision, oldest first, at most `limit`.
    ///
    /// # Errors
    /// When the database fails, or a row cannot be read.
    pub async fn store_items_after(&self, revision: i64, limit: i64) -> Result<Vec<StoreItem>, DbError> {
        let rows = sqlx::query(
            "SELECT certificate_id, algorithm, version_id, generation, revision, removed, selector, former_selectors, \
               fingerprint, changed_at_ms FROM store_items WHERE revision > $1 ORDER BY revision LIMIT $2",
        )
        .bind(revision)
        .bind(limit)
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(read_item).collect()
    }

    /// What these items deliver, in no order; those that are not there are left out. At most
    /// [`CONTENTS_AT_ONCE`]: what is beyond is not read.
    ///
    /// # Errors
    /// When the database fails, or a row or key cannot be read.
    pub async fn store_contents(&self, items: &[(CertificateId, KeyAlgorithm)]) -> Result<Vec<StoreContent>, DbError> {
        let Some((first, _)) = items.split_first() else { return Ok(Vec::new()) };
        let first = item_id(first.0, first.1);
        let mut query = sqlx::query(
            "SELECT i.certificate_id, i.algorithm, i.generation, i.revision, c.name, v.id AS version_id, v.chain_pem, \
               v.key_sealed, v.committed_at_ms \
             FROM store_items i JOIN versions v ON v.id = i.version_id JOIN certificates c ON c.id = i.certificate_id \
             WHERE i.removed = 0 AND i.item_id IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, \
               $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32)",
        );
        for n in 0..CONTENTS_AT_ONCE {
            query = query.bind(items.get(n).map_or_else(|| first.clone(), |item| item_id(item.0, item.1)));
        }
        let rows = query.fetch_all(self.pool()).await?;
        rows.iter().map(|row| self.read_content(row)).collect()
    }

    fn read_content(&self, row: &AnyRow) -> Result<StoreContent, DbError> {
        let version_id: VersionId = row.parsed("versions", "version_id")?;
        let sealed: Option<String> = row.try_get("key_sealed")?;
        let sealed = sealed
            .ok_or_else(|| DbError::inconsistent("versions", "key_sealed", &version_id.to_string()))?;
        Ok(StoreContent {
            certificate_id: row.parsed("store_items", "certificate_id")?,
            algorithm: row.parsed("store_items", "algorithm")?,
            name: row.try_get("name")?,
            version_id,
            generation: row.try_get("generation")?,
            revision: row.try_get("revision")?,
            chain_pem: row.try_get("chain_pem")?,
            key: self.open_version_key(version_id, &sealed)?,
            committed_at_ms: row.try_get("committed_at_ms")?,
        })
    }
}

fn item_id(certificate: CertificateId, algorithm: KeyAlgorithm) -> String {
    format!("{certificate}/{algorithm}")
}

fn read_item(row: &AnyRow) -> Result<StoreItem, DbError> {
    let removed: i64 = row.try_get("removed")?;
    let version_id = match removed {
        0 => Some(row.parsed("store_items", "version_id")?),
        _ => None,
    };
    Ok(StoreItem {
        certificate_id: row.parsed("store_items", "certificate_id")?,
        algorithm: row.parsed("store_items", "algorithm")?,
        version_id,
        generation: row.try_get("generation")?,
        revision: row.try_get("revision")?,
        selector: row.json("store_items", "selector")?,
        former_selectors: row.json("store_items", "former_selectors")?,
        fingerprint: row.parsed("store_items", "fingerprint")?,
        changed_at: row.millis("store_items", "changed_at_ms")?,
    })
}
