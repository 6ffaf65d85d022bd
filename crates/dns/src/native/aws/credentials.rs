//! Where AWS keys come from: settings, a shared credentials file, the instance or container, and roles taken with them.

use std::path::PathBuf;

use evercert_types::{Secret, SharedClock};
use jiff::{SignedDuration, Timestamp};
use reqwest::Url;
use serde_json::Value;

use super::sigv4::Signed;
use super::{CODE, xml};
use crate::error::{DnsError, Fault, Step};
use crate::native::api::{Api, Repeat};

/// Temporary keys are fetched anew so long before they end.
const EARLY: SignedDuration = SignedDuration::from_mins(5);

/// An access key.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    pub(super) id: String,
    pub(super) secret: Secret<String>,
    /// Of temporary keys.
    pub(super) token: Option<Secret<String>>,
}

/// Where the first keys come from.
#[derive(Debug)]
pub(super) enum Source {
    Settings(Keys),
    /// A file in the form of `~/.aws/credentials`, and the profile in it.
    File(PathBuf, String),
    /// The metadata service of the virtual machine (`IMDSv2`).
    Instance(Api),
    /// The container's credentials address.
    Container(Api),
}

/// A role that is taken with the first keys.
#[derive(Debug)]
pub(super) struct Role {
    pub(super) arn: String,
    pub(super) external_id: Option<String>,
    pub(super) sts: Api,
    pub(super) region: String,
}

/// Keys, fetched when they are needed and kept until they end.
#[derive(Debug)]
pub(super) struct Credentials {
    pub(super) source: Source,
    pub(super) role: Option<Role>,
    pub(super) clock: SharedClock,
    pub(super) kept: tokio::sync::Mutex<Option<(Keys, Timestamp)>>,
}

impl Credentials {
    /// The keys to sign with now.
    pub(super) async fn keys(&self, step: Step) -> Result<Keys, DnsError> {
        if let (Source::Settings(keys), None) = (&self.source, &self.role) {
            return Ok(keys.clone());
        }
        let mut kept = self.kept.lock().await;
        if let Some((keys, until)) = &*kept
            && *until > self.clock.now() + EARLY
        {
            return Ok(keys.clone());
        }
        let (mut keys, mut until) = self.first(step).await?;
        if let Some(role) = &self.role {
            (keys, until) = self.assume(step, role, &keys).await?;
        }
        *kept = Some((keys.clone(), until));
        Ok(keys)
    }

    async fn first(&self, step: Step) -> Result<(Keys, Timestamp), DnsError> {
        let soon = self.clock.now() + SignedDuration::from_mins(15);
        match &self.source {
            Source::Settings(keys) => Ok((keys.clone(), soon)),
            Source::File(path, profile) => Ok((from_file(step, path, profile).await?, soon)),
            Source::Instance(api) => instance(step, api).await,
            Source::Container(api) => {
                let get = || api.client.get(&api.base);
                let reply = api.send(step, Repeat::Always, get).await?;
                document(step, api, &reply)
            }
        }
    }

    /// STS's `AssumeRole`.
    async fn assume(
        &self,
        step: Step,
        role: &Role,
        keys: &Keys,
    ) -> Result<(Keys, Timestamp), DnsError> {
        let sts = &role.sts;
        let mut url: Url = format!("{}/", sts.base)
            .parse()
            .map_err(|_| DnsError::setting(CODE, "the URL of STS cannot be read"))?;
        url.query_pairs_mut()
            .append_pair("Action", "AssumeRole")
            .append_pair("Version", "2011-06-15")
            .append_pair("RoleArn", &role.arn)
            .append_pair("RoleSessionName", "evercert")
            .extend_pairs(role.external_id.iter().map(|id| ("ExternalId", id)));
        let make = || {
            let signed = Signed {
                method: "GET",
                url: &url,
                body: b"",
                region: &role.region,
                service: "sts",
            };
            let headers = signed.headers(keys, self.clock.now());
            let request = sts.client.get(url.clone());
            headers.into_iter().fold(request, |request, (name, value)| {
                request.header(name, value)
            })
        };
        let reply = sts.send(step, Repeat::Always, make).await?;
        let text = reply.text();
        let found = |name: &str| xml::first(&text, name);
        if !reply.status.is_success() {
            let code = found("Code").unwrap_or_default();
            let words = format!("{code} {}", found("Message").unwrap_or_default());
            let error = match code.as_str() {
                "AccessDenied" => sts.error(
                    step,
                    Fault::Permission,
                    "the role may not be taken",
                    &reply,
                    &words,
                ),
                _ => sts.error(
                    step,
                    Fault::Credentials,
                    "STS does not accept the credentials",
                    &reply,
                    &words,
                ),
            };
            return Err(error);
        }
        let (Some(id), Some(secret), Some(token)) = (
            found("AccessKeyId"),
            found("SecretAccessKey"),
            found("SessionToken"),
        ) else {
            return Err(sts.strange(step, &reply));
        };
        let until = found("Expiration").and_then(|text| text.parse().ok());
        let until = until.ok_or_else(|| sts.strange(step, &reply))?;
        Ok((temporary(id, secret, token), until))
    }
}

