//! What OpenSSL prints of a certificate, in its words: other programs' texts and APIs repeat them.

use jiff::Timestamp;
use x509_parser::prelude::{FromDer, X509Certificate, X509Name};
use x509_parser::public_key::PublicKey;

use crate::certificate::Certificate;
use crate::name::attribute_text;

/// A certificate in OpenSSL's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details {
    /// The subject, `C=US,O=Example,CN=a.example`: in the order of the certificate.
    pub subject: String,
    /// The issuer, likewise.
    pub issuer: String,
    /// Serial number in upper-case hexadecimal digits, whole octets, without zeros in front.
    pub serial: String,
    /// Signature algorithm, such as `sha256WithRSAEncryption`; its object identifier when it has no name.
    pub signature_algorithm: String,
    /// Algorithm of the public key, such as `rsaEncryption` or `id-ecPublicKey`.
    pub public_key_algorithm: String,
    /// Bits of the public key.
    pub public_key_bits: usize,
    /// X.509 version; 3 in general.
    pub version: u32,
    /// `notBefore`, as `Jan  5 13:34:23 2026 GMT`.
    pub not_before: String,
    /// `notAfter`, likewise.
    pub not_after: String,
}

impl Details {
    /// Reads a certificate once more; `None` only for one that was never parsed.
    pub fn of(certificate: &Certificate) -> Option<Self> {
        let (_, x509) = X509Certificate::from_der(certificate.der()).ok()?;
        let spki = x509.public_key();
        let signature = x509.signature_algorithm.algorithm.to_id_string();
        let algorithm = spki.algorithm.algorithm.to_id_string();
        Some(Self {
            subject: name(x509.subject()),
            issuer: name(x509.issuer()),
            serial: certificate.serial_hex().to_ascii_uppercase(),
            signature_algorithm: named(SIGNATURES, signature),
            public_key_bits: bits(&spki.parsed().ok(), spki.subject_public_key.data.len()),
            public_key_algorithm: named(PUBLIC_KEYS, algorithm),
            version: x509.version().0 + 1,
            not_before: openssl_time(certificate.not_before()),
            not_after: openssl_time(certificate.not_after()),
        })
    }
}

/// A time as OpenSSL prints it: `Jul  7 11:25:06 2021 GMT`.
pub fn openssl_time(time: Timestamp) -> String {
    time.strftime("%b %e %H:%M:%S %Y GMT").to_string()
}

fn bits(key: &Option<PublicKey<'_>>, octets: usize) -> usize {
    match key {
        Some(PublicKey::RSA(rsa)) => {
            let modulus = rsa.modulus;
            let zeros = modulus.iter().take_while(|octet| **octet == 0).count();
            let first = modulus.get(zeros).map_or(0, |octet| octet.leading_zeros());
            (modulus.len() - zeros) * 8 - usize::try_from(first).unwrap_or(0)
        }
        // An uncompressed point: one octet, and two coordinates.
        Some(PublicKey::EC(point)) => match (point.data().len().saturating_sub(1) / 2) * 8 {
            528 => 521,
            bits => bits,
        },
        _ => octets * 8,
    }
}

/// One comma-separated line, first part first; parts of one set are joined by `+`.
fn name(name: &X509Name<'_>) -> String {
    let sets = name.iter_rdn().map(|set| {
        let pairs = set.iter().map(|attribute| {
            let oid = attribute.attr_type().to_id_string();
            let value = attribute_text(attribute.as_str().ok(), attribute.as_slice());
            format!("{}={value}", named(ATTRIBUTES, oid))
        });
        pairs.collect::<Vec<_>>().join("+")
    });
    sets.collect::<Vec<_>>().join(",")
}

type Names = &'static [(&'static str, &'static str)];

fn named(names: Names, oid: String) -> String {
    let known = names.iter().find(|(known, _)| *known == oid);
    known.map_or(oid, |(_, name)| (*name).to_owned())
}

const ATTRIBUTES: Names = &[
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
    ("1.3.6.1.4.1.311.60.2.1.1", "jurisdictionL"),
    ("1.3.6.1.4.1.311.60.2.1.2", "jurisdictionST"),
    ("1.3.6.1.4.1.311.60.2.1.3", "jurisdictionC"),
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "street"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "title"),
    ("2.5.4.15", "businessCategory"),
    ("2.5.4.17", "postalCode"),
    ("2.5.4.42", "GN"),
    ("2.5.4.97", "organizationIdentifier"),
];

const SIGNATURES: Names = &[
    ("1.2.840.10045.4.1", "ecdsa-with-SHA1"),
    ("1.2.840.10045.4.3.2", "ecdsa-with-SHA256"),
    ("1.2.840.10045.4.3.3", "ecdsa-with-SHA384"),
    ("1.2.840.10045.4.3.4", "ecdsa-with-SHA512"),
    ("1.2.840.113549.1.1.4", "md5WithRSAEncryption"),
    ("1.2.840.113549.1.1.5", "sha1WithRSAEncryption"),
    ("1.2.840.113549.1.1.10", "rsassaPss"),
    ("1.2.840.113549.1.1.11", "sha256WithRSAEncryption"),
    ("1.2.840.113549.1.1.12", "sha384WithRSAEncryption"),
    ("1.2.840.113549.1.1.13", "sha512WithRSAEncryption"),
    ("1.3.101.112", "ED25519"),
];

const PUBLIC_KEYS: Names = &[
    ("1.2.840.10040.4.1", "dsaEncryption"),
    ("1.2.840.10045.2.1", "id-ecPublicKey"),
    ("1.2.840.113549.1.1.1", "rsaEncryption"),
    ("1.2.840.113549.1.1.10", "rsassaPss"),
    ("1.3.101.112", "ED25519"),
];

#[cfg(test)]
mod tests {
    use evercert_types::KeyAlgorithm;
    use jiff::SignedDuration;

    use super::*;
    use crate::KeyPair;
    use crate::mint::{Authority, LeafRequest};

    #[test]
    fn a_certificate_is_told_in_openssls_words() {
        let now: Timestamp = "2026-01-05T13:34:23Z".parse().unwrap();
        let year = SignedDuration::from_hours(24 * 365);
        let ca = Authority::self_signed("Example R1", KeyAlgorithm::EcdsaP384, year, now).unwrap();
        let key = KeyPair::generate(KeyAlgorithm::Rsa2048).unwrap();
        let mut request = LeafRequest::new(key.spki_der(), now, now + year);
        request.common_name = Some("web1.example.com".to_owned());
        let leaf = ca.issue(&request).unwrap();

        let details = Details::of(&leaf).unwrap();

        assert_eq!(details.subject, "CN=web1.example.com");
        assert_eq!(details.issuer, "CN=Example R1");
        assert_eq!(details.signature_algorithm, "ecdsa-with-SHA384");
        assert_eq!(details.public_key_algorithm, "rsaEncryption");
        assert_eq!((details.public_key_bits, details.version), (2048, 3));
        assert_eq!(details.not_before, "Jan  5 13:34:23 2026 GMT");
        assert_eq!(details.not_after, "Jan  5 13:34:23 2027 GMT");
        assert!(details.serial.len().is_multiple_of(2));
        assert!(!details.serial.contains(|c: char| c.is_ascii_lowercase()));
        let ca = Details::of(ca.certificate()).unwrap();
        assert_eq!(ca.public_key_algorithm, "id-ecPublicKey");
        assert_eq!(ca.public_key_bits, 384);
    }
}
