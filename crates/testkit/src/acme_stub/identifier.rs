//! Which identifiers an order may have, and the refusals in Boulder's words.

use std::collections::BTreeSet;
use std::net::IpAddr;

use evercert_types::DomainName;
use serde_json::{Value, json};

use super::problem::Problem;
use super::switches::{IdentifierPolicy, Ips, Suffixes};
use super::world::Identifier;

impl Identifier {
    pub(super) fn to_json(&self) -> Value {
        json!({ "type": self.kind, "value": self.value })
    }

    /// The name without `*.`.
    pub(super) fn base(&self) -> &str {
        self.value.strip_prefix("*.").unwrap_or(&self.value)
    }

    /// What a limit per registered domain counts by: the domain, or the address.
    pub(super) fn registered(&self) -> String {
        if self.kind == "ip" {
            return self.value.clone();
        }
        psl::domain_str(self.base())
            .unwrap_or_else(|| self.base())
            .to_owned()
    }
}

/// Reads and judges an order's identifiers.
pub(super) fn judge(
    listed: &Value,
    policy: &IdentifierPolicy,
    max: usize,
) -> Result<BTreeSet<Identifier>, Problem> {
    let listed = listed.as_array().filter(|listed| !listed.is_empty());
    let listed = listed
        .ok_or_else(|| Problem::malformed("NewOrder request did not specify any identifiers"))?;
    if listed.len() > max {
        let detail = format!("Order cannot contain more than {max} identifiers");
        return Err(Problem::malformed(detail));
    }
    let (mut good, mut bad) = (BTreeSet::new(), Vec::new());
    for identifier in listed {
        match judge_one(identifier, policy)? {
            Ok(identifier) => drop(good.insert(identifier)),
            Err(why) => bad.push((identifier.clone(), why)),
        }
    }
    if bad.is_empty() {
        return Ok(good);
    }
    Err(refusal(&bad))
}

fn refusal(bad: &[(Value, Refusal)]) -> Problem {
    let first = format!("Invalid identifiers requested :: {}", bad[0].1.detail);
    if bad.len() == 1 {
        return Problem::new(400, bad[0].1.kind, first);
    }
    let more = bad.len() - 1;
    let subproblems = bad.iter().map(|(identifier, why)| {
        json!({
            "type": format!("urn:ietf:params:acme:error:{}", why.kind),
            "detail": why.detail,
            "identifier": identifier,
        })
    });
    let detail =
        format!("{first} (and {more} more problems. Refer to sub-problems for more information.)");
    Problem::new(400, "rejectedIdentifier", detail).subproblems(subproblems.collect())
}

struct Refusal {
    kind: &'static str,
    detail: String,
}

/// One identifier, or why it is refused; a problem where it makes the whole request bad.
fn judge_one(
    identifier: &Value,
    policy: &IdentifierPolicy,
) -> Result<Result<Identifier, Refusal>, Problem> {
    let value = identifier["value"].as_str().unwrap_or_default();
    let judged = match identifier["type"].as_str() {
        Some("dns") => judge_name(&value.to_ascii_lowercase(), policy),
        Some("ip") if policy.ips == Ips::Accepted => judge_ip(value),
        other => {
            let detail = format!(
                "NewOrder request included unsupported identifier: type {other:?}, value {value:?}"
            );
            return Err(Problem::new(400, "unsupportedIdentifier", detail));
        }
    };
    Ok(judged.map_err(|(kind, why)| Refusal {
        kind,
        detail: format!("Cannot issue for {value:?}: {why}"),
    }))
}

type Why = (&'static str, &'static str);

fn judge_name(name: &str, policy: &IdentifierPolicy) -> Result<Identifier, Why> {
    let refuse = |why| Err(("rejectedIdentifier", why));
    let base = name.strip_prefix("*.").unwrap_or(name);
    if base.parse::<IpAddr>().is_ok() {
        return refuse("The ACME server can not issue a certificate for an IP address");
    }
    if name.ends_with('.') {
        return refuse("Domain name ends in a dot");
    }
    if base.contains('*') {
        return refuse("Domain name contains an invalid wildcard: it must be the leftmost label");
    }
    if base.contains(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '.') {
        return refuse("Domain name contains an invalid character");
    }
    if !base.contains('.') {
        return refuse("Domain name needs at least one dot");
    }
    if DomainName::new(name).is_err() {
        return refuse("Domain name contains a label that is empty or too long");
    }
    let blocked = |zone: &String| base == zone || base.ends_with(&format!(".{zone}"));
    if policy.blocked.iter().any(blocked) {
        return refuse(
            "The ACME server refuses to issue a certificate for this domain name, because it is forbidden by policy",
        );
    }
    let known = || psl::suffix(base.as_bytes()).is_some_and(|suffix| suffix.is_known());
    if policy.suffixes == Suffixes::Public && !known() {
        return refuse("Domain name does not end with a valid public suffix (TLD)");
    }
    Ok(Identifier {
        kind: "dns",
        value: name.to_owned(),
    })
}

fn judge_ip(value: &str) -> Result<Identifier, Why> {
    match value.parse::<IpAddr>() {
        Ok(ip) if ip.to_string() == value => Ok(Identifier {
            kind: "ip",
            value: value.to_owned(),
        }),
        _ => Err(("malformed", "IP address is not in its canonical form")),
    }
}
