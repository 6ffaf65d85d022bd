//! CA vendors: who issues, and what their directories offer.

use evercert_types::{CertificateId, Secret, VendorId};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sqlx::any::AnyRow;

use crate::db::{Db, Tx};
use crate::error::DbError;
use crate::row::{Fields as _, to_json};
use crate::terms::VendorOptions;

/// A configured CA vendor.
#[derive(Clone, Debug, PartialEq)]
pub struct Vendor {
    /// Its id.
    pub id: VendorId,
    /// Its unique name.
    pub name: String,
    /// The ACME directory (RFC 8555 §7.1.1).
    pub directory_url: String,
    /// Contact of the account.
    pub email: Option<String>,
    /// PEM of the roots of the directory's TLS certificate; `None`: the system's.
    pub ca_bundle: Option<String>,
    /// Key id of the external account binding.
    pub eab_kid: Option<String>,
    /// Renew this long before expiry; `None`: by fraction of the lifetime.
    pub renew_before: Option<SignedDuration>,
    /// ACME profile to ask for.
    pub profile: Option<String>,
    /// Common name of the topmost issuer wanted.
    pub preferred_chain: Option<String>,
    /// What the directory offered when it was last read, as JSON of the API.
    pub capabilities: Value,
    /// What the operator chose beyond the directory.
    pub options: VendorOptions,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A version in force, as far as it tells who issued it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    /// Of which certificate.
    pub certificate_id: CertificateId,
    /// The vendor it came from; imported ones have none.
    pub vendor_id: Option<VendorId>,
    /// The leaf's issuer.
    pub issuer: String,
    /// Validity ends.
    pub not_after: Timestamp,
    /// Leaf and intermediates in PEM.
    pub chain_pem: String,
}

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "SELECT id, name, directory_url, email, ca_bundle, eab_kid, renew_before_secs, profile, \
             preferred_chain, capabilities, options, created_at, updated_at FROM ca_vendors ",
            $tail
        )
    };
}

impl Tx {
    /// Adds a vendor, with the HMAC key of its external account binding if it has one.
    ///
    /// # Errors
    /// A conflict when the name is taken.
    pub async fn insert_vendor(
        &mut self,
        vendor: &Vendor,
        eab_hmac: Option<&Secret<Vec<u8>>>,
    ) -> Result<(), DbError> {
        let hmac = eab_hmac
            .map(|hmac| self.seal(&eab_context(vendor.id), hmac.expose()))
            .transpose()?;
        let query = sqlx::query(
            "INSERT INTO ca_vendors (id, name, directory_url, email, ca_bundle, eab_kid, \
             eab_hmac_sealed, renew_before_secs, profile, preferred_chain, capabilities, created_at, \
             updated_at, options) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        )
        .bind(vendor.id.to_string())
        .bind(&vendor.name)
        .bind(&vendor.directory_url)
        .bind(&vendor.email)
        .bind(&vendor.ca_bundle)
        .bind(&vendor.eab_kid)
        .bind(hmac)
        .bind(vendor.renew_before.map(|span| span.as_secs()))
        .bind(&vendor.profile)
        .bind(&vendor.preferred_chain)
        .bind(to_json(&vendor.capabilities)?)
        .bind(vendor.created_at.as_second())
        .bind(vendor.updated_at.as_second())
        .bind(to_json(&vendor.options)?);
        self.execute("saving a CA vendor", query).await.map(drop)
    }

    /// The vendor of an id, as this unit of work sees it.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn vendor(&mut self, id: VendorId) -> Result<Option<Vendor>, DbError> {
        let query = sqlx::query(select!("WHERE id = $1")).bind(id.to_string());
        let row = self.one("reading a CA vendor", query).await?;
        row.as_ref().map(read).transpose()
    }

    /// Removes a vendor with its account; `false` when there is none of that id.
    ///
    /// # Errors
    /// [`DbErrorKind::Referenced`](crate::DbErrorKind) while a certificate is issued through it.
    pub async fn remove_vendor(&mut self, id: VendorId) -> Result<bool, DbError> {
        let query = sqlx::query("DELETE FROM ca_vendors WHERE id = $1").bind(id.to_string());
        Ok(self.execute("removing a CA vendor", query).await? == 1)
    }
}

