//! Typed views of content inspection: the policies of a virtual server with their actions and profiles.

use std::net::SocketAddr;
use std::time::Duration;

use crate::model::Config;
use crate::model::object::{Bound, Object};
use crate::value::Value;

/// Which messages a policy looks at.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum InspectionPoint {
    /// Requests on their way to a service.
    Request,
    /// Answers on their way to a client.
    Response,
}

/// A content inspection policy as it is bound.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InspectionPolicyView {
    /// Its name.
    pub name: String,
    /// Which messages it looks at.
    pub point: InspectionPoint,
    /// The expression.
    pub rule: String,
    /// What it does when the rule is true.
    pub action: InspectionActionView,
    /// What it does when the rule has no result.
    pub undefined: InspectionActionView,
}

/// What a content inspection policy does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum InspectionActionView {
    /// Lets the message pass.
    Skip,
    /// Ends the exchange without an answer.
    Drop,
    /// Resets the client's connection.
    Reset,
    /// Sends the message to an ICAP server.
    Icap(Box<IcapActionView>),
    /// A kind of inspection that is not carried out, by its NetScaler name.
    Other(String),
}

/// What to do when an ICAP server cannot be used, or is late.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum InspectionFailure {
    /// The message passes without inspection: `CONTINUE`, `BYPASS`.
    Continue,
    /// The exchange ends without an answer.
    Drop,
    /// The client's connection is reset.
    Reset,
}

/// Where the ICAP servers are.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum InspectionServer {
    /// At one address.
    Address(SocketAddr),
    /// The service of that name.
    Service(String),
    /// The services of the load balancing virtual server of that name.
    Vserver(String),
}

/// An action that sends messages to ICAP servers.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct IcapActionView {
    /// Its name.
    pub name: String,
    /// Where the servers are.
    pub server: InspectionServer,
    /// When no server can be used.
    pub if_server_down: InspectionFailure,
    /// How to speak to them.
    pub profile: IcapProfileView,
}

/// How to speak to an ICAP server.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct IcapProfileView {
    /// Its name.
    pub name: String,
    /// Bytes of a body sent first; `None` without preview.
    pub preview: Option<u64>,
    /// Path and query of the service at the server.
    pub uri: String,
    /// `Host` of ICAP requests, where it is not the server's address.
    pub host: Option<String>,
    /// `User-Agent` of ICAP requests.
    pub user_agent: Option<String>,
    /// Which messages it is for.
    pub mode: InspectionPoint,
    /// Whether connections are kept for further messages.
    pub keep_alive: bool,
    /// Whether the server may answer 204.
    pub allow_204: bool,
    /// Headers added to ICAP requests, as they were given.
    pub headers: Option<String>,
    /// How long the server may take; `None` is without limit.
    pub timeout: Option<Duration>,
    /// What happens when it took longer.
    pub on_timeout: InspectionFailure,
}

