//! `/api/v1/dns-providers` and `/api/v1/domain-mappings`: who answers DNS-01 for which domain.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use evercert_api::ca_vendors::TestReport;
use evercert_api::dns_providers::{
    ChangedDnsProvider, Delegation, DelegationQuery, DnsAlias, DnsProvider, DnsProviderChange,
    DnsProviderTest, DnsProviderType, DnsTestNews, DomainMapping, NewDnsAlias, NewDnsProvider,
    NewDomainMappings, NewlyMapped, OrphanRemoval, OrphanReport, OrphanState, UnmappedDomain,
};
use evercert_api::users::Role;
use evercert_api::{Page, Problem, ProblemCode};
use evercert_types::DomainName;
use http::{HeaderMap, StatusCode};
use serde_json::json;
use tokio::sync::mpsc;

use super::app::App;
use super::body::{JsonBody, OptionalJson, Part};
use super::ndjson;
use crate::auth::audit::{self, Entry};
use crate::auth::caller::{Caller, Operator, Viewer};
use crate::lifecycle::dns_test::DnsTest;
use crate::lifecycle::{delegation, dns, dns_accounts, dns_mapping, dns_types, orphans};
use crate::problem::{ApiError, internal};

/// Lists the DNS providers; credentials are not shown.
#[utoipa::path(get, path = "/api/v1/dns-providers", tag = "dns", extensions(("x-role" = json!("viewer"))),
    responses((status = 200, description = "All DNS providers", body = Page<DnsProvider>)))]
pub(crate) async fn list(
    State(app): State<App>,
    _caller: Viewer,
) -> Result<Json<Page<DnsProvider>>, ApiError> {
    Ok(Json(Page::last(dns::list(&app.console).await?)))
}

/// Adds a DNS provider after it was tried with its settings, unless that is not wanted; on failure nothing is kept.
#[utoipa::path(post, path = "/api/v1/dns-providers", tag = "dns", extensions(("x-role" = json!("operator"))),
    request_body = NewDnsProvider, responses((status = 201, description = "Saved", body = DnsProvider)))]
pub(crate) async fn add(
    State(app): State<App>,
    Operator(caller): Operator,
    JsonBody(new): JsonBody<NewDnsProvider>,
) -> Result<(StatusCode, Json<DnsProvider>), ApiError> {
    may_enter(&caller, &new.type_code)?;
    let provider = dns::add_dns_provider(&app.console, &caller.actor(), new).await?;
    let detail = json!({ "id": provider.id, "type": provider.type_code });
    let entry = Entry {
        action: "dns_provider.add",
        subject: &provider.name,
        detail,
    };
    audit::record(&app.console.db, &caller.label(), &entry).await?;
    Ok((StatusCode::CREATED, Json(provider)))
}

/// Providers that run programs or write files of this host are entered by administrators.
fn may_enter(caller: &Caller, type_code: &str) -> Result<(), ApiError> {
    match evercert_dns::is_local(type_code) {
        true => caller.require(Role::Admin),
        false => Ok(()),
    }
}

/// Lists the kinds of DNS providers, and what each needs.
#[utoipa::path(get, path = "/api/v1/dns-providers/types", tag = "dns", extensions(("x-role" = json!("viewer"))),
    responses((status = 200, description = "All kinds, by code", body = Page<DnsProviderType>)))]
pub(crate) async fn types(_caller: Viewer) -> Json<Page<DnsProviderType>> {
    Json(Page::last(dns_types::all()))
}

/// Shows one kind of DNS provider, and what it needs.
#[utoipa::path(get, path = "/api/v1/dns-providers/types/{code}", tag = "dns", extensions(("x-role" = json!("viewer"))),
    params(("code" = String, Path, description = "Its code")),
    responses((status = 200, description = "The kind", body = DnsProviderType)))]
pub(crate) async fn show_type(
    _caller: Viewer,
    Part(code): Part,
) -> Result<Json<DnsProviderType>, ApiError> {
    Ok(Json(dns_types::one(&code)?))
}

/// Shows a DNS provider.
#[utoipa::path(get, path = "/api/v1/dns-providers/{name}", tag = "dns", extensions(("x-role" = json!("viewer"))),
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, description = "The DNS provider", body = DnsProvider)))]
pub(crate) async fn show(
    State(app): State<App>,
    _caller: Viewer,
    Part(name): Part,
) -> Result<Json<DnsProvider>, ApiError> {
    let found = dns::list(&app.console)
        .await?
        .into_iter()
        .find(|provider| provider.name == name);
    let missing = || {
        Problem::new(
            ProblemCode::DnsProviderNotFound,
            format!("there is no DNS provider \"{name}\""),
        )
    };
    Ok(Json(found.ok_or_else(missing)?))
}

/// Removes a DNS provider that no domain is mapped to.
#[utoipa::path(delete, path = "/api/v1/dns-providers/{name}", tag = "dns", extensions(("x-role" = json!("operator"))),
    params(("name" = String, Path, description = "Its name")),
    responses((status = 204, description = "Removed")))]
