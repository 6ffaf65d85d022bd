//! `/api/v1/dns-providers/{name}/journal`: values that stand at a provider.

use axum::Json;
use axum::extract::State;
use evercert_api::Page;
use evercert_api::txt_journal::{JournalRetry, JournalValue};
use serde_json::json;

use super::app::App;
use super::body::Part;
use crate::auth::audit::{self, Entry};
use crate::auth::caller::{Operator, Viewer};
use crate::lifecycle::journal;
use crate::problem::ApiError;

/// Lists the TXT values that were written through a provider and are not removed yet, with why not.
#[utoipa::path(get, path = "/api/v1/dns-providers/{name}/journal", tag = "dns", extensions(("x-role" = json!("viewer"))),
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, description = "The values, oldest first; a thousand at most", body = Page<JournalValue>)))]
pub(crate) async fn list(
    State(app): State<App>,
    _caller: Viewer,
    Part(name): Part,
) -> Result<Json<Page<JournalValue>>, ApiError> {
    Ok(Json(Page::last(journal::list(&app.console, &name).await?)))
}

/// Tries at once to remove the values whose removal failed.
#[utoipa::path(post, path = "/api/v1/dns-providers/{name}/journal/retry", tag = "dns", extensions(("x-role" = json!("operator"))),
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, description = "How many are tried", body = JournalRetry)))]
pub(crate) async fn retry(
    State(app): State<App>,
    Operator(caller): Operator,
    Part(name): Part,
) -> Result<Json<JournalRetry>, ApiError> {
    let tried = journal::retry(&app.console, &caller.actor(), &name).await?;
    let entry = Entry {
        action: "dns_provider.retry_journal",
        subject: &name,
        detail: json!({ "values": tried.values }),
    };
    audit::record(&app.console.db, &caller.label(), &entry).await?;
    Ok(Json(tried))
}
