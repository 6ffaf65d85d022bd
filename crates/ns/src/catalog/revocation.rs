//! Revocation: lists and OCSP responders.

use crate::catalog::attribute::{
    Attribute, choice, flag, integer, ip, name, port, reference, secret, text, toggle, yes_no,
};
use crate::catalog::attribute::{ENCRYPT_METHOD, ENCRYPTED, KEK, SUFFIX};
use crate::catalog::resource::{ADD, CREATE, OneOf, RM, ResourceType, SET, SHOW, UNSET};
use crate::codes;
use crate::verb::Verb::{Add, Create, Set};

/// A certificate revocation list.
pub static SSL_CRL: ResourceType = ResourceType::new("ssl crl", "sslcrl")
    .doc("Certificate revocation list of a CA, read from a file and refreshed from a server.")
    .verbs(&[ADD, CREATE, RM, SET, SHOW, UNSET])
    .missing(&codes::NO_SUCH_CRL)
    .one_of(&[OneOf::new(Create, &["revoke", "genCRL"])])
    .attributes(&[
        name("crlName", 31, "Name of the list.").never(&[Create]),
        text(
            "crlPath",
            "File with the list; relative names are below /var/netscaler/ssl.",
        )
        .only(&[Add])
        .positional(&[Add])
        .required(&[Add]),
        choice("inform", &["DER", "PEM"], "Format of the file.")
            .default("PEM")
            .only(&[Add]),
        toggle("refresh", "Fetch the list again and again.").default("DISABLED"),
        reference(
            "CAcert",
            &["ssl certKey"],
            "Certificate of the CA that signed it.",
        ),
        choice("method", &["HTTP", "LDAP"], "How the list is fetched."),
        ip("server", "LDAP server."),
        text("url", "URL of the list."),
        port("port", "Port of the LDAP server."),
        text("baseDN", "LDAP base."),
        choice("scope", &["Base", "One"], "How far LDAP searches.").default("One"),
        choice(
            "interval",
            &["MONTHLY", "WEEKLY", "DAILY", "NOW", "NONE"],
            "How often the list is fetched.",
        ),
        integer(
            "day",
            0,
            31,
            "Day of the month, or of the week from 1, Sunday.",
        ),
        text("time", "Time of the day, HH:MM."),
        text("bindDN", "LDAP bind name."),
        secret(
            "password",
            "LDAP password, or pass phrase of the CA's private key.",
        )
        .only(&[Add, Set, Create]),
        ENCRYPTED.only(&[Add, Set]),
        ENCRYPT_METHOD.only(&[Add, Set]),
        KEK.only(&[Add, Set]),
        SUFFIX.only(&[Add, Set]),
        yes_no("binary", "The LDAP attribute is binary.").default("NO"),
        made("CAcertFile", "Certificate of the CA."),
        made("CAkeyFile", "Private key of the CA."),
        made(
            "indexFile",
            "File with the serial numbers that were revoked.",
        ),
        text("revoke", "Certificate that is revoked.")
            .only(&[Create])
            .unsaved(),
        text("genCRL", "File the list is written to.")
            .only(&[Create])
            .unsaved(),
    ]);

/// Who tells whether a certificate was revoked.
pub static SSL_OCSP_RESPONDER: ResourceType =
    ResourceType::new("ssl ocspResponder", "sslocspresponder")
        .doc("Server that tells whether certificates were revoked (RFC 6960).")
        .verbs(&[ADD, RM, SET, SHOW, UNSET])
        .attributes(&[
            name("name", 127, "Name of the responder."),
            text("url", "URL of the responder.")
                .only(&[Add, Set])
                .required(&[Add]),
            toggle("cache", "Keep responses.").default("DISABLED"),
            integer("cacheTimeout", 1, 43_200, "How long a response is kept.")
                .unit("minutes")
                .default("1"),
            integer(
                "batchingDepth",
                1,
                8,
                "Certificates asked about in one request.",
            ),
            integer("batchingDelay", 1, 10_000, "How long to collect a request.")
                .unit("milliseconds"),
            integer(
                "resptimeout",
                100,
                120_000,
                "How long to wait for a response.",
            )
            .unit("milliseconds"),
            integer(
                "ocspUrlResolveTimeout",
                100,
                2000,
                "How long to resolve the responder's name.",
            )
            .unit("milliseconds"),
            reference(
                "responderCert",
                &["ssl certKey"],
                "Certificate that signs responses.",
            )
            .excludes(&["trustResponder"]),
            flag("trustResponder", "Do not check the signature of responses."),
            integer(
                "producedAtTimeSkew",
                0,
                86_400,
                "Clock difference accepted.",
            )
            .unit("seconds")
            .default("300"),
            reference(
                "signingCert",
                &["ssl certKey"],
                "Certificate that signs requests.",
            ),
            yes_no("useNonce", "Send a nonce."),
            yes_no("insertClientCert", "Send the client's whole certificate."),
            choice("httpMethod", &["GET", "POST"], "HTTP method.").default("POST"),
        ]);

const fn made(name: &'static str, doc: &'static str) -> Attribute {
    text(name, doc)
        .only(&[Create])
        .positional(&[Create])
        .required(&[Create])
        .length(1, 63)
        .unsaved()
}
