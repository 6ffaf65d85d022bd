//! Client certificates as smart cards have them, and worse: issued octet by octet, because no builder makes them all.
//!
//! ```
//! use evercert_testkit::card::{Card, CardAuthority};
//! use evercert_types::{KeyAlgorithm, SystemClock, Clock as _};
//!
//! let now = SystemClock.now();
//! let ca = CardAuthority::new("Card CA", KeyAlgorithm::EcdsaP256, now);
//! let (certificate, _key) = ca.issue(&Card::person("alice", now));
//! assert_eq!(certificate.common_name().as_deref(), Some("alice"));
//! ```

use evercert_types::KeyAlgorithm;
use evercert_x509::der::{self, tlv, wrap};
use evercert_x509::{Certificate, Chain, KeyPair};
use jiff::{SignedDuration, Timestamp};

/// `id-kp-clientAuth`.
pub const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";
/// `szOID_KP_SMARTCARD_LOGON`.
pub const SMART_CARD_LOGON: &str = "1.3.6.1.4.1.311.20.2.2";
/// `szOID_NTDS_CA_SECURITY_EXT`.
pub const SECURITY_IDENTIFIER: &str = "1.3.6.1.4.1.311.25.2";
const PRINCIPAL_NAME: &str = "1.3.6.1.4.1.311.20.2.3";
const SUBJECT_ALT_NAME: &str = "2.5.29.17";

/// A CA that issues [`Card`]s, and can be a forging CA.
#[derive(Clone, Debug)]
pub struct CardAuthority {
    certificate: Certificate,
    key: KeyPair,
}

/// A certificate to be issued; change what is to be otherwise.
#[derive(Clone, Debug)]
pub struct Card {
    /// `Name` as DER.
    pub subject: Vec<u8>,
    /// General names as DER; none leaves the extension out.
    pub alt_names: Vec<Vec<u8>>,
    /// Extended key usages; none leaves the extension out.
    pub usages: Vec<&'static str>,
    /// Further extensions as DER.
    pub extensions: Vec<Vec<u8>>,
    /// Octets of the serial number, big end first.
    pub serial: Vec<u8>,
    /// When its validity begins.
    pub not_before: Timestamp,
    /// When it ends.
    pub not_after: Timestamp,
    /// Algorithm of its key.
    pub algorithm: KeyAlgorithm,
}

impl Card {
    /// `DC=example,DC=corp,OU=Users,OU=Admins,CN=<name>`, with principal name, e-mail address, directory name, SID and
    /// a policy; for TLS clients and smart card logon; valid from an hour ago for a year.
    pub fn person(name: &str, now: Timestamp) -> Self {
        let upn = format!("{name}@corp.example");
        let directory = subject(&[("2.5.4.6", "DE"), ("2.5.4.3", name)]);
        Self {
            subject: subject(&[
                ("0.9.2342.19200300.100.1.25", "example"),
                ("0.9.2342.19200300.100.1.25", "corp"),
                ("2.5.4.11", "Users"),
                ("2.5.4.11", "Admins"),
                ("2.5.4.3", name),
            ]),
            alt_names: vec![
                principal_name(&upn),
                tlv(der::context(1), upn.as_bytes()),
                tlv(der::constructed(4), &directory),
            ],
            usages: vec![CLIENT_AUTH, SMART_CARD_LOGON],
            extensions: vec![
                policy("2.16.840.1.101.3.2.1.3.13"),
                security_identifier(name),
            ],
            serial: evercert_x509::sha256(name.as_bytes()).0[..8].to_vec(),
            not_before: now - SignedDuration::from_hours(1),
            not_after: now + SignedDuration::from_hours(24 * 365),
            algorithm: KeyAlgorithm::EcdsaP256,
        }
    }
}

impl CardAuthority {
    /// A self-signed CA for ten years.
    pub fn new(common_name: &str, algorithm: KeyAlgorithm, now: Timestamp) -> Self {
        Self::with_extensions(common_name, algorithm, now, &[])
    }

    /// The same with further extensions, such as name constraints.
    pub fn with_extensions(
        common_name: &str,
        algorithm: KeyAlgorithm,
        now: Timestamp,
        further: &[Vec<u8>],
    ) -> Self {
        let key = KeyPair::generate(algorithm).expect("the system has a random source");
        let name = subject(&[("2.5.4.10", "Evercert Test"), ("2.5.4.3", common_name)]);
        let hours = SignedDuration::from_hours(24 * 3650);
        let key_id = &evercert_x509::sha256(key.spki_der()).0[..20];
        let mut extensions = vec![
            extension("2.5.29.19", true, &tlv(der::SEQUENCE, &[1, 1, 0xff])),
            // keyCertSign and cRLSign.
            extension("2.5.29.15", true, &[3, 2, 1, 6]),
            extension("2.5.29.14", false, &tlv(der::OCTET_STRING, key_id)),
        ];
        extensions.extend_from_slice(further);
        let der = sign(&Body {
            issuer: &name,
            signer: &key,
            subject: &name,
            spki: key.spki_der(),
            serial: key_id,
            validity: (now - hours, now + hours),
            extensions: &extensions,
        });
        Self {
            certificate: Certificate::from_der(der).expect("what was just made is a certificate"),
            key,
        }
    }

