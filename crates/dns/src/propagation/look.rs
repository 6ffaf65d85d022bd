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
        let why = self.complaint().await?;
        Some(Lacking {
            server: self.server,
            name: self.name,
            why,
        })
    }

    async fn complaint(&self) -> Option<String> {
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
                return Some(format!("no answer within {waited:?}"));
            }
            Err(LookupError::Unreachable { source, .. }) => return Some(source.to_string()),
            Err(error) => return Some(error.to_string()),
        };
        let found: BTreeSet<String> = answer.txt_values().into_iter().collect();
        let missing = self.values.difference(&found).count();
        if !answer.is_definite() {
            Some(rcode_text(answer.rcode()))
        } else if missing > 0 {
            let all = self.values.len();
            Some(format!("{missing} of {all} values missing"))
        } else if self.authority && !answer.is_authoritative() {
            Some("it is not authoritative for the zone".to_owned())
        } else {
            None
        }
    }
}
