//! When no service of a vserver is up: its backup, or another URL.

use std::sync::Arc;

use http::HeaderValue;

use crate::traffic::listener::Vserver;
use crate::traffic::routes::Routes;

/// Backups of backups that are followed.
const DEPTH: usize = 8;

/// What takes the place of a vserver.
#[derive(Debug)]
pub(crate) enum Instead {
    /// Another vserver (`-backupVServer`).
    Vserver(Arc<Vserver>),
    /// Another URL (`-redirectURL`).
    Redirect(HeaderValue),
}

/// What takes the place of a vserver none of whose services is up; `None` where nothing does.
///
/// A backup that is up comes before the URL, as on NetScaler.
pub(crate) fn instead(routes: &Routes, vserver: &Vserver, target: &str) -> Option<Instead> {
    if !vserver.balancer.is_down() {
        return None;
    }
    let mut next = vserver.backup.clone();
    for _ in 0..DEPTH {
        let Some(backup) = next.and_then(|name| routes.target(&name)) else {
            break;
        };
        if !backup.balancer.is_down() {
            return Some(Instead::Vserver(backup));
        }
        next = backup.backup.clone();
    }
    let url = vserver.redirect_url.as_deref()?;
    redirect_to(url, target).map(Instead::Redirect)
}

/// Where the clients of a clear port are sent (`-redirectFromPort`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HttpsRedirect {
    /// `-httpsRedirectUrl`.
    pub(crate) url: Option<String>,
    /// The vserver's port.
    pub(crate) port: u16,
}

impl HttpsRedirect {
    /// The URL for a request; `None` when it names no host.
    pub(crate) fn location(&self, host: Option<&str>, target: &str) -> Option<HeaderValue> {
        if let Some(url) = &self.url {
            return redirect_to(url, target);
        }
        let port = match self.port {
            443 => String::new(),
            port => format!(":{port}"),
        };
        HeaderValue::try_from(format!("https://{}{port}{target}", host?)).ok()
    }
}

/// A URL without a path gets the request's.
fn redirect_to(url: &str, target: &str) -> Option<HeaderValue> {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let text = match after_scheme.contains('/') || !url.contains("://") {
        true => url.to_owned(),
        false => format!("{url}{target}"),
    };
    HeaderValue::try_from(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_without_a_path_gets_the_requests() {
        for (url, expected) in [
            ("https://sorry.example", "https://sorry.example/a?b"),
            ("https://sorry.example/", "https://sorry.example/"),
            ("https://sorry.example/page", "https://sorry.example/page"),
            ("/sorry.html", "/sorry.html"),
        ] {
            assert_eq!(redirect_to(url, "/a?b").unwrap(), expected);
        }
        let redirect = |port| HttpsRedirect { url: None, port };
        let location = |port| {
            redirect(port)
                .location(Some("shop.example"), "/a?b")
                .unwrap()
        };
        assert_eq!(location(443), "https://shop.example/a?b");
        assert_eq!(location(8443), "https://shop.example:8443/a?b");
        assert_eq!(redirect(443).location(None, "/"), None);
    }
}
