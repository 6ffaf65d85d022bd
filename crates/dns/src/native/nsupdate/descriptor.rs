//! The settings of the dynamic update provider.

use super::{TTL, build, build_knot, caps};
use crate::provider::{Descriptor, Field, Maker};

pub(in crate::native) static DESCRIPTOR: Descriptor = Descriptor {
    code: "nsupdate",
    name: "nsupdate",
    docs: "https://www.rfc-editor.org/rfc/rfc2136",
    least_privilege: Some(
        "A key that the server lets change TXT records of the challenge names only, such as BIND's update-policy { grant KEY name _acme-challenge.example.org. TXT; }.",
    ),
    notes: &[],
    fields: FIELDS,
    caps: caps(TTL),
    build: Maker::Native(build),
};

/// Knot's server takes the same updates.
pub(in crate::native) static KNOT: Descriptor = Descriptor {
    code: "knot",
    name: "Knot DNS",
    docs: "https://www.knot-dns.cz/docs/latest/html/configuration.html#dynamic-updates",
    least_privilege: Some(
        "A key whose acl has action update and update-type TXT for the mapped zones.",
    ),
    notes: &[],
    fields: FIELDS,
    caps: caps(TTL),
    build: Maker::Native(build_knot),
};

const FIELDS: &[Field] = &[
    Field {
        key: "server",
        label: "Server",
        secret: false,
        optional: false,
        default: None,
        help: "The primary server as host or host:port; several separated by commas must all take the update.",
        acme_sh_env: &["NSUPDATE_SERVER", "KNOT_SERVER"],
        lego_env: &["DNSUPDATE_NAMESERVER", "RFC2136_NAMESERVER"],
    },
    Field {
        key: "key_name",
        label: "Key name",
        secret: false,
        optional: true,
        default: None,
        help: "Name of the TSIG key; without a key, updates are sent unsigned.",
        acme_sh_env: &[],
        lego_env: &["DNSUPDATE_TSIG_KEY", "RFC2136_TSIG_KEY"],
    },
    Field {
        key: "key_algorithm",
        label: "Key algorithm",
        secret: false,
        optional: true,
        default: None,
        help: "One of hmac-md5, -sha1, -sha224, -sha256, -sha384, -sha512; hmac-sha256 when left out.",
        acme_sh_env: &[],
        lego_env: &["DNSUPDATE_TSIG_ALGORITHM", "RFC2136_TSIG_ALGORITHM"],
    },
    Field {
        key: "key_secret",
        label: "Key secret",
        secret: true,
        optional: true,
        default: None,
        help: "The TSIG key's secret in Base64.",
        acme_sh_env: &[],
        lego_env: &["DNSUPDATE_TSIG_SECRET", "RFC2136_TSIG_SECRET"],
    },
    Field {
        key: "key",
        label: "Key",
        secret: true,
        optional: true,
        default: None,
        help: "Instead of name, algorithm and secret: the whole key as tsig-keygen or keymgr -t print it, or algorithm:name:secret.",
        acme_sh_env: &["KNOT_KEY"],
        lego_env: &[],
    },
    Field {
        key: "key_file",
        label: "Key file",
        secret: false,
        optional: true,
        default: None,
        help: "Instead of the key: absolute path of a file on the Console's host that holds it.",
        acme_sh_env: &["NSUPDATE_KEY"],
        lego_env: &["DNSUPDATE_TSIG_FILE", "RFC2136_TSIG_FILE"],
    },
    Field {
        key: "zone",
        label: "Zone",
        secret: false,
        optional: true,
        default: None,
        help: "The zone to update; found by asking the server when left out.",
        acme_sh_env: &["NSUPDATE_ZONE"],
        lego_env: &[],
    },
    Field {
        key: "ttl",
        label: "TTL",
        secret: false,
        optional: true,
        default: None,
        help: "Time to live of new records in seconds; 60 when left out.",
        acme_sh_env: &[],
        lego_env: &["DNSUPDATE_TTL", "RFC2136_TTL"],
    },
    Field {
        key: "transport",
        label: "Transport",
        secret: false,
        optional: true,
        default: Some("udp"),
        help: "Either udp, with TCP for long answers, or tcp from the start.",
        acme_sh_env: &["NSUPDATE_OPT"],
        lego_env: &[],
    },
    Field {
        key: "timeout",
        label: "Time limit",
        secret: false,
        optional: true,
        default: None,
        help: "How long to wait for each of two tries, such as 5s.",
        acme_sh_env: &[],
        lego_env: &["DNSUPDATE_DNS_TIMEOUT", "RFC2136_DNS_TIMEOUT"],
    },
];
