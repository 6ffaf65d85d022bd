//! The first administrator: by a one-time URL, or unattended.

use evercert_api::users::{ApiToken, Role, SetupRequest};
use evercert_api::{Problem, ProblemCode};
use evercert_db::{Db, DbConfig, DbError, users::User};
use evercert_types::Secret;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::audit::{self, Entry};
use super::password::{self, Passwords};
use super::{secret, session, token};
use crate::api::app::App;
use crate::config::{ConsoleConfig, Environment};
use crate::problem::ApiError;
use crate::state::OpenError;

/// The setting that holds the hash of the set-up token.
const SETTING: &str = "setup_token";
/// How long the token that [`init_admin`] makes is good for.
const INIT_TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(24 * 365);

/// The first administrator could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InitError {
    /// The configuration, the data directory or the database cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The name or password is not good enough, or there is an administrator already.
    #[error("making the first administrator: {0}")]
    Refused(Box<Problem>),
}

/// A new set-up token while there is no administrator, and none afterwards; one given before is void.
///
/// # Errors
/// When the database fails.
pub(crate) async fn new_token(db: &Db) -> Result<Option<Secret<String>>, DbError> {
    if db.count_users(Role::Admin.as_str()).await? > 0 {
        return Ok(None);
    }
    let text = secret::random_text();
    db.set_setting(SETTING, &secret::hash(&text)).await?;
    Ok(Some(Secret::new(text)))
}

/// Makes the first administrator for who has the set-up token; it is void from then on.
pub(crate) async fn setup(app: &App, request: SetupRequest) -> Result<User, ApiError> {
    let db = &app.console.db;
    let given = secret::hash(request.setup_token.expose());
    let expected = db.setting(SETTING).await?;
    if !expected.is_some_and(|expected| secret::same(&expected, &given)) {
        return Err(refused(
            "the set-up token is wrong, or there is an administrator already",
        ));
    }
    let name = check_name(&request.name)?;
    let hash = app.auth.passwords.hash(&request.password).await?;
    make_admin(db, &name, &hash, Some(&given)).await?;
    let made = db.user_by_name(&name).await?;
    made.ok_or_else(|| refused("the administrator vanished"))
}

/// Makes the first administrator of a Console that does not run, and a token with the administrator's
/// rights: `evercert console init`.
///
/// # Errors
/// When the database cannot be used, there is an administrator already, or the password is too short.
pub async fn init_admin(
    config: &ConsoleConfig,
    name: &str,
    password: Secret<String>,
) -> Result<ApiToken, InitError> {
    let db = open(config).await?;
    let made = init(&db, name, &password)
        .await
        .map_err(|error| InitError::Refused(error.into()));
    db.close().await;
    made
}

/// Opens the database alone: a Console that runs on it keeps its claims.
async fn open(config: &ConsoleConfig) -> Result<Db, OpenError> {
    config.make_data_dir()?;
    let master_key = config.master_key(&Environment::read()?)?;
    let db_config = DbConfig::new(config.effective_database_url(), master_key);
    Ok(Db::open(&db_config, config.clock.clone()).await?)
}

async fn init(db: &Db, name: &str, password: &Secret<String>) -> Result<ApiToken, ApiError> {
    password::check_length(password)?;
    let name = check_name(name)?;
    let hash = Passwords::new().hash(password).await?;
    make_admin(db, &name, &hash, None).await?;
    let user = db
        .user_by_name(&name)
        .await?
        .ok_or_else(|| refused("the administrator vanished"))?;
    let ends = db
        .now()
        .checked_add(INIT_TOKEN_LIFE)
        .unwrap_or(Timestamp::MAX);
    let mut tx = db.begin_write().await?;
    let made = token::create(&mut tx, user.id, "init", Role::Admin, ends).await?;
    let entry = Entry {
        action: "token.create",
        subject: "init",
        detail: json!({ "role": "admin", "id": made.id }),
    };
    audit::append(&mut tx, "console", &entry).await?;
    tx.commit().await?;
    Ok(made)
}

/// Adds the administrator unless there is one, and voids the set-up token.
async fn make_admin(
    db: &Db,
    name: &str,
    hash: &str,
    setup_hash: Option<&str>,
) -> Result<(), ApiError> {
    let mut tx = db.begin_write().await?;
    let taken = match setup_hash {
        Some(setup_hash) => tx.take_setting(SETTING, setup_hash).await?,
        None => tx.remove_setting(SETTING).await.map(|()| true)?,
    };
    if !taken || tx.count_users(Role::Admin.as_str()).await? > 0 {
        return Err(refused("there is an administrator already"));
    }
    tx.insert_user(name, hash, Role::Admin.as_str()).await?;
    let entry = Entry {
        action: "user.create",
        subject: name,
        detail: json!({ "role": "admin" }),
    };
    audit::append(&mut tx, "console", &entry).await?;
    Ok(tx.commit().await?)
}

fn check_name(name: &str) -> Result<String, ApiError> {
    let name = name.trim();
    let allowed = |c: char| c.is_alphanumeric() || "-_.@".contains(c);
    if name.is_empty() || name.chars().count() > 64 || !name.chars().all(allowed) {
        let detail = "a user's name has 1 to 64 letters, digits, '-', '_', '.' and '@'";
        return Err(Problem::new(ProblemCode::Invalid, detail)
            .at("/name")
            .into());
    }
    Ok(name.to_owned())
}

fn refused(detail: &str) -> ApiError {
    Problem::new(ProblemCode::SetupRefused, detail).into()
}

/// A session for the administrator just made.
pub(crate) async fn log_in(db: &Db, user: &User) -> Result<session::Begun, DbError> {
    session::begin(db, user, Role::Admin).await
}
