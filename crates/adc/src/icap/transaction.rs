//! One message sent to an ICAP server and what came back (RFC 3507 §4.5, §4.6, §4.8, §4.9).

use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use super::adapted::{Adapted, Live};
use super::chunk::{self, LAST, LAST_OF_PREVIEW};
use super::connection::{Connection, Reader, Writer};
use super::error::IcapError;
use super::head;
use super::message::{self, Answer, IcapMethod, Section};
use super::pump::{Pump, PumpEnd};
use super::source::Source;
use super::target::Target;
use crate::traffic::body::MessageBody;

/// A message to be inspected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    /// The request, as the service gets it.
    pub(crate) request: &'a http::request::Parts,
    /// The answer, where that is inspected.
    pub(crate) response: Option<&'a http::response::Parts>,
}

impl Message<'_> {
    /// REQMOD or RESPMOD.
    pub(super) const fn method(&self) -> IcapMethod {
        match self.response {
            None => IcapMethod::Reqmod,
            Some(_) => IcapMethod::Respmod,
        }
    }

    /// Whether an answer to it has no body whatever its fields say.
    fn is_bodiless(&self) -> bool {
        let Some(response) = self.response else {
            return false;
        };
        self.request.method == Method::HEAD
            || matches!(
                response.status,
                StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
            )
    }
}

/// How a message is sent.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// The ICAP head without `Preview`, `Allow` and `Encapsulated`.
    pub(super) head: String,
    /// Bytes of the body sent first.
    pub(super) preview: Option<u64>,
    /// Whether 204 is welcome outside the preview.
    pub(super) allow_204: bool,
    /// Longest silence of the server.
    pub(super) patience: Duration,
    /// Whether the connection is kept.
    pub(super) keep_alive: bool,
}

/// What became of a message.
pub(super) enum Outcome<B> {
    /// It passes as it is.
    Unchanged(Source<B>),
    /// This request takes its place.
    Request(http::request::Parts, Adapted<B>),
    /// This answer takes its place, or is given instead of asking the service.
    Response(http::response::Parts, Adapted<B>),
    /// Nothing; with the body from its beginning, unless too much of it is gone.
    Failed(IcapError, Option<Source<B>>),
}

/// Sends a message over a connection, which goes back to the target's pool when all went well.
pub(super) async fn run<B: MessageBody + 'static>(
    target: &Arc<Target>,
    connection: Connection,
    plan: &Plan,
    message: Message<'_>,
    mut source: Source<B>,
) -> Outcome<B> {
    let Connection {
        reader,
        mut writer,
        permit,
        ..
    } = connection;
    let opening = match opening(plan, message, &mut source).await {
        Ok(opening) => opening,
        Err(error) => return Outcome::Failed(error, source.rewind()),
    };
    let sending = async {
        writer.write_all(&opening.bytes).await?;
        writer.flush().await
    };
    match tokio::time::timeout(plan.patience, sending).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Outcome::Failed(IcapError::Io(error), source.rewind()),
        Err(_) => return Outcome::Failed(IcapError::Timeout, source.rewind()),
    }
    let rest = match opening.rest {
        Rest::Nothing | Rest::AfterContinue => Sending::Done(writer, source),
        Rest::AtOnce => Sending::Pump(Pump::start(source, writer)),
    };
    let exchange = Exchange {
        target: target.clone(),
        reader,
        sending: rest,
        permit,
    };
    exchange.finish(plan, message, opening.rest).await
}

/// What follows the first write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    Nothing,
    /// The rest of the body, if the server wants more than the preview.
    AfterContinue,
    /// The body.
    AtOnce,
}

struct Opening {
    bytes: Vec<u8>,
    rest: Rest,
}

