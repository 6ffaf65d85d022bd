//! What a back-end profile says of made certificates, with its files read.

use std::time::Duration;

use evercert_ns::model::{DynamicClientCert, ForgedKeyAlgorithm};
use evercert_types::KeyAlgorithm;
use evercert_x509::Certificate;
use evercert_x509::forge::{
    Copied, FieldPolicy, ForgingCa, OidList, Provenance, SubjectTemplate, UnknownCritical,
};
use jiff::SignedDuration;

use super::keys::KeyRule;

/// Settings of one profile.
#[derive(Clone, Debug)]
pub(crate) struct ForgerSettings {
    pub(crate) view: DynamicClientCert,
    /// Bound with `-forgingCACertkey`; without one nothing is made, and handshakes fail.
    pub(crate) ca: Option<ForgingCa>,
    /// To make certificates from when the client showed none.
    pub(crate) fallback: Option<Certificate>,
}

impl ForgerSettings {
    /// Whether these are the settings that something was built with.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let chain = |settings: &Self| {
            let ca = settings.ca.as_ref();
            ca.map(|ca| (ca.chain().fingerprint(), ca.fingerprint()))
        };
        self.view == other.view && chain(self) == chain(other) && self.fallback == other.fallback
    }

    /// What stands in made certificates.
    ///
    /// # Errors
    /// With what is wrong with the subject or the object identifiers.
    pub(crate) fn fields(&self) -> Result<FieldPolicy, String> {
        let view = &self.view;
        let custom = OidList::new(view.custom_oids.iter().map(String::as_str));
        let subject = view.subject.as_deref().map(SubjectTemplate::parse);
        Ok(FieldPolicy {
            lifetime: signed(view.lifetime),
            copied: match &view.extensions {
                None => Copied::ALL.to_vec(),
                Some(names) => names.iter().filter_map(|name| copied(name)).collect(),
            },
            custom: custom.map_err(|error| error.to_string())?,
            subject: subject.transpose().map_err(|error| error.to_string())?,
            unknown_critical: match view.drops_unknown_critical {
                true => UnknownCritical::Refuse,
                false => UnknownCritical::Drop,
            },
            crl_url: view.crl_url.clone(),
            provenance: match view.tells_provenance {
                true => Provenance::Tell,
                false => Provenance::Omit,
            },
        })
    }

    /// What kind of key they are for.
    pub(crate) const fn key_algorithm(&self) -> KeyAlgorithm {
        match self.view.key_algorithm {
            ForgedKeyAlgorithm::P256 => KeyAlgorithm::EcdsaP256,
            ForgedKeyAlgorithm::P384 => KeyAlgorithm::EcdsaP384,
            ForgedKeyAlgorithm::Rsa2048 => KeyAlgorithm::Rsa2048,
        }
    }

    /// Whose key.
    pub(crate) const fn key_rule(&self) -> KeyRule {
        match self.view.has_fresh_key {
            true => KeyRule::Fresh,
            false => KeyRule::Daily,
        }
    }
}

/// Of the words of `-dynamicClientCertExtensions`; basicConstraints is always there.
fn copied(name: &str) -> Option<Copied> {
    match name {
        "subjectAltName" => Some(Copied::SubjectAltName),
        "extendedKeyUsage" => Some(Copied::ExtendedKeyUsage),
        "keyUsage" => Some(Copied::KeyUsage),
        "certificatePolicies" => Some(Copied::CertificatePolicies),
        "securityIdentifier" => Some(Copied::SecurityIdentifier),
        _ => None,
    }
}

/// Spans of the configuration are far below what fits.
pub(crate) fn signed(span: Duration) -> SignedDuration {
    SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX)
}
