//! DNS: the records and zones the appliance answers for.

use crate::catalog::attribute::{
    Attribute, choice, domain, integer, ip, list, text, toggle, yes_no,
};
use crate::catalog::resource::{ADD, OneOf, RM, ResourceType, SET, SHOW, UNSET};
use crate::verb::Verb::{Add, Rm, Set, Show, Unset};

/// Addresses of a name.
pub static DNS_ADD_REC: ResourceType = ResourceType::new("dns addRec", "dnsaddrec")
    .doc("A record: an IPv4 address of a name.")
    .verbs(&[ADD, RM, SHOW])
    .identity(&["IPAddress"])
    .attributes(&[
        domain("hostName", "Name.").key(),
        ip("IPAddress", "IPv4 address.")
            .only(&[Add, Rm])
            .positional(&[Add, Rm])
            .required(&[Add]),
        TTL,
        ECS_SUBNET,
        TYPE,
        NODE_ID,
    ]);

/// IPv6 addresses of a name.
pub static DNS_AAAA_REC: ResourceType = ResourceType::new("dns aaaaRec", "dnsaaaarec")
    .doc("AAAA record: an IPv6 address of a name.")
    .verbs(&[ADD, RM, SHOW])
    .identity(&["IPv6Address"])
    .attributes(&[
        domain("hostName", "Name.").key(),
        ip("IPv6Address", "IPv6 address.")
            .only(&[Add, Rm])
            .positional(&[Add, Rm])
            .required(&[Add]),
        TTL,
        ECS_SUBNET,
        TYPE,
        NODE_ID,
    ]);

/// Who may issue certificates for a name.
pub static DNS_CAA_REC: ResourceType = ResourceType::new("dns caaRec", "dnscaarec")
    .doc("CAA record (RFC 8659): who may issue certificates for a name.")
    .verbs(&[ADD, RM, SHOW])
    .identity(&["valueString", "tag"])
    .one_of(&[OneOf::new(Rm, &["valueString", "recordId"])])
    .attributes(&[
        domain("domain", "Name.").key(),
        text("valueString", "Value of the property.")
            .only(&[Add, Rm])
            .positional(&[Add, Rm])
            .required(&[Add])
            .length(1, 255),
        choice("tag", &["issue", "issuewild", "iodef"], "Property.")
            .default("issue")
            .only(&[Add, Rm]),
        choice(
            "flag",
            &["NONE", "CRITICAL"],
            "Whether an issuer that does not know it must refuse.",
        )
        .default("NONE")
        .only(&[Add]),
        TTL,
        RECORD_ID,
        ECS_SUBNET,
        TYPE,
        NODE_ID,
    ]);

/// Another name of a name.
pub static DNS_CNAME_REC: ResourceType = ResourceType::new("dns cnameRec", "dnscnamerec")
    .doc("CNAME record: another name of a name.")
    .verbs(&[ADD, RM, SHOW])
    .attributes(&[
        domain("aliasName", "Name.").key(),
        domain("canonicalName", "The name it stands for.")
            .only(&[Add])
            .positional(&[Add])
            .required(&[Add]),
        TTL,
        ECS_SUBNET,
        TYPE,
        NODE_ID,
    ]);

/// Mail servers of a domain.
pub static DNS_MX_REC: ResourceType = ResourceType::new("dns mxRec", "dnsmxrec")
    .doc("MX record: a mail server of a domain.")
    .verbs(&[ADD, RM, SET, SHOW, UNSET])
    .identity(&["mx"])
    .attributes(&[
        domain("domain", "Domain.").key(),
        domain("mx", "Name of the mail server.")
            .only(&[Add, Rm, Set, Unset])
            .positional(&[Rm])
            .required(&[Add, Rm, Set, Unset]),
        integer("pref", 0, 65535, "Lower numbers are tried first.")
            .only(&[Add, Set])
            .required(&[Add]),
        TTL.also(&[Set, Unset]),
        ECS_SUBNET,
        TYPE,
        NODE_ID,
    ]);