/// The ICAP head, the HTTP heads, and the preview.
async fn opening<B: MessageBody>(
    plan: &Plan,
    message: Message<'_>,
    source: &mut Source<B>,
) -> Result<Opening, IcapError> {
    let has_body = !source.is_empty() && !message.is_bodiless();
    let mut heads = Vec::with_capacity(1024);
    head::request_text(message.request, &mut heads);
    let mut encapsulated = "req-hdr=0".to_owned();
    let mut body_name = "req-body";
    if let Some(response) = message.response {
        encapsulated.push_str(&format!(", res-hdr={}", heads.len()));
        head::response_text(response, &mut heads);
        body_name = "res-body";
    }
    let body_name = if has_body { body_name } else { "null-body" };
    encapsulated.push_str(&format!(", {body_name}={}", heads.len()));
    let preview = plan.preview.filter(|_| has_body);
    let mut text = plan.head.clone();
    if plan.allow_204 && source.can_be_kept() {
        message::field(&mut text, "Allow", 204);
    }
    if let Some(preview) = preview {
        message::field(&mut text, "Preview", preview);
    }
    message::field(&mut text, "Encapsulated", encapsulated);
    text.push_str("\r\n");
    let mut bytes = text.into_bytes();
    bytes.append(&mut heads);
    let rest = match preview {
        None if has_body => Rest::AtOnce,
        None => Rest::Nothing,
        Some(preview) => begin(preview, source, &mut bytes).await?,
    };
    Ok(Opening { bytes, rest })
}

/// Appends the preview.
async fn begin<B: MessageBody>(
    preview: u64,
    source: &mut Source<B>,
    bytes: &mut Vec<u8>,
) -> Result<Rest, IcapError> {
    let mut left = usize::try_from(preview).unwrap_or(usize::MAX);
    while left > 0 {
        let part = match source.take(left).await {
            Some(part) => part.map_err(IcapError::Body)?,
            None => break,
        };
        left -= part.len();
        chunk::encode(&part, bytes);
    }
    if source.is_empty() {
        bytes.extend_from_slice(LAST_OF_PREVIEW);
        return Ok(Rest::Nothing);
    }
    bytes.extend_from_slice(LAST);
    Ok(Rest::AfterContinue)
}

/// The sending side of an exchange.
pub(super) enum Sending<B> {
    /// Nothing is being sent.
    Done(Writer, Source<B>),
    /// The body is.
    Pump(Pump<B>),
    /// The connection takes no more; the body, as far as it is left.
    Over(Option<Source<B>>),
}

struct Exchange<B> {
    target: Arc<Target>,
    reader: Reader,
    sending: Sending<B>,
    permit: Option<tokio::sync::OwnedSemaphorePermit>,
}

