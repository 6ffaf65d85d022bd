//! The services, each as its documentation and published exchanges have it.

mod alwaysdata;
mod cf;
mod cloudns;
mod desec;
mod dgon;
mod dnsimple;
mod easydns;
mod gandi_livedns;
mod gd;
mod leaseweb;
mod linode_v4;
mod lua;
mod me;
mod namecom;
mod namesilo;
mod neodigit;
mod netcup;
mod nsone;
mod openprovider;
mod pointhq;
mod ultra;
mod vultr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::world::{Asked, Service};

/// Alphabetically by code.
pub(crate) const ALL: &[Service] = &[
    alwaysdata::SERVICE,
    cf::SERVICE,
    cloudns::SERVICE,
    desec::SERVICE,
    dgon::SERVICE,
    dnsimple::SERVICE,
    easydns::SERVICE,
    gandi_livedns::SERVICE,
    gd::SERVICE,
    leaseweb::SERVICE,
    linode_v4::SERVICE,
    lua::SERVICE,
    me::SERVICE,
    namecom::SERVICE,
    namesilo::SERVICE,
    neodigit::SERVICE,
    netcup::SERVICE,
    nsone::SERVICE,
    openprovider::SERVICE,
    pointhq::SERVICE,
    ultra::SERVICE,
    vultr::SERVICE,
];

/// Whatever is not read.
fn by_method(asked: &Asked) -> bool {
    asked.method != "GET"
}

fn unquoted(text: &str) -> String {
    text.trim_matches('"').to_owned()
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// Hexadecimal.
fn hmac_sha1(secret: &str, text: &str) -> String {
    use aws_lc_rs::hmac;

    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
    let tag = hmac::sign(&key, text.as_bytes());
    tag.as_ref()
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect()
}
