//! What an ICAP service can do: its answer to OPTIONS (RFC 3507 §4.10).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::message::{Answer, IcapMethod};

/// How long an answer without `Options-TTL` counts.
const UNLIMITED: Duration = Duration::from_secs(3600);
/// Shortest and longest time one counts.
const TTL: (u64, u64) = (1, 86_400);

/// What an ICAP service can do.
#[derive(Clone, Debug)]
pub(super) struct Capabilities {
    methods: Vec<String>,
    /// Bytes of a body it wants to see first; `None` when it takes no previews.
    pub(super) preview: Option<u64>,
    /// Whether it may be told that 204 is welcome outside a preview.
    pub(super) allow_204: bool,
    /// Bounds the messages under way.
    pub(super) connections: Option<Arc<Semaphore>>,
    most: Option<usize>,
    /// Changes when the service's answers may.
    pub(super) istag: Option<String>,
    transfer: Transfer,
    expires: Instant,
}

/// Which files it wants, by extension (RFC 3507 §4.10.2).
#[derive(Clone, Debug, Default)]
struct Transfer {
    preview: Vec<String>,
    ignore: Vec<String>,
    complete: Vec<String>,
}

/// How a message is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Treatment {
    /// With a preview, if the service takes any.
    Preview,
    /// At once.
    Complete,
    /// Not at all.
    Ignore,
}

impl Capabilities {
    /// Reads an answer to OPTIONS; limits in force stay in force.
    pub(super) fn read(answer: &Answer, before: Option<&Self>) -> Self {
        let words = |name: &str| answer.words(name).map(str::to_ascii_lowercase).collect();
        let most = (answer.number("max-connections"))
            .and_then(|most| usize::try_from(most).ok())
            .filter(|most| (1..=Semaphore::MAX_PERMITS).contains(most));
        let connections = match before {
            Some(before) if before.most == most => before.connections.clone(),
            _ => most.map(|most| Arc::new(Semaphore::new(most))),
        };
        let ttl = answer.number("options-ttl").map_or(UNLIMITED, |ttl| {
            Duration::from_secs(ttl.clamp(TTL.0, TTL.1))
        });
        Self {
            methods: words("methods"),
            preview: answer.number("preview"),
            allow_204: answer.words("allow").any(|word| word == "204"),
            connections,
            most,
            istag: istag(answer),
            transfer: Transfer {
                preview: words("transfer-preview"),
                ignore: words("transfer-ignore"),
                complete: words("transfer-complete"),
            },
            expires: Instant::now() + ttl,
        }
    }

    /// For a server that does not answer OPTIONS: everything as the profile says.
    pub(super) fn unknown() -> Self {
        Self {
            methods: Vec::new(),
            preview: Some(u64::MAX),
            allow_204: true,
            connections: None,
            most: None,
            istag: None,
            transfer: Transfer::default(),
            expires: Instant::now() + UNLIMITED,
        }
    }

    /// Whether the service offers the method; one that names none offers all.
    pub(super) fn offers(&self, method: IcapMethod) -> bool {
        self.methods.is_empty()
            || (self.methods.iter()).any(|offered| offered.eq_ignore_ascii_case(method.as_str()))
    }

    /// Whether it is time to ask again.
    pub(super) fn is_old(&self) -> bool {
        Instant::now() >= self.expires
    }

    /// Whether an answer comes from a service that has changed since.
    pub(super) fn differs(&self, answer: &Answer) -> bool {
        match (&self.istag, istag(answer)) {
            (Some(known), Some(shown)) => *known != shown,
            _ => false,
        }
    }

    /// How a message for this path is to be sent: by its extension, else by the list that has `*`.
    pub(super) fn treatment(&self, path: &str) -> Treatment {
        let file = path.rsplit('/').next().unwrap_or_default();
        let extension = file.rsplit_once('.').map_or("", |(_, extension)| extension);
        let lists = [
            (&self.transfer.ignore, Treatment::Ignore),
            (&self.transfer.complete, Treatment::Complete),
            (&self.transfer.preview, Treatment::Preview),
        ];
        let having = |wanted: &str| {
            let has = |list: &[String]| list.iter().any(|word| word.eq_ignore_ascii_case(wanted));
            lists
                .iter()
                .find(|(list, _)| has(list))
                .map(|(_, treatment)| *treatment)
        };
        let named = (!extension.is_empty()).then(|| having(extension)).flatten();
        named.or_else(|| having("*")).unwrap_or(Treatment::Preview)
    }
}

fn istag(answer: &Answer) -> Option<String> {
    let value = answer.headers.get("istag")?.to_str().ok()?;
    Some(value.trim().trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::icap::message::parse;

    fn capabilities(fields: &str) -> Capabilities {
        let text = format!("ICAP/1.0 200 OK\r\n{fields}\r\n");
        Capabilities::read(&parse(text.as_bytes()).unwrap(), None)
    }

    #[test]
    fn an_answer_tells_methods_preview_and_limits() {
        let known = capabilities(
            "Methods: RESPMOD\r\nPreview: 30\r\nAllow: 204, 206\r\nMax-Connections: 2\r\nISTag: \"v1\"\r\nOptions-TTL: 60\r\n",
        );

        assert!(known.offers(IcapMethod::Respmod) && !known.offers(IcapMethod::Reqmod));
        assert_eq!(
            (known.preview, known.allow_204, known.is_old()),
            (Some(30), true, false)
        );
        assert_eq!(known.connections.as_ref().unwrap().available_permits(), 2);
        let other = parse(b"ICAP/1.0 204 No\r\nISTag: v2\r\n\r\n").unwrap();
        assert!(known.differs(&other));
    }

    #[test]
    fn extensions_decide_how_a_message_is_sent() {
        let known = capabilities(
            "Transfer-Preview: *\r\nTransfer-Ignore: jpg, GIF\r\nTransfer-Complete: asp\r\n",
        );

        for (path, treatment) in [
            ("/a/b.jpg", Treatment::Ignore),
            ("/x.gif", Treatment::Ignore),
            ("/login.asp", Treatment::Complete),
            ("/a.jpg/", Treatment::Preview),
            ("/", Treatment::Preview),
        ] {
            assert_eq!(known.treatment(path), treatment, "{path}");
        }
        let only = capabilities("Transfer-Preview: exe\r\nTransfer-Ignore: *\r\n");
        assert_eq!(only.treatment("/a.exe"), Treatment::Preview);
        assert_eq!(only.treatment("/a.txt"), Treatment::Ignore);
        assert_eq!(capabilities("").treatment("/a.txt"), Treatment::Preview);
    }

    #[test]
    fn a_limit_that_stays_is_the_same_limit() {
        let first = capabilities("Max-Connections: 2\r\n");
        let text = b"ICAP/1.0 200 OK\r\nMax-Connections: 2\r\n\r\n";
        let second = Capabilities::read(&parse(text).unwrap(), Some(&first));

        assert!(Arc::ptr_eq(
            first.connections.as_ref().unwrap(),
            second.connections.as_ref().unwrap()
        ));
    }
}
