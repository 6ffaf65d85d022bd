//! Which DNS provider answers for which domain and all names under it.

use evercert_types::{DnsProviderId, DomainName};
use sqlx::any::AnyRow;

use crate::db::{Db, Tx};
use crate::error::DbError;
use crate::row::Fields as _;

/// A domain mapped to a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainMapping {
    /// The domain, without a wildcard label.
    pub domain: DomainName,
    /// Who answers for it.
    pub provider_id: DnsProviderId,
    /// The provider's name.
    pub provider: String,
    /// Whether the provider may be used.
    pub active: bool,
}

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "SELECT m.domain, m.provider_id, p.name AS provider, p.active FROM domain_mappings m \
             JOIN dns_providers p ON p.id = m.provider_id ",
            $tail
        )
    };
}

impl Tx {
    /// Maps a domain, replacing an earlier mapping.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn map_domain(
        &mut self,
        domain: &DomainName,
        provider_id: DnsProviderId,
    ) -> Result<(), DbError> {
        let query = sqlx::query(
            "INSERT INTO domain_mappings (domain, provider_id, created_at) VALUES ($1, $2, $3) \
             ON CONFLICT (domain) DO UPDATE SET provider_id = excluded.provider_id",
        )
        .bind(domain.base())
        .bind(provider_id.to_string())
        .bind(self.now().as_second());
        self.execute("mapping a domain", query).await.map(drop)
    }

    /// Removes a mapping; `false` when the domain was not mapped.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn unmap_domain(&mut self, domain: &DomainName) -> Result<bool, DbError> {
        let query =
            sqlx::query("DELETE FROM domain_mappings WHERE domain = $1").bind(domain.base());
        Ok(self.execute("unmapping a domain", query).await? == 1)
    }
}

impl Db {
    /// All mappings by domain.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn domain_mappings(&self) -> Result<Vec<DomainMapping>, DbError> {
        let rows = self
            .rows("reading the domain mappings", sqlx::query(select!("")))
            .await?;
        let mut mappings = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        mappings.sort_by(|a, b| a.domain.cmp(&b.domain));
        Ok(mappings)
    }

    /// The mapping that decides for a DNS name (lower case, no final dot): the longest mapped domain that holds it.
    ///
    /// # Errors
    /// See [`DbError`].
    pub async fn mapping_for(&self, name: &str) -> Result<Option<DomainMapping>, DbError> {
        for domain in enclosing(name) {
            let query = sqlx::query(select!("WHERE m.domain = $1")).bind(domain);
            if let Some(row) = self.one("looking for a domain mapping", query).await? {
                return read(&row).map(Some);
            }
        }
        Ok(None)
    }
}

/// The name and every domain above it, longest first; `*.` is no label of its own.
fn enclosing(name: &str) -> impl Iterator<Item = &str> {
    let base = name.strip_prefix("*.").unwrap_or(name);
    std::iter::successors(Some(base), |domain| Some(domain.split_once('.')?.1))
}

fn read(row: &AnyRow) -> Result<DomainMapping, DbError> {
    Ok(DomainMapping {
        domain: row.parse("domain")?,
        provider_id: row.parse("provider_id")?,
        provider: row.text("provider")?,
        active: row.flag("active")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enclosing_domains_come_longest_first() {
        let domains: Vec<_> = enclosing("*.a.example.com").collect();

        assert_eq!(domains, ["a.example.com", "example.com", "com"]);
    }
}
