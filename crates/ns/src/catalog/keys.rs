//! Private keys, requests and certificates made on the appliance, and conversions: files come of them, no objects.

use crate::catalog::attribute::{Attribute, Kind, choice, flag, integer, secret, text};
use crate::catalog::resource::{CONVERT, CREATE, OneOf, ResourceType};
use crate::codes;
use crate::verb::Verb::{Convert, Create};

/// A certificate made from a request.
pub static SSL_CERT: ResourceType = ResourceType::new("ssl cert", "sslcert")
    .doc(
        "Certificate made from a request: self-signed, or signed by a CA of which the key is here.",
    )
    .verbs(&[CREATE])
    .outside()
    .exists(&codes::FILE_EXISTS)
    .attributes(&[
        made("certFile", "File the certificate is written to.", 0),
        made("reqFile", "File with the certificate request.", 0),
        choice(
            "certType",
            &["ROOT_CERT", "INTM_CERT", "CLNT_CERT", "SRVR_CERT"],
            "Kind of certificate.",
        )
        .only(&[Create])
        .positional(&[Create])
        .required(&[Create]),
        file("keyFile", "Private key of a self-signed root certificate."),
        form("keyform", "Format of that key."),
        pass_phrase("PEMPassPhrase", "Pass phrase of that key."),
        integer("days", 1, 3650, "How long the certificate is valid.")
            .unit("days")
            .default("365")
            .only(&[Create]),
        text(
            "subjectAltName",
            "Further names: `DNS:a.example DNS:b.example IP:192.0.2.1`.",
        )
        .only(&[Create]),
        form("certForm", "Format of the certificate."),
        file("CAcert", "Certificate of the CA."),
        form("CAcertForm", "Format of the CA's certificate."),
        file("CAkey", "Private key of the CA."),
        form("CAkeyForm", "Format of the CA's private key."),
        file("CAserial", "File with the CA's next serial number."),
    ]);

/// A certificate request.
pub static SSL_CERT_REQ: ResourceType = ResourceType::new("ssl certReq", "sslcertreq")
    .doc("Certificate request for a private key that stays on the appliance.")
    .verbs(&[CREATE])
    .outside()
    .exists(&codes::FILE_EXISTS)
    .one_of(&[OneOf::new(Create, &["keyFile", "fipsKeyName"])])
    .attributes(&[
        made("reqFile", "File the request is written to.", 63),
        file("keyFile", "Private key the request is for."),
        Attribute::new("fipsKeyName", Kind::Text(31), "Key in a FIPS module.")
            .only(&[Create])
            .stored(),
        text(
            "subjectAltName",
            "Further names: `DNS:a.example DNS:b.example IP:192.0.2.1`.",
        )
        .only(&[Create]),
        form("keyform", "Format of the private key."),
        pass_phrase("PEMPassPhrase", "Pass phrase of the private key."),
        subject("countryName", "Country, by its two letters.", 2, 2).required(&[Create]),
        subject("stateName", "State or province.", 1, 127).required(&[Create]),
        subject("organizationName", "Organisation.", 1, 127).required(&[Create]),
        subject("organizationUnitName", "Department.", 1, 127),
        subject("localityName", "Town.", 1, 127),
        subject(
            "commonName",
            "Common name, in general the host name.",
            1,
            63,
        ),
        subject("emailAddress", "Mail address.", 1, 39),
        secret("challengePassword", "Challenge password (PKCS #9).")
            .only(&[Create])
            .length(4, 20),
        subject("companyName", "Further name of the organisation.", 1, 127),
        choice(
            "digestMethod",
            &["SHA1", "SHA256"],
            "Digest the request is signed with.",
        )
        .default("SHA256")
        .only(&[Create]),
    ]);

/// A DSA key.
pub static SSL_DSA_KEY: ResourceType = ResourceType::new("ssl dsaKey", "ssldsakey")
    .doc("DSA private key (refused: no TLS version we speak uses DSA).")
    .verbs(&[CREATE])
    .outside()
    .exists(&codes::FILE_EXISTS)
    .attributes(&[
        made("keyFile", "File the key is written to.", 63),
        integer("bits", 512, 2048, "Length of the key.")
            .only(&[Create])
            .positional(&[Create])
            .required(&[Create]),
        form("keyform", "Format of the key."),
        DES,
        DES3,
        AES256,
        pass_phrase("password", "Pass phrase that enciphers the key."),
        PKCS8,
    ]);

/// An ECDSA key.
pub static SSL_ECDSA_KEY: ResourceType = ResourceType::new("ssl ecdsaKey", "sslecdsakey")
    .doc("ECDSA private key, made on the appliance.")
    .verbs(&[CREATE])
    .outside()
    .exists(&codes::FILE_EXISTS)
    .attributes(&[
        made("keyFile", "File the key is written to.", 63),
        choice("curve", &["P_256", "P_384"], "Elliptic curve.")
            .only(&[Create])
            .required(&[Create]),
        form("keyform", "Format of the key."),
        DES,
        DES3,
        AES256,
        pass_phrase("password", "Pass phrase that enciphers the key."),
        PKCS8,
    ]);

