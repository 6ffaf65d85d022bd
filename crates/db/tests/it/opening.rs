//! Databases that cannot be opened: the cause is named at once, with what to do about it.

use std::time::{Duration, Instant};

use evercert_db::{Db, DbConfig, DbError};
use evercert_types::{Secret, SystemClock};

async fn refused(url: &str) -> DbError {
    let config = DbConfig::new(url, Secret::new([7; 32]));
    let since = Instant::now();
    let error = Db::open(&config, std::sync::Arc::new(SystemClock))
        .await
        .unwrap_err();
    assert!(since.elapsed() < Duration::from_secs(10), "{error}");
    error
}

fn cause(error: &DbError) -> String {
    std::error::Error::source(error).unwrap().to_string()
}

#[tokio::test]
async fn a_refused_port_is_named_without_the_password() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = free.local_addr().unwrap();
    drop(free);

    let error = refused(&format!("postgres://user:hidden@{addr}/evercert")).await;

    let text = error.to_string();
    assert!(text.contains(&addr.to_string()), "{text}");
    assert!(!text.contains("hidden"), "{text}");
    assert!(cause(&error).contains("refused"), "{}", cause(&error));
    assert!(error.remedy().unwrap().contains("host and port"));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_said_to_be_none() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("console.db");
    std::fs::write(
        &path,
        "no database at all, but long enough to be read. ".repeat(100),
    )
    .unwrap();

    let error = refused(&format!("sqlite:{}", path.display())).await;

    assert!(error.to_string().contains("console.db"), "{error}");
    assert!(
        cause(&error).contains("not a database"),
        "{}",
        cause(&error)
    );
    assert!(error.remedy().unwrap().contains("not an SQLite database"));
}