    /// Its certificate.
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Its key.
    pub const fn key(&self) -> &KeyPair {
        &self.key
    }

    /// Its certificate alone, as a chain.
    pub fn chain(&self) -> Chain {
        Chain::from_certificates(vec![self.certificate.clone()])
            .expect("one certificate is a chain")
    }

    /// Issues a card for a new key.
    pub fn issue(&self, card: &Card) -> (Certificate, KeyPair) {
        let key = KeyPair::generate(card.algorithm).expect("the system has a random source");
        let der = self.issue_for(card, key.spki_der());
        let certificate = Certificate::from_der(der).expect("what was just made is a certificate");
        (certificate, key)
    }

    /// Issues a card for a public key that exists; the DER may be no good certificate, if the card says so.
    pub fn issue_for(&self, card: &Card, spki: &[u8]) -> Vec<u8> {
        let mut extensions = Vec::new();
        if !card.alt_names.is_empty() {
            let names = tlv(der::SEQUENCE, &card.alt_names.concat());
            extensions.push(extension(SUBJECT_ALT_NAME, false, &names));
        }
        if !card.usages.is_empty() {
            extensions.push(usage(&card.usages));
        }
        extensions.extend_from_slice(&card.extensions);
        sign(&Body {
            issuer: self.certificate.subject_der(),
            signer: &self.key,
            subject: &card.subject,
            spki,
            serial: &card.serial,
            validity: (card.not_before, card.not_after),
            extensions: &extensions,
        })
    }

    /// An OCSP response to a request about one certificate, signed by this CA.
    pub fn ocsp_response(&self, request: &[u8], status: OcspAnswer, now: Timestamp) -> Vec<u8> {
        let tbs = inner(inner(request));
        // tbsRequest, requestList, Request, CertID.
        let id = inner(inner(tbs));
        let mut time = Vec::new();
        generalized_time(&mut time, now.as_second() - 60);
        let mut next = Vec::new();
        generalized_time(&mut next, now.as_second() + 3600);
        let next = tlv(der::constructed(0), &next);
        let revoked = tlv(0xa1, &time);
        let status: &[u8] = match status {
            OcspAnswer::Good => &[0x80, 0],
            OcspAnswer::Revoked => &revoked,
            OcspAnswer::Unknown => &[0x82, 0],
        };
        let single = wrap(der::SEQUENCE, &[id, status, &time, &next]);
        let by_name = tlv(der::constructed(1), self.certificate.subject_der());
        let list = tlv(der::SEQUENCE, &single);
        let data = wrap(der::SEQUENCE, &[&by_name, &time, &list]);
        let basic = sign_body(&self.key, &data);
        let kind = oid_tlv("1.3.6.1.5.5.7.48.1.1");
        let bytes = wrap(der::SEQUENCE, &[&kind, &tlv(der::OCTET_STRING, &basic)]);
        let bytes = tlv(der::constructed(0), &bytes);
        wrap(der::SEQUENCE, &[&[der::ENUMERATED, 1, 0], &bytes])
    }

    /// A CRL (PEM) over serial numbers (octets as in [`Card::serial`]), valid for a day.
    pub fn crl(&self, revoked: &[&[u8]], now: Timestamp) -> String {
        let mut times = Vec::new();
        der::push_time(&mut times, now.as_second() - 60);
        let this_update = times.clone();
        der::push_time(&mut times, now.as_second() + 86_400);
        let mut entries = Vec::new();
        for serial in revoked {
            entries.extend(wrap(der::SEQUENCE, &[&der::unsigned(serial), &this_update]));
        }
        let algorithm = signature_algorithm(&self.key);
        let mut parts: Vec<&[u8]> = vec![
            &[2, 1, 1],
            &algorithm,
            self.certificate.subject_der(),
            &times,
        ];
        let list = tlv(der::SEQUENCE, &entries);
        if !revoked.is_empty() {
            parts.push(&list);
        }
        let number = tlv(der::SEQUENCE, &extension("2.5.29.20", false, &[2, 1, 1]));
        let extensions = tlv(der::constructed(0), &number);
        parts.push(&extensions);
        let signed = sign_body(&self.key, &wrap(der::SEQUENCE, &parts));
        evercert_x509::pem::encode("X509 CRL", &signed)
    }
}

/// What an OCSP response is to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OcspAnswer {
    /// Not revoked.
    Good,
    /// Revoked.
    Revoked,
    /// Not known.
    Unknown,
}

/// The contents of the first element.
fn inner(octets: &[u8]) -> &[u8] {
    der::Reader::new(octets)
        .next_tlv()
        .expect("an OCSP request is DER")
        .content
}

fn generalized_time(out: &mut Vec<u8>, seconds: i64) {
    let at = Timestamp::from_second(seconds).expect("a time of this century");
    let text = at.strftime("%Y%m%d%H%M%SZ").to_string();
    der::push(out, der::GENERALIZED_TIME, text.as_bytes());
}

