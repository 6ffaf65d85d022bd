//! Versions: the issued certificates of a certificate, immutable but for their state.

use evercert_types::{
    CertificateId, Fingerprint, KeyAlgorithm, OrderId, Secret, VendorId, VersionId, VersionState,
};
use jiff::Timestamp;
use sqlx::any::AnyRow;

use crate::db::{Db, Tx};
use crate::error::DbError;
use crate::row::Fields as _;
use crate::store_items::version_key_context;

/// One issued certificate, without its texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its id.
    pub id: VersionId,
    /// Of which certificate.
    pub certificate_id: CertificateId,
    /// Its key algorithm.
    pub algorithm: KeyAlgorithm,
    /// Counts up with each version of the slot, from 1.
    pub generation: i64,
    /// SHA-256 of the leaf's DER.
    pub fingerprint: Fingerprint,
    /// Serial number, hexadecimal.
    pub serial: String,
    /// The leaf's issuer.
    pub issuer: String,
    /// Validity begins.
    pub not_before: Timestamp,
    /// Validity ends.
    pub not_after: Timestamp,
    /// Who issued it; imported ones have none.
    pub vendor_id: Option<VendorId>,
    /// The order that brought it.
    pub order_id: Option<OrderId>,
    /// Whether it may be served.
    pub state: VersionState,
    /// When it was committed; resolution one millisecond.
    pub committed_at: Timestamp,
}

/// A version with its texts.
#[derive(Clone, Debug)]
pub struct Material {
    /// The version.
    pub version: Version,
    /// Leaf and intermediates in PEM.
    pub chain_pem: String,
    /// The private key, PKCS#8 DER, if it is here.
    pub key: Option<Secret<Vec<u8>>>,
}

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "SELECT id, certificate_id, algorithm, generation, fingerprint, serial, issuer, not_before, \
             not_after, vendor_id, order_id, state, committed_at_ms FROM versions ",
            $tail
        )
    };
}

impl Tx {
    /// The number that the next version of a slot gets.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn next_generation(
        &mut self,
        id: CertificateId,
        algorithm: KeyAlgorithm,
    ) -> Result<i64, DbError> {
        let query = sqlx::query(
            "SELECT max(generation) AS last FROM versions WHERE certificate_id = $1 AND algorithm = $2",
        )
        .bind(id.to_string())
        .bind(algorithm.as_str());
        let row = self.one("looking for the last generation", query).await?;
        let last = row.map_or(Ok(None), |row| row.opt_int("last"))?;
        Ok(last.unwrap_or(0) + 1)
    }

    /// Adds a version; its key is sealed.
    ///
    /// # Errors
    /// A conflict when the generation is taken.
    pub async fn insert_version(&mut self, material: &Material) -> Result<(), DbError> {
        let version = &material.version;
        let context = version_key_context(version.id);
        let key = material
            .key
            .as_ref()
            .map(|key| self.seal(&context, key.expose()))
            .transpose()?;
        let query = sqlx::query(
            "INSERT INTO versions (id, certificate_id, algorithm, generation, fingerprint, serial, \
             issuer, not_before, not_after, chain_pem, key_sealed, vendor_id, order_id, state, \
             committed_at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        )
        .bind(version.id.to_string())
        .bind(version.certificate_id.to_string())
        .bind(version.algorithm.as_str())
        .bind(version.generation)
        .bind(version.fingerprint.to_string())
        .bind(&version.serial)
        .bind(&version.issuer)
        .bind(version.not_before.as_second())
        .bind(version.not_after.as_second())
        .bind(&material.chain_pem)
        .bind(key)
        .bind(version.vendor_id.map(|id| id.to_string()))
        .bind(version.order_id.map(|id| id.to_string()))
        .bind(version.state.as_str())
        .bind(version.committed_at.as_millisecond());
        self.execute("saving a version", query).await.map(drop)
    }

    /// The version of an id, as this unit of work sees it.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn version(&mut self, id: VersionId) -> Result<Option<Version>, DbError> {
        let query = sqlx::query(select!("WHERE id = $1")).bind(id.to_string());
        let row = self.one("reading a version", query).await?;
        row.as_ref().map(read).transpose()
    }

    /// A version and those of other certificates that are the same leaf, by the order of their certificates.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn copies_of_version(&mut self, id: VersionId) -> Result<Vec<Version>, DbError> {
        let query = sqlx::query(select!(
            "WHERE fingerprint IN (SELECT v.fingerprint FROM versions v WHERE v.id = $1) \
             ORDER BY certificate_id, id"
        ))
        .bind(id.to_string());
        let rows = self.rows("looking for copies of a version", query).await?;
        rows.iter().map(read).collect()
    }

    /// Changes whether a version may be served; where it is in force, its renewal is to be planned anew.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn set_version_state(
        &mut self,
        id: VersionId,
        state: VersionState,
    ) -> Result<(), DbError> {
        self.plan_version_anew(id).await?;
        let query = sqlx::query("UPDATE versions SET state = $2 WHERE id = $1")
            .bind(id.to_string())
            .bind(state.as_str());
        self.execute("changing the state of a version", query)
            .await
            .map(drop)
    }
}

