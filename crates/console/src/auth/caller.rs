//! Who calls the API, and whether they may: an API token, or a session's cookie.

use axum::extract::FromRequestParts;
use evercert_api::users::Role;
use evercert_api::{Problem, ProblemCode};
use evercert_types::UserId;
use http::request::Parts;
use http::{HeaderMap, Method, header::AUTHORIZATION};
use jiff::SignedDuration;

use super::{secret, session, token};
use crate::api::app::App;
use crate::lifecycle::Actor;
use crate::problem::ApiError;

/// A token's use is written down at most so often.
const NOTED_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// Who calls.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// What they may do.
    pub(crate) role: Role,
    /// The user, or the one who made the token.
    pub(crate) user_id: UserId,
    /// The user's or the token's name.
    pub(crate) name: String,
    /// How they proved it.
    pub(crate) by: Credential,
}

/// How a caller proved who they are.
#[derive(Clone, Debug)]
pub(crate) enum Credential {
    /// By an API token.
    Token,
    /// By a session; with what its changes must carry.
    Session {
        /// The token against cross-site requests.
        csrf: String,
    },
}

impl Caller {
    /// The caller as audit and logs name them: `user:NAME` or `token:NAME`.
    pub(crate) fn label(&self) -> String {
        match self.by {
            Credential::Token => format!("token:{}", self.name),
            Credential::Session { .. } => format!("user:{}", self.name),
        }
    }

    /// The caller as the lifecycle wants to know them.
    pub(crate) fn actor(&self) -> Actor {
        Actor::new(self.label())
    }

    /// # Errors
    /// When the caller's role is less.
    pub(crate) fn require(&self, role: Role) -> Result<(), ApiError> {
        if self.role >= role {
            return Ok(());
        }
        let detail = format!(
            "this needs the role {}, and yours is {}",
            role.as_str(),
            self.role.as_str()
        );
        Err(Problem::new(ProblemCode::Forbidden, detail).into())
    }

    async fn identify(parts: &Parts, app: &App) -> Result<Self, ApiError> {
        if let Some(bearer) = bearer(&parts.headers) {
            return by_token(app, bearer?).await;
        }
        match session::cookie_of(&parts.headers) {
            Some(cookie) => by_session(app, parts, cookie).await,
            None => {
                Err(Problem::new(ProblemCode::Unauthorized, "no credentials were given").into())
            }
        }
    }
}

macro_rules! callers {
    ($($(#[$doc:meta])* $name:ident = $role:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub(crate) struct $name(pub(crate) Caller);

        impl $name {
            /// The caller as one of these.
            ///
            /// # Errors
            /// When the role is less.
            pub(crate) fn of(caller: Caller) -> Result<Self, ApiError> {
                caller.require($role)?;
                Ok(Self(caller))
            }
        }

        impl FromRequestParts<App> for $name {
            type Rejection = ApiError;

            async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
                Self::of(Caller::identify(parts, app).await?)
            }
        }
    )*};
}

callers! {
    /// Somebody who may read.
    Viewer = Role::Viewer;
    /// Somebody who may issue, renew and map.
    Operator = Role::Operator;
    /// Somebody who may do everything.
    Admin = Role::Admin;
}

/// The token of the `Authorization` header, if there is one at all.
fn bearer(headers: &HeaderMap) -> Option<Result<&str, Problem>> {
    let value = headers.get(AUTHORIZATION)?;
    let text = value.to_str().unwrap_or_default();
    let bearer = text
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let detail = "the Authorization header is not of the form `Bearer evc_…`";
    Some(
        bearer
            .map(|(_, token)| token.trim())
            .ok_or_else(|| Problem::new(ProblemCode::Unauthorized, detail)),
    )
}

async fn by_token(app: &App, text: &str) -> Result<Caller, ApiError> {
    let refused = || {
        Problem::new(
            ProblemCode::Unauthorized,
            "the API token is wrong, has ended, or was revoked",
        )
    };
    if !text.starts_with(token::PREFIX) {
        return Err(refused().into());
    }
    let db = &app.console.db;
    let found = db
        .api_token_by_hash(&secret::hash(text))
        .await?
        .ok_or_else(refused)?;
    let now = db.now();
    if found.expires_at.is_some_and(|end| now >= end) {
        return Err(refused().into());
    }
    if found
        .last_used_at
        .is_none_or(|used| now.duration_since(used) >= NOTED_EVERY)
    {
        db.touch_api_token(found.id).await?;
    }
    Ok(Caller {
        role: session::role_of(&found.role)?,
        user_id: found.user_id,
        name: found.name,
        by: Credential::Token,
    })
}

/// A browser sends the cookie whoever makes it call: a change must carry what only our own pages know.
async fn by_session(app: &App, parts: &Parts, cookie: &str) -> Result<Caller, ApiError> {
    let found = session::find(&app.console.db, cookie).await?;
    let found =
        found.ok_or_else(|| Problem::new(ProblemCode::Unauthorized, "the session is over"))?;
    let csrf = found.csrf_token.unwrap_or_default();
    let reads = matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
    let given = parts
        .headers
        .get(session::CSRF_HEADER)
        .and_then(|value| value.to_str().ok());
    if !reads && !given.is_some_and(|given| secret::same(given, &csrf)) {
        let problem = Problem::new(
            ProblemCode::Forbidden,
            "a change made by cookie must carry the session's CSRF token",
        );
        return Err(problem
            .with_remedy("Send `csrf_token` of the session as X-CSRF-Token.")
            .into());
    }
    Ok(Caller {
        role: found.role,
        user_id: found.user_id,
        name: found.name,
        by: Credential::Session { csrf },
    })
}