impl Config {
    /// The content inspection policies for messages of one virtual server (load balancing or content switching), in
    /// the order they are looked at: the global override bank, its own by priority, the global default bank.
    ///
    /// Empty while the feature `CI` is off.
    pub fn inspections(&self, vserver: &str) -> Vec<InspectionPolicyView> {
        if !self.has_feature("CI") {
            return Vec::new();
        }
        let own = self
            .object("lb vserver", vserver)
            .or_else(|| self.object("cs vserver", vserver));
        let global = self.singleton("contentInspection global");
        let mut views = Vec::new();
        for point in [InspectionPoint::Request, InspectionPoint::Response] {
            let (before, after) = match point {
                InspectionPoint::Request => ("REQ_OVERRIDE", "REQ_DEFAULT"),
                InspectionPoint::Response => ("RES_OVERRIDE", "RES_DEFAULT"),
            };
            let bank = |word: &'static str| {
                move |bound: &Bound| {
                    let of = bound.value("type").and_then(Value::as_text);
                    of.unwrap_or("REQ_DEFAULT") == word
                }
            };
            let at = |bound: &Bound| point_of(bound) == point;
            views.extend(self.inspection_bank(global, point, bank(before)));
            views.extend(self.inspection_bank(own, point, at));
            views.extend(self.inspection_bank(global, point, bank(after)));
        }
        views
    }

    fn inspection_bank(
        &self,
        owner: Option<&Object>,
        point: InspectionPoint,
        belongs: impl Fn(&Bound) -> bool,
    ) -> Vec<InspectionPolicyView> {
        let bound = owner
            .into_iter()
            .flat_map(|owner| owner.bound("policyName"));
        let mut found: Vec<_> = bound
            .filter(|bound| belongs(bound))
            .filter_map(|bound| {
                let priority = bound.integer("priority").unwrap_or(u64::MAX);
                Some((priority, self.inspection(&bound.target(), point)?))
            })
            .collect();
        found.sort_by_key(|(priority, _)| *priority);
        found.into_iter().map(|(_, view)| view).collect()
    }

    fn inspection(&self, name: &str, point: InspectionPoint) -> Option<InspectionPolicyView> {
        let policy = self.object("contentInspection policy", name)?;
        let undefined = policy.text("undefAction").unwrap_or("NOINSPECTION");
        Some(InspectionPolicyView {
            name: policy.key(),
            point,
            rule: policy.text("rule")?.to_owned(),
            action: self.inspection_action(policy.text("action")?),
            undefined: self.inspection_action(undefined),
        })
    }

    fn inspection_action(&self, name: &str) -> InspectionActionView {
        match name {
            "NOINSPECTION" => return InspectionActionView::Skip,
            "DROP" => return InspectionActionView::Drop,
            "RESET" => return InspectionActionView::Reset,
            _ => {}
        }
        let Some(action) = self.object("contentInspection action", name) else {
            return InspectionActionView::Skip;
        };
        match action.text("type") {
            Some("NOINSPECTION") | None => InspectionActionView::Skip,
            Some("ICAP") => self
                .icap_action(action)
                .map_or(InspectionActionView::Other("ICAP".to_owned()), |icap| {
                    InspectionActionView::Icap(Box::new(icap))
                }),
            Some(other) => InspectionActionView::Other(other.to_owned()),
        }
    }

    /// `None` when it names no server or no profile.
    fn icap_action(&self, action: &Object) -> Option<IcapActionView> {
        let named = action.text("serverName");
        let server = match (action.ip("serverIP"), named) {
            (Some(ip), _) => {
                let port = action
                    .integer("serverPort")
                    .and_then(|port| port.try_into().ok());
                InspectionServer::Address(SocketAddr::new(ip, port?))
            }
            (None, Some(name)) if self.object("service", name).is_some() => {
                InspectionServer::Service(name.to_owned())
            }
            (None, Some(name)) => InspectionServer::Vserver(name.to_owned()),
            (None, None) => return None,
        };
        let profile = self.object("ns icapProfile", action.text("icapProfileName")?)?;
        Some(IcapActionView {
            name: action.key(),
            server,
            if_server_down: failure_of(action.text("ifserverdown")),
            profile: icap_profile_of(profile),
        })
    }
}

fn icap_profile_of(profile: &Object) -> IcapProfileView {
    let text = |name: &str| profile.text(name).map(str::to_owned);
    let mut uri = text("uri").unwrap_or_default();
    if let Some(query) = text("queryParams") {
        uri.push(if uri.contains('?') { '&' } else { '?' });
        uri.push_str(query.trim_start_matches('?'));
    }
    IcapProfileView {
        name: profile.key(),
        preview: profile
            .integer("previewLength")
            .filter(|_| profile.is("preview", "ENABLED")),
        uri,
        host: text("hostHeader"),
        user_agent: text("userAgent"),
        mode: match profile.is("mode", "RESPMOD") {
            true => InspectionPoint::Response,
            false => InspectionPoint::Request,
        },
        keep_alive: profile.is("connectionKeepAlive", "ENABLED"),
        allow_204: profile.is("allow204", "ENABLED"),
        headers: text("insertICAPHeaders"),
        timeout: profile
            .integer("reqTimeout")
            .filter(|seconds| *seconds > 0)
            .map(Duration::from_secs),
        on_timeout: failure_of(profile.text("reqTimeoutAction")),
    }
}

fn failure_of(word: Option<&str>) -> InspectionFailure {
    match word {
        Some("CONTINUE" | "BYPASS") => InspectionFailure::Continue,
        Some("DROP") => InspectionFailure::Drop,
        _ => InspectionFailure::Reset,
    }
}

/// Where a policy is bound to a virtual server: for requests unless it says otherwise.
fn point_of(bound: &Bound) -> InspectionPoint {
    match bound.value("type").and_then(Value::as_text) {
        Some("RESPONSE") => InspectionPoint::Response,
        _ => InspectionPoint::Request,
    }
}