impl Db {
    /// A certificate's versions, newest first, all algorithms.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn versions(&self, id: CertificateId) -> Result<Vec<Version>, DbError> {
        let query = sqlx::query(select!(
            "WHERE certificate_id = $1 ORDER BY generation DESC, id DESC"
        ))
        .bind(id.to_string());
        let rows = self.rows("reading versions", query).await?;
        rows.iter().map(read).collect()
    }

    /// The version of an id.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn version(&self, id: VersionId) -> Result<Option<Version>, DbError> {
        let query = sqlx::query(select!("WHERE id = $1")).bind(id.to_string());
        let row = self.one("reading a version", query).await?;
        row.as_ref().map(read).transpose()
    }

    /// The version that an order brought.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn version_of_order(&self, id: OrderId) -> Result<Option<Version>, DbError> {
        let query = sqlx::query(select!("WHERE order_id = $1")).bind(id.to_string());
        let row = self.one("reading the version of an order", query).await?;
        row.as_ref().map(read).transpose()
    }

    /// Leaf and intermediates of a version, in PEM.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn version_chain(&self, id: VersionId) -> Result<Option<String>, DbError> {
        let query =
            sqlx::query("SELECT chain_pem FROM versions WHERE id = $1").bind(id.to_string());
        let row = self.one("reading the chain of a version", query).await?;
        row.map(|row| row.text("chain_pem")).transpose()
    }

    /// The private key of a version, PKCS#8 DER; none when it is not here.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn version_key(&self, id: VersionId) -> Result<Option<Secret<Vec<u8>>>, DbError> {
        let query =
            sqlx::query("SELECT key_sealed FROM versions WHERE id = $1").bind(id.to_string());
        let row = self.one("reading the key of a version", query).await?;
        let sealed = row.map_or(Ok(None), |row| row.opt_text("key_sealed"))?;
        sealed
            .map(|text| self.open_sealed(&version_key_context(id), &text))
            .transpose()
    }

    /// Chains, in PEM, of the newest versions whose leaf has this issuer: what a chain can be completed from.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn chains_of_issuer(&self, issuer: &str, limit: u32) -> Result<Vec<String>, DbError> {
        let query = sqlx::query(
            "SELECT chain_pem FROM versions WHERE issuer = $1 ORDER BY committed_at_ms DESC, id LIMIT $2",
        )
        .bind(issuer)
        .bind(i64::from(limit));
        let rows = self.rows("looking for chains of an issuer", query).await?;
        rows.iter().map(|row| row.text("chain_pem")).collect()
    }

    /// Marks versions whose notAfter has passed; answers how many.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn expire_versions(&self) -> Result<u64, DbError> {
        let query =
            sqlx::query("UPDATE versions SET state = $2 WHERE not_after <= $1 AND state = $3")
                .bind(self.now().as_second())
                .bind(VersionState::Expired.as_str())
                .bind(VersionState::Good.as_str());
        self.execute("marking expired versions", query).await
    }

    /// Removes versions that are no use any more: not in force, and older than the `keep` newest of their slot.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn prune_versions(&self, keep: u32) -> Result<u64, DbError> {
        let query = sqlx::query(
            "DELETE FROM versions WHERE id NOT IN (SELECT active_version_id FROM certificate_slots \
             WHERE active_version_id IS NOT NULL) AND generation <= (SELECT max(n.generation) - $1 \
             FROM versions n WHERE n.certificate_id = versions.certificate_id \
             AND n.algorithm = versions.algorithm)",
        )
        .bind(i64::from(keep));
        self.execute("removing old versions", query).await
    }
}

fn read(row: &AnyRow) -> Result<Version, DbError> {
    Ok(Version {
        id: row.parse("id")?,
        certificate_id: row.parse("certificate_id")?,
        algorithm: row.parse("algorithm")?,
        generation: row.int("generation")?,
        fingerprint: row.parse("fingerprint")?,
        serial: row.text("serial")?,
        issuer: row.text("issuer")?,
        not_before: row.time("not_before")?,
        not_after: row.time("not_after")?,
        vendor_id: row.opt_parse("vendor_id")?,
        order_id: row.opt_parse("order_id")?,
        state: row.parse("state")?,
        committed_at: row.time_ms("committed_at_ms")?,
    })
}
