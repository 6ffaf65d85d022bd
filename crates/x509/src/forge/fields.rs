//! Which extensions a made certificate has, and what stands in them.

use evercert_types::KeyFamily;
use jiff::SignedDuration;

use super::authority::{ForgingCa, LeafKey, push_subject_key_id};
use super::original::{
    AUTHORITY_INFO, AUTHORITY_KEY_ID, BASIC_CONSTRAINTS, CRL_DISTRIBUTION, EXTENDED_KEY_USAGE,
    Extension, KEY_USAGE, NAME_CONSTRAINTS, Original, POLICIES, SECURITY_IDENTIFIER,
    SUBJECT_ALT_NAME, SUBJECT_KEY_ID,
};
use super::refusal::Refusal;
use super::subject::SubjectTemplate;
use crate::der::{self, push, push_header};
use crate::fingerprint::sha256;

/// basicConstraints, critical, CA:FALSE.
const NO_CA: &[u8] = &[0x30, 12, 6, 3, 0x55, 0x1d, 19, 1, 1, 0xff, 4, 2, 0x30, 0];
/// keyUsage, critical: digitalSignature.
const SIGNING: &[u8] = &[
    0x30, 14, 6, 3, 0x55, 0x1d, 15, 1, 1, 0xff, 4, 4, 3, 2, 7, 0x80,
];
/// keyUsage, critical: digitalSignature and keyEncipherment.
const SIGNING_AND_ENCIPHERMENT: &[u8] = &[
    0x30, 14, 6, 3, 0x55, 0x1d, 15, 1, 1, 0xff, 4, 4, 3, 2, 5, 0xa0,
];
/// extendedKeyUsage: clientAuth.
const FOR_CLIENTS: &[u8] = &[
    0x30, 19, 6, 3, 0x55, 0x1d, 37, 4, 12, 0x30, 10, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 2,
];
/// Where a made certificate comes from: an object identifier of our own, from a UUID (X.667).
const ORIGIN: &str = "2.25.21153929915077057916903264145751139750";
/// Ours, or about the original's issuer: never copied by number.
const RESERVED: [&[u8]; 11] = [
    SUBJECT_ALT_NAME,
    KEY_USAGE,
    BASIC_CONSTRAINTS,
    NAME_CONSTRAINTS,
    CRL_DISTRIBUTION,
    POLICIES,
    AUTHORITY_KEY_ID,
    SUBJECT_KEY_ID,
    EXTENDED_KEY_USAGE,
    AUTHORITY_INFO,
    SECURITY_IDENTIFIER,
];

/// Extensions that are copied, or made after the original's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Copied {
    /// subjectAltName, octet by octet.
    SubjectAltName,
    /// extendedKeyUsage, octet by octet; without it, clientAuth.
    ExtendedKeyUsage,
    /// keyUsage, made to fit the new key.
    KeyUsage,
    /// certificatePolicies, octet by octet.
    CertificatePolicies,
    /// The account's SID (1.3.6.1.4.1.311.25.2), octet by octet.
    SecurityIdentifier,
}

impl Copied {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::SubjectAltName,
        Self::ExtendedKeyUsage,
        Self::KeyUsage,
        Self::CertificatePolicies,
        Self::SecurityIdentifier,
    ];
}

/// What becomes of a critical extension that is not copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownCritical {
    /// No certificate is made.
    #[default]
    Refuse,
    /// It is left out.
    Drop,
}

/// Whether a made certificate tells which one it was made from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Provenance {
    /// It does not.
    #[default]
    Omit,
    /// By a private extension with issuer, serial number and SHA-256.
    Tell,
}

/// Further extensions to copy, by object identifier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OidList(Vec<Vec<u8>>);

/// An object identifier cannot be in an [`OidList`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OidListError {
    /// It is none.
    #[error("\"{0}\" is not an object identifier such as 1.3.6.1.4.1.311.20.2")]
    Malformed(String),
    /// It has a rule of its own.
    #[error(
        "{0} is never copied by number: it has a switch of its own, or belongs to the new key and issuer"
    )]
    Reserved(String),
}

impl OidList {
    /// Object identifiers in dotted form.
    ///
    /// # Errors
    /// See [`OidListError`].
    pub fn new<'t>(dotted: impl IntoIterator<Item = &'t str>) -> Result<Self, OidListError> {
        let read = |text: &str| {
            let content =
                der::oid_content(text).ok_or_else(|| OidListError::Malformed(text.to_owned()))?;
            match RESERVED.contains(&content.as_slice()) {
                true => Err(OidListError::Reserved(text.to_owned())),
                false => Ok(content),
            }
        };
        dotted
            .into_iter()
            .map(read)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    fn contains(&self, oid: &[u8]) -> bool {
        self.0.iter().any(|own| own == oid)
    }
}

