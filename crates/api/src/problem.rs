//! Errors as the API tells them: `application/problem+json` (RFC 9457) with a stable code and a remedy.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A problem document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, thiserror::Error)]
#[error("{detail}")]
pub struct Problem {
    /// URI of the problem's documentation: `https://evercert.dev/problems/<code>`.
    #[serde(rename = "type")]
    pub type_uri: String,
    /// Stable code, such as `certificate.not_found`.
    pub code: String,
    /// What kind of problem it is, for people.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What happened this time.
    pub detail: String,
    /// The sentence that NetScaler Console shows for it, where it has one; `detail` begins with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_as: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// JSON pointer to the offending part of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// The request, for the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

macro_rules! problems {
    ($($(#[$doc:meta])* $variant:ident = ($code:literal, $status:literal, $title:literal, $remedy:expr),)*) => {
        /// Every problem the API can answer; documentation and status in one place.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ProblemCode { $($(#[$doc])* $variant,)* }

        impl ProblemCode {
            /// All of them, sorted by code.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The stable code.
            pub const fn code(self) -> &'static str { match self { $(Self::$variant => $code,)* } }

            /// The HTTP status.
            pub const fn status(self) -> u16 { match self { $(Self::$variant => $status,)* } }

            /// The title.
            pub const fn title(self) -> &'static str { match self { $(Self::$variant => $title,)* } }

            /// What usually helps.
            pub const fn remedy(self) -> Option<&'static str> { match self { $(Self::$variant => $remedy,)* } }
        }
    };
}

problems! {
    /// The CA refused or could not be reached while a vendor was saved or tested.
    CaVendorFailed = ("ca_vendor.failed", 422, "The CA vendor cannot be used", None),
    /// Something still refers to the vendor.
    CaVendorInUse = ("ca_vendor.in_use", 409, "The CA vendor is in use",
        Some("Move its certificates to another vendor, or delete them, first.")),
    /// No vendor of that name.
    CaVendorNotFound = ("ca_vendor.not_found", 404, "Config CA ID is empty/does not exist.",
        Some("List the vendors with `evercert ca-vendor list`, or add one.")),
    /// Nobody has agreed to the CA's terms of service.
    CaVendorTermsNotAgreed = ("ca_vendor.terms_not_agreed", 422, "The CA's terms of service are not agreed to",
        Some("Read them, then save with `terms_agreed` (`--agree-tos`).")),
    /// An order of the certificate is running.
    CertificateBusy = ("certificate.busy", 409, "An order of this certificate is running",
        Some("Wait for it; `evercert cert log NAME` shows how far it is.")),
    /// A certificate with the same configuration exists and is not due.
    CertificateExists = ("certificate.exists", 409, "Domains not changed. Certificate with same configuration already exists.",
        Some("Use the one that exists, or order all the same with `--force` (`\"force\": true`); that counts against the CA's limits.")),
    /// A stored certificate has names that its CA does not issue for.
    CertificateInvalidDomain = ("certificate.invalid_domain", 422, "Certificate has invalid domain - ADCD error",
        Some("Issue a new certificate for proper names, or give this one a private CA vendor.")),
    /// Another CA vendor has it.
    CertificateMapped = ("certificate.mapped", 409, "The certificate is mapped to another CA vendor",
        Some("Remove it from that vendor first: `evercert ca-vendor deselect VENDOR CERTIFICATE`.")),
    /// There is no key to export, or no version yet.
    CertificateNoKey = ("certificate.no_key", 409, "The certificate has no private key here", None),
    /// No certificate of that name.
    CertificateNotFound = ("certificate.not_found", 404, "There is no such certificate",
        Some("List them with `evercert cert list`.")),
    /// It was paused, and nothing is ordered for it.
    CertificatePaused = ("certificate.paused", 409, "The certificate is paused",
        Some("Resume it first: `evercert cert resume NAME`.")),
    /// The imported material does not fit together.
    CertificateUnusable = ("certificate.unusable", 422, "The certificate cannot be used", None),
    /// Another CA would issue the certificate from its next renewal on, and nobody has confirmed that.
    CertificateVendorChange = ("certificate.vendor_change", 409, "The change of CA is not confirmed",
        Some("Confirm the change of vendor.")),
    /// A name that is not unique.
    Conflict = ("conflict", 409, "The name is taken", Some("Choose another name.")),
    /// The database or the disk does not answer.
    DatabaseUnavailable = ("database.unavailable", 503, "The database cannot be used",
        Some("Check the database server and the free space of its disk; nothing was changed.")),
    /// The provider refused or could not be reached.
    DnsProviderFailed = ("dns_provider.failed", 422, "The DNS provider cannot be used", None),
    /// Something still refers to the provider.
    DnsProviderInUse = ("dns_provider.in_use", 409, "The DNS provider is in use",
        Some("Unmap its domains first.")),
    /// DNS-01 is needed, and no provider may be used.
    DnsProviderNoneActive = ("dns_provider.none_active", 422, "No active DNS providers are configured",
        Some("Activate a DNS provider, or add one: `evercert dns-provider add`.")),
    /// No provider of that name.
    DnsProviderNotFound = ("dns_provider.not_found", 404, "The DNS provider does not exist or is not active.",
        Some("List the providers with `evercert dns-provider list`, or add one.")),
    /// A name that no public CA issues for.
    DomainInvalid = ("domain.invalid", 422, "The domain name cannot be in a public certificate", None),
    /// A name of the certificate is not covered by a mapping.
    DomainUnmapped = ("domain.unmapped", 422, "Certificate is missing a DNS provider name.",
        Some("Map the domain: `evercert domain map DOMAIN --provider NAME`.")),
    /// The role does not allow it.
    Forbidden = ("forbidden", 403, "Your role does not allow this", Some("Ask an administrator for a token with a higher role.")),
    /// No such instance.
    InstanceNotFound = ("instance.not_found", 404, "There is no such instance", Some("List them with `evercert instance list`.")),
    /// We failed; the log has the cause.
    Internal = ("internal", 500, "The Console failed", Some("The Console's log has the cause under this request id.")),
    /// The request is not what the endpoint takes.
    Invalid = ("invalid", 422, "The request is not valid", None),
    /// The body is not JSON.
    MalformedJson = ("malformed_json", 400, "The request body is not JSON", None),
    /// The path exists, the method does not.
    MethodNotAllowed = ("method_not_allowed", 405, "This method is not allowed here", Some("The API is described at /api/v1/openapi.json.")),
    /// No such path or resource.
    NotFound = ("not_found", 404, "There is nothing here", Some("The API is described at /api/v1/openapi.json.")),
    /// The request did not arrive in time.
    RequestTimeout = ("request_timeout", 408, "The request did not arrive in time", Some("Send it again.")),
    /// Roll-back to a version that may not be served.
    RollbackRefused = ("rollback.refused", 409, "That version cannot be put back into force", None),
    /// The Console has an administrator already, or the set-up token is wrong.
    SetupRefused = ("setup.refused", 403, "Set-up is not possible", Some("Use the set-up URL that the Console printed at its first start.")),
    /// The token was used, has expired, or never was.
    TokenRefused = ("token.refused", 403, "The enrolment token cannot be used",
        Some("Make a new one: `evercert instance token create`.")),
    /// The body is larger than the endpoint takes.
    TooLarge = ("too_large", 413, "The request is too large", None),
    /// Too many log-ins.
    TooManyRequests = ("too_many_requests", 429, "Too many attempts", Some("Wait a minute.")),
    /// No or wrong credentials.
    Unauthorized = ("unauthorized", 401, "Log in first",
        Some("Give an API token: EVERCERT_TOKEN, or --token-file.")),
    /// The body is of another type.
    UnsupportedMediaType = ("unsupported_media_type", 415, "The request body has the wrong type",
        Some("Send JSON with `Content-Type: application/json`.")),
}

impl Problem {
    /// A problem with its usual title and remedy.
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self {
            type_uri: format!("https://evercert.dev/problems/{}", code.code()),
            code: code.code().to_owned(),
            title: code.title().to_owned(),
            status: code.status(),
            detail: detail.into(),
            known_as: None,
            remedy: code.remedy().map(str::to_owned),
            pointer: None,
            request_id: None,
        }
    }

    /// Says what to do instead of the usual.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Begins with the sentence that NetScaler Console shows for it, for those who search for that.
    #[must_use]
    pub fn known_as(mut self, sentence: impl Into<String>) -> Self {
        let sentence = sentence.into();
        if !self.detail.starts_with(&sentence) {
            self.detail = format!("{sentence} {}", self.detail);
        }
        self.known_as = Some(sentence);
        self
    }

    /// Says which part of the request is meant, such as `/domains/0`.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = Some(pointer.into());
        self
    }

    /// Whether it is of this code.
    pub fn is(&self, code: ProblemCode) -> bool {
        self.code == code.code()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_and_unique() {
        let codes: Vec<_> = ProblemCode::ALL.iter().map(|c| c.code()).collect();
        let mut sorted = codes.clone();
        sorted.sort_unstable();
        sorted.dedup();

        assert_eq!(codes, sorted);
    }

    #[test]
    fn statuses_are_errors() {
        assert!(
            ProblemCode::ALL
                .iter()
                .all(|c| (400..600).contains(&c.status()))
        );
    }
}
