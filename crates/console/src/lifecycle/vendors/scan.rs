//! Scanning the certificates of both stores: which of them a vendor's CA issued, and which may be renewed through it.

use std::collections::{BTreeMap, HashMap, HashSet};

use evercert_acme::vendors::{Issuer, issued_by};
use evercert_api::ca_vendors::{IssuerCount, ScannedCertificate, VendorCertificates};
use evercert_db::DbError;
use evercert_db::certificates::{Certificate, CertificateFilter};
use evercert_db::vendors::{InForce, Vendor};
use evercert_types::CertificateId;
use evercert_x509::{Certificate as X509, Chain};

use super::named;
use super::types::kind_of;
use crate::lifecycle::LifecycleError;
use crate::state::Console;

/// What every CA but the vendor's is called.
const OTHER: &str = "Other CA";
/// So many of a vendor's own chains tell which issuing CAs it has.
const REMEMBERED_CHAINS: u32 = 50;

/// Anybody can run one of these, so that an issuer's name does not tell whose it is.
const ANYBODYS: [&str; 3] = ["acme", "local", "pebble"];

/// Which page of a scan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanPage {
    /// The `next` of the page before.
    pub cursor: Option<String>,
    /// How many certificates at most, over all lists; 0: all.
    pub limit: u32,
}

/// Where a certificate stands to the vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Selected,
    Offered,
    Other,
    Elsewhere,
}

/// How a vendor's own certificates are told.
pub(super) struct Recogniser<'a> {
    vendor: &'a Vendor,
    /// Key ids of the CAs that issued its certificates.
    issuer_keys: HashSet<Vec<u8>>,
    /// The roots of a CA in the house, which often signs its own HTTPS certificate as well.
    roots: Vec<X509>,
}

/// The certificates of both stores as they stand to a vendor, by name.
///
/// # Errors
/// When there is no such vendor, or the database fails.
pub async fn scan(
    console: &Console,
    name: &str,
    page: &ScanPage,
) -> Result<VendorCertificates, LifecycleError> {
    let vendor = named(console, name).await?;
    let all = scan_all(console, &vendor).await?;
    let mut found = VendorCertificates {
        counts: count(&vendor, &all),
        mapped_elsewhere: 0,
        selected: Vec::new(),
        offered: Vec::new(),
        other: Vec::new(),
        next: None,
    };
    let limit = match page.limit {
        0 => usize::MAX,
        limit => limit as usize,
    };
    let after = page.cursor.as_deref().unwrap_or_default();
    let (mut listed, mut last) = (0, None);
    for (standing, one) in all {
        if standing == Standing::Elsewhere {
            found.mapped_elsewhere += 1;
            continue;
        }
        if one.name.as_str() <= after {
            continue;
        }
        if listed == limit {
            found.next = last.clone();
            // The counts below are over all of them.
            continue;
        }
        listed += 1;
        last = Some(one.name.clone());
        match standing {
            Standing::Selected => found.selected.push(one),
            Standing::Offered => found.offered.push(one),
            Standing::Other | Standing::Elsewhere => found.other.push(one),
        }
    }
    Ok(found)
}

/// How many certificates the vendor's CA issued, and how many others did.
pub(super) async fn counts(
    console: &Console,
    vendor: &Vendor,
) -> Result<Vec<IssuerCount>, DbError> {
    let all = scan_all(console, vendor).await?;
    Ok(count(vendor, &all))
}

fn count(vendor: &Vendor, all: &[(Standing, ScannedCertificate)]) -> Vec<IssuerCount> {
    let issued = all
        .iter()
        .filter(|(standing, one)| *standing != Standing::Elsewhere && one.issuer.is_some());
    let (here, other): (Vec<_>, Vec<_>) = issued.partition(|(_, one)| one.issued_here);
    let counted = |issuer: &str, found: &[_]| IssuerCount {
        issuer: issuer.to_owned(),
        count: found.len() as u64,
    };
    vec![counted(issuer_name(vendor), &here), counted(OTHER, &other)]
}

/// What the vendor's CA is called: a CA of unknown kind goes by the vendor's own name.
fn issuer_name(vendor: &Vendor) -> &str {
    let kind = kind_of(vendor);
    if kind.issuers.is_empty() {
        &vendor.name
    } else {
        kind.name
    }
}

async fn scan_all(
    console: &Console,
    vendor: &Vendor,
) -> Result<Vec<(Standing, ScannedCertificate)>, DbError> {
    let recogniser = Recogniser::new(console, vendor).await?;
    let mut in_force: HashMap<CertificateId, Vec<InForce>> = HashMap::new();
    for version in console.db.versions_in_force().await? {
        in_force
            .entry(version.certificate_id)
            .or_default()
            .push(version);
    }
    let certificates = console
        .db
        .certificates(CertificateFilter::default())
        .await?;
    Ok(certificates
        .iter()
        .map(|certificate| {
            let versions = in_force.remove(&certificate.id).unwrap_or_default();
            let one = scanned(certificate, &versions, &recogniser);
            (standing(certificate, vendor, one.issued_here), one)
        })
        .collect())
}

