//! The self-signed certificate that answers tls-alpn-01 (RFC 8737 §3), ready for a handshake.

use std::net::IpAddr;
use std::sync::Arc;

use aws_lc_rs::digest;
use jiff::Timestamp;
use rcgen::{CertificateParams, CustomExtension, DnType, KeyPair};
use rustls::ServerConfig;
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use time::OffsetDateTime;

use crate::mint::BACKDATE;
use crate::tls::crypto_provider;

/// The only protocol that the CA offers, and that is chosen.
pub const ALPN: &[u8] = b"acme-tls/1";

/// How long the certificate is valid; CAs do not look at it.
const LIFE_DAYS: i64 = 7;

/// The certificate could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the certificate that answers tls-alpn-01 for {identifier} could not be made ({why})")]
pub struct TlsAlpn01Error {
    /// The DNS name or IP address.
    pub identifier: String,
    /// What the library said.
    pub why: String,
}

/// A TLS configuration that answers the challenge for a DNS name or an IP address, and nothing else: it negotiates
/// [`ALPN`] alone, and resumes nothing.
///
/// # Errors
/// When the identifier is neither, or the system gives no random octets.
pub fn server_config(
    identifier: &str,
    key_authorization: &str,
    now: Timestamp,
) -> Result<Arc<ServerConfig>, TlsAlpn01Error> {
    let certified = certified_key(identifier, key_authorization, now);
    let failed = |why: String| TlsAlpn01Error {
        identifier: identifier.to_owned(),
        why,
    };
    let certified = certified.map_err(failed)?;
    let mut config = ServerConfig::builder_with_provider(crypto_provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(error.to_string()))?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// The server name that the CA sends for an identifier: a DNS name is its own, an address its name for reverse
/// look-ups (RFC 8738 §6).
pub fn server_name(identifier: &str) -> String {
    match identifier.parse() {
        Ok(IpAddr::V4(ip)) => {
            let [a, b, c, d] = ip.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        Ok(IpAddr::V6(ip)) => {
            let nibbles = ip.octets().into_iter().rev();
            let nibbles = nibbles.flat_map(|octet| [octet & 15, octet >> 4]);
            let labels: Vec<String> = nibbles.map(|nibble| format!("{nibble:x}")).collect();
            format!("{}.ip6.arpa", labels.join("."))
        }
        Err(_) => identifier.to_ascii_lowercase(),
    }
}

/// The identifier of a handshake's server name: the opposite of [`server_name`].
pub fn identifier(server_name: &str) -> String {
    let reversed = |labels: &str| {
        labels
            .split('.')
            .rev()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let name = server_name.to_ascii_lowercase();
    let address: Option<IpAddr> = if let Some(labels) = name.strip_suffix(".in-addr.arpa") {
        reversed(labels).join(".").parse().ok().map(IpAddr::V4)
    } else if let Some(labels) = name.strip_suffix(".ip6.arpa") {
        let nibbles = reversed(labels).concat();
        let is_whole = nibbles.len() == 32 && labels.split('.').all(|label| label.len() == 1);
        let bits = u128::from_str_radix(&nibbles, 16).ok();
        bits.filter(|_| is_whole)
            .map(|bits| IpAddr::V6(bits.into()))
    } else {
        None
    };
    address.map_or(name, |address| address.to_string())
}

fn certified_key(
    identifier: &str,
    key_authorization: &str,
    now: Timestamp,
) -> Result<CertifiedKey, String> {
    let words = |error: rcgen::Error| error.to_string();
    let mut params = CertificateParams::new([identifier.to_owned()]).map_err(words)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, "ACME challenge");
    let digest = digest::digest(&digest::SHA256, key_authorization.as_bytes());
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest.as_ref())];
    params.not_before = instant(now.as_second() - BACKDATE.as_secs())?;
    params.not_after = instant(now.as_second() + LIFE_DAYS * 86_400)?;
    let key = KeyPair::generate().map_err(words)?;
    let certificate = params.self_signed(&key).map_err(words)?;
    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let key = crypto_provider().key_provider.load_private_key(der);
    let key = key.map_err(|error| error.to_string())?;
    // Not `from_der`: it refuses the critical extension.
    Ok(CertifiedKey::new(vec![certificate.der().clone()], key))
}

fn instant(seconds: i64) -> Result<OffsetDateTime, String> {
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use x509_parser::prelude::{FromDer, X509Certificate};

    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_second(1_790_000_000).unwrap()
    }

    fn leaf(identifier: &str) -> Vec<u8> {
        let certified = certified_key(identifier, "token.thumbprint", now()).unwrap();
        certified.cert[0].to_vec()
    }

    #[test]
    fn it_has_the_critical_extension_and_one_name() {
        for identifier in ["www.example.com", "192.0.2.7", "2001:db8::1"] {
            let der = leaf(identifier);
            let (_, certificate) = X509Certificate::from_der(&der).unwrap();
            let extension = certificate
                .extensions()
                .iter()
                .find(|one| one.oid.to_id_string() == "1.3.6.1.5.5.7.1.31")
                .unwrap();
            let digest = digest::digest(&digest::SHA256, b"token.thumbprint");

            assert!(extension.critical);
            assert_eq!(extension.value, [&[4, 32], digest.as_ref()].concat());
            let names = certificate.subject_alternative_name().unwrap().unwrap();
            assert_eq!(names.value.general_names.len(), 1, "{identifier}");
        }
    }

    #[test]
    fn only_the_protocol_of_the_challenge_is_negotiated() {
        let config = server_config("www.example.com", "a.b", now()).unwrap();

        assert_eq!(config.alpn_protocols, [ALPN.to_vec()]);
    }

    #[test]
    fn addresses_are_asked_for_by_their_reverse_names() {
        assert_eq!(server_name("203.0.113.7"), "7.113.0.203.in-addr.arpa");
        assert_eq!(server_name("WWW.example.com"), "www.example.com");
        for identifier in [
            "203.0.113.7",
            "2001:db8::1",
            "www.example.com",
            "x.ip6.arpa",
        ] {
            assert_eq!(super::identifier(&server_name(identifier)), identifier);
        }
        let six = server_name("2001:db8::1");
        assert!(six.starts_with("1.0.0.0.") && six.ends_with(".8.b.d.0.1.0.0.2.ip6.arpa"));
    }
}
