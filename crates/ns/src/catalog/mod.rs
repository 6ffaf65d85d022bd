//! The catalogue: every resource type, described once, as static data.
//!
//! Grammar, printing, NITRO, ns.conf, validation, completion, help and reference are functions of [`RESOURCES`].
//! A new type is one `pub static` in the module of its group and one row below.

mod access;
mod appliance;
mod attribute;
mod basic;
mod builtin;
mod certificates;
mod ci;
mod cs;
mod dns;
mod files;
mod gateway;
mod index;
mod keys;
mod lb;
mod monitor;
mod ns;
mod policy;
mod profiles;
mod resource;
mod responder;
mod revocation;
mod ssl;
mod ssl_policy;
mod ssl_settings;
mod system;

pub use access::{SYSTEM_CMD_POLICY, SYSTEM_GROUP, SYSTEM_SESSION, SYSTEM_USER};
pub use appliance::{
    HA_FAILOVER, HA_FILES, HA_NODE, HA_SYNC, NS_LICENSE, NS_PARTITION, SYSTEM_BACKUP,
};
pub use attribute::{Attribute, Effect, Kind, Save};
pub use basic::{SERVER, SERVICE, SERVICE_GROUP};
pub use builtin::{BUILTINS, Builtin, is_internal_service};
pub use certificates::{
    SSL_CA_CERT_BUNDLE, SSL_CA_CERT_GROUP, SSL_CERT_BUNDLE, SSL_CERT_CHAIN, SSL_CERT_FILE,
    SSL_CERT_KEY_BUNDLE, SSL_CERTIFICATE_CHAIN, SSL_CRL_FILE, SSL_DH_FILE, SSL_KEY_FILE,
};
pub use ci::{CI_ACTION, CI_GLOBAL, CI_POLICY, NS_ICAP_PROFILE};
pub use cs::{CS_ACTION, CS_POLICY, CS_VSERVER};
pub use dns::{
    DNS_AAAA_REC, DNS_ADD_REC, DNS_CAA_REC, DNS_CNAME_REC, DNS_MX_REC, DNS_NS_REC, DNS_SOA_REC,
    DNS_TXT_REC, DNS_ZONE,
};
pub use files::SYSTEM_FILE;
pub use gateway::{AUTHENTICATION_VSERVER, VPN_GLOBAL, VPN_VSERVER};
pub(crate) use index::{Form, form};
pub use index::{bindings_by_nitro, resource, resource_by_nitro};
pub use keys::{
    SSL_CERT, SSL_CERT_REQ, SSL_DSA_KEY, SSL_ECDSA_KEY, SSL_PKCS8, SSL_PKCS12, SSL_RSA_KEY,
};
pub use lb::LB_VSERVER;
pub use monitor::LB_MONITOR;
pub use ns::{
    DNS_NAME_SERVER, NS_CONFIG, NS_ENCRYPTION_PARAMS, NS_FEATURE, NS_HARDWARE, NS_HOST_NAME, NS_IP,
    NS_MODE, NS_PARAM, NS_RPC_NODE, NS_RUNNING_CONFIG, NS_SAVED_CONFIG, NS_VERSION, ROUTE,
};
pub use policy::POLICY_PATSET;
pub use profiles::{NS_HTTP_PROFILE, NS_TCP_PROFILE};
pub use resource::{Again, BindingType, OneOf, Operation, ResourceType, VerbRule};
pub use responder::{RESPONDER_ACTION, RESPONDER_GLOBAL, RESPONDER_PARAM, RESPONDER_POLICY};
pub use revocation::{SSL_CRL, SSL_OCSP_RESPONDER};
pub use ssl::{
    SSL_CERTKEY, SSL_CERTLINK, SSL_CIPHER, SSL_DYNAMIC_CLIENT_CERT_CACHE, SSL_PARAMETER,
    SSL_PROFILE, SSL_SERVICE, SSL_SERVICE_GROUP, SSL_VSERVER, SSL_ZERO_TOUCH_PARAM,
};
pub use ssl_policy::{SSL_ACTION, SSL_CIPHER_SUITE, SSL_DH_PARAM, SSL_POLICY};
pub use ssl_settings::{BACK_END_ONLY, FRONT_END_ONLY};
pub use system::SYSTEM_PARAMETER;