/// The extension that names an OCSP responder (authority information access).
pub fn ocsp_url(url: &str) -> Vec<u8> {
    let access = wrap(
        der::SEQUENCE,
        &[
            &oid_tlv("1.3.6.1.5.5.7.48.1"),
            &tlv(der::context(6), url.as_bytes()),
        ],
    );
    extension("1.3.6.1.5.5.7.1.1", false, &tlv(der::SEQUENCE, &access))
}

/// A `Name` of single-valued parts: object identifier and text, as `UTF8String`.
pub fn subject(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut sets = Vec::new();
    for (oid, text) in parts {
        let pair = wrap(
            der::SEQUENCE,
            &[&oid_tlv(oid), &tlv(der::UTF8_STRING, text.as_bytes())],
        );
        der::push(&mut sets, der::SET, &pair);
    }
    tlv(der::SEQUENCE, &sets)
}

/// A user principal name as general name.
pub fn principal_name(upn: &str) -> Vec<u8> {
    let value = tlv(der::constructed(0), &tlv(der::UTF8_STRING, upn.as_bytes()));
    wrap(der::constructed(0), &[&oid_tlv(PRINCIPAL_NAME), &value])
}

/// An extension.
pub fn extension(oid: &str, is_critical: bool, value: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if is_critical { &[1, 1, 0xff] } else { &[] };
    let value = tlv(der::OCTET_STRING, value);
    wrap(der::SEQUENCE, &[&oid_tlv(oid), critical, &value])
}

/// An extendedKeyUsage.
pub fn usage(usages: &[&str]) -> Vec<u8> {
    let list: Vec<u8> = usages.iter().flat_map(|oid| oid_tlv(oid)).collect();
    extension("2.5.29.37", false, &tlv(der::SEQUENCE, &list))
}

/// certificatePolicies with one policy.
pub fn policy(oid: &str) -> Vec<u8> {
    let information = tlv(der::SEQUENCE, &oid_tlv(oid));
    extension("2.5.29.32", false, &tlv(der::SEQUENCE, &information))
}

/// The extension with an account's SID, which here ends with the name.
pub fn security_identifier(name: &str) -> Vec<u8> {
    let sid = format!("S-1-5-21-1-2-3-{name}");
    let octets = tlv(der::OCTET_STRING, sid.as_bytes());
    let value = tlv(der::constructed(0), &octets);
    let other = wrap(
        der::constructed(0),
        &[&oid_tlv("1.3.6.1.4.1.311.25.2.1"), &value],
    );
    extension(SECURITY_IDENTIFIER, false, &tlv(der::SEQUENCE, &other))
}

/// Name constraints that permit these general names (tag and contents).
pub fn permitted_names(names: &[Vec<u8>]) -> Vec<u8> {
    let subtrees: Vec<u8> = names
        .iter()
        .flat_map(|name| tlv(der::SEQUENCE, name))
        .collect();
    let value = tlv(der::SEQUENCE, &tlv(der::constructed(0), &subtrees));
    extension("2.5.29.30", true, &value)
}

struct Body<'a> {
    issuer: &'a [u8],
    signer: &'a KeyPair,
    subject: &'a [u8],
    spki: &'a [u8],
    serial: &'a [u8],
    validity: (Timestamp, Timestamp),
    extensions: &'a [Vec<u8>],
}

fn sign(body: &Body<'_>) -> Vec<u8> {
    let mut times = Vec::new();
    der::push_time(&mut times, body.validity.0.as_second());
    der::push_time(&mut times, body.validity.1.as_second());
    let extensions = tlv(der::SEQUENCE, &body.extensions.concat());
    let tbs = wrap(
        der::SEQUENCE,
        &[
            &[0xa0, 3, 2, 1, 2],
            &der::unsigned(body.serial),
            &signature_algorithm(body.signer),
            body.issuer,
            &tlv(der::SEQUENCE, &times),
            body.subject,
            body.spki,
            &tlv(der::constructed(3), &extensions),
        ],
    );
    sign_body(body.signer, &tbs)
}

fn sign_body(signer: &KeyPair, tbs: &[u8]) -> Vec<u8> {
    let mut bits = vec![0];
    bits.extend(signer.sign(tbs).expect("the system has a random source"));
    let signature = tlv(der::BIT_STRING, &bits);
    wrap(
        der::SEQUENCE,
        &[tbs, &signature_algorithm(signer), &signature],
    )
}

fn signature_algorithm(signer: &KeyPair) -> Vec<u8> {
    let (oid, parameters): (_, &[u8]) = match signer.algorithm() {
        KeyAlgorithm::EcdsaP256 => ("1.2.840.10045.4.3.2", &[]),
        KeyAlgorithm::EcdsaP384 => ("1.2.840.10045.4.3.3", &[]),
        _ => ("1.2.840.113549.1.1.11", &[der::NULL, 0]),
    };
    wrap(der::SEQUENCE, &[&oid_tlv(oid), parameters])
}

fn oid_tlv(dotted: &str) -> Vec<u8> {
    tlv(
        der::OID,
        &der::oid_content(dotted).expect("an object identifier"),
    )
}