fn temporary(id: String, secret: String, token: String) -> Keys {
    Keys {
        id,
        secret: Secret::new(secret),
        token: Some(Secret::new(token)),
    }
}

/// The role of the virtual machine.
async fn instance(step: Step, api: &Api) -> Result<(Keys, Timestamp), DnsError> {
    const TOKEN: &str = "X-aws-ec2-metadata-token";
    let put = || {
        let url = format!("{}/latest/api/token", api.base);
        api.client
            .put(url)
            .header(format!("{TOKEN}-ttl-seconds"), "300")
    };
    let reply = api.send(step, Repeat::Always, put).await?;
    if !reply.status.is_success() {
        return Err(api.refused(step, &reply, "the metadata service gives no token"));
    }
    let token = reply.text();
    let list = format!("{}/latest/meta-data/iam/security-credentials/", api.base);
    let get = || api.client.get(&list).header(TOKEN, &token);
    let reply = api.send(step, Repeat::Always, get).await?;
    let role = reply
        .text()
        .lines()
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned();
    if !reply.status.is_success() || role.is_empty() {
        let what = "the virtual machine has no role";
        return Err(api.error(step, Fault::Credentials, what, &reply, ""));
    }
    let get = || {
        api.client
            .get(format!("{list}{role}"))
            .header(TOKEN, &token)
    };
    let reply = api.send(step, Repeat::Always, get).await?;
    document(step, api, &reply)
}

/// Keys as the metadata services write them.
fn document(
    step: Step,
    api: &Api,
    reply: &crate::http::Reply,
) -> Result<(Keys, Timestamp), DnsError> {
    if !reply.status.is_success() {
        return Err(api.refused(step, reply, ""));
    }
    let value: Value = api.json(step, reply)?;
    let text = |key: &str| value[key].as_str().map(str::to_owned);
    let until = text("Expiration").and_then(|text| text.parse().ok());
    match (
        text("AccessKeyId"),
        text("SecretAccessKey"),
        text("Token"),
        until,
    ) {
        (Some(id), Some(secret), Some(token), Some(until)) => {
            Ok((temporary(id, secret, token), until))
        }
        _ => {
            let what = "the answer has no complete access key";
            Err(api.error(step, Fault::Credentials, what, reply, ""))
        }
    }
}

async fn from_file(step: Step, path: &PathBuf, profile: &str) -> Result<Keys, DnsError> {
    let failed = |what: String| DnsError::new(CODE, step, Fault::Configuration, what);
    let text = tokio::fs::read_to_string(path).await.map_err(|error| {
        failed(format!(
            "the credentials file {} cannot be read",
            path.display()
        ))
        .caused_by(error)
    })?;
    parse(&text, profile).ok_or_else(|| {
        failed(format!(
            "{} has no keys of profile {profile}",
            path.display()
        ))
    })
}

/// The keys of a profile.
fn parse(text: &str, profile: &str) -> Option<Keys> {
    let header = format!("[{profile}]");
    let lines = text
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != header)
        .skip(1);
    let own: Vec<&str> = lines.take_while(|line| !line.starts_with('[')).collect();
    let value = |key: &str| {
        let mut pairs = own.iter().filter_map(|line| line.split_once('='));
        let found = pairs.find(|(name, _)| name.trim() == key);
        found.map(|(_, value)| value.trim().to_owned())
    };
    Some(Keys {
        id: value("aws_access_key_id")?,
        secret: Secret::new(value("aws_secret_access_key")?),
        token: value("aws_session_token").map(Secret::new),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_s_keys_are_read_from_the_file() {
        let text = "[default]\naws_access_key_id = A\naws_secret_access_key = a=b\n\n[dns]\naws_access_key_id=B\naws_secret_access_key=c\naws_session_token=t\n";

        assert_eq!(parse(text, "default").unwrap().secret.expose(), "a=b");
        assert_eq!(parse(text, "dns").unwrap().token.unwrap().expose(), "t");
        assert!(parse(text, "other").is_none());
        assert!(parse("[dns]\n[x]\naws_access_key_id=B", "dns").is_none());
    }
}
