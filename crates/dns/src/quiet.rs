//! Looking at challenge names without resolvers noticing: what they are asked too early they remember as absent, and a CA
//! may ask the same ones (RFC 2308 §5).

use std::net::SocketAddr;
use std::time::Duration;

use hickory_proto::rr::RecordType;
use tokio::task::JoinSet;

use crate::lookup::{Answer, Limits, LookupError, Recursion, ask};
use crate::name;
use crate::resolver::Resolver;
use crate::zone::Zone;

/// How long one round of questions to a zone's servers may take: who does not answer is not needed.
const PATIENCE: Limits = Limits {
    timeout: Duration::from_secs(2),
    tries: 1,
};
/// More zones below one another are taken for an error.
const DEEPEST: usize = 5;

impl Resolver {
    /// The zone that holds the name and its servers, found without asking resolvers for the name itself.
    ///
    /// They are asked for the name's parent; the zone's own servers say whether a deeper zone begins at the name. Where
    /// those cannot be asked, resolvers are, as [`Self::find_zone`] does.
    ///
    /// # Errors
    /// As [`Self::find_zone`].
    pub async fn find_zone_quietly(&self, name: &str) -> Result<Zone, LookupError> {
        let name = name::canonical(name);
        match self.at_authority(&name, RecordType::SOA).await? {
            Some((zone, _)) => Ok(zone),
            None => self.find_zone(&name).await,
        }
    }

    /// The TXT values at the name or behind its CNAME; the zone's own servers are asked, or resolvers where those cannot be.
    ///
    /// # Errors
    /// [`LookupError`] when no server knew.
    pub async fn txt_quietly(&self, name: &str) -> Result<Vec<String>, LookupError> {
        let name = name::canonical(name);
        match self.at_authority(&name, RecordType::TXT).await? {
            Some((_, answer)) => Ok(answer.txt_values()),
            None => self.txt(&name).await,
        }
    }

    /// Where the name's CNAME points, one step; the zone's own servers are asked, or resolvers where those cannot be.
    pub(crate) async fn cname_quietly(&self, name: &str) -> Result<Option<String>, LookupError> {
        let name = name::canonical(name);
        let answer = match self.at_authority(&name, RecordType::CNAME).await? {
            Some((_, answer)) => answer,
            None => self.ask(&name, RecordType::CNAME).await?,
        };
        Ok(answer.cname_of(&name))
    }

    /// What an authoritative server answers for the name, and the zone it does so for; nothing when none can be asked.
    ///
    /// # Errors
    /// When no resolver answers.
    async fn at_authority(
        &self,
        name: &str,
        record_type: RecordType,
    ) -> Result<Option<(Zone, Answer)>, LookupError> {
        let Some((_, parent)) = name.split_once('.') else {
            return Ok(None);
        };
        let mut zone = match self.find_zone(parent).await {
            Ok(zone) => zone,
            Err(error @ (LookupError::Timeout { .. } | LookupError::Unreachable { .. })) => {
                return Err(error);
            }
            Err(_) => return Ok(None),
        };
        for _ in 0..DEEPEST {
            let Some(answer) = first_answer(&zone.nameservers, name, record_type).await else {
                return Ok(None);
            };
            let is_last = answer.is_authoritative();
            if let Some(below) = deeper(&answer, name, &zone.name) {
                zone = self.zone_at(below).await?;
            } else if !is_last {
                return Ok(None);
            }
            if is_last {
                return Ok(Some((zone, answer)));
            }
        }
        Ok(None)
    }
}

/// The zone between `zone` and the name that the answer speaks of: it comes from there, or leads there.
fn deeper(answer: &Answer, name: &str, zone: &str) -> Option<String> {
    let below = match answer.is_authoritative() {
        true => answer.soa().map(|(owner, _)| owner),
        false => answer.referral(name),
    };
    let is_between =
        |one: &String| one != zone && name::is_within(one, zone) && name::is_within(name, one);
    below.filter(is_between)
}

/// The first answer of any of the servers that has something to say.
async fn first_answer(
    servers: &[SocketAddr],
    name: &str,
    record_type: RecordType,
) -> Option<Answer> {
    let mut questions = JoinSet::new();
    for &server in servers {
        let name = name.to_owned();
        questions
            .spawn(async move { ask(server, &name, record_type, Recursion::Off, PATIENCE).await });
    }
    while let Some(outcome) = questions.join_next().await {
        if let Ok(Ok(answer)) = outcome
            && answer.is_definite()
        {
            return Some(answer);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::{Message, MessageType, OpCode};
    use hickory_proto::rr::{RData, Record, rdata};

    use super::*;

    const NAME: &str = "_acme-challenge.www.example.org";

    fn answer(is_authoritative: bool, owner: &str, data: RData) -> Answer {
        let mut message = Message::new(1, MessageType::Response, OpCode::Query);
        message.metadata.authoritative = is_authoritative;
        let owner = name::to_wire(owner).unwrap();
        message
            .authorities
            .push(Record::from_rdata(owner, 60, data));
        Answer::read(&message.to_vec().unwrap()).unwrap()
    }

    fn ns() -> RData {
        RData::NS(rdata::NS(name::to_wire("ns.example.net").unwrap()))
    }

    fn soa() -> RData {
        let host = name::to_wire("ns.example.net").unwrap();
        RData::SOA(rdata::SOA::new(host.clone(), host, 1, 2, 3, 4, 300))
    }

    #[test]
    fn a_referral_and_an_answer_from_below_name_the_deeper_zone() {
        for (answer, below) in [
            (answer(false, NAME, ns()), Some(NAME)),
            (
                answer(false, "www.example.org", ns()),
                Some("www.example.org"),
            ),
            (
                answer(true, "www.example.org", soa()),
                Some("www.example.org"),
            ),
            (answer(true, "example.org", soa()), None),
            // Upwards, or elsewhere: nothing to follow.
            (answer(false, "org", ns()), None),
            (answer(true, "example.net", soa()), None),
        ] {
            assert_eq!(deeper(&answer, NAME, "example.org").as_deref(), below);
        }
    }

    #[test]
    fn what_is_not_there_is_remembered_for_the_shorter_of_two_times() {
        assert_eq!(answer(true, "example.org", soa()).negative_ttl(), Some(60));
        assert_eq!(answer(false, NAME, ns()).negative_ttl(), None);
    }
}