/// Every resource type, sorted by name without regard to case.
pub static RESOURCES: &[&ResourceType] = &[
    &AUTHENTICATION_VSERVER,
    &CI_ACTION,
    &CI_GLOBAL,
    &CI_POLICY,
    &CS_ACTION,
    &CS_POLICY,
    &CS_VSERVER,
    &DNS_AAAA_REC,
    &DNS_ADD_REC,
    &DNS_CAA_REC,
    &DNS_CNAME_REC,
    &DNS_MX_REC,
    &DNS_NAME_SERVER,
    &DNS_NS_REC,
    &DNS_SOA_REC,
    &DNS_TXT_REC,
    &DNS_ZONE,
    &HA_FAILOVER,
    &HA_FILES,
    &HA_NODE,
    &HA_SYNC,
    &LB_MONITOR,
    &LB_VSERVER,
    &NS_CONFIG,
    &NS_ENCRYPTION_PARAMS,
    &NS_FEATURE,
    &NS_HARDWARE,
    &NS_HOST_NAME,
    &NS_HTTP_PROFILE,
    &NS_ICAP_PROFILE,
    &NS_IP,
    &NS_LICENSE,
    &NS_MODE,
    &NS_PARAM,
    &NS_PARTITION,
    &NS_RPC_NODE,
    &NS_RUNNING_CONFIG,
    &NS_SAVED_CONFIG,
    &NS_TCP_PROFILE,
    &NS_VERSION,
    &POLICY_PATSET,
    &RESPONDER_ACTION,
    &RESPONDER_GLOBAL,
    &RESPONDER_PARAM,
    &RESPONDER_POLICY,
    &ROUTE,
    &SERVER,
    &SERVICE,
    &SERVICE_GROUP,
    &SSL_ACTION,
    &SSL_CA_CERT_BUNDLE,
    &SSL_CA_CERT_GROUP,
    &SSL_CERT,
    &SSL_CERT_BUNDLE,
    &SSL_CERT_CHAIN,
    &SSL_CERT_FILE,
    &SSL_CERTIFICATE_CHAIN,
    &SSL_CERTKEY,
    &SSL_CERT_KEY_BUNDLE,
    &SSL_CERTLINK,
    &SSL_CERT_REQ,
    &SSL_CIPHER,
    &SSL_CIPHER_SUITE,
    &SSL_CRL,
    &SSL_CRL_FILE,
    &SSL_DH_FILE,
    &SSL_DH_PARAM,
    &SSL_DSA_KEY,
    &SSL_DYNAMIC_CLIENT_CERT_CACHE,
    &SSL_ECDSA_KEY,
    &SSL_KEY_FILE,
    &SSL_OCSP_RESPONDER,
    &SSL_PARAMETER,
    &SSL_PKCS12,
    &SSL_PKCS8,
    &SSL_POLICY,
    &SSL_PROFILE,
    &SSL_RSA_KEY,
    &SSL_SERVICE,
    &SSL_SERVICE_GROUP,
    &SSL_VSERVER,
    &SSL_ZERO_TOUCH_PARAM,
    &SYSTEM_BACKUP,
    &SYSTEM_CMD_POLICY,
    &SYSTEM_FILE,
    &SYSTEM_GROUP,
    &SYSTEM_PARAMETER,
    &SYSTEM_SESSION,
    &SYSTEM_USER,
    &VPN_GLOBAL,
    &VPN_VSERVER,
];

/// The types an SSL virtual server or service may have.
pub static SSL_SERVICE_TYPES: &[&str] = &["SSL", "SSL_TCP", "SSL_DIAMETER", "SSL_FIX", "SIP_SSL"];

#[cfg(test)]
mod tests;