impl Tx {
    /// Writes back what may change of a vendor: everything but its id and age; the HMAC key only when one is given.
    /// The renewals of its certificates are to be planned anew.
    ///
    /// # Errors
    /// A conflict when the name is taken.
    pub async fn update_vendor(
        &mut self,
        vendor: &Vendor,
        eab_hmac: Option<&Secret<Vec<u8>>>,
    ) -> Result<(), DbError> {
        self.plan_vendor_anew(vendor.id).await?;
        let hmac = eab_hmac
            .map(|hmac| self.seal(&eab_context(vendor.id), hmac.expose()))
            .transpose()?;
        let query = sqlx::query(
            "UPDATE ca_vendors SET name = $2, directory_url = $3, email = $4, ca_bundle = $5, eab_kid = $6, \
             eab_hmac_sealed = coalesce($7, eab_hmac_sealed), renew_before_secs = $8, profile = $9, \
             preferred_chain = $10, capabilities = $11, options = $12, updated_at = $13 WHERE id = $1",
        )
        .bind(vendor.id.to_string())
        .bind(&vendor.name)
        .bind(&vendor.directory_url)
        .bind(&vendor.email)
        .bind(&vendor.ca_bundle)
        .bind(&vendor.eab_kid)
        .bind(hmac)
        .bind(vendor.renew_before.map(|span| span.as_secs()))
        .bind(&vendor.profile)
        .bind(&vendor.preferred_chain)
        .bind(to_json(&vendor.capabilities)?)
        .bind(to_json(&vendor.options)?)
        .bind(self.now().as_second());
        self.execute("changing a CA vendor", query).await.map(drop)
    }
}

impl Tx {
    /// Ids of the certificates that are issued through a vendor, in the order in which they are to be held.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn certificate_ids_of_vendor(
        &mut self,
        id: VendorId,
    ) -> Result<Vec<CertificateId>, DbError> {
        let query = sqlx::query("SELECT id FROM certificates WHERE vendor_id = $1 ORDER BY id")
            .bind(id.to_string());
        let rows = self.rows("reading a vendor's certificates", query).await?;
        rows.iter().map(|row| row.parse("id")).collect()
    }

    /// Lets the vendor's orders under way begin anew, because the account that placed them is another now; those
    /// whose certificate is here already go on.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn restart_orders_of_vendor(&mut self, id: VendorId) -> Result<u64, DbError> {
        let query = sqlx::query(
            "DELETE FROM authorizations WHERE order_id IN (SELECT id FROM orders WHERE vendor_id = $1 \
             AND finished_at IS NULL AND order_url IS NOT NULL AND state NOT IN ('downloaded', 'installed'))",
        )
        .bind(id.to_string());
        self.execute("forgetting authorizations", query).await?;
        let query = sqlx::query(
            "UPDATE orders SET state = 'ordering', order_url = NULL, finalize_url = NULL, \
             certificate_url = NULL, expires_at = NULL, replaces = NULL, attempt = 0, updated_at = $2 \
             WHERE vendor_id = $1 AND finished_at IS NULL AND order_url IS NOT NULL \
             AND state NOT IN ('downloaded', 'installed')",
        )
        .bind(id.to_string())
        .bind(self.now().as_second());
        self.execute("letting orders begin anew", query).await
    }
}