impl<B: MessageBody + 'static> Exchange<B> {
    async fn finish(mut self, plan: &Plan, message: Message<'_>, mut rest: Rest) -> Outcome<B> {
        loop {
            let answer = match self.answer(plan.patience).await {
                Ok(answer) => answer,
                Err(error) => return self.fail(error).await,
            };
            self.target.noticed(&answer);
            match answer.status {
                100 if rest == Rest::AfterContinue => {
                    rest = Rest::AtOnce;
                    self.go_on();
                }
                204 => return self.unchanged(plan, &answer).await,
                200 | 201 => return self.adapt(plan, message, &answer).await,
                100 => {
                    let error = IcapError::Unexpected("100 Continue for no preview");
                    return self.fail(error).await;
                }
                status => return self.fail(IcapError::Status(status)).await,
            }
        }
    }

    fn go_on(&mut self) {
        self.sending = match std::mem::replace(&mut self.sending, Sending::Over(None)) {
            Sending::Done(writer, source) => Sending::Pump(Pump::start(source, writer)),
            other => other,
        };
    }

    /// Waits for an answer: as long as the body is on its way, and `patience` from then on.
    async fn answer(&mut self, patience: Duration) -> Result<Answer, IcapError> {
        let started = Instant::now();
        loop {
            let (answer, pumped) = match &mut self.sending {
                Sending::Pump(pump) => {
                    let progress = pump.progress.clone();
                    tokio::select! {
                        answer = self.reader.answer() => (Some(answer), None),
                        pumped = &mut pump.task => (None, Some(pumped)),
                        () = silence(|| progress.last().max(started), patience) => (None, None),
                    }
                }
                _ => tokio::select! {
                    answer = self.reader.answer() => (Some(answer), None),
                    () = silence(|| started, patience) => (None, None),
                },
            };
            match (answer, pumped) {
                (Some(answer), _) => return answer,
                (None, None) => return Err(IcapError::Timeout),
                (None, Some(pumped)) => self.pumped(pumped)?,
            }
        }
    }

    /// The body was sent, or not.
    fn pumped(
        &mut self,
        pumped: Result<super::pump::Pumped<B>, tokio::task::JoinError>,
    ) -> Result<(), IcapError> {
        let Ok(pumped) = pumped else {
            self.sending = Sending::Over(None);
            return Err(IcapError::Closed);
        };
        self.sending = match pumped.end {
            PumpEnd::Complete => Sending::Done(pumped.writer, pumped.source),
            // There may still be an answer to what it took.
            PumpEnd::Refused | PumpEnd::Stopped => Sending::Over(Some(pumped.source)),
            PumpEnd::Failed(error) => {
                self.sending = Sending::Over(None);
                return Err(IcapError::Body(error));
            }
        };
        Ok(())
    }

    async fn fail(self, error: IcapError) -> Outcome<B> {
        let (_, source) = settle(self.sending).await;
        Outcome::Failed(error, source.and_then(Source::rewind))
    }

    async fn unchanged(self, plan: &Plan, answer: &Answer) -> Outcome<B> {
        let (writer, source) = settle(self.sending).await;
        let Some(source) = source.and_then(Source::rewind) else {
            let error =
                IcapError::Unexpected("204 for a body too long to be kept, which nobody allowed");
            return Outcome::Failed(error, None);
        };
        if let Some(writer) = writer.filter(|_| plan.keep_alive && !answer.closes()) {
            self.target.put(self.reader, writer, self.permit);
        }
        Outcome::Unchanged(source)
    }

    async fn adapt(mut self, plan: &Plan, message: Message<'_>, answer: &Answer) -> Outcome<B> {
        let reading = self.reader.exactly(answer.heads_length());
        let heads = match tokio::time::timeout(plan.patience, reading).await {
            Ok(Ok(heads)) => heads,
            Ok(Err(error)) => return self.fail(error).await,
            Err(_) => return self.fail(IcapError::Timeout).await,
        };
        let is_request = message.response.is_none();
        let response = answer
            .head(Section::ResponseHead, &heads)
            .map(|text| head::parse_response(&text));
        let request = (answer.head(Section::RequestHead, &heads))
            .filter(|_| is_request && response.is_none())
            .map(|text| head::parse_request(&text, message.request));
        let keep = plan.keep_alive && !answer.closes();
        match (request, response) {
            (_, Some(Ok(mut head))) => {
                let bodiless = message.is_bodiless();
                let fields = &mut head.headers;
                let adapted = self.body(plan, answer, fields, keep, bodiless).await;
                Outcome::Response(head, adapted)
            }
            (Some(Ok(mut head)), None) => {
                let fields = &mut head.headers;
                let adapted = self.body(plan, answer, fields, keep, false).await;
                Outcome::Request(head, adapted)
            }
            (Some(Err(error)), _) | (_, Some(Err(error))) => self.fail(error.into()).await,
            (None, None) => {
                let error = IcapError::Unexpected("there is no HTTP message in it");
                self.fail(error).await
            }
        }
    }

    /// The new body, and the fields that go with it: its length is counted here, whatever the fields say.
    async fn body(
        self,
        plan: &Plan,
        answer: &Answer,
        headers: &mut http::HeaderMap,
        keep: bool,
        bodiless: bool,
    ) -> Adapted<B> {
        let declared = headers
            .get(http::header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if !bodiless {
            headers.remove(http::header::CONTENT_LENGTH);
        }
        let live = Live {
            target: self.target,
            reader: self.reader,
            sending: self.sending,
            permit: self.permit,
            keep,
        };
        let mut adapted = Adapted::new(live, answer.has_body(), plan.patience);
        adapted.collect_small(declared).await;
        adapted
    }
}

/// Stops what is being sent; the writer is returned when all was sent.
pub(super) async fn settle<B: MessageBody + 'static>(
    sending: Sending<B>,
) -> (Option<Writer>, Option<Source<B>>) {
    match sending {
        Sending::Done(writer, source) => (Some(writer), Some(source)),
        Sending::Over(source) => (None, source),
        Sending::Pump(pump) => match pump.stop().await {
            None => (None, None),
            Some(pumped) => match pumped.end {
                PumpEnd::Complete => (Some(pumped.writer), Some(pumped.source)),
                PumpEnd::Failed(_) => (None, None),
                _ => (None, Some(pumped.source)),
            },
        },
    }
}

/// Waits until nothing has happened for `limit`.
async fn silence(last: impl Fn() -> Instant, limit: Duration) {
    loop {
        let deadline = last() + limit;
        if Instant::now() >= deadline {
            return;
        }
        tokio::time::sleep_until(deadline).await;
    }
}
