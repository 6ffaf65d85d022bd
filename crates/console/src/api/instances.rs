//! `/api/v1/instances`: enrolled instances and how far they are; and how far a certificate got.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use evercert_api::certificates::{Certificate, Deployment};
use evercert_api::instances::{Instance, InstanceItem};
use evercert_api::sync::ItemId;
use evercert_api::{Page, Problem, ProblemCode};
use evercert_db::instances as stored;
use evercert_db::store_items::StoreState;
use evercert_types::ItemState;
use http::StatusCode;
use serde_json::json;

use super::app::App;
use super::body::Part;
use crate::auth::audit::{self, Entry};
use crate::auth::caller::{Operator, Viewer};
use crate::problem::ApiError;
use crate::sync::deployment::item_state;

/// Lists the instances.
#[utoipa::path(get, path = "/api/v1/instances", tag = "instances", extensions(("x-role" = json!("viewer"))),
    responses((status = 200, description = "All instances, in the order of their enrolment", body = Page<Instance>)))]
pub(crate) async fn list(
    State(app): State<App>,
    _caller: Viewer,
) -> Result<Json<Page<Instance>>, ApiError> {
    let instances = app.console.db.instances().await?;
    Ok(Json(Page::last(
        instances
            .into_iter()
            .map(|instance| shape(&app, instance))
            .collect(),
    )))
}

/// Shows an instance, item by item.
#[utoipa::path(get, path = "/api/v1/instances/{name}", tag = "instances", extensions(("x-role" = json!("viewer"))),
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, description = "The instance with its items", body = Instance)))]
pub(crate) async fn show(
    State(app): State<App>,
    _caller: Viewer,
    Part(name): Part,
) -> Result<Json<Instance>, ApiError> {
    let instance = find(&app, &name).await?;
    let items = items_of(&app, &instance).await?;
    Ok(Json(Instance {
        items,
        ..shape(&app, instance)
    }))
}

/// Removes an instance: its calls are refused from now on.
#[utoipa::path(delete, path = "/api/v1/instances/{name}", tag = "instances", extensions(("x-role" = json!("operator"))),
    params(("name" = String, Path, description = "Its name")),
    responses((status = 204, description = "Refused from now on")))]
pub(crate) async fn remove(
    State(app): State<App>,
    Operator(caller): Operator,
    Part(name): Part,
) -> Result<StatusCode, ApiError> {
    let instance = find(&app, &name).await?;
    let mut tx = app.console.db.begin_write().await?;
    if !tx.remove_instance(instance.id).await? {
        return Err(missing(&name).into());
    }
    let entry = Entry {
        action: "instance.remove",
        subject: &name,
        detail: json!({ "id": instance.id }),
    };
    audit::append(&mut tx, &caller.label(), &entry).await?;
    tx.commit().await?;
    app.store.registry.remove(instance.id);
    app.store.refresh_or_later().await;
    tracing::info!(instance.name = name, "an instance was removed");
    Ok(StatusCode::NO_CONTENT)
}

/// How far a certificate got on the instances in its scope.
pub(crate) async fn deployments(
    app: &App,
    certificate: &Certificate,
) -> Result<Vec<Deployment>, ApiError> {
    let instances = app.console.db.instances().await?;
    let store = store_state(app);
    let mut deployments = Vec::new();
    for slot in &certificate.keys {
        let id = ItemId {
            certificate: certificate.id,
            algorithm: slot.algorithm,
        };
        let Some(item) = app.store.item(&id) else {
            continue;
        };
        let rows = app.console.db.instances_of_item(&id.to_string()).await?;
        let rows: HashMap<_, _> = rows.into_iter().map(|row| (row.instance_id, row)).collect();
        for instance in instances
            .iter()
            .filter(|instance| item.is_for(&instance.labels))
        {
            let row = rows.get(&instance.id);
            let current = row.filter(|row| row.generation == item.generation);
            deployments.push(Deployment {
                instance: instance.name.clone(),
                algorithm: slot.algorithm,
                generation: item.generation,
                state: item_state(&item, store, &instance.watermark, row),
                handshakes: current.map_or(0, |row| row.handshakes.unsigned_abs()),
                first_observed_at: current.and_then(|row| row.first_observed_at),
                detail: current.and_then(|row| why(row.code.as_deref(), row.detail.as_deref())),
            });
        }
    }
    Ok(deployments)
}

