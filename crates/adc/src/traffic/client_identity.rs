//! Who the client of a connection is, and whether that still holds at each request.

use std::sync::Arc;

use http::StatusCode;

use super::admission::Refusal;
use super::http::gateway;
use super::listener::Vserver;
use crate::dc2g::identity::{IdentityError, VerifiedIdentity};

/// What the handshake proved.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientIdentity {
    verified: Option<Arc<VerifiedIdentity>>,
}

impl ClientIdentity {
    /// After the handshake.
    pub(crate) const fn new(verified: Option<Arc<VerifiedIdentity>>) -> Self {
        Self { verified }
    }

    /// Who the client is now: in force, not revoked since, and by the vserver's present rules.
    ///
    /// # Errors
    /// With what to answer when it is not accepted any more.
    pub(crate) async fn now(
        &self,
        vserver: &Vserver,
    ) -> Result<Option<Arc<VerifiedIdentity>>, Refusal> {
        let Some(tls) = vserver.tls() else {
            return Ok(None);
        };
        match tls.still(self.verified.as_ref()).await {
            Ok(identity) => Ok(identity),
            Err(error) => {
                tracing::info!(vserver.name = %vserver.name, %error, "a client is not accepted any more");
                Err(refusal(&error))
            }
        }
    }
}

const fn refusal(error: &IdentityError) -> Refusal {
    let why = match error {
        IdentityError::Expired => "your certificate has expired",
        IdentityError::Revoked => "your certificate was revoked",
        IdentityError::NoStatus => "it cannot be told whether your certificate was revoked",
        IdentityError::Missing => {
            "this virtual server asks for a client certificate now; connect again"
        }
        IdentityError::Refused(_) | IdentityError::Unreadable => {
            "your certificate is not accepted here any more; connect again"
        }
    };
    gateway(StatusCode::FORBIDDEN, why)
}
