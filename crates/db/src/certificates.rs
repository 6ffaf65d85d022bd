//! Certificates: the named things that live for years; their keys and plans are [`crate::slots`].

use std::collections::BTreeSet;

use aws_lc_rs::digest::{Context, SHA256};
use evercert_types::{
    CertificateId, DomainName, KeyAlgorithm, Labels, RenewalMode, Selector, StoreKind, VendorId,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;

use crate::db::{Db, Query, Tx};
use crate::error::DbError;
use crate::row::{Fields as _, to_json};
use crate::slots::{Slot, read_slot, slot_columns};
use crate::terms::Terms;

/// The named thing that lives for years.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Its id.
    pub id: CertificateId,
    /// Its unique name.
    pub name: String,
    /// Its store, for good.
    pub store: StoreKind,
    /// The names it is for.
    pub names: Vec<DomainName>,
    /// Who issues it; imported ones may have none.
    pub vendor_id: Option<VendorId>,
    /// Who starts its renewals.
    pub renewal_mode: RenewalMode,
    /// What happens to the key at a renewal.
    pub key_policy: KeyPolicy,
    /// ACME profile; `None`: the vendor's.
    pub profile: Option<String>,
    /// Which instances it goes to.
    pub selector: Selector,
    /// Free labels.
    pub labels: Labels,
    /// How it is issued, beyond names and vendor.
    pub terms: Terms,
    /// Neither renewed nor ordered until it is resumed.
    pub paused: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What happens to the key at a renewal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyPolicy {
    /// A new key each time.
    #[default]
    Rotate,
    /// The active version's key is used again.
    Reuse,
}

/// Which certificates a list is to hold; absent parts do not restrict.
#[derive(Clone, Copy, Debug, Default)]
pub struct CertificateFilter<'a> {
    /// Those of this store.
    pub store: Option<StoreKind>,
    /// Those of this vendor.
    pub vendor_id: Option<VendorId>,
    /// Those whose own name, or one of whose DNS names, contains this text (any case).
    pub search: Option<&'a str>,
    /// Those whose name sorts after this one.
    pub after: Option<&'a str>,
    /// How many at most; 0: all.
    pub limit: u32,
}

macro_rules! columns {
    () => {
        "id, name, store, names, vendor_id, renewal_mode, key_policy, profile, selector, \
         labels, terms, paused, created_at, updated_at"
    };
}

/// What [`read`] needs of a row.
pub(crate) const COLUMNS: &str = columns!();

macro_rules! select {
    ($tail:literal) => {
        concat!("SELECT ", columns!(), " FROM certificates ", $tail)
    };
}

impl Tx {
    /// Adds a certificate with a slot for each algorithm, in that order.
    ///
    /// # Errors
    /// A conflict when the name is taken.
    pub async fn insert_certificate(
        &mut self,
        certificate: &Certificate,
        algorithms: &[KeyAlgorithm],
    ) -> Result<(), DbError> {
        let query = sqlx::query(
            "INSERT INTO certificates (id, name, store, names, vendor_id, renewal_mode, key_policy, \
             profile, selector, labels, created_at, updated_at, names_digest, terms, paused) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
        );
        let query = bind_certificate(query, certificate)?;
        self.execute("saving a certificate", query).await?;
        for (position, algorithm) in (0i64..).zip(algorithms) {
            self.insert_slot(certificate.id, *algorithm, position)
                .await?;
        }
        Ok(())
    }

