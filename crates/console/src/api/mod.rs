//! The REST API: [`router`] is its table of contents.
//!
//! A handler extracts and authorises by its arguments' types, calls the lifecycle, writes the audit entry
//! and answers; nothing is decided here.

pub(crate) mod app;
pub(crate) mod audit;
pub(crate) mod body;
pub(crate) mod ca_limits;
pub(crate) mod ca_vendors;
pub(crate) mod certificates;
pub(crate) mod challenges;
pub(crate) mod dns;
pub(crate) mod enrollment_tokens;
pub(crate) mod health;
pub(crate) mod instances;
pub(crate) mod layer;
pub(crate) mod ndjson;
pub(crate) mod operations;
pub(crate) mod orders;
pub(crate) mod pages;
pub(crate) mod paging;
pub(crate) mod preflight;
pub(crate) mod renewals;
pub(crate) mod session;
pub(crate) mod store;
pub(crate) mod tokens;
mod txt_journal;

use axum::routing::get;
use axum::{Json, Router, middleware};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::openapi::{Description, with_problems};
use crate::sync;
use app::App;

/// Everything the Console serves.
pub(crate) fn router(app: App) -> Router {
    let (router, document) = endpoints().split_for_parts();
    let document = with_problems(document);
    router
        .merge(sync::handlers::routes())
        .route("/", get(pages::index))
        .route("/dns-providers", get(pages::dns_providers))
        .route("/setup", get(pages::setup))
        .route("/sign-in", get(pages::sign_in))
        .route("/ui/{*path}", get(pages::asset))
        .route("/api/v1/openapi.json", get(async move || Json(document)))
        .fallback(layer::not_found)
        .method_not_allowed_fallback(layer::method_not_allowed)
        .layer(middleware::from_fn_with_state(app.clone(), layer::around))
        .with_state(app)
}

/// The endpoints that are described.
fn endpoints() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(session::set_up))
        .routes(routes!(session::show, session::log_in, session::log_out))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::remove))
        .routes(routes!(audit::list))
        .routes(routes!(audit::verify))
        .routes(routes!(ca_vendors::list, ca_vendors::add))
        .routes(routes!(ca_vendors::types))
        .routes(routes!(
            ca_vendors::show,
            ca_vendors::edit,
            ca_vendors::remove
        ))
        .routes(routes!(ca_vendors::certificates, ca_vendors::select))
        .routes(routes!(ca_vendors::rotate_account_key))
        .routes(routes!(ca_vendors::test))
        .routes(routes!(ca_limits::show, ca_limits::set))
        .routes(routes!(dns::list, dns::add))
        .routes(routes!(dns::types))
        .routes(routes!(dns::show_type))
        .routes(routes!(dns::show, dns::change, dns::remove))
        .routes(routes!(dns::test))
        .routes(routes!(txt_journal::list))
        .routes(routes!(txt_journal::retry))
        .routes(routes!(dns::orphans))
        .routes(routes!(dns::remove_orphans))
        .routes(routes!(dns::register))
        .routes(routes!(dns::list_mappings, dns::map_domain))
        .routes(routes!(dns::unmap_domain))
        .routes(routes!(dns::check_delegations))
        .routes(routes!(certificates::list, certificates::issue))
        .routes(routes!(certificates::summary))
        .routes(routes!(certificates::duplicates))
        .routes(routes!(certificates::import))
        .routes(routes!(preflight::of_request))
        .routes(routes!(preflight::of_certificate))
        .routes(routes!(
            certificates::show,
            certificates::change,
            certificates::delete
        ))
        .routes(routes!(certificates::renew))
        .routes(routes!(certificates::bulk))
        .routes(routes!(certificates::rebuild_chain))
        .routes(routes!(certificates::revoke))
        .routes(routes!(certificates::rollback))
        .routes(routes!(challenges::list))
        .routes(routes!(challenges::confirm))
        .routes(routes!(certificates::export))
        .routes(routes!(certificates::versions))
        .routes(routes!(certificates::log))
        .routes(routes!(certificates::deployments))
        .routes(routes!(renewals::list))
        .routes(routes!(renewals::calendar))
        .routes(routes!(renewals::settings, renewals::save_settings))
        .routes(routes!(operations::show))
        .routes(routes!(operations::logs))
        .routes(routes!(orders::list))
        .routes(routes!(orders::show))
        .routes(routes!(instances::list))
        .routes(routes!(instances::show, instances::remove))
        .routes(routes!(enrollment_tokens::list, enrollment_tokens::create))
        .routes(routes!(enrollment_tokens::remove))
        .routes(routes!(store::show))
        .routes(routes!(store::intend_purge, store::withdraw_purge))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .routes(routes!(health::metrics))
}
