//! Log-in, set-up, API tokens, audit: who may do what, and who did.

use evercert_types::{AuditId, Secret, TokenId, UserId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a user or token may do; each role includes those before it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads everything but secrets.
    Viewer,
    /// Issues, renews, imports, maps.
    Operator,
    /// Everything, key export, users and tokens included.
    Admin,
}

impl Role {
    /// The text kept in databases and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Viewer, Self::Operator, Self::Admin]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| format!("\"{text}\" is not a role; use viewer, operator or admin"))
    }
}

/// Makes the first administrator: `POST /api/v1/setup`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetupRequest {
    /// The one-time text of the set-up URL.
    #[schema(value_type = String, write_only)]
    pub setup_token: Secret<String>,
    /// Name of the administrator.
    pub name: String,
    /// At least 12 characters.
    #[schema(value_type = String, write_only)]
    pub password: Secret<String>,
}

/// Log-in: `POST /api/v1/session`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    /// User name.
    pub name: String,
    /// Password.
    #[schema(value_type = String, write_only)]
    pub password: Secret<String>,
}

/// Who is logged in: answer of log-in and `GET /api/v1/session`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// The user's id.
    pub user_id: UserId,
    /// The user's name.
    pub name: String,
    /// What the user may do.
    pub role: Role,
    /// Send it back as `X-CSRF-Token` with every change made by cookie.
    pub csrf_token: Option<String>,
}

/// An API token to make: `POST /api/v1/tokens`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApiToken {
    /// What it is for.
    pub name: String,
    /// At most the maker's own role.
    pub role: Role,
    /// Lifetime, such as `90d`; default `365d`.
    #[serde(default)]
    pub expires_in: Option<String>,
}

/// An API token; `token` is present once, when it was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiToken {
    /// Its id.
    pub id: TokenId,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// `evc_…`: send it as `Authorization: Bearer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Not usable after.
    pub expires_at: Option<Timestamp>,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
}

/// One line of the audit log; each holds the hash of the one before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Its id.
    pub id: AuditId,
    /// Its number, without gaps.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// `user:NAME`, `token:NAME`, `instance:NAME` or `console`.
    pub actor: String,
    /// Such as `certificate.issue` or `certificate.export_key`.
    pub action: String,
    /// What it was done to.
    pub subject: String,
    /// Details without secrets.
    #[schema(value_type = Object)]
    pub detail: serde_json::Value,
    /// SHA-256 over this entry and the hash before, hexadecimal.
    pub hash: String,
}

/// Whether the audit log is as it was written: `GET /api/v1/audit/verify`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditVerification {
    /// Whether every entry is.
    pub ok: bool,
    /// How many entries, from the first on, were found good.
    pub verified: u64,
    /// The first entry that is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken_seq: Option<i64>,
    /// What is wrong with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