    /// Writes back what may change of a certificate: everything but its id, name, store and age. Its renewals are
    /// to be planned anew.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn update_certificate(&mut self, certificate: &Certificate) -> Result<(), DbError> {
        self.plan_certificate_anew(certificate.id).await?;
        let query = sqlx::query(
            "UPDATE certificates SET names = $2, vendor_id = $3, renewal_mode = $4, profile = $5, \
             selector = $6, labels = $7, updated_at = $8, names_digest = $9, terms = $10, paused = $11, \
             key_policy = $12 WHERE id = $1",
        )
        .bind(certificate.id.to_string())
        .bind(to_json(&certificate.names)?)
        .bind(certificate.vendor_id.map(|id| id.to_string()))
        .bind(certificate.renewal_mode.as_str())
        .bind(&certificate.profile)
        .bind(to_json(&certificate.selector)?)
        .bind(to_json(&certificate.labels)?)
        .bind(self.now().as_second())
        .bind(names_digest(certificate))
        .bind(to_json(&certificate.terms)?)
        .bind(i64::from(certificate.paused))
        .bind(to_json(&certificate.key_policy)?);
        self.execute("changing a certificate", query)
            .await
            .map(drop)
    }

    /// Deletes a certificate with its slots, versions and orders; journal rows of TXT values stay.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn delete_certificate(&mut self, id: CertificateId) -> Result<bool, DbError> {
        let query = sqlx::query("DELETE FROM certificates WHERE id = $1").bind(id.to_string());
        Ok(self.execute("deleting a certificate", query).await? == 1)
    }

    /// The certificate of an id, as this unit of work sees it.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn certificate(&mut self, id: CertificateId) -> Result<Option<Certificate>, DbError> {
        let query = sqlx::query(select!("WHERE id = $1")).bind(id.to_string());
        let row = self.one("reading a certificate", query).await?;
        row.as_ref().map(read).transpose()
    }

    /// A certificate and its slots as they are now, the slots locked until the end of the unit of work, so that
    /// neither an order nor another change comes between.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn hold_certificate(
        &mut self,
        id: CertificateId,
    ) -> Result<Option<(Certificate, Vec<Slot>)>, DbError> {
        let query = sqlx::query(concat!(
            "UPDATE certificate_slots SET position = position WHERE certificate_id = $1 RETURNING ",
            slot_columns!()
        ))
        .bind(id.to_string());
        let rows = self
            .rows("holding the key slots of a certificate", query)
            .await?;
        let slots = rows.iter().map(read_slot).collect::<Result<_, _>>()?;
        Ok(self.certificate(id).await?.map(|held| (held, slots)))
    }
}

impl Tx {
    /// The other certificates, of either store, with the very same names and addresses, oldest first.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn same_names(
        &mut self,
        certificate: &Certificate,
    ) -> Result<Vec<Certificate>, DbError> {
        let query = same_names(certificate);
        let rows = self.rows("looking for duplicates", query).await?;
        rows.iter().map(read).collect()
    }
}

fn same_names(certificate: &Certificate) -> Query<'static> {
    sqlx::query(select!("WHERE names_digest = $1 AND id <> $2 ORDER BY id"))
        .bind(names_digest(certificate))
        .bind(certificate.id.to_string())
}

