//! What the authoritative servers of a name show, asked directly: no cache stands between.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use hickory_proto::rr::RecordType;
use tokio::task::JoinSet;

use crate::lookup::{LookupError, Recursion, ask};
use crate::name;
use crate::resolver::Resolver;
use crate::zone::is_public_suffix;

impl Resolver {
    /// The TXT values at the name itself, not behind a CNAME, that any of its zone's authoritative servers shows.
    ///
    /// # Errors
    /// When the zone is not found, or none of its servers answers.
    pub async fn authoritative_txt(&self, name: &str) -> Result<BTreeSet<String>, LookupError> {
        let zone = self.find_zone(name).await?;
        if zone.nameservers.is_empty() {
            return Err(LookupError::NoServer);
        }
        self.txt_at(&zone.nameservers, name).await
    }

    /// The same of the given servers.
    ///
    /// # Errors
    /// When none of the servers answers.
    pub async fn txt_at(
        &self,
        servers: &[SocketAddr],
        name: &str,
    ) -> Result<BTreeSet<String>, LookupError> {
        let name = name::canonical(name);
        let limits = self.limits();
        let mut asked = JoinSet::new();
        for &server in servers {
            let name = name.clone();
            asked.spawn(async move {
                ask(server, &name, RecordType::TXT, Recursion::Off, limits).await
            });
        }
        let (mut values, mut last, mut answered) = (BTreeSet::new(), LookupError::NoServer, false);
        while let Some(outcome) = asked.join_next().await {
            match outcome {
                Ok(Ok(answer)) => {
                    answered = true;
                    if answer.cname_of(&name).is_none() {
                        values.extend(answer.txt_values());
                    }
                }
                Ok(Err(error)) => last = error,
                Err(_) => {}
            }
        }
        if answered { Ok(values) } else { Err(last) }
    }
}

/// The zones that a name can lie in: the name and its parents, up to the public suffix.
pub fn zone_candidates(name: &str) -> Vec<String> {
    let name = name::canonical(name);
    name::suffixes(&name)
        .take_while(|one| one.contains('.') && !is_public_suffix(one))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_looked_for_up_to_the_public_suffix() {
        let zones = zone_candidates("a.Example.co.uk.");

        assert_eq!(zones, ["a.example.co.uk", "example.co.uk"]);
    }
}