pub(crate) async fn remove(
    State(app): State<App>,
    Operator(caller): Operator,
    Part(name): Part,
) -> Result<StatusCode, ApiError> {
    dns::remove(&app.console, &caller.actor(), &name).await?;
    let entry = Entry {
        action: "dns_provider.remove",
        subject: &name,
        detail: json!({}),
    };
    audit::record(&app.console.db, &caller.label(), &entry).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Changes a DNS provider: settings in part, propagation, whether it is active. Other settings are tried before they
/// are saved, unless that is not wanted; on failure nothing is changed.
#[utoipa::path(patch, path = "/api/v1/dns-providers/{name}", tag = "dns", extensions(("x-role" = json!("operator"))),
    params(("name" = String, Path, description = "Its name")), request_body = DnsProviderChange,
    responses((status = 200, description = "Changed; what that means for certificates", body = ChangedDnsProvider)))]
pub(crate) async fn change(
    State(app): State<App>,
    Operator(caller): Operator,
    Part(name): Part,
    JsonBody(change): JsonBody<DnsProviderChange>,
) -> Result<Json<ChangedDnsProvider>, ApiError> {
    let settings: Vec<String> = change.settings.keys().cloned().collect();
    if !settings.is_empty() {
        let saved = dns::named(&app.console, &name).await?;
        may_enter(&caller, &saved.type_code)?;
    }
    let changed = dns::change_dns_provider(&app.console, &caller.actor(), &name, change).await?;
    let detail = json!({
        "name": changed.provider.name, "settings": settings, "active": changed.provider.active,
        "blocked": changed.blocked,
    });
    let entry = Entry {
        action: "dns_provider.change",
        subject: &name,
        detail,
    };
    audit::record(&app.console.db, &caller.label(), &entry).await?;
    Ok(Json(changed))
}

/// Looks where the challenge names of domains are delegated, and says which CNAMEs to create.
#[utoipa::path(post, path = "/api/v1/delegations/check", tag = "dns", extensions(("x-role" = json!("viewer"))),
    request_body = DelegationQuery,
    responses((status = 200, description = "One entry for each domain", body = Page<Delegation>)))]
pub(crate) async fn check_delegations(
    State(app): State<App>,
    _caller: Viewer,
    JsonBody(query): JsonBody<DelegationQuery>,
) -> Result<Json<Page<Delegation>>, ApiError> {
    Ok(Json(Page::last(
        delegation::check(&app.console, &query).await?,
    )))
}

/// Tests a DNS provider step by step: logs in, finds the zone, writes a TXT record, reads it back, removes it, and sees
/// that it is gone. The record stands at the challenge name of the given domain,
/// or of one that is mapped to the provider.
/// With `Accept: application/x-ndjson` each step is told as it begins and ends, one JSON object a line; the report
/// comes last.
#[utoipa::path(post, path = "/api/v1/dns-providers/{name}/test", tag = "dns", extensions(("x-role" = json!("operator"))),
    params(("name" = String, Path, description = "Its name")), request_body = DnsProviderTest,
    responses((status = 200, description = "What was found, step by step", content(
        (TestReport = "application/json"), (DnsTestNews = "application/x-ndjson")))))]
pub(crate) async fn test(
    State(app): State<App>,
    _caller: Operator,
    Part(name): Part,
    headers: HeaderMap,
    OptionalJson(wanted): OptionalJson<DnsProviderTest>,
) -> Result<Response, ApiError> {
    let (news, heard) = mpsc::unbounded_channel();
    let teller = news.clone();
    let listener = Box::new(move |one| drop(teller.send(one)));
    let test = DnsTest::new(&app.console, &name, wanted.domain, listener).await?;
    // A reader who leaves does not end it: what it wrote is still to be removed.
    let running = tokio::spawn(async move {
        let outcome = test.run().await;
        let last = match &outcome {
            Ok(report) => DnsTestNews::Report(report.clone()),
            Err(error) => DnsTestNews::Problem(error.to_problem()),
        };
        drop(news.send(last));
        outcome
    });
    if ndjson::is_wanted(&headers) {
        return Ok(ndjson::lines(heard));
    }
    let ended = running.await.map_err(|error| internal(&error))?;
    Ok(Json(ended?).into_response())
}

/// Looks for stale challenge values at a DNS provider: TXT values of the form of a challenge's that no order here knows.
#[utoipa::path(get, path = "/api/v1/dns-providers/{name}/orphans", tag = "dns", extensions(("x-role" = json!("operator"))),
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, description = "What was found", body = OrphanReport)))]
pub(crate) async fn orphans(
    State(app): State<App>,
    _caller: Operator,
    Part(name): Part,
) -> Result<Json<OrphanReport>, ApiError> {
    Ok(Json(orphans::look(&app.console, &name).await?))
}

