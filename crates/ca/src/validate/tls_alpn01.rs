//! tls-alpn-01 (RFC 8737, RFC 8738 §6): a certificate with the digest of the key authorization.

use std::net::IpAddr;

use aws_lc_rs::digest;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{Task, Validator, tls_client};
use crate::identifier::Subject;
use crate::problem::{Kind, Problem};

const PROTOCOL: &[u8] = b"acme-tls/1";
/// id-pe-acmeIdentifier.
const ACME_IDENTIFIER: &str = "1.3.6.1.5.5.7.1.31";

pub(super) async fn validate(validator: &Validator, task: &Task) -> Result<(), Problem> {
    let subject = task.subject()?;
    let host = &task.identifier.value;
    let stream = validator.connect(host, validator.tls_port).await?;
    let server_name = match &subject {
        Subject::Dns(name) => name.as_str().to_owned(),
        Subject::Ip(ip) => reverse_name(*ip),
    };
    let stream = tls_client::connect(stream, &server_name, &[PROTOCOL]).await?;
    let (_, session) = stream.get_ref();
    if session.alpn_protocol() != Some(PROTOCOL) {
        return Err(Problem::new(
            Kind::Tls,
            format!("{host} did not choose the protocol acme-tls/1"),
        ));
    }
    let leaf = session
        .peer_certificates()
        .and_then(<[_]>::first)
        .ok_or_else(|| Problem::new(Kind::Tls, format!("{host} showed no certificate")))?;
    check(leaf, &subject, &task.key_authorization)
        .map_err(|why| Problem::new(Kind::IncorrectResponse, format!("{host}: {why}")))
}

fn check(leaf: &[u8], subject: &Subject, key_authorization: &str) -> Result<(), String> {
    let (_, certificate) =
        X509Certificate::from_der(leaf).map_err(|_| "its certificate cannot be read")?;
    check_name(&certificate, subject)?;
    let extension = certificate
        .extensions()
        .iter()
        .find(|extension| extension.oid.to_id_string() == ACME_IDENTIFIER)
        .ok_or("its certificate has no acmeIdentifier extension")?;
    if !extension.critical {
        return Err("the acmeIdentifier extension of its certificate is not critical".to_owned());
    }
    let digest = digest::digest(&digest::SHA256, key_authorization.as_bytes());
    // A DER OCTET STRING of 32 octets.
    let wanted = [&[0x04, 0x20], digest.as_ref()].concat();
    if extension.value == wanted {
        Ok(())
    } else {
        Err("the digest in its certificate is another than expected".to_owned())
    }
}

fn check_name(certificate: &X509Certificate<'_>, subject: &Subject) -> Result<(), String> {
    let names = certificate
        .extensions()
        .iter()
        .find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(san) => Some(&san.general_names),
            _ => None,
        })
        .ok_or("its certificate has no subjectAltName")?;
    let fits = match (names.as_slice(), subject) {
        ([GeneralName::DNSName(name)], Subject::Dns(wanted)) => {
            name.eq_ignore_ascii_case(wanted.as_str())
        }
        ([GeneralName::IPAddress(octets)], Subject::Ip(IpAddr::V4(wanted))) => {
            *octets == wanted.octets()
        }
        ([GeneralName::IPAddress(octets)], Subject::Ip(IpAddr::V6(wanted))) => {
            *octets == wanted.octets()
        }
        _ => false,
    };
    if fits {
        Ok(())
    } else {
        Err("its certificate must have the identifier as its only name".to_owned())
    }
}

/// The name under `in-addr.arpa` or `ip6.arpa` that stands for an address in SNI (RFC 8738 §6).
fn reverse_name(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(ip) => {
            let mut name = String::new();
            for octet in ip.octets().iter().rev() {
                name.push_str(&format!("{:x}.{:x}.", octet & 15, octet >> 4));
            }
            name + "ip6.arpa"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_named_in_reverse() {
        assert_eq!(
            reverse_name("203.0.113.7".parse().unwrap()),
            "7.113.0.203.in-addr.arpa"
        );
        let six = reverse_name("2001:db8::1".parse().unwrap());
        assert!(six.starts_with("1.0.0.0.") && six.ends_with("8.b.d.0.1.0.0.2.ip6.arpa"));
    }
}
