//! Read-only fields of `sslcertkey`: what the certificate's file holds.

use evercert_x509::{Certificate, Details};
use jiff::Timestamp;
use serde_json::json;

use super::{Reader, Row, text};

/// Key usages that make a certificate one of a server or of a client.
const SERVER: &str = "serverAuth";
const CLIENT: &str = "clientAuth";
const ANY: &str = "anyExtendedKeyUsage";

impl Reader<'_> {
    /// Completes the row of a certkey.
    pub(super) fn certkey(&self, row: &mut Row) {
        // A CA certificate's row has no `key`, and a certificate without link no link.
        let Some(name) = text(row, "certkey").map(str::to_owned) else {
            return;
        };
        let fixed = [
            ("priority", json!("0")),
            ("passcrypt", json!("")),
            ("data", json!("0")),
            ("servicename", json!("")),
            ("ocspresponsestatus", json!("NONE")),
        ];
        row.extend(fixed.map(|(field, value)| (field.to_owned(), value)));
        let running = self.instance.control.running();
        let Some(loaded) = running.certkeys.loaded(&name) else {
            row.insert("status".to_owned(), json!("Not available"));
            return;
        };
        row.extend(of_certificate(loaded.leaf(), self.now()));
    }
}

/// What a certificate says of itself.
pub(super) fn of_certificate(certificate: &Certificate, now: Timestamp) -> Row {
    let mut row = super::row([
        ("certificatetype", json!(types(certificate))),
        ("daystoexpiration", json!(days_left(certificate, now))),
        ("status", json!(status(certificate, now))),
    ]);
    if let Some(details) = Details::of(certificate) {
        row.extend(super::row([
            ("signaturealg", json!(details.signature_algorithm)),
            ("serial", json!(details.serial)),
            ("issuer", json!(format!(" {}", details.issuer))),
            ("subject", json!(format!(" {}", details.subject))),
            ("clientcertnotbefore", json!(details.not_before)),
            ("clientcertnotafter", json!(details.not_after)),
            ("publickey", json!(details.public_key_algorithm)),
            ("publickeysize", json!(details.public_key_bits)),
            ("version", json!(details.version)),
        ]));
    }
    let names = certificate.dns_names();
    if !names.is_empty() {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        row.insert("sandns".to_owned(), json!(names.join(" ")));
    }
    let addresses = certificate.ip_addresses();
    if !addresses.is_empty() {
        let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        row.insert("sanipadd".to_owned(), json!(addresses.join(" ")));
    }
    row
}

fn types(certificate: &Certificate) -> Vec<&'static str> {
    if certificate.is_ca() {
        return vec![match certificate.is_self_issued() {
            true => "ROOT_CERT",
            false => "INTM_CERT",
        }];
    }
    let usages = certificate.extended_key_usages();
    let may = |usage: &str| usages.is_empty() || usages.iter().any(|u| u == usage || u == ANY);
    let types = [(CLIENT, "CLNT_CERT"), (SERVER, "SRVR_CERT")];
    let types = types.iter().filter(|(usage, _)| may(usage));
    types.map(|(_, word)| *word).collect()
}

fn status(certificate: &Certificate, now: Timestamp) -> &'static str {
    if now < certificate.not_before() {
        "Not yet valid"
    } else if now > certificate.not_after() {
        "Expired"
    } else {
        "Valid"
    }
}

/// Whole days; none when it has expired.
fn days_left(certificate: &Certificate, now: Timestamp) -> i64 {
    let left = certificate.not_after().duration_since(now);
    (left.as_hours() / 24).max(0)
}

#[cfg(test)]
mod tests {
    use evercert_types::KeyAlgorithm;
    use evercert_x509::KeyPair;
    use evercert_x509::mint::{Authority, LeafRequest, Usage};
    use jiff::SignedDuration;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_certificate_is_told_as_the_appliance_tells_it() {
        let days = |days: i64| SignedDuration::from_hours(24 * days);
        let ca = Authority::self_signed("R1", KeyAlgorithm::EcdsaP256, days(900), now()).unwrap();
        let below = ca
            .intermediate("R2", KeyAlgorithm::EcdsaP256, days(900), now())
            .unwrap();
        let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
        let mut request = LeafRequest::new(key.spki_der(), now(), now() + days(90));
        request.names = vec!["a.example".parse().unwrap(), "*.a.example".parse().unwrap()];
        request.usage = Usage::Both;
        let leaf = below.issue(&request).unwrap();

        let later = of_certificate(&leaf, now() + days(30));

        assert_eq!(later["status"], "Valid");
        assert_eq!(later["daystoexpiration"], 60);
        assert_eq!(later["issuer"], " CN=R2");
        assert_eq!(later["sandns"], "a.example *.a.example");
        assert_eq!(later["certificatetype"], json!(["CLNT_CERT", "SRVR_CERT"]));
        assert_eq!(of_certificate(&leaf, now() + days(91))["status"], "Expired");
        assert_eq!(
            of_certificate(&leaf, now() + days(91))["daystoexpiration"],
            0
        );
        assert_eq!(
            of_certificate(&leaf, now() - days(1))["status"],
            "Not yet valid"
        );
        let kind = |certificate| of_certificate(certificate, now())["certificatetype"].clone();
        assert_eq!(kind(ca.certificate()), json!(["ROOT_CERT"]));
        assert_eq!(kind(below.certificate()), json!(["INTM_CERT"]));
    }
}
