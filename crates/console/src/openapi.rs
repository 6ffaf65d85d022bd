//! The description of the REST API: OpenAPI 3.1, made from the handlers themselves.

use evercert_api::Problem;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, OpenApi as Document, Ref, RefOr, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use crate::auth::session::COOKIE_NAME;

/// What stands around the endpoints.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Evercert Console",
        description = "Certificates that never lapse, from the CA to the handshake. Additive within version 1. \
            Errors are `application/problem+json` (RFC 9457) with a stable `code` and a `remedy`. \
            `x-role` is the least role that may call: viewer, operator or admin."
    ),
    components(schemas(Problem)),
    security(("token" = []), ("session" = [])),
    tags(
        (name = "certificates", description = "The two stores, and what is issued into them"),
        (name = "renewals", description = "What is renewed when, and what holds for all of it"),
        (name = "ca-vendors", description = "Who issues"),
        (name = "dns", description = "Who answers DNS-01 for which domain"),
        (name = "instances", description = "Where certificates go, and how far they got"),
        (name = "access", description = "Set-up, log-in, tokens, audit"),
        (name = "health", description = "Whether it runs")
    ),
    modifiers(&Everywhere)
)]
pub(crate) struct Description;

/// Ways to log in.
struct Everywhere;

impl Modify for Everywhere {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An API token, `evc_…`"))
            .build();
        components.add_security_scheme("token", SecurityScheme::Http(token));
        let session = ApiKey::Cookie(ApiKeyValue::with_description(
            COOKIE_NAME,
            "Set by log-in; changes must carry the session's `csrf_token` as `X-CSRF-Token`",
        ));
        components.add_security_scheme("session", SecurityScheme::ApiKey(session));
    }
}

/// Says of every operation that it may answer with a problem document.
pub(crate) fn with_problems(mut document: Document) -> Document {
    let problem = ResponseBuilder::new()
        .description("A problem document")
        .content(
            "application/problem+json",
            Content::new(Some(Ref::from_schema_name("Problem"))),
        )
        .build();
    for item in document.paths.paths.values_mut() {
        let operations = [
            &mut item.get,
            &mut item.post,
            &mut item.put,
            &mut item.patch,
            &mut item.delete,
        ];
        for operation in operations.into_iter().flatten() {
            operation
                .responses
                .responses
                .insert("default".to_owned(), RefOr::T(problem.clone()));
        }
    }
    document
}
