//! Following CNAMEs from a challenge name to the name that is really written.

use hickory_proto::rr::RecordType;

use crate::lookup::LookupError;
use crate::name;
use crate::resolver::Resolver;

/// More CNAMEs in a row are taken for an error.
const LONGEST: usize = 10;

impl Resolver {
    /// The effective name: the last owner in the chain of CNAMEs that begins at `name`.
    ///
    /// The last name need not exist yet; a DNAME shows up as the CNAME that servers make of it.
    ///
    /// # Errors
    /// When the first name cannot be looked up, or the chain has a loop or more than 10 links.
    pub async fn follow_cname(&self, name: &str) -> Result<String, LookupError> {
        let start = name::canonical(name);
        let mut seen = vec![start.clone()];
        loop {
            let current = seen.last().unwrap_or(&start).clone();
            let Some(next) = self.next_name(&current, seen.len() == 1).await? else {
                return Ok(current);
            };
            if seen.contains(&next) || seen.len() > LONGEST {
                return Err(LookupError::CnameLoop(start));
            }
            seen.push(next);
        }
    }

    /// The target of the name's CNAME; a target that nobody answers for is the end of the chain.
    async fn next_name(&self, name: &str, is_first: bool) -> Result<Option<String>, LookupError> {
        match self.ask(name, RecordType::CNAME).await {
            Ok(answer) => Ok(answer.cname_of(name)),
            Err(LookupError::Refused { .. }) if !is_first => Ok(None),
            Err(error) => Err(error),
        }
    }
}