impl Db {
    /// Remembers what the directory offers now.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn set_vendor_capabilities(
        &self,
        id: VendorId,
        capabilities: &Value,
    ) -> Result<(), DbError> {
        let query = sqlx::query("UPDATE ca_vendors SET capabilities = $2 WHERE id = $1")
            .bind(id.to_string())
            .bind(to_json(capabilities)?);
        self.execute("saving what a CA offers", query)
            .await
            .map(drop)
    }

    /// The vendor of an id.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn vendor(&self, id: VendorId) -> Result<Option<Vendor>, DbError> {
        let query = sqlx::query(select!("WHERE id = $1")).bind(id.to_string());
        let row = self.one("reading a CA vendor", query).await?;
        row.as_ref().map(read).transpose()
    }

    /// The vendor of a name.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn vendor_by_name(&self, name: &str) -> Result<Option<Vendor>, DbError> {
        let query = sqlx::query(select!("WHERE name = $1")).bind(name);
        let row = self.one("reading a CA vendor", query).await?;
        row.as_ref().map(read).transpose()
    }

    /// All vendors, oldest first.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn vendors(&self) -> Result<Vec<Vendor>, DbError> {
        let query = sqlx::query(select!("ORDER BY id"));
        let rows = self.rows("reading the CA vendors", query).await?;
        rows.iter().map(read).collect()
    }

    /// The HMAC key of a vendor's external account binding.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn eab_hmac(&self, id: VendorId) -> Result<Option<Secret<Vec<u8>>>, DbError> {
        let query = sqlx::query("SELECT eab_hmac_sealed FROM ca_vendors WHERE id = $1")
            .bind(id.to_string());
        let row = self
            .one("reading an external account binding", query)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let sealed = row.opt_text("eab_hmac_sealed")?;
        sealed
            .map(|text| self.open_sealed(&eab_context(id), &text))
            .transpose()
    }

    /// The chains that a vendor issued last, newest first.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn chains_of_vendor(&self, id: VendorId, limit: u32) -> Result<Vec<String>, DbError> {
        let query = sqlx::query(
            "SELECT chain_pem FROM versions WHERE vendor_id = $1 ORDER BY committed_at_ms DESC LIMIT $2",
        )
        .bind(id.to_string())
        .bind(i64::from(limit));
        let rows = self.rows("reading a vendor's chains", query).await?;
        rows.iter().map(|row| row.text("chain_pem")).collect()
    }

    /// Shortest lifetime of the versions in force of a vendor's automatically renewed certificates.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn shortest_life_of_vendor(
        &self,
        id: VendorId,
    ) -> Result<Option<SignedDuration>, DbError> {
        let query = sqlx::query(
            "SELECT min(v.not_after - v.not_before) AS life FROM certificates c \
             JOIN certificate_slots s ON s.certificate_id = c.id \
             JOIN versions v ON v.id = s.active_version_id \
             WHERE c.vendor_id = $1 AND c.renewal_mode = 'automatic'",
        )
        .bind(id.to_string());
        let row = self.one("reading a vendor's lifetimes", query).await?;
        let life = row.map_or(Ok(None), |row| row.opt_int("life"))?;
        Ok(life.map(SignedDuration::from_secs))
    }

    /// How many orders the vendor's CA has under way.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn placed_orders_of_vendor(&self, id: VendorId) -> Result<u64, DbError> {
        let query = sqlx::query(
            "SELECT count(*) AS n FROM orders WHERE vendor_id = $1 AND finished_at IS NULL \
             AND order_url IS NOT NULL AND state NOT IN ('downloaded', 'installed')",
        )
        .bind(id.to_string());
        let row = self.one("counting a vendor's orders", query).await?;
        row.map_or(Ok(0), |row| row.count("n"))
    }

    /// Every version in force.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn versions_in_force(&self) -> Result<Vec<InForce>, DbError> {
        let query = sqlx::query(
            "SELECT v.certificate_id, v.vendor_id, v.issuer, v.not_after, v.chain_pem \
             FROM certificate_slots s JOIN versions v ON v.id = s.active_version_id \
             ORDER BY v.certificate_id, s.position",
        );
        let rows = self.rows("reading the versions in force", query).await?;
        rows.iter().map(read_in_force).collect()
    }

    /// How many certificates are issued through a vendor.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn certificates_of_vendor(&self, id: VendorId) -> Result<u64, DbError> {
        let query = sqlx::query("SELECT count(*) AS n FROM certificates WHERE vendor_id = $1")
            .bind(id.to_string());
        let row = self.one("counting a vendor's certificates", query).await?;
        row.map_or(Ok(0), |row| row.count("n"))
    }
}

fn read_in_force(row: &AnyRow) -> Result<InForce, DbError> {
    Ok(InForce {
        certificate_id: row.parse("certificate_id")?,
        vendor_id: row.opt_parse("vendor_id")?,
        issuer: row.text("issuer")?,
        not_after: row.time("not_after")?,
        chain_pem: row.text("chain_pem")?,
    })
}

fn eab_context(id: VendorId) -> String {
    format!("ca_vendors.eab_hmac/{id}")
}

fn read(row: &AnyRow) -> Result<Vendor, DbError> {
    Ok(Vendor {
        id: row.parse("id")?,
        name: row.text("name")?,
        directory_url: row.text("directory_url")?,
        email: row.opt_text("email")?,
        ca_bundle: row.opt_text("ca_bundle")?,
        eab_kid: row.opt_text("eab_kid")?,
        renew_before: row
            .opt_int("renew_before_secs")?
            .map(SignedDuration::from_secs),
        profile: row.opt_text("profile")?,
        preferred_chain: row.opt_text("preferred_chain")?,
        capabilities: row.json("capabilities")?,
        options: row.json("options")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}