fn standing(certificate: &Certificate, vendor: &Vendor, issued_here: bool) -> Standing {
    match certificate.vendor_id {
        Some(id) if id == vendor.id => Standing::Selected,
        Some(_) => Standing::Elsewhere,
        None if issued_here => Standing::Offered,
        None => Standing::Other,
    }
}

fn scanned(
    certificate: &Certificate,
    versions: &[InForce],
    recogniser: &Recogniser<'_>,
) -> ScannedCertificate {
    let first = versions.first();
    let names = first.map(|version| issuer_parts(&version.issuer));
    ScannedCertificate {
        name: certificate.name.clone(),
        store: certificate.store,
        domains: certificate.names.clone(),
        issuer: first.map(|version| version.issuer.clone()),
        ca: names
            .and_then(|names| issued_by(names.as_issuer()))
            .map(|kind| kind.name.to_owned()),
        issued_here: !versions.is_empty() && versions.iter().all(|one| recogniser.knows(one)),
        renewal_mode: certificate.renewal_mode,
        not_after: versions.iter().map(|version| version.not_after).min(),
    }
}

impl<'a> Recogniser<'a> {
    pub(super) async fn new(console: &Console, vendor: &'a Vendor) -> Result<Self, DbError> {
        let chains = console
            .db
            .chains_of_vendor(vendor.id, REMEMBERED_CHAINS)
            .await?;
        let leaves = chains.iter().filter_map(|pem| Chain::from_pem(pem).ok());
        let issuer_keys = leaves
            .filter_map(|chain| chain.leaf().authority_key_id().map(<[u8]>::to_vec))
            .collect();
        // The roots behind a public CA's HTTPS sign for others as well.
        let in_house = ANYBODYS.contains(&kind_of(vendor).code);
        let bundle = vendor.ca_bundle.as_deref().filter(|_| in_house);
        let roots = bundle
            .and_then(|pem| X509::all_from_pem(pem).ok())
            .unwrap_or_default();
        Ok(Self {
            vendor,
            issuer_keys,
            roots,
        })
    }

    /// Whether the vendor's CA issued this version.
    pub(super) fn knows(&self, version: &InForce) -> bool {
        if let Some(id) = version.vendor_id
            && id == self.vendor.id
        {
            return true;
        }
        let parts = issuer_parts(&version.issuer);
        let kind = kind_of(self.vendor);
        let by_name = !ANYBODYS.contains(&kind.code) && issued_by(parts.as_issuer()) == Some(kind);
        by_name || self.knows_chain(&version.chain_pem)
    }

    fn knows_chain(&self, chain_pem: &str) -> bool {
        if self.issuer_keys.is_empty() && self.roots.is_empty() {
            return false;
        }
        let Ok(chain) = Chain::from_pem(chain_pem) else {
            return false;
        };
        let by_key = chain
            .leaf()
            .authority_key_id()
            .is_some_and(|id| self.issuer_keys.contains(id));
        let under = |root: &X509| {
            let mut links = chain.certificates().iter();
            links.any(|one| one.fingerprint() == root.fingerprint() || one.is_signed_by(root))
        };
        by_key || self.roots.iter().any(under)
    }
}

/// Organisation and common name out of a distinguished name.
#[derive(Debug, Default, PartialEq, Eq)]
struct IssuerParts(BTreeMap<String, String>);

impl IssuerParts {
    fn as_issuer(&self) -> Issuer<'_> {
        Issuer {
            organization: self.0.get("O").map(String::as_str),
            common_name: self.0.get("CN").map(String::as_str),
        }
    }
}

/// Reads a name written in the way of RFC 4514, as versions keep it.
fn issuer_parts(text: &str) -> IssuerParts {
    let mut parts = BTreeMap::new();
    let (mut part, mut escaped) = (String::new(), false);
    for c in text.chars().chain([',']) {
        match c {
            _ if escaped => {
                part.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            ',' | '+' => {
                if let Some((key, value)) = part.split_once('=') {
                    parts.entry(key.to_owned()).or_insert(value.to_owned());
                }
                part.clear();
            }
            _ => part.push(c),
        }
    }
    IssuerParts(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn organisation_and_common_name_are_read_out_of_a_name() {
        let parts = issuer_parts("CN=DigiCert\\, G2+OU=x,O=DigiCert\\, Inc.,C=US");

        let issuer = parts.as_issuer();

        assert_eq!(issuer.organization, Some("DigiCert, Inc."));
        assert_eq!(issuer.common_name, Some("DigiCert, G2"));
        assert_eq!(issuer_parts("").as_issuer(), Issuer::default());
    }
}
