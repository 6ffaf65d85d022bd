//! A NITRO request as HTTP, and its answer; the way there is [`Socket`] or [`Remote`].

use anyhow::{Context, Result, bail};
use evercert_ns::nitro::{Method, Request, Tree};
use evercert_ns::show::Row;
use serde_json::{Map, Value as Json};

use crate::shell::{Remote, Socket};

/// Longest that one request may take: long enough for keys to be made.
pub(super) const LIMIT: std::time::Duration = std::time::Duration::from_secs(120);

/// NITRO's header with a command's warnings.
pub(super) const WARNING: &str = "x-nitro-warning";

/// The way to an ADC.
#[derive(Debug)]
pub(crate) enum Wire {
    /// The status socket of an ADC on this machine, whose owner is `nsroot`.
    Local(Socket),
    /// NITRO over TLS, as a user who logged in.
    Remote(Remote),
}

/// HTTP without transport.
pub(super) struct Exchange {
    pub(super) method: &'static str,
    /// Path and query.
    pub(super) target: String,
    pub(super) body: Option<String>,
}

/// What came back over HTTP.
pub(super) struct Raw {
    pub(super) status: u16,
    /// The values of [`WARNING`].
    pub(super) warnings: Vec<String>,
    pub(super) body: Vec<u8>,
}

/// NITRO's answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reply {
    /// `errorcode`; 0 for success.
    pub(crate) code: u32,
    /// `message`.
    pub(crate) message: String,
    /// What succeeded, and yet deserves a word.
    pub(crate) warnings: Vec<String>,
    /// The members beside the envelope's, by type.
    pub(crate) members: Map<String, Json>,
}

impl Wire {
    /// Sends a request and awaits the answer.
    pub(crate) async fn send(&self, request: &Request) -> Result<Reply> {
        let exchange = Exchange::new(request)?;
        let raw = match self {
            Self::Local(socket) => socket.exchange(&exchange).await?,
            Self::Remote(remote) => remote.exchange(&exchange).await?,
        };
        Reply::read(&raw)
    }

    /// Who asks, and where.
    pub(crate) fn whoami(&self) -> String {
        match self {
            Self::Local(socket) => format!("nsroot on {socket}"),
            Self::Remote(remote) => remote.to_string(),
        }
    }
}

impl Exchange {
    /// `?warning=yes` asks for warnings, which NITRO leaves out otherwise.
    pub(super) fn new(request: &Request) -> Result<Self> {
        let tree = match request.tree {
            Tree::Config => "config",
            Tree::Stat => "stat",
        };
        let mut target = format!("/nitro/v1/{tree}/{}", request.kind);
        if let Some(name) = &request.name {
            target.push('/');
            target.push_str(&escaped(name));
        }
        let mut query = Vec::new();
        if let Some(action) = &request.action {
            query.push(format!("action={}", escaped(action)));
        }
        if !request.args.is_empty() {
            let args = request.args.iter();
            let args = args.map(|(field, value)| format!("{field}:{}", escaped(value)));
            query.push(format!("args={}", args.collect::<Vec<_>>().join(",")));
        }
        let method = match request.method {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
        };
        if request.method != Method::Get {
            query.push("warning=yes".to_owned());
        }
        if !query.is_empty() {
            target.push('?');
            target.push_str(&query.join("&"));
        }
        let body = (request.body.as_ref())
            .map(serde_json::to_string)
            .transpose()
            .context("writing the request")?;
        Ok(Self {
            method,
            target,
            body,
        })
    }
}

impl Reply {
    /// Reads the envelope; a success may have no body.
    pub(super) fn read(raw: &Raw) -> Result<Self> {
        if raw.body.is_empty() && (200..300).contains(&raw.status) {
            return Ok(Self {
                code: 0,
                message: "Done".to_owned(),
                warnings: raw.warnings.clone(),
                members: Map::new(),
            });
        }
        let Ok(Json::Object(mut members)) = serde_json::from_slice(&raw.body) else {
            let text: String = String::from_utf8_lossy(&raw.body)
                .chars()
                .take(200)
                .collect();
            bail!(
                "HTTP {} without NITRO's envelope; is this an ADC? {text}",
                raw.status
            );
        };
        let word = |members: &mut Map<String, Json>, name: &str| match members.remove(name) {
            Some(Json::String(text)) => text,
            _ => String::new(),
        };
        let code = members.remove("errorcode").and_then(|code| code.as_u64());
        let code = code.and_then(|code| u32::try_from(code).ok());
        let message = word(&mut members, "message");
        let is_warning = word(&mut members, "severity").eq_ignore_ascii_case("warning");
        let Some(code) = code else {
            bail!("HTTP {} without NITRO's errorcode: {message}", raw.status);
        };
        let mut warnings: Vec<String> = raw.warnings.iter().map(|w| without_code(w)).collect();
        if is_warning && warnings.is_empty() {
            warnings.push(message.clone());
        }
        Ok(Self {
            code: if is_warning { 0 } else { code },
            message,
            warnings,
            members,
        })
    }

