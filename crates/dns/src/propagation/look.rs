//! One name asked at one server: does it show the values?

use std::collections::BTreeSet;
use std::net::SocketAddr;

use hickory_proto::rr::RecordType;

use super::Lacking;
use crate::lookup::{Limits, LookupError, Recursion, ask, rcode_text};

/// A name, its values, and the servers that must show them.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    pub(super) name: String,
    pub(super) values: BTreeSet<String>,
    pub(super) servers: Vec<SocketAddr>,
}

/// One name asked at one server.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) server: SocketAddr,
    pub(super) name: String,
    pub(super) values: BTreeSet<String>,
    pub(super) authority: bool,
    pub(super) limits: Limits,
}

impl Question {
    /// What the server lacks, if anything.
    pub(super) async fn lacking(self) -> Option<Lacking> {
        let (is_answered, why) = self.complaint().await?;
        Some(Lacking {
            server: self.server,
            name: self.name,
            why,
            is_answered,
        })
    }

    /// What is wrong; with it, whether the server answered for the name.
    async fn complaint(&self) -> Option<(bool, String)> {
        let recursion = if self.authority {
            Recursion::Off
        } else {
            Recursion::Desired
        };
        let asked = ask(
            self.server,
            &self.name,
            RecordType::TXT,
            recursion,
            self.limits,
        );
        let answer = match asked.await {
            Ok(answer) => answer,
            Err(LookupError::Timeout { waited, .. }) => {
                return Some((false, format!("no answer within {waited:?}")));
            }
            Err(LookupError::Unreachable { source, .. }) => {
                return Some((false, source.to_string()));
            }
            Err(error) => return Some((false, error.to_string())),
        };
        let found: BTreeSet<String> = answer.txt_values().into_iter().collect();
        let missing = self.values.difference(&found).count();
        if !answer.is_definite() {
            Some((false, rcode_text(answer.rcode())))
        } else if missing > 0 {
            let all = self.values.len();
            Some((true, format!("{missing} of {all} values missing")))
        } else if self.authority && !answer.is_authoritative() {
            Some((false, "it is not authoritative for the zone".to_owned()))
        } else {
            None
        }
    }
}