/// Into or out of PKCS #12.
pub static SSL_PKCS12: ResourceType = ResourceType::new("ssl pkcs12", "sslpkcs12")
    .doc("Conversion between PKCS #12 (PFX) and PEM.")
    .verbs(&[CONVERT])
    .outside()
    .exists(&codes::FILE_EXISTS)
    .one_of(&[OneOf::new(Convert, &["import", "export"])])
    .attributes(&[
        text("outfile", "File that is written.")
            .only(&[Convert])
            .positional(&[Convert])
            .required(&[Convert])
            .length(1, 63),
        flag("import", "From PKCS #12 to PEM.")
            .nitro("Import")
            .only(&[Convert]),
        text("pkcs12File", "PKCS #12 file that is read.")
            .only(&[Convert])
            .requires(&["import"]),
        DES.only(&[Convert]).requires(&["import"]),
        DES3.only(&[Convert]).requires(&["import"]),
        AES256.only(&[Convert]).requires(&["import"]),
        flag("export", "From PEM to PKCS #12.").only(&[Convert]),
        text("certFile", "Certificate that is put in.")
            .only(&[Convert])
            .requires(&["export"]),
        text("keyFile", "Private key that is put in.")
            .only(&[Convert])
            .requires(&["export"]),
        pass_phrase("password", "Pass phrase of the PKCS #12 file.").only(&[Convert]),
        pass_phrase("PEMPassPhrase", "Pass phrase of the PEM key.").only(&[Convert]),
    ]);

/// Into PKCS #8.
pub static SSL_PKCS8: ResourceType = ResourceType::new("ssl pkcs8", "sslpkcs8")
    .doc("Conversion of a private key to PKCS #8.")
    .verbs(&[CONVERT])
    .outside()
    .exists(&codes::FILE_EXISTS)
    .attributes(&[
        text("pkcs8File", "File that is written.")
            .only(&[Convert])
            .positional(&[Convert])
            .required(&[Convert])
            .length(1, 63),
        text("keyFile", "Private key that is read.")
            .only(&[Convert])
            .positional(&[Convert])
            .required(&[Convert]),
        form("keyform", "Format of that key.").only(&[Convert]),
        pass_phrase("password", "Pass phrase of that key.").only(&[Convert]),
    ]);

/// An RSA key.
pub static SSL_RSA_KEY: ResourceType = ResourceType::new("ssl rsakey", "sslrsakey")
    .doc("RSA private key, made on the appliance.")
    .verbs(&[CREATE])
    .outside()
    .exists(&codes::FILE_EXISTS)
    .attributes(&[
        made("keyFile", "File the key is written to.", 63),
        integer("bits", 512, 4096, "Length of the key.")
            .only(&[Create])
            .positional(&[Create])
            .required(&[Create]),
        choice("exponent", &["3", "F4"], "Public exponent; F4 is 65537.")
            .default("F4")
            .only(&[Create]),
        form("keyform", "Format of the key."),
        DES,
        DES3,
        AES256,
        pass_phrase("password", "Pass phrase that enciphers the key."),
        PKCS8,
    ]);

const AES256: Attribute = flag("aes256", "Encipher the key with AES-256.").only(&[Create]);
const DES: Attribute = flag("des", "Encipher the key with DES.")
    .only(&[Create])
    .excludes(&["des3", "aes256"]);
const DES3: Attribute = flag("des3", "Encipher the key with triple DES.")
    .only(&[Create])
    .excludes(&["aes256"]);
const PKCS8: Attribute = flag("pkcs8", "Write the key as PKCS #8.").only(&[Create]);

/// A file that comes first on the line and is made or read; `longest` 0 leaves it at 255 characters.
const fn made(name: &'static str, doc: &'static str, longest: u16) -> Attribute {
    let attribute = text(name, doc)
        .only(&[Create])
        .positional(&[Create])
        .required(&[Create]);
    attribute.length(1, if longest == 0 { 255 } else { longest })
}

const fn file(name: &'static str, doc: &'static str) -> Attribute {
    text(name, doc).only(&[Create])
}

const fn form(name: &'static str, doc: &'static str) -> Attribute {
    choice(name, &["DER", "PEM"], doc)
        .default("PEM")
        .only(&[Create])
}

const fn pass_phrase(name: &'static str, doc: &'static str) -> Attribute {
    secret(name, doc).only(&[Create]).length(1, 31)
}

const fn subject(name: &'static str, doc: &'static str, fewest: u16, most: u16) -> Attribute {
    text(name, doc).only(&[Create]).length(fewest, most)
}
