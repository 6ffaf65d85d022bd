//! Following CNAMEs from a challenge name to the name that is really written.

use hickory_proto::rr::RecordType;

use crate::lookup::{LookupError, random_id};
use crate::name;
use crate::resolver::Resolver;

/// More CNAMEs in a row are taken for an error.
const LONGEST: usize = 10;

/// A name and where its CNAMEs lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegation {
    /// The names in order, the first one included; canonical.
    pub chain: Vec<String>,
    /// Whether somebody answers for the last name.
    pub answered: bool,
}

impl Delegation {
    /// The name that is really written.
    pub fn effective(&self) -> &str {
        self.chain.last().map_or("", String::as_str)
    }

    /// Whether there is a CNAME at all.
    pub fn is_delegated(&self) -> bool {
        self.chain.len() > 1
    }
}

impl Resolver {
    /// The effective name: the last owner in the chain of CNAMEs that begins at `name`.
    ///
    /// The last name need not exist yet; a DNAME shows up as the CNAME that servers make of it.
    ///
    /// # Errors
    /// When the first name cannot be looked up, or the chain has a loop or more than 10 links.
    pub async fn follow_cname(&self, name: &str) -> Result<String, LookupError> {
        Ok(self.delegation(name).await?.effective().to_owned())
    }

    /// As [`Self::delegation`], but a wildcard CNAME is none: it covers a name that nobody wrote, and a record written
    /// there takes its place (RFC 4592 §4.4).
    ///
    /// # Errors
    /// As [`Self::follow_cname`].
    pub async fn challenge_delegation(&self, name: &str) -> Result<Delegation, LookupError> {
        let found = self.delegation(name).await?;
        let (Some(target), Some((_, parent))) = (found.chain.get(1), name.split_once('.')) else {
            return Ok(found);
        };
        let nobody = format!("_evercert-{:04x}{:04x}.{parent}", random_id(), random_id());
        let nobody = name::canonical(&nobody);
        // Who does not answer for such a name has no wildcard there, or none that we can see.
        let covered = match self.ask(&nobody, RecordType::CNAME).await {
            Ok(answer) => answer.cname_of(&nobody),
            Err(_) => None,
        };
        if covered.as_ref() != Some(target) {
            return Ok(found);
        }
        Ok(Delegation {
            chain: found.chain.into_iter().take(1).collect(),
            answered: true,
        })
    }

    /// The whole chain of CNAMEs that begins at `name`; a target that nobody answers for is its end.
    ///
    /// # Errors
    /// As [`Self::follow_cname`].
    pub async fn delegation(&self, name: &str) -> Result<Delegation, LookupError> {
        let start = name::canonical(name);
        let mut chain = vec![start.clone()];
        loop {
            let current = chain.last().unwrap_or(&start);
            let next = match self.cname_quietly(current).await {
                Ok(next) => next,
                Err(LookupError::Refused { .. }) if chain.len() > 1 => {
                    return Ok(Delegation {
                        chain,
                        answered: false,
                    });
                }
                Err(error) => return Err(error),
            };
            let Some(next) = next else {
                return Ok(Delegation {
                    chain,
                    answered: true,
                });
            };
            if chain.contains(&next) || chain.len() > LONGEST {
                return Err(LookupError::CnameLoop(start));
            }
            chain.push(next);
        }
    }
}