/// How many instances have everything in their scope.
pub(crate) fn count_in_sync(app: &App) -> usize {
    let members = app.store.registry.members();
    let in_sync = members.iter().filter(|member| {
        let watermark = member.said(|said| said.watermark.clone());
        app.store
            .manifest(member)
            .is_some_and(|manifest| is_in_sync(&manifest, &watermark))
    });
    in_sync.count()
}

async fn find(app: &App, name: &str) -> Result<stored::Instance, ApiError> {
    let found = app.console.db.instance_by_name(name).await?;
    Ok(found.ok_or_else(|| missing(name))?)
}

fn missing(name: &str) -> Problem {
    Problem::new(
        ProblemCode::InstanceNotFound,
        format!("there is no instance \"{name}\""),
    )
}

fn shape(app: &App, instance: stored::Instance) -> Instance {
    let member = app.store.registry.member(instance.id);
    let manifest = member
        .as_ref()
        .and_then(|member| app.store.manifest(member));
    let seen = member.and_then(|member| member.said(|said| said.seen));
    Instance {
        id: instance.id,
        in_sync: manifest
            .as_ref()
            .is_some_and(|manifest| is_in_sync(manifest, &instance.watermark)),
        store_revision: manifest.map_or(0, |manifest| manifest.revision),
        name: instance.name,
        kind: instance.kind,
        labels: instance.labels,
        agent_version: instance.agent_version,
        revision: instance.watermark.revision,
        last_seen_at: seen.max(instance.last_seen_at),
        enrolled_at: instance.enrolled_at,
        identity_not_after: instance.identity_not_after,
        items: Vec::new(),
    }
}

fn is_in_sync(manifest: &evercert_api::sync::Manifest, watermark: &stored::Watermark) -> bool {
    watermark.epoch == manifest.epoch
        && watermark.revision >= manifest.revision
        && watermark.digest.as_deref() == Some(manifest.digest.to_string().as_str())
}

async fn items_of(app: &App, instance: &stored::Instance) -> Result<Vec<InstanceItem>, ApiError> {
    let rows = app.console.db.items_of_instance(instance.id).await?;
    let rows: HashMap<_, _> = rows
        .into_iter()
        .map(|row| (row.item_id.clone(), row))
        .collect();
    let names = app.console.db.zero_touch_names().await?;
    let store = store_state(app);
    let mut items: Vec<InstanceItem> = app
        .store
        .items_for(&instance.labels)
        .into_iter()
        .map(|item| {
            let id = ItemId {
                certificate: item.certificate_id,
                algorithm: item.algorithm,
            };
            let row = rows.get(&id.to_string());
            let current = row.filter(|row| row.generation == item.generation);
            let state = item_state(&item, store, &instance.watermark, row);
            InstanceItem {
                certificate: names
                    .get(&item.certificate_id)
                    .cloned()
                    .unwrap_or_else(|| item.certificate_id.to_string()),
                algorithm: item.algorithm,
                generation: item.generation,
                state,
                handshakes: current.map_or(0, |row| row.handshakes.unsigned_abs()),
                code: current
                    .and_then(|row| row.code.clone())
                    .filter(|_| state == ItemState::Rejected),
                detail: current.and_then(|row| row.detail.clone()),
            }
        })
        .collect();
    items.sort_by(|a, b| (&a.certificate, a.algorithm).cmp(&(&b.certificate, b.algorithm)));
    Ok(items)
}

fn store_state(app: &App) -> StoreState {
    let figures = app.store.figures();
    StoreState {
        epoch: figures.epoch,
        revision: figures.revision,
    }
}

fn why(code: Option<&str>, detail: Option<&str>) -> Option<String> {
    match (code, detail) {
        (Some(code), Some(detail)) if !code.is_empty() => Some(format!("{code}: {detail}")),
        (code, detail) => detail.or(code).map(str::to_owned),
    }
}
