//! dns-01 (RFC 8555 §8.4): a TXT record with the digest of the key authorization.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Task, Validator};
use crate::problem::{Kind, Problem};

pub(super) async fn validate(validator: &Validator, task: &Task) -> Result<(), Problem> {
    let name = format!("_acme-challenge.{}", task.identifier.value);
    let digest = digest::digest(&digest::SHA256, task.key_authorization.as_bytes());
    let wanted = URL_SAFE_NO_PAD.encode(digest);
    let found = validator.dns.txt(&name).await?;
    if found.contains(&wanted) {
        return Ok(());
    }
    let detail = match found.first() {
        None => format!("no TXT record was found at {name}"),
        Some(first) => format!(
            "none of the {} TXT records at {name} is the expected \"{wanted}\"; one is \"{}\"",
            found.len(),
            first.chars().take(100).collect::<String>()
        ),
    };
    Err(Problem::new(Kind::IncorrectResponse, detail))
}
