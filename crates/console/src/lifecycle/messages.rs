//! The fourteen messages that NetScaler Console is known by: its words, when they appear here, and what is added.
//!
//! Whoever comes from there searches for these words. A failure or problem in such a situation begins with them
//! (`known_as` holds them alone), and our detail and remedy follow. `docs/reference/messages.md` is this table.

use evercert_acme::{AcmeError, ProblemKind};
use evercert_dns::{DnsError, Fault};

use super::failure::Stage;

/// One of the fourteen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its place in NetScaler's list, from 1.
    pub number: u8,
    /// Its words; `testdomain` and `TestDNS` stand for the name in question.
    pub words: &'static str,
    /// When it appears.
    pub when: &'static str,
    /// Our stable code, or the beginning of it.
    pub code: &'static str,
    /// What we add to the words.
    pub adds: &'static str,
    /// What to do.
    pub remedy: &'static str,
    /// The test that provokes it, in `crates/console/tests/it/messages`.
    pub test: &'static str,
}

/// 1.
pub(crate) const INVALID_DOMAIN: &str = "Certificate has invalid domain - ADCD error";
/// 3.
pub(crate) const NO_NONCE: &str =
    "Could not get nonce from the CA server. Please check the CA server configuration.";
/// 4.
pub(crate) const NO_DIRECTORY: &str =
    "Cannot initialize API for the CA server. Please check the CA server configuration.";
/// 5.
pub(crate) const INVALID_NAME: &str = evercert_types::INVALID_DOMAIN_NAME;
/// 6.
pub(crate) const NOT_CHANGED: &str =
    "Domains not changed. Certificate with same configuration already exists.";
/// 7.
pub(crate) const TXT_FAILED: &str = "Error adding TXT record for domain validation. \
     Please check the DNS configuration and try again.";
/// 8.
pub(crate) const SIGNATURE: &str =
    "Signature does not match. Please check the server time as it may not be in sync.";
/// 9.
pub(crate) const NO_PROVIDER: &str = "Certificate is missing a DNS provider name.";
/// 10.
pub(crate) const NONE_ACTIVE: &str = "Renewal skipped as no active DNS providers are configured.";
/// 11.
pub(crate) const BAD_CONTACT: &str = "Error validating contact(s) :: unable to parse email address";
/// 12.
pub(crate) const FINALIZE: &str = "Unable to process finalize order request.";
/// 14.
pub(crate) const NO_VENDOR: &str = "Config CA ID is empty/does not exist.";

/// How 2 and its siblings begin.
pub(crate) const INVALID_IDENTIFIERS: &str = "Invalid identifiers requested ::";

/// 2 and its siblings, for a name, in Boulder's words for what is wrong with it.
pub(crate) fn invalid_identifier(name: &str, why: &str) -> String {
    format!("{INVALID_IDENTIFIERS} Cannot issue for \"{name}\": {why}")
}

/// 13, for a provider's name.
pub(crate) fn provider_missing(name: &str) -> String {
    format!("DNS Provider - {name} does not exist or is not active.")
}

