//! One connection before the pool: the pool tries for long and forgets why it failed.

use std::io;
use std::time::Duration;

use sqlx::{AnyConnection, Connection as _, Executor as _};

use crate::db::Engine;
use crate::error::{DbError, DbErrorKind, kind_of};

/// Connecting and a first read together.
const LIMIT: Duration = Duration::from_secs(5);

/// Connects once and reads a little, so that what is wrong is known at once and in the engine's own words.
///
/// # Errors
/// What the engine says, with what to do about it.
pub(crate) async fn run(engine: Engine, url: &str) -> Result<(), DbError> {
    let doing = || format!("opening the database {}", place(url));
    match tokio::time::timeout(LIMIT, first_read(engine, url)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            let advice = advice(&error);
            Err(DbError::because(kind_of(&error), doing(), error).with_advice(advice))
        }
        Err(_) => {
            let doing = format!("{}: no answer within {} s", doing(), LIMIT.as_secs());
            Err(DbError::new(DbErrorKind::Unavailable, doing).with_advice(Some(NOT_REACHED)))
        }
    }
}

async fn first_read(engine: Engine, url: &str) -> Result<(), sqlx::Error> {
    let mut connection = AnyConnection::connect(url).await?;
    // SQLite looks into the file at the first read only.
    let read = engine.choose("PRAGMA schema_version", "SELECT 1");
    connection.execute(read).await?;
    connection.close().await
}

const NOT_REACHED: &str =
    "Start the database server, or correct host and port in the database URL.";

fn advice(error: &sqlx::Error) -> Option<&'static str> {
    match error {
        sqlx::Error::Io(e) if e.kind() != io::ErrorKind::PermissionDenied => Some(NOT_REACHED),
        sqlx::Error::Database(e) => match e.code()?.as_ref() {
            "26" => Some("The file is not an SQLite database: name another, or restore a backup."),
            "14" => Some("Check that the file's directory exists and may be written to."),
            "28P01" | "28000" => Some("Correct user and password in the database URL."),
            "3D000" => Some("Create the database on the server, or correct its name in the URL."),
            _ => None,
        },
        _ => None,
    }
}

/// The URL without user, password and options.
fn place(url: &str) -> String {
    let bare = url.split_once('?').map_or(url, |(bare, _)| bare);
    match (bare.split_once("://"), bare.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, place))) => format!("{scheme}://{place}"),
        _ => bare.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_in_the_place() {
        let url = "postgres://user:p@ss@db.test:5432/evercert?sslmode=require";
        assert_eq!(place(url), "postgres://db.test:5432/evercert");
        assert_eq!(place("sqlite:/a/b.db?mode=rwc"), "sqlite:/a/b.db");
    }
}
