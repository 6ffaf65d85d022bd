//! The schema's history: forward only, in order, each once.

use sqlx::AnyPool;
use sqlx::SqlStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use crate::error::{DbError, DbErrorKind};

/// Number, name and text of every migration, oldest first; a released one is never edited.
pub const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "init", include_str!("../migrations/0001_init.sql")),
    (2, "terms", include_str!("../migrations/0002_terms.sql")),
    (
        3,
        "challenges",
        include_str!("../migrations/0003_challenges.sql"),
    ),
    (4, "manage", include_str!("../migrations/0004_manage.sql")),
    (5, "issue", include_str!("../migrations/0005_issue.sql")),
    (6, "ledger", include_str!("../migrations/0006_ledger.sql")),
    (
        7,
        "registrations",
        include_str!("../migrations/0007_registrations.sql"),
    ),
    (8, "policy", include_str!("../migrations/0008_policy.sql")),
    (
        9,
        "dns_tests",
        include_str!("../migrations/0009_dns_tests.sql"),
    ),
    (
        10,
        "dns_records",
        include_str!("../migrations/0010_dns_records.sql"),
    ),
    (
        11,
        "dns_accounts",
        include_str!("../migrations/0011_dns_accounts.sql"),
    ),
];

/// Brings the schema up to date; on PostgreSQL a second Console waits for the first.
///
/// # Errors
/// [`DbErrorKind::Configuration`] when the database was migrated by another program or a newer one.
pub(crate) async fn run(pool: &AnyPool) -> Result<(), DbError> {
    let migrations = MIGRATIONS.iter().map(|&(version, name, sql)| {
        let sql = SqlStr::from_static(sql);
        Migration::new(version, name.into(), MigrationType::Simple, sql, false)
    });
    Migrator::with_migrations(migrations.collect())
        .run(pool)
        .await
        .map_err(|e| DbError::because(kind_of(&e), "migrating the database", e))
}

const fn kind_of(error: &sqlx::migrate::MigrateError) -> DbErrorKind {
    use sqlx::migrate::MigrateError;
    match error {
        MigrateError::Execute(_) | MigrateError::ExecuteMigration(..) => DbErrorKind::Unavailable,
        _ => DbErrorKind::Configuration,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_numbered_without_gaps() {
        for (expected, (number, name, _)) in (1..).zip(MIGRATIONS) {
            assert_eq!(*number, expected, "{name}");
        }
    }

    #[test]
    fn columns_have_portable_types_only() {
        let types = ["TEXT", "BIGINT", "DOUBLE"];
        for (_, name, sql) in MIGRATIONS {
            for line in sql.lines().filter(|line| line.starts_with("    ")) {
                let mut words = line.split_whitespace();
                let (column, kind) = (words.next().unwrap(), words.next().unwrap());
                let is_constraint = column.chars().all(|c| c.is_ascii_uppercase());
                assert!(
                    is_constraint || types.contains(&kind.trim_end_matches(',')),
                    "{name}: {line}"
                );
            }
        }
    }
}
