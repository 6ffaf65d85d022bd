//! Making instances: a one-time token and a certificate request become an identity.

use evercert_api::sync::{
    EnrollRequest, EnrollResponse, RenewIdentityRequest, RenewIdentityResponse,
};
use evercert_api::{Problem, ProblemCode};
use evercert_db::instances::NewInstance;
use evercert_types::InstanceId;
use evercert_x509::{Certificate, Csr};
use serde_json::json;

use super::registry::Member;
use crate::api::app::App;
use crate::auth::audit::{self, Entry};
use crate::auth::secret;
use crate::problem::ApiError;

/// How long an instance's name may be.
const MAX_NAME: usize = 64;

/// Uses the token up, names the instance and signs its certificate.
///
/// A token that was used, has ended or never was is answered alike, and only after the rest of the
/// request was found good: the answers do not tell which secrets exist.
pub(crate) async fn enroll(app: &App, request: EnrollRequest) -> Result<EnrollResponse, ApiError> {
    let wanted = instance_name(&request.name)?;
    if !matches!(request.kind.as_str(), "adc" | "netscaler") {
        return Err(
            Problem::new(ProblemCode::Invalid, "kind must be adc or netscaler")
                .at("/kind")
                .into(),
        );
    }
    let csr = read_csr(&request.csr_pem)?;
    let id = InstanceId::new();
    let certificate = app.identity.issue_instance(id, &csr)?;
    let mut tx = app.console.db.begin_write().await?;
    let hash = secret::hash(request.secret.expose());
    let Some(token) = tx.use_enrollment_token(&hash, id).await? else {
        return Err(token_refused().into());
    };
    let name = tx.free_instance_name(&wanted).await?;
    tx.insert_instance(&NewInstance {
        id,
        name: &name,
        kind: &request.kind,
        labels: &token.labels,
        agent_version: &request.agent_version.chars().take(100).collect::<String>(),
        identity_fingerprint: certificate.fingerprint(),
        identity_not_after: certificate.not_after(),
    })
    .await?;
    let detail = json!({ "token": token.id, "labels": token.labels, "kind": request.kind });
    let entry = Entry {
        action: "instance.enrol",
        subject: &name,
        detail,
    };
    audit::append(&mut tx, &format!("instance:{name}"), &entry).await?;
    tx.commit().await?;
    app.store.refresh_or_later().await;
    tracing::info!(instance.name = name, instance.id = %id, "an instance was enrolled");
    Ok(EnrollResponse {
        instance_id: id,
        name,
        labels: token.labels,
        certificate_pem: with_ca(app, &certificate),
        ca_pem: app.identity.ca_pem(),
    })
}

/// Signs the next identity certificate of an instance, for a new key.
pub(crate) async fn renew_identity(
    app: &App,
    member: &Member,
    request: RenewIdentityRequest,
) -> Result<RenewIdentityResponse, ApiError> {
    let csr = read_csr(&request.csr_pem)?;
    let certificate = app.identity.issue_instance(member.id, &csr)?;
    let mut tx = app.console.db.begin_write().await?;
    let known = tx
        .set_instance_identity(
            member.id,
            certificate.fingerprint(),
            certificate.not_after(),
        )
        .await?;
    if !known {
        return Err(Problem::new(ProblemCode::Unauthorized, "this instance was removed").into());
    }
    tx.commit().await?;
    tracing::debug!(
        instance.name = member.name,
        "an instance's identity was renewed"
    );
    Ok(RenewIdentityResponse {
        certificate_pem: with_ca(app, &certificate),
        ca_pem: app.identity.ca_pem(),
    })
}

fn with_ca(app: &App, certificate: &Certificate) -> String {
    certificate.to_pem() + &app.identity.ca_pem()
}

fn token_refused() -> Problem {
    Problem::new(
        ProblemCode::TokenRefused,
        "the enrolment token was used, has ended, or never was",
    )
}

fn read_csr(pem: &str) -> Result<Csr, ApiError> {
    let invalid = |detail: String| Problem::new(ProblemCode::Invalid, detail).at("/csr_pem");
    let csr = Csr::from_pem(pem)
        .map_err(|error| invalid(format!("the certificate request cannot be read: {error}")))?;
    csr.verify_signature().map_err(|error| {
        invalid(format!(
            "the certificate request is not signed by its key: {error}"
        ))
    })?;
    if csr.key_algorithm().is_none() {
        let detail = "the key must be ECDSA P-256 or P-384, or RSA of 2048 to 4096 bits";
        return Err(invalid(detail.to_owned()).into());
    }
    Ok(csr)
}

fn instance_name(wanted: &str) -> Result<String, ApiError> {
    let name = wanted.trim();
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(allowed) {
        let detail = "an instance's name has 1 to 64 letters, digits, '-', '_' and '.'";
        return Err(Problem::new(ProblemCode::Invalid, detail)
            .at("/name")
            .into());
    }
    Ok(name.to_owned())
}
