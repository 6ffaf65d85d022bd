//! What DNS providers registered for domains: the right to write at one name each, sealed.

use evercert_types::{DnsProviderId, Secret};
use jiff::Timestamp;
use sqlx::any::AnyRow;

use crate::db::{Db, Tx};
use crate::error::{DbError, DbErrorKind};
use crate::row::Fields as _;

/// An account at a provider that gives each domain a name of its own (acme-dns).
#[derive(Clone, Debug)]
pub struct DnsAccount {
    /// The domain, without a wildcard's label.
    pub domain: String,
    /// The name that the domain's challenge name has to be a CNAME of.
    pub target: String,
    /// The right to write there, as the provider gave it.
    pub account: Secret<String>,
    /// When it was registered.
    pub created_at: Timestamp,
}

impl Tx {
    /// Keeps an account; `false` when the domain has one already, which then stands. The provider counts as changed, so
    /// that every Console builds it anew.
    ///
    /// # Errors
    /// A missing reference when the provider was removed meanwhile.
    pub async fn insert_dns_account(
        &mut self,
        provider: DnsProviderId,
        account: &DnsAccount,
    ) -> Result<bool, DbError> {
        let context = context(provider, &account.domain);
        let sealed = self.seal(&context, account.account.expose().as_bytes())?;
        let query = sqlx::query(
            "INSERT INTO dns_accounts (provider_id, domain, target, account_sealed, created_at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (provider_id, domain) DO NOTHING",
        )
        .bind(provider.to_string())
        .bind(&account.domain)
        .bind(&account.target)
        .bind(sealed)
        .bind(account.created_at.as_second());
        if self
            .execute("saving an account of a DNS provider", query)
            .await?
            == 0
        {
            return Ok(false);
        }
        let query = sqlx::query(
            "UPDATE dns_providers SET updated_at = CASE WHEN updated_at >= $2 THEN updated_at + 1 ELSE $2 END \
             WHERE id = $1",
        )
        .bind(provider.to_string())
        .bind(self.now().as_second());
        self.execute("saving a DNS provider", query).await?;
        Ok(true)
    }
}

impl Db {
    /// A provider's accounts, by domain.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn dns_accounts(&self, provider: DnsProviderId) -> Result<Vec<DnsAccount>, DbError> {
        let query = sqlx::query(
            "SELECT domain, target, account_sealed, created_at FROM dns_accounts WHERE provider_id = $1 ORDER BY domain",
        )
        .bind(provider.to_string());
        let rows = self
            .rows("reading the accounts of a DNS provider", query)
            .await?;
        rows.iter().map(|row| read(self, provider, row)).collect()
    }
}

fn context(provider: DnsProviderId, domain: &str) -> String {
    format!("dns_accounts.account/{provider}/{domain}")
}

fn read(db: &Db, provider: DnsProviderId, row: &AnyRow) -> Result<DnsAccount, DbError> {
    const WHAT: &str = "reading an account of a DNS provider";
    let domain = row.text("domain")?;
    let plain = db.open_sealed(&context(provider, &domain), &row.text("account_sealed")?)?;
    let account = String::from_utf8(plain.expose().clone())
        .map_err(|error| DbError::because(DbErrorKind::Inconsistent, WHAT, error))?;
    Ok(DnsAccount {
        domain,
        target: row.text("target")?,
        account: Secret::new(account),
        created_at: row.time("created_at")?,
    })
}
