//! What a request says about who sends it: a session's token, a name and a password, or nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evercert_types::Secret;
use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE, HeaderName, SET_COOKIE};

use super::url::{Plus, decode};

const USER: HeaderName = HeaderName::from_static("x-nitro-user");
const PASSWORD: HeaderName = HeaderName::from_static("x-nitro-pass");
/// Cookies that hold a session's token.
const COOKIES: &[&str] = &["NITRO_AUTH_TOKEN", "sessionid"];

/// Who sends a request, as far as it says.
#[derive(Debug)]
pub(super) enum Credentials {
    /// A session; the token in every reading.
    Session(Vec<Secret<String>>),
    /// A name and a password, in NITRO's own headers.
    Headers(Login),
    /// A name and a password, as RFC 7617 has them.
    Basic(Login),
    /// Nothing.
    None,
}

/// A name and a password.
#[derive(Debug)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: Secret<String>,
}

impl Credentials {
    /// Reads them; NITRO's own headers go before a session, and a session before HTTP Basic.
    pub(super) fn of(headers: &HeaderMap, in_body: Option<Secret<String>>) -> Self {
        if let Some(login) = own_headers(headers) {
            return Self::Headers(login);
        }
        let mut tokens: Vec<_> = in_body.into_iter().collect();
        tokens.extend(cookies(headers));
        if !tokens.is_empty() {
            return Self::Session(tokens.into_iter().flat_map(readings).collect());
        }
        basic(headers).map_or(Self::None, Self::Basic)
    }
}

fn own_headers(headers: &HeaderMap) -> Option<Login> {
    let text = |name: &HeaderName| {
        let value = headers.get(name)?.as_bytes();
        Some(String::from_utf8_lossy(value).into_owned())
    };
    Some(Login {
        user: text(&USER)?,
        password: Secret::new(text(&PASSWORD).unwrap_or_default()),
    })
}

/// The official Go client sends its token in a request header `Set-Cookie`.
fn cookies(headers: &HeaderMap) -> Vec<Secret<String>> {
    let values = [COOKIE, SET_COOKIE];
    let pairs = values
        .iter()
        .flat_map(|name| headers.get_all(name))
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'));
    pairs
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| COOKIES.iter().any(|known| known.eq_ignore_ascii_case(name)))
        .map(|(_, token)| Secret::new(token.trim_matches('"').to_owned()))
        .filter(|token| !token.expose().is_empty())
        .collect()
}

/// Tokens arrive raw and percent-encoded.
fn readings(token: Secret<String>) -> Vec<Secret<String>> {
    let decoded = decode(token.expose(), Plus::Literal);
    if decoded == *token.expose() {
        return vec![token];
    }
    vec![token, Secret::new(decoded)]
}

fn basic(headers: &HeaderMap) -> Option<Login> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some(Login {
        user: user.to_owned(),
        password: Secret::new(password.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(headers: &[(&'static str, &'static str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        match Credentials::of(&map, None) {
            Credentials::Session(tokens) => {
                let tokens: Vec<_> = tokens.iter().map(|t| t.expose().clone()).collect();
                format!("session {}", tokens.join(" "))
            }
            Credentials::Headers(login) => {
                format!("headers {} {}", login.user, login.password.expose())
            }
            Credentials::Basic(login) => {
                format!("basic {} {}", login.user, login.password.expose())
            }
            Credentials::None => "none".to_owned(),
        }
    }

    #[test]
    fn a_token_is_found_wherever_clients_put_it() {
        assert_eq!(
            of(&[("cookie", "a=b; NITRO_AUTH_TOKEN=##1A")]),
            "session ##1A"
        );
        assert_eq!(
            of(&[("cookie", "NITRO_AUTH_TOKEN=%23%231A")]),
            "session %23%231A ##1A"
        );
        assert_eq!(of(&[("cookie", "sessionid=##1A")]), "session ##1A");
        assert_eq!(
            of(&[("set-cookie", "NITRO_AUTH_TOKEN=##1A; path=/nitro/v1")]),
            "session ##1A"
        );
        assert_eq!(
            of(&[("cookie", "NITRO_AUTH_TOKEN=\"##1A\"")]),
            "session ##1A"
        );
    }

    #[test]
    fn a_name_and_a_password_may_come_with_every_request() {
        let own = [("x-nitro-user", "u"), ("x-nitro-pass", "p w")];
        assert_eq!(of(&own), "headers u p w");
        assert_eq!(
            of(&[own[0], own[1], ("cookie", "NITRO_AUTH_TOKEN=x")]),
            "headers u p w"
        );
        assert_eq!(of(&[("authorization", "Basic dTpwOnc=")]), "basic u p:w");
    }

    #[test]
    fn anything_else_is_nobody() {
        assert_eq!(of(&[]), "none");
        assert_eq!(of(&[("authorization", "Bearer x")]), "none");
        assert_eq!(of(&[("authorization", "Basic !!")]), "none");
        assert_eq!(of(&[("cookie", "NITRO_AUTH_TOKEN=")]), "none");
    }
}