/// All of them, in NetScaler's order.
pub const MESSAGES: [Message; 14] = [
    Message {
        number: 1,
        words: INVALID_DOMAIN,
        when: "a stored certificate is to be renewed, or moved to automatic renewal, and a name in it is none that \
               its CA issues for: a default certificate of an appliance, a single label, a public suffix",
        code: "certificate.invalid_domain",
        adds: "each offending name with what is wrong with it, in Boulder's words",
        remedy: "Issue a new certificate for proper names, or give this one a private CA vendor.",
        test: "message_01_certificate_has_invalid_domain",
    },
    Message {
        number: 2,
        words: "Invalid identifiers requested :: Cannot issue for \"testdomain\": Domain name needs at least one dot",
        when: "a name asked for has no dot: found here before anything is ordered where the CA is a public one, or \
               by the CA, whose problem document is kept word for word. Its siblings (no public suffix, too many \
               labels, …) begin alike",
        code: "domain.invalid, acme.new_order.rejectedIdentifier",
        adds: "which domain of the request it is, and all of them where there are several",
        remedy: "Write the full name, such as testdomain.example.com; a private CA may issue for a single label.",
        test: "message_02_domain_name_needs_at_least_one_dot",
    },
    Message {
        number: 3,
        words: NO_NONCE,
        when: "newNonce cannot be reached, answers an error, or its answer carries no nonce",
        code: "acme.nonce.",
        adds: "the URL and the layer that failed: DNS, TCP, TLS, proxy, HTTP status",
        remedy: "Look at what is between Console and CA; an outage is tried again by itself.",
        test: "message_03_could_not_get_nonce",
    },
    Message {
        number: 4,
        words: NO_DIRECTORY,
        when: "the directory cannot be read, or is none",
        code: "acme.directory.",
        adds: "the URL, the layer that failed, or the beginning of what was answered instead",
        remedy: "Correct the directory URL or the CA bundle; `evercert ca-vendor test NAME`.",
        test: "message_04_cannot_initialize_api",
    },
    Message {
        number: 5,
        words: INVALID_NAME,
        when: "a name is no domain name, or the DNS provider holds no zone for it, or the CA refuses it as an identifier",
        code: "invalid, domain.invalid, dns.zone, acme.new_order.rejectedIdentifier",
        adds: "the label and what is wrong with it; or the zone that was looked for, and where",
        remedy: "Correct the name; or map the domain to the provider that holds its zone.",
        test: "message_05_invalid_domain_name_provided",
    },
    Message {
        number: 6,
        words: NOT_CHANGED,
        when: "a renewal is asked for that is not due, and not forced; or a certificate with the same names, keys, CA \
               vendor and store is asked for, and one is there that is not due",
        code: "invalid, certificate.exists",
        adds: "when it is due, and why then",
        remedy: "Nothing needs to be done; to renew all the same: `--force`, which counts against the CA's limits.",
        test: "message_06_domains_not_changed",
    },
    Message {
        number: 7,
        words: TXT_FAILED,
        when: "the DNS provider refuses a TXT value or fails: credentials, permission, quota, a CNAME in the way, an outage",
        code: "dns.",
        adds: "provider, zone, name, its status and its own words, secrets masked",
        remedy: "By the cause; `evercert dns-provider test NAME --domain D` tries it alone.",
        test: "message_07_error_adding_txt_record",
    },
    Message {
        number: 8,
        words: SIGNATURE,
        when: "the DNS provider does not accept our signature (TSIG BADTIME and BADSIG, AWS SignatureDoesNotMatch and \
               its like)",
        code: "dns.clock, dns.credentials",
        adds: "by how much our clock differs from the DNS server's and from the CA's; or, where clocks agree, that \
               the secret is wrong",
        remedy: "Set the clock by NTP; or enter the secret again.",
        test: "message_08_signature_does_not_match",
    },
    Message {
        number: 9,
        words: NO_PROVIDER,
        when: "no mapped domain holds a name that is to be proved by DNS",
        code: "domain.unmapped",
        adds: "the names",
        remedy: "`evercert domain map DOMAIN --provider NAME`",
        test: "message_09_missing_a_dns_provider_name",
    },
    Message {
        number: 10,
        words: NONE_ACTIVE,
        when: "a renewal needs DNS-01 and not one DNS provider is active; it counts as a failed renewal",
        code: "dns_provider.none_active",
        adds: "the names, and which providers there are",
        remedy: "Activate a DNS provider, or add one.",
        test: "message_10_no_active_dns_providers",
    },
    Message {
        number: 11,
        words: BAD_CONTACT,
        when: "the contact e-mail address of an account is none: found here before the CA is asked, or by the CA, \
               whose words are kept",
        code: "invalid, acme.new_account.invalidContact",
        adds: "the address, or the CA's problem document",
        remedy: "Correct the address, or leave it out: most CAs need none.",
        test: "message_11_unable_to_parse_email_address",
    },
    Message {
        number: 12,
        words: FINALIZE,
        when: "the CA refuses to finalize an order or fails at it: a wrong product, region or binding in the directory \
               URL shows only here at some CAs",
        code: "acme.finalize., acme.order.",
        adds: "the CA's problem document word for word, and the remedy for its type",
        remedy: "By the problem's type; where the CA is DigiCert, compare directory URL and key id with its portal.",
        test: "message_12_unable_to_process_finalize",
    },
    Message {
        number: 13,
        words: "DNS Provider - TestDNS does not exist or is not active.",
        when: "a request names a DNS provider that is not there, or a domain is mapped to one that is not active",
        code: "dns_provider.not_found",
        adds: "the part of the request, or the domain",
        remedy: "`evercert dns-provider list`; activate it or map the domain to another one.",
        test: "message_13_dns_provider_does_not_exist",
    },
    Message {
        number: 14,
        words: NO_VENDOR,
        when: "a request names a CA vendor that is not there, or none; or the vendor of a certificate was removed",
        code: "ca_vendor.not_found",
        adds: "the name that was given, and the part of the request",
        remedy: "`evercert ca-vendor list`; choose one of them, or add one.",
        test: "message_14_config_ca_id_does_not_exist",
    },
];

/// The sentence for what a CA did, if there is one.
pub(crate) fn of_acme(stage: Stage, error: &AcmeError) -> Option<String> {
    if let Some(alias) = error.alias() {
        return Some(alias.to_owned());
    }
    let problem = error.problem();
    let detail = problem
        .and_then(|problem| problem.detail.as_deref())
        .unwrap_or_default();
    let kind = problem.map(evercert_acme::Problem::kind);
    match (stage, kind) {
        (Stage::Order, _) if detail.starts_with(INVALID_IDENTIFIERS) => Some(detail.to_owned()),
        (Stage::Order, Some(ProblemKind::RejectedIdentifier)) => Some(INVALID_NAME.to_owned()),
        (_, Some(ProblemKind::InvalidContact)) => Some(BAD_CONTACT.to_owned()),
        (Stage::Finalize, _) => Some(FINALIZE.to_owned()),
        _ => None,
    }
}

/// The sentence for a value that a DNS provider did not take.
pub(crate) fn of_dns(error: &DnsError) -> &'static str {
    match error.fault() {
        _ if error.is_about_signature() => SIGNATURE,
        Fault::Zone => INVALID_NAME,
        _ => TXT_FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_numbered_and_told_apart() {
        let numbers: Vec<u8> = MESSAGES.iter().map(|message| message.number).collect();
        assert_eq!(numbers, (1..=14).collect::<Vec<u8>>());
        let mut words: Vec<&str> = MESSAGES.iter().map(|message| message.words).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), 14);
    }

    #[test]
    fn messages_with_a_name_in_them_are_made_as_the_table_has_them() {
        let why = "Domain name needs at least one dot";

        assert_eq!(invalid_identifier("testdomain", why), MESSAGES[1].words);
        assert_eq!(provider_missing("TestDNS"), MESSAGES[12].words);
    }

    #[test]
    fn the_words_of_the_acme_client_are_those_of_the_table() {
        let (url, reason, cause) = ("https://ca.example".to_owned(), String::new(), None);
        let directory = AcmeError::Directory {
            url: url.clone(),
            reason: reason.clone(),
            cause: None,
        };
        let nonce = AcmeError::Nonce { url, reason, cause };

        assert_eq!(nonce.alias(), Some(NO_NONCE));
        assert_eq!(directory.alias(), Some(NO_DIRECTORY));
    }
}
