//! Who uses the management plane, and the files on the appliance.

use evercert_ns::catalog::SYSTEM_SESSION;
use evercert_ns::{NsError, codes, nitro};
use serde_json::{Value as Json, json};

use super::{Reader, Row, missing};
use crate::nitro::sessions::Session;

impl Reader<'_> {
    /// Rows of sessions, files and nodes; `None` for other types.
    pub(super) fn access(&self, kind: &str) -> Option<Result<Vec<Row>, NsError>> {
        match kind {
            "systemsession" => Some(self.sessions()),
            "hanode" => Some(self.nodes()),
            "systemfile" => Some(self.files()),
            "nspartition" => Some(Ok(vec![super::row([
                ("partitionname", json!("default")),
                ("partitionid", json!("0")),
                ("partitiontype", json!("Default Partition")),
            ])])),
            _ => None,
        }
    }

    fn sessions(&self) -> Result<Vec<Row>, NsError> {
        let sid = self.query.name.as_deref().or(self.arg("sid"));
        let all = self.instance.memory.sessions.list().into_iter();
        let wanted = |session: &Session| sid.is_none_or(|sid| session.sid.to_string() == sid);
        let rows: Vec<_> = all
            .filter(wanted)
            .map(|session| self.session(&session))
            .collect();
        match sid {
            Some(sid) if rows.is_empty() => Err(missing(&SYSTEM_SESSION, sid)),
            _ => Ok(rows),
        }
    }

    fn session(&self, session: &Session) -> Row {
        let seconds = session.expires().duration_since(self.now()).as_secs();
        let client = session
            .client
            .map_or_else(|| "-".to_owned(), |ip| ip.to_string());
        super::row([
            ("sid", json!(session.sid)),
            ("username", json!(session.user)),
            ("logintime", json!(session.login.as_second())),
            ("logintimelocal", json!(local_time(session.login))),
            ("lastactivitytime", json!(session.last.as_second())),
            ("lastactivitytimelocal", json!(local_time(session.last))),
            ("expirytime", json!(seconds.max(0))),
            ("numofconnections", json!(session.requests)),
            (
                "currentconn",
                json!(self.query.session == Some(session.sid)),
            ),
            ("clienttype", json!("API")),
            ("partitionname", json!(session.partition)),
            ("clientipaddress", json!(client)),
        ])
    }

    /// This appliance, and the nodes that are configured: nobody answers for those.
    fn nodes(&self) -> Result<Vec<Row>, NsError> {
        let id = self.query.name.as_deref().or(self.arg("id"));
        let mut nodes = vec![self.own_node()];
        for object in self.config.objects("HA node") {
            let Json::Object(mut row) = nitro::object_to_json(object) else {
                continue;
            };
            if super::text(&row, "id") == Some("0") {
                // What was set of this appliance; how it is, is not to be set.
                row.retain(|field, _| !["ipaddress", "hastatus"].contains(&field.as_str()));
                nodes[0].extend(row);
                continue;
            }
            row.insert("hastatus".to_owned(), json!("UNKNOWN"));
            row.insert("state".to_owned(), json!("UNKNOWN"));
            nodes.push(row);
        }
        nodes.retain(|row| id.is_none_or(|id| super::text(row, "id") == Some(id)));
        match (nodes.is_empty(), id) {
            (true, Some(id)) => Err(NsError::argument(&codes::NO_SUCH_RESOURCE, "id", id)),
            _ => Ok(nodes),
        }
    }

    fn own_node(&self) -> Row {
        let up_for = self
            .now()
            .duration_since(self.instance.started_at)
            .as_secs();
        super::row([
            ("id", json!("0")),
            ("name", json!(self.host_name())),
            ("ipaddress", json!(self.own_address())),
            ("flags", json!(0)),
            ("hastatus", json!("UP")),
            ("state", json!("Primary")),
            ("hasync", json!("ENABLED")),
            ("haprop", json!("ENABLED")),
            ("inc", json!("DISABLED")),
            ("enaifaces", json!("None")),
            ("disifaces", json!("None")),
            ("hellointerval", json!("200")),
            ("deadinterval", json!("3")),
            ("masterstatetime", json!(up_for.max(0))),
            ("ssl2", json!("NOT PRESENT")),
        ])
    }
}

fn local_time(at: jiff::Timestamp) -> String {
    at.strftime("%a %b %e %H:%M:%S %Y").to_string()
}