/// What stands in made certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldPolicy {
    /// How long they are valid; never longer than the client's certificate and the CA's.
    pub lifetime: SignedDuration,
    /// Extensions taken over.
    pub copied: Vec<Copied>,
    /// Further ones, octet by octet.
    pub custom: OidList,
    /// Another subject than the original's.
    pub subject: Option<SubjectTemplate>,
    /// What becomes of other critical extensions.
    pub unknown_critical: UnknownCritical,
    /// Where the forging CA's CRL is: an own cRLDistributionPoints, because the original's is another CA's.
    pub crl_url: Option<String>,
    /// Whether they tell what they were made from.
    pub provenance: Provenance,
}

impl Default for FieldPolicy {
    /// A day, everything copied, unknown critical extensions refused.
    fn default() -> Self {
        Self {
            lifetime: SignedDuration::from_hours(24),
            copied: Copied::ALL.to_vec(),
            custom: OidList::default(),
            subject: None,
            unknown_critical: UnknownCritical::default(),
            crl_url: None,
            provenance: Provenance::default(),
        }
    }
}

impl FieldPolicy {
    pub(super) fn copies(&self, extension: Copied) -> bool {
        self.copied.contains(&extension)
    }

    /// The raw copy, if the extension is one.
    fn is_copied(&self, extension: &Extension<'_>) -> bool {
        match extension.oid {
            SUBJECT_ALT_NAME => self.copies(Copied::SubjectAltName),
            EXTENDED_KEY_USAGE => self.copies(Copied::ExtendedKeyUsage),
            POLICIES => self.copies(Copied::CertificatePolicies),
            SECURITY_IDENTIFIER => self.copies(Copied::SecurityIdentifier),
            other => self.custom.contains(other),
        }
    }
}

/// Appends `[3] Extensions`.
pub(super) fn push_extensions(
    out: &mut Vec<u8>,
    ca: &ForgingCa,
    policy: &FieldPolicy,
    key: &LeafKey,
    original: &Original<'_>,
) -> Result<(), Refusal> {
    let mut list = Vec::with_capacity(1024);
    for extension in &original.extensions {
        if policy.is_copied(extension) {
            list.extend_from_slice(extension.raw);
        } else if extension.is_critical
            && policy.unknown_critical == UnknownCritical::Refuse
            && !RESERVED.contains(&extension.oid)
        {
            return Err(Refusal::UnknownCritical(der::oid_text(extension.oid)));
        }
    }
    let has_usage = original.extension(EXTENDED_KEY_USAGE).is_some();
    if !(has_usage && policy.copies(Copied::ExtendedKeyUsage)) {
        list.extend_from_slice(FOR_CLIENTS);
    }
    if policy.copies(Copied::KeyUsage) {
        list.extend_from_slice(match key.key().algorithm().family() {
            KeyFamily::Rsa => SIGNING_AND_ENCIPHERMENT,
            _ => SIGNING,
        });
    }
    list.extend_from_slice(NO_CA);
    list.extend_from_slice(ca.authority_key_id());
    push_subject_key_id(&mut list, key.key_id());
    if let Some(url) = &policy.crl_url {
        push_crl_url(&mut list, url);
    }
    if policy.provenance == Provenance::Tell {
        push_provenance(&mut list, original);
    }
    let mut sequence = Vec::with_capacity(list.len() + 4);
    push(&mut sequence, der::SEQUENCE, &list);
    push_header(out, der::constructed(3), sequence.len());
    out.extend_from_slice(&sequence);
    Ok(())
}

/// One distribution point with one URI (RFC 5280 §4.2.1.13).
fn push_crl_url(out: &mut Vec<u8>, url: &str) {
    let uri = der::tlv(der::context(6), url.as_bytes());
    let full_name = der::tlv(der::constructed(0), &uri);
    let point = der::tlv(der::SEQUENCE, &der::tlv(der::constructed(0), &full_name));
    push_extension(out, CRL_DISTRIBUTION, &der::tlv(der::SEQUENCE, &point));
}

/// `SEQUENCE { issuer Name, serialNumber INTEGER, sha256 OCTET STRING }`.
fn push_provenance(out: &mut Vec<u8>, original: &Original<'_>) {
    let serial = der::tlv(der::INTEGER, original.serial);
    let digest = der::tlv(der::OCTET_STRING, &sha256(original.der).0);
    let value = der::wrap(der::SEQUENCE, &[original.issuer, &serial, &digest]);
    let oid = der::oid_content(ORIGIN).unwrap_or_default();
    push_extension(out, &oid, &value);
}

fn push_extension(out: &mut Vec<u8>, oid: &[u8], value: &[u8]) {
    let oid = der::tlv(der::OID, oid);
    let value = der::tlv(der::OCTET_STRING, value);
    out.extend_from_slice(&der::wrap(der::SEQUENCE, &[&oid, &value]));
}