/// Removes stale challenge values that were seen long enough ago. Another ACME client may be in the middle of an order:
/// values that were seen for the first time just now are left.
#[utoipa::path(post, path = "/api/v1/dns-providers/{name}/orphans/remove", tag = "dns", extensions(("x-role" = json!("operator"))),
    params(("name" = String, Path, description = "Its name")), request_body = OrphanRemoval,
    responses((status = 200, description = "What became of each", body = OrphanReport)))]
pub(crate) async fn remove_orphans(
    State(app): State<App>,
    Operator(caller): Operator,
    Part(name): Part,
    OptionalJson(wanted): OptionalJson<OrphanRemoval>,
) -> Result<Json<OrphanReport>, ApiError> {
    let report = orphans::remove(&app.console, &caller.actor(), &name, &wanted).await?;
    let touched = report
        .orphans
        .iter()
        .filter(|orphan| matches!(orphan.state, OrphanState::Removed | OrphanState::Failed));
    for orphan in touched {
        let detail = json!({
            "name": orphan.name, "value": orphan.value, "state": orphan.state, "detail": orphan.detail,
        });
        let entry = Entry {
            action: "dns_provider.orphan.remove",
            subject: &name,
            detail,
        };
        audit::record(&app.console.db, &caller.label(), &entry).await?;
    }
    Ok(Json(report))
}

/// Registers a domain at a DNS provider that writes at names of its own only (acme-dns), and says which CNAME to create;
/// what is registered already is only said.
#[utoipa::path(post, path = "/api/v1/dns-providers/{name}/aliases", tag = "dns", extensions(("x-role" = json!("operator"))),
    params(("name" = String, Path, description = "Its name")), request_body = NewDnsAlias,
    responses((status = 200, description = "The record to create", body = DnsAlias)))]
pub(crate) async fn register(
    State(app): State<App>,
    Operator(caller): Operator,
    Part(name): Part,
    JsonBody(wanted): JsonBody<NewDnsAlias>,
) -> Result<Json<DnsAlias>, ApiError> {
    let alias =
        dns_accounts::register(&app.console, &caller.actor(), &name, &wanted.domain).await?;
    let entry = Entry {
        action: "dns_provider.register",
        subject: &name,
        detail: json!({ "domain": alias.domain, "target": alias.target }),
    };
    audit::record(&app.console.db, &caller.label(), &entry).await?;
    Ok(Json(alias))
}

/// Lists which domains are answered through which provider.
#[utoipa::path(get, path = "/api/v1/domain-mappings", tag = "dns", extensions(("x-role" = json!("viewer"))),
    responses((status = 200, description = "All mappings, by domain", body = Page<DomainMapping>)))]
pub(crate) async fn list_mappings(
    State(app): State<App>,
    _caller: Viewer,
) -> Result<Json<Page<DomainMapping>>, ApiError> {
    Ok(Json(Page::last(dns::list_mappings(&app.console).await?)))
}

/// Maps domains, and all names under them, to a provider; in place of another one, if they were mapped. The provider must
/// have their zones, unless that is not to be looked at. All domains are mapped, or none.
#[utoipa::path(post, path = "/api/v1/domain-mappings", tag = "dns", extensions(("x-role" = json!("operator"))),
    request_body = NewDomainMappings, responses((status = 201, description = "Mapped", body = NewlyMapped)))]
pub(crate) async fn map_domain(
    State(app): State<App>,
    Operator(caller): Operator,
    JsonBody(wanted): JsonBody<NewDomainMappings>,
) -> Result<(StatusCode, Json<NewlyMapped>), ApiError> {
    let mapped = dns_mapping::map_domains(&app.console, &caller.actor(), &wanted).await?;
    for one in &mapped.mapped {
        let entry = Entry {
            action: "domain.map",
            subject: one.domain.as_str(),
            detail: json!({ "provider": mapped.first.provider }),
        };
        audit::record(&app.console.db, &caller.label(), &entry).await?;
    }
    Ok((StatusCode::CREATED, Json(mapped)))
}

/// Ends the mapping of a domain.
#[utoipa::path(delete, path = "/api/v1/domain-mappings/{domain}", tag = "dns", extensions(("x-role" = json!("operator"))),
    params(("domain" = String, Path, description = "The domain")),
    responses((status = 200, description = "No longer mapped; what that means for certificates", body = UnmappedDomain)))]
pub(crate) async fn unmap_domain(
    State(app): State<App>,
    Operator(caller): Operator,
    Part(domain): Part,
) -> Result<Json<UnmappedDomain>, ApiError> {
    let invalid =
        |error: evercert_types::NameError| Problem::new(ProblemCode::Invalid, error.to_string());
    let domain = DomainName::new(&domain).map_err(invalid)?;
    let unmapped = dns::unmap_domain(&app.console, &caller.actor(), &domain).await?;
    let entry = Entry {
        action: "domain.unmap",
        subject: domain.as_str(),
        detail: json!({ "blocked": unmapped.blocked }),
    };
    audit::record(&app.console.db, &caller.label(), &entry).await?;
    Ok(Json(unmapped))
}
