//! Registrars and dynamic DNS.

use dns_update::providers::joker::JokerAuth;
use dns_update::{DnsUpdater, Error};

use super::{CAPS, Made, SINGLE, declare};
use crate::provider::{Descriptor, Field};

declare! {
    DOMENESHOP: "domeneshop", "Domeneshop", "https://api.domeneshop.no/docs/", CAPS, [
        Field::text("token", "API token", "Token of the API credentials.").env(&["DOMENESHOP_Token"], &["DOMENESHOP_API_TOKEN"]),
        Field::text("secret", "API secret", "Secret of the API credentials.").secret().env(&["DOMENESHOP_Secret"], &["DOMENESHOP_API_SECRET"]),
    ], |s| DnsUpdater::new_domeneshop(s.the("token"), s.the("secret"), s.timeout);
    DYNU: "dynu", "Dynu", "https://www.dynu.com/Support/API", CAPS, [
        Field::text("key", "API key", "API key of the account.").secret().env(&[], &["DYNU_API_KEY"]),
    ], |s| DnsUpdater::new_dynu(s.the("key"), s.timeout);
    FREEMYIP: "freemyip", "freemyip.com", "https://freemyip.com/help", SINGLE, [
        Field::text("token", "API token", "Token of the domain; it travels in the URL and is kept out of logs.").secret().env(&[], &["FREEMYIP_TOKEN"]),
    ], |s| DnsUpdater::new_freemyip(s.the("token"), s.timeout);
    IPV64: "ipv64", "IPv64", "https://ipv64.net/dyndns_updater_api", CAPS, [
        Field::text("key", "API key", "API key of the account.").secret().env(&["IPv64_Token"], &["IPV64_API_KEY"]),
    ], |s| DnsUpdater::new_ipv64(s.the("key"), s.timeout);
    JOKER: "joker", "Joker", "https://joker.com/faq/category/39/22-dmapi.html", CAPS, [
        Field::text("key", "API key", "API key of the account.").optional().secret().env(&[], &["JOKER_API_KEY"]),
        Field::text("username", "User name", "Name of the account, in place of the API key.").optional().env(&[], &["JOKER_USERNAME"]),
        Field::text("password", "Password", "Password of the account.").optional().secret().env(&[], &["JOKER_PASSWORD"]),
    ], |s| DnsUpdater::new_joker(joker(s)?, s.timeout);
    PORKBUN: "porkbun", "Porkbun", "https://porkbun.com/api/json/v3/documentation", CAPS, [
        Field::text("key", "API key", "API key of the account; API access must be on for the domain.").secret().env(&["PORKBUN_API_KEY"], &["PORKBUN_API_KEY"]),
        Field::text("secret", "Secret key", "Secret of the API key.").secret().env(&["PORKBUN_SECRET_API_KEY"], &["PORKBUN_SECRET_API_KEY"]),
    ], |s| DnsUpdater::new_porkbun(s.the("key"), s.the("secret"), s.timeout);
    SPACESHIP: "spaceship", "Spaceship", "https://docs.spaceship.dev/", CAPS, [
        Field::text("key", "API key", "API key with the right to change DNS records.").env(&["SPACESHIP_API_KEY"], &["SPACESHIP_API_KEY"]),
        Field::text("secret", "API secret", "Secret of the API key.").secret().env(&["SPACESHIP_API_SECRET"], &["SPACESHIP_API_SECRET"]),
    ], |s| DnsUpdater::new_spaceship(s.the("key"), s.the("secret"), s.timeout);
}

/// The account's key, or its name and password.
fn joker(s: &Made<'_>) -> dns_update::Result<JokerAuth> {
    match (s.maybe("key"), s.maybe("username"), s.maybe("password")) {
        (Some(key), _, _) => Ok(JokerAuth::api_key(key)),
        (None, Some(username), Some(password)) => {
            Ok(JokerAuth::username_password(username, password))
        }
        _ => Err(Error::Client(
            "either key, or username and password are missing".to_owned(),
        )),
    }
}