    /// The objects of a type: NITRO has an array of several, an object of the only one, nothing of none.
    pub(crate) fn rows(&self, kind: &str) -> Vec<Row> {
        let found = self
            .members
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(kind));
        match found.map(|(_, value)| value) {
            Some(Json::Array(rows)) => rows.iter().filter_map(Json::as_object).cloned().collect(),
            Some(Json::Object(row)) => vec![row.clone()],
            _ => Vec::new(),
        }
    }
}

/// `1067 - Feature(s) not enabled [LB]` without its number.
fn without_code(warning: &str) -> String {
    match warning.split_once(" - ") {
        Some((code, text)) if code.chars().all(|c| c.is_ascii_digit()) => text.to_owned(),
        _ => warning.to_owned(),
    }
}

/// Percent-encoded for a path or a query.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use evercert_ns::grammar::parse_line;
    use evercert_ns::nitro::to_request;

    use super::*;

    fn sent(line: &str) -> (&'static str, String, Option<String>) {
        let command = parse_line(line).unwrap();
        let exchange = Exchange::new(&to_request(&command)).unwrap();
        (exchange.method, exchange.target, exchange.body)
    }

    fn read(status: u16, warnings: &[&str], body: &str) -> Result<Reply> {
        Reply::read(&Raw {
            status,
            warnings: warnings.iter().map(|w| (*w).to_owned()).collect(),
            body: body.as_bytes().to_vec(),
        })
    }

    #[test]
    fn lines_become_nitro_requests() {
        assert_eq!(
            sent("show ssl certKey \"a b:c\""),
            (
                "GET",
                "/nitro/v1/config/sslcertkey/a%20b%3Ac".to_owned(),
                None
            )
        );
        assert_eq!(
            sent("unbind ssl vserver v -certkeyName c -SNICert").1,
            "/nitro/v1/config/sslvserver_sslcertkey_binding/v?args=certkeyname:c,snicert:true&warning=yes"
        );
        let (method, target, body) = sent("link ssl certKey a b");
        assert_eq!(
            (method, target.as_str()),
            (
                "POST",
                "/nitro/v1/config/sslcertkey?action=link&warning=yes"
            )
        );
        assert_eq!(
            body.as_deref(),
            Some(r#"{"sslcertkey":{"certkey":"a","linkcertkeyname":"b"}}"#)
        );
        assert_eq!(
            sent("stat lb vserver").1,
            "/nitro/v1/stat/lbvserver".to_owned()
        );
    }

    #[test]
    fn an_empty_success_is_done() {
        let reply = read(201, &[], "").unwrap();

        assert_eq!((reply.code, reply.message.as_str()), (0, "Done"));
    }

    #[test]
    fn warnings_are_no_failures() {
        let body =
            r#"{"errorcode":1067,"message":"Feature(s) not enabled [LB]","severity":"WARNING"}"#;
        let named = read(209, &["1067 - Feature(s) not enabled [LB]"], body).unwrap();
        let plain = read(209, &[], body).unwrap();

        for reply in [named, plain] {
            assert_eq!(reply.code, 0);
            assert_eq!(reply.warnings, ["Feature(s) not enabled [LB]"]);
        }
    }

    #[test]
    fn rows_are_found_as_array_object_or_nothing() {
        let ok = r#""errorcode":0,"message":"Done","severity":"NONE""#;
        let several = read(
            200,
            &[],
            &format!(r#"{{{ok},"server":[{{"name":"a"}},{{"name":"b"}}]}}"#),
        );
        let one = read(
            200,
            &[],
            &format!(r#"{{{ok},"nsversion":{{"version":"x"}}}}"#),
        );

        assert_eq!(several.unwrap().rows("server").len(), 2);
        assert_eq!(one.unwrap().rows("nsversion").len(), 1);
        assert!(
            read(200, &[], &format!("{{{ok}}}"))
                .unwrap()
                .rows("server")
                .is_empty()
        );
    }

    #[test]
    fn what_is_no_nitro_is_said_so() {
        let text = read(404, &[], "<html>").unwrap_err().to_string();

        assert!(
            text.contains("404") && text.contains("is this an ADC?"),
            "{text}"
        );
    }
}
