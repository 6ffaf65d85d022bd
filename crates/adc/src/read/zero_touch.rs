//! Read-only fields of `sslzerotouchparam`: how the sync agent is.

use serde_json::json;

use super::{Reader, Row};
use crate::status::AgentState;

impl Reader<'_> {
    /// Completes the row of the zero-touch parameters.
    pub(super) fn zero_touch(&self, row: &mut Row) {
        let status = self.instance.status().zero_touch;
        let is_on = status.console.is_some() || status.counts.held > 0;
        row.insert(
            "zerotouch".to_owned(),
            json!(if is_on { "ENABLED" } else { "DISABLED" }),
        );
        row.insert(
            "admconnectivitystatus".to_owned(),
            json!(connectivity(status.state)),
        );
        if let Some(console) = &status.console {
            let host = console.strip_prefix("https://").unwrap_or(console);
            row.insert(
                "remoteserverip".to_owned(),
                json!(host.trim_end_matches('/')),
            );
        }
        let time = |at: jiff::Timestamp| at.strftime("%a %b %e %H:%M:%S %Y GMT").to_string();
        if let Some(at) = status.last_poll_at {
            row.insert("requesttimestamp".to_owned(), json!(time(at)));
        }
        if let Some(at) = status.next_poll_at {
            row.insert("nextrequesttime".to_owned(), json!(time(at)));
        }
    }
}

const fn connectivity(state: AgentState) -> &'static str {
    match state {
        AgentState::NoConsole => "Not configured",
        AgentState::Enrolling => "Enrolling",
        AgentState::Connecting => "Connecting",
        AgentState::InSync | AgentState::Syncing | AgentState::Guarded => "Connected",
        AgentState::Unreachable => "Unreachable",
        AgentState::Refused => "Refused",
    }
}
