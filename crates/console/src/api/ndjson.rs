//! Answers told as they go: one JSON value a line.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE};
use serde::Serialize;
use tokio::sync::mpsc::UnboundedReceiver;

/// The media type.
const NDJSON: &str = "application/x-ndjson";

/// Whether the client asks for lines.
pub(crate) fn is_wanted(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|kind| {
            kind.split(';')
                .next()
                .is_some_and(|kind| kind.trim() == NDJSON)
        })
}

/// What comes, line by line, until nobody sends any more.
pub(crate) fn lines<T: Serialize + Send + 'static>(values: UnboundedReceiver<T>) -> Response {
    let lines = stream::unfold(values, async |mut values| {
        let value = values.recv().await?;
        let line = serde_json::to_vec(&value).map(|mut line| {
            line.push(b'\n');
            line
        });
        Some((line, values))
    });
    ([(CONTENT_TYPE, NDJSON)], Body::from_stream(lines)).into_response()
}
