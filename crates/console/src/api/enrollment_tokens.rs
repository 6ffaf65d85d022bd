//! `/api/v1/enrollment-tokens`: one-time tokens that make instances.

use axum::Json;
use axum::extract::State;
use evercert_api::instances::{
    EnrollmentSecret, EnrollmentToken, NewEnrollmentToken, OpenEnrollmentToken,
};
use evercert_api::{Page, Problem, ProblemCode};
use evercert_types::{Labels, Secret, TokenId};
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::json;

use super::app::App;
use super::body::{OptionalJson, Part};
use crate::auth::audit::{self, Entry};
use crate::auth::caller::Operator;
use crate::auth::{secret, token};
use crate::problem::ApiError;

/// How long a token may be used, where nothing is said, and at most.
const DEFAULT_LIFE: SignedDuration = SignedDuration::from_hours(24);
const LONGEST_LIFE: SignedDuration = SignedDuration::from_hours(24 * 30);
/// How many labels an instance may have, and how long key and value may be.
const MAX_LABELS: usize = 32;
const MAX_LABEL: usize = 128;

/// Lists the tokens that can still be used, without their texts.
#[utoipa::path(get, path = "/api/v1/enrollment-tokens", tag = "instances", extensions(("x-role" = json!("operator"))),
    responses((status = 200, description = "Tokens that can still be used, oldest first", body = Page<OpenEnrollmentToken>)))]
pub(crate) async fn list(
    State(app): State<App>,
    _caller: Operator,
) -> Result<Json<Page<OpenEnrollmentToken>>, ApiError> {
    let open = app.console.db.open_enrollment_tokens().await?;
    let shown = open.into_iter().map(|stored| OpenEnrollmentToken {
        id: stored.id,
        labels: stored.labels,
        created_by: stored.created_by,
        created_at: stored.created_at,
        expires_at: stored.expires_at,
    });
    Ok(Json(Page::last(shown.collect())))
}

/// Makes a one-time token; its text is in this answer and nowhere else.
#[utoipa::path(post, path = "/api/v1/enrollment-tokens", tag = "instances", extensions(("x-role" = json!("operator"))),
    request_body = NewEnrollmentToken,
    responses((status = 201, description = "Made; `token` is shown this once", body = EnrollmentToken)))]
pub(crate) async fn create(
    State(app): State<App>,
    Operator(caller): Operator,
    OptionalJson(new): OptionalJson<NewEnrollmentToken>,
) -> Result<(StatusCode, Json<EnrollmentToken>), ApiError> {
    check_labels(&new.labels)?;
    let ends = token::expiry(
        new.expires_in.as_deref(),
        DEFAULT_LIFE,
        LONGEST_LIFE,
        app.console.now(),
    )?;
    let text = Secret::new(secret::random_text());
    let mut tx = app.console.db.begin_write().await?;
    let id = tx
        .insert_enrollment_token(
            &secret::hash(text.expose()),
            &new.labels,
            &caller.label(),
            ends,
        )
        .await?;
    let subject = id.to_string();
    let detail = json!({ "labels": new.labels, "expires_at": ends });
    let entry = Entry {
        action: "enrollment_token.create",
        subject: &subject,
        detail,
    };
    audit::append(&mut tx, &caller.label(), &entry).await?;
    tx.commit().await?;
    let token = EnrollmentSecret::compose(text.expose(), &app.identity.ca_fingerprint());
    Ok((
        StatusCode::CREATED,
        Json(EnrollmentToken {
            id,
            token,
            expires_at: ends,
        }),
    ))
}

/// Withdraws a token that was not used yet.
#[utoipa::path(delete, path = "/api/v1/enrollment-tokens/{id}", tag = "instances", extensions(("x-role" = json!("operator"))),
    params(("id" = TokenId, Path, description = "Its id")),
    responses((status = 204, description = "Unusable from now on")))]
pub(crate) async fn remove(
    State(app): State<App>,
    Operator(caller): Operator,
    Part(id): Part,
) -> Result<StatusCode, ApiError> {
    let missing = || {
        Problem::new(
            ProblemCode::NotFound,
            "there is no such unused enrolment token",
        )
    };
    let id: TokenId = id.parse().map_err(|_| missing())?;
    let mut tx = app.console.db.begin_write().await?;
    if !tx.remove_enrollment_token(id).await? {
        return Err(missing().into());
    }
    let subject = id.to_string();
    let entry = Entry {
        action: "enrollment_token.revoke",
        subject: &subject,
        detail: json!({}),
    };
    audit::append(&mut tx, &caller.label(), &entry).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn check_labels(labels: &Labels) -> Result<(), ApiError> {
    let invalid = |detail: String| {
        Err(Problem::new(ProblemCode::Invalid, detail)
            .at("/labels")
            .into())
    };
    if labels.len() > MAX_LABELS {
        return invalid(format!("an instance has at most {MAX_LABELS} labels"));
    }
    for (key, value) in labels {
        if key.len() > MAX_LABEL || value.len() > MAX_LABEL || value.chars().any(char::is_control) {
            return invalid(format!(
                "the label {key:?} is longer than {MAX_LABEL} characters, or not printable"
            ));
        }
        if let Err(error) = evercert_types::label::parse_label(&format!("{key}={value}")) {
            return invalid(error.to_string());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_no_selector_can_name_are_refused() {
        let labels = |key: &str, value: &str| Labels::from([(key.to_owned(), value.to_owned())]);

        assert!(check_labels(&labels("site", "fra")).is_ok());
        assert!(check_labels(&labels("si te", "fra")).is_err());
        assert!(check_labels(&labels("site", "a,b")).is_err());
        assert!(check_labels(&labels("site", &"x".repeat(200))).is_err());
    }
}
