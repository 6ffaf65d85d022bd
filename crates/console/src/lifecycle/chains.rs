//! Chains: completed from what the stores hold, or, where that is allowed, from where a certificate says its issuer is.

use std::time::Duration;

use evercert_db::DbError;
use evercert_x509::{Certificate, Chain, bundle};
use futures_util::StreamExt as _;

use crate::state::Console;

/// Chains of an issuer that are looked at.
const SIBLINGS: u32 = 20;
/// Certificates that are fetched for one chain.
const MOST_FETCHED: usize = 4;
/// Longest answer that is read, octets.
const MOST_OCTETS: usize = 64 << 10;
/// How long one fetch may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A chain that was completed as far as possible.
#[derive(Debug)]
pub(crate) struct Completed {
    /// The chain.
    pub(crate) chain: Chain,
    /// What an operator should know: what was added, what is missing, what has expired.
    pub(crate) warnings: Vec<String>,
}

/// Completes a chain with CA certificates of `pool`, of the stores, and, if the configuration allows it, of the network.
///
/// # Errors
/// When the database fails; what cannot be fetched is a warning.
pub(crate) async fn complete(
    console: &Console,
    chain: Chain,
    pool: &[Certificate],
) -> Result<Completed, DbError> {
    let mut known = pool.to_vec();
    known.extend(siblings(console, &chain).await?);
    let mut warnings = Vec::new();
    let mut completed = chain.completed_from(&known);
    if console.config.fetch_intermediates && completed.missing_issuer(&known).is_some() {
        match fetch_above(&completed).await {
            Ok(fetched) => {
                known.extend(fetched);
                completed = completed.completed_from(&known);
            }
            Err(why) => warnings.push(format!("no intermediate could be fetched: {why}")),
        }
    }
    let added = completed.certificates().len() - chain.certificates().len();
    if added > 0 {
        let names: Vec<String> = completed.certificates()[chain.certificates().len()..]
            .iter()
            .map(Certificate::display_name)
            .collect();
        warnings.push(format!("the chain was completed with {}", names.join(", ")));
    }
    if let Some(issuer) = completed.missing_issuer(&known) {
        warnings.push(format!(
            "the chain is not complete: the certificate of {issuer} is missing; clients may not trust what is served"
        ));
    }
    warnings.extend(expired(console, &completed));
    Ok(Completed {
        chain: completed,
        warnings,
    })
}

/// A warning for each CA certificate of a chain that is not in force now.
pub(crate) fn expired(console: &Console, chain: &Chain) -> Vec<String> {
    let now = console.now();
    let is_over = |one: &&Certificate| !one.is_valid_at(now);
    let over = chain.intermediates().iter().filter(is_over);
    over.map(|one| {
        format!(
            "{} in the chain is valid from {} to {} only",
            one.display_name(),
            one.not_before(),
            one.not_after()
        )
    })
    .collect()
}

/// CA certificates of chains whose leaf has the same issuer.
async fn siblings(console: &Console, chain: &Chain) -> Result<Vec<Certificate>, DbError> {
    let top = chain.certificates().last().unwrap_or(chain.leaf());
    let mut found: Vec<Certificate> = Vec::new();
    for issuer in [chain.leaf().issuer(), top.issuer()] {
        for pem in console.db.chains_of_issuer(&issuer, SIBLINGS).await? {
            let Ok(sibling) = Chain::from_pem(&pem) else {
                continue;
            };
            for one in sibling.intermediates() {
                if !found.contains(one) {
                    found.push(one.clone());
                }
            }
        }
    }
    Ok(found)
}

/// Fetches issuers upwards, each from where the one below says it is (RFC 5280 §4.2.2.1), until a root or a limit.
async fn fetch_above(chain: &Chain) -> Result<Vec<Certificate>, String> {
    let client = reqwest::Client::builder()
        .connect_timeout(PATIENCE)
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .map_err(|error| error.to_string())?;
    let mut below = chain.certificates().last().unwrap_or(chain.leaf()).clone();
    let mut fetched: Vec<Certificate> = Vec::new();
    while fetched.len() < MOST_FETCHED && !below.is_self_signed() {
        let Some(url) = below
            .issuer_urls()
            .iter()
            .find(|url| url.starts_with("http://"))
        else {
            break;
        };
        let found = fetch(&client, url).await?;
        let issuer = found.into_iter().find(|one| below.is_signed_by(one));
        let issuer = issuer
            .ok_or_else(|| format!("what {url} holds did not sign {}", below.display_name()))?;
        below = issuer.clone();
        fetched.push(issuer);
    }
    match fetched.is_empty() {
        true => Err("the certificate does not say where its issuer is".to_owned()),
        false => Ok(fetched),
    }
}

async fn fetch(client: &reqwest::Client, url: &str) -> Result<Vec<Certificate>, String> {
    let failed = |error: reqwest::Error| format!("{url}: {}", error.without_url());
    let answer = client.get(url).send().await.map_err(failed)?;
    if !answer.status().is_success() {
        return Err(format!("{url}: HTTP {}", answer.status()));
    }
    let (mut body, mut content) = (answer.bytes_stream(), Vec::new());
    while let Some(piece) = body.next().await {
        content.extend_from_slice(&piece.map_err(failed)?);
        if content.len() > MOST_OCTETS {
            return Err(format!("{url}: more than {MOST_OCTETS} octets"));
        }
    }
    let read = bundle::read(&content, None).map_err(|error| format!("{url}: {error}"))?;
    Ok(read.certificates)
}