impl Db {
    /// The other certificates, of either store, with the very same names and addresses, oldest first.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn same_names(&self, certificate: &Certificate) -> Result<Vec<Certificate>, DbError> {
        let query = same_names(certificate);
        let rows = self.rows("looking for duplicates", query).await?;
        rows.iter().map(read).collect()
    }

    /// The certificate of an id.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn certificate(&self, id: CertificateId) -> Result<Option<Certificate>, DbError> {
        let query = sqlx::query(select!("WHERE id = $1")).bind(id.to_string());
        let row = self.one("reading a certificate", query).await?;
        row.as_ref().map(read).transpose()
    }

    /// The certificate of a name.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn certificate_by_name(&self, name: &str) -> Result<Option<Certificate>, DbError> {
        let query = sqlx::query(select!("WHERE name = $1")).bind(name);
        let row = self.one("reading a certificate", query).await?;
        row.as_ref().map(read).transpose()
    }

    /// Certificates by name.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn certificates(
        &self,
        filter: CertificateFilter<'_>,
    ) -> Result<Vec<Certificate>, DbError> {
        let limit = match filter.limit {
            0 => i64::MAX,
            limit => i64::from(limit),
        };
        // Names are compared by bytes, whatever the database's locale: pages must fit together.
        let query = sqlx::query(self.engine().choose(
            select!(
                "WHERE ($1 IS NULL OR store = $1) AND ($2 IS NULL OR vendor_id = $2) \
                 AND ($3 IS NULL OR lower(name) LIKE $3 ESCAPE '!' OR names LIKE $3 ESCAPE '!') \
                 AND ($4 IS NULL OR name > $4) ORDER BY name LIMIT $5"
            ),
            select!(
                "WHERE ($1 IS NULL OR store = $1) AND ($2 IS NULL OR vendor_id = $2) \
                 AND ($3 IS NULL OR lower(name) LIKE $3 ESCAPE '!' OR names LIKE $3 ESCAPE '!') \
                 AND ($4 IS NULL OR name COLLATE \"C\" > $4) ORDER BY name COLLATE \"C\" LIMIT $5"
            ),
        ))
        .bind(filter.store.map(StoreKind::as_str))
        .bind(filter.vendor_id.map(|id| id.to_string()))
        .bind(filter.search.map(containing))
        .bind(filter.after.map(str::to_owned))
        .bind(limit);
        let rows = self.rows("reading certificates", query).await?;
        rows.iter().map(read).collect()
    }

    /// Names of the first five certificates whose terms name a provider or vendor by its id.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn certificates_naming(&self, id: &str) -> Result<Vec<String>, DbError> {
        let query =
            sqlx::query("SELECT name FROM certificates WHERE terms LIKE $1 ORDER BY name LIMIT 5")
                .bind(format!("%\"{id}\"%"));
        let rows = self
            .rows("looking for certificates by their terms", query)
            .await?;
        rows.iter().map(|row| row.text("name")).collect()
    }

    /// Names of the other certificates with the very same DNS names.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn duplicates_of(&self, certificate: &Certificate) -> Result<Vec<String>, DbError> {
        let query = sqlx::query(
            "SELECT name FROM certificates WHERE names_digest = $1 AND id <> $2 ORDER BY id",
        )
        .bind(names_digest(certificate))
        .bind(certificate.id.to_string());
        let rows = self.rows("looking for duplicates", query).await?;
        rows.iter().map(|row| row.text("name")).collect()
    }
}

/// The same for the same set of names and addresses, whatever their order: SHA-256, hexadecimal.
fn names_digest(certificate: &Certificate) -> String {
    let addresses = certificate.terms.ips.iter().map(ToString::to_string);
    let names = certificate
        .names
        .iter()
        .map(|name| name.as_str().to_owned());
    let sorted: BTreeSet<String> = names.chain(addresses).collect();
    let mut context = Context::new(&SHA256);
    for name in sorted {
        context.update(name.as_bytes());
        context.update(b"\n");
    }
    let digest = context.finish();
    digest
        .as_ref()
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect()
}

/// A LIKE pattern, with `!` as its escape character.
pub(crate) fn containing(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

fn bind_certificate<'q>(query: Query<'q>, certificate: &Certificate) -> Result<Query<'q>, DbError> {
    Ok(query
        .bind(certificate.id.to_string())
        .bind(certificate.name.clone())
        .bind(certificate.store.as_str())
        .bind(to_json(&certificate.names)?)
        .bind(certificate.vendor_id.map(|id| id.to_string()))
        .bind(certificate.renewal_mode.as_str())
        .bind(to_json(&certificate.key_policy)?)
        .bind(certificate.profile.clone())
        .bind(to_json(&certificate.selector)?)
        .bind(to_json(&certificate.labels)?)
        .bind(certificate.created_at.as_second())
        .bind(certificate.updated_at.as_second())
        .bind(names_digest(certificate))
        .bind(to_json(&certificate.terms)?)
        .bind(i64::from(certificate.paused)))
}

pub(crate) fn read(row: &AnyRow) -> Result<Certificate, DbError> {
    Ok(Certificate {
        id: row.parse("id")?,
        name: row.text("name")?,
        store: row.parse("store")?,
        names: row.json("names")?,
        vendor_id: row.opt_parse("vendor_id")?,
        renewal_mode: row.parse("renewal_mode")?,
        key_policy: row.json("key_policy")?,
        profile: row.opt_text("profile")?,
        selector: row.json("selector")?,
        labels: row.json("labels")?,
        terms: row.json("terms")?,
        paused: row.flag("paused")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}
