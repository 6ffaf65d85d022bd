//! The services, each as its documentation and published exchanges have it.

mod cf;
mod desec;
mod dgon;
mod dnsimple;
mod gandi_livedns;
mod gd;
mod linode_v4;
mod namesilo;
mod nsone;
mod vultr;

use super::world::{Asked, Service};

/// Alphabetically by code.
pub(crate) const ALL: [Service; 10] = [
    cf::SERVICE,
    desec::SERVICE,
    dgon::SERVICE,
    dnsimple::SERVICE,
    gandi_livedns::SERVICE,
    gd::SERVICE,
    linode_v4::SERVICE,
    namesilo::SERVICE,
    nsone::SERVICE,
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