/// Name servers of a domain.
pub static DNS_NS_REC: ResourceType = ResourceType::new("dns nsRec", "dnsnsrec")
    .doc("NS record: a name server of a domain.")
    .verbs(&[ADD, RM, SHOW])
    .identity(&["nameServer"])
    .attributes(&[
        domain("domain", "Domain.").key(),
        domain("nameServer", "Name of the name server.")
            .only(&[Add, Rm])
            .positional(&[Add, Rm])
            .required(&[Add]),
        TTL,
        ECS_SUBNET,
        TYPE,
        NODE_ID,
    ]);

/// Start of authority of a zone.
pub static DNS_SOA_REC: ResourceType = ResourceType::new("dns soaRec", "dnssoarec")
    .doc("SOA record: where authority over a domain begins.")
    .verbs(&[ADD, RM, SET, SHOW, UNSET])
    .attributes(&[
        domain("domain", "Domain.").key(),
        domain("originServer", "Primary name server.")
            .only(&[Add, Set])
            .required(&[Add]),
        domain("contact", "Mail address, with a dot in place of the @.")
            .only(&[Add, Set])
            .required(&[Add]),
        integer("serial", 0, 4_294_967_294, "Version of the zone.").default("100"),
        integer("refresh", 0, 4_294_967_294, "How often secondaries look.")
            .unit("seconds")
            .default("3600"),
        integer("retry", 0, 4_294_967_294, "How soon they look again.")
            .unit("seconds")
            .default("3"),
        integer(
            "expire",
            0,
            4_294_967_294,
            "When they stop without an answer.",
        )
        .unit("seconds")
        .default("3600"),
        integer(
            "minimum",
            0,
            2_147_483_647,
            "How long it is known that a name does not exist.",
        )
        .unit("seconds")
        .default("5"),
        TTL.also(&[Set, Unset]),
        ECS_SUBNET,
        TYPE,
        NODE_ID,
    ]);

/// Texts of a name.
pub static DNS_TXT_REC: ResourceType = ResourceType::new("dns txtRec", "dnstxtrec")
    .doc("TXT record: text of a name; a name may have several.")
    .verbs(&[ADD, RM, SHOW])
    .identity(&["String"])
    .one_of(&[OneOf::new(Rm, &["String", "recordId"])])
    .attributes(&[
        domain("domain", "Name.").key(),
        list(
            "String",
            &[],
            "Text: 1 to 6 strings of up to 255 characters.",
        )
        .nitro("String")
        .only(&[Add, Rm])
        .positional(&[Add, Rm])
        .required(&[Add])
        .length(1, 255)
        .at_most(6),
        TTL,
        RECORD_ID,
        ECS_SUBNET,
        TYPE,
        NODE_ID,
    ]);

/// A zone.
pub static DNS_ZONE: ResourceType = ResourceType::new("dns zone", "dnszone")
    .doc("Zone the appliance answers for, given its SOA and NS records.")
    .verbs(&[ADD, RM, SET, SHOW, UNSET])
    .attributes(&[
        domain("zoneName", "Name of the zone.").key(),
        yes_no(
            "proxyMode",
            "Pass questions on; NO answers from the records here.",
        )
        .never(&[Unset])
        .required(&[Add]),
        toggle("dnssecOffload", "Sign answers.")
            .default("DISABLED")
            .stored(),
        toggle("nsec", "Send NSEC records.")
            .default("DISABLED")
            .stored(),
    ]);

const TTL: Attribute = integer("TTL", 0, 2_147_483_647, "How long it may be kept.")
    .unit("seconds")
    .default("3600")
    .only(&[Add]);
const RECORD_ID: Attribute = integer("recordId", 1, 4_294_967_294, "Number that `show` tells.")
    .only(&[Rm])
    .unsaved();
const ECS_SUBNET: Attribute = text("ecsSubnet", "Client subnet of cached records.")
    .only(&[Rm, Show])
    .stored()
    .unsaved();
const TYPE: Attribute = choice(
    "type",
    &["ALL", "ADNS", "PROXY"],
    "Records of one's own, cached ones, or all.",
)
.only(&[Show])
.unsaved();
const NODE_ID: Attribute = integer("nodeId", 0, 31, "Cluster node.")
    .only(&[Show])
    .stored()
    .unsaved();
