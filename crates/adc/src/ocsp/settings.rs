//! `set ssl zeroTouchParam`, with a value for what NetScaler documents no default of.

use std::time::Duration;

use evercert_ns::model::ZeroTouchParams;

/// How responders are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// An answer older than this is asked for again when it is used.
    pub(crate) cache_timeout: Duration,
    /// Most certificates in one request.
    pub(crate) batching_depth: usize,
    /// Longest that a request waits for further certificates.
    pub(crate) batching_delay: Duration,
    /// Longest that an answer is waited for.
    pub(crate) response_timeout: Duration,
    /// Longest that a responder's name is resolved.
    pub(crate) resolve_timeout: Duration,
    /// Whether signatures are not checked.
    pub(crate) trust_responder: bool,
    /// How far clocks may differ.
    pub(crate) skew: Duration,
    pub(crate) use_nonce: bool,
    /// Short requests are sent by GET.
    pub(crate) by_get: bool,
}

impl Settings {
    /// What the configuration says.
    pub(crate) fn of(params: &ZeroTouchParams) -> Self {
        let depth = params.ocsp_batching_depth.unwrap_or(1);
        Self {
            cache_timeout: params.ocsp_cache_timeout,
            batching_depth: usize::try_from(depth).unwrap_or(1).max(1),
            batching_delay: (params.ocsp_batching_delay).unwrap_or(Duration::from_millis(100)),
            response_timeout: (params.ocsp_resp_timeout).unwrap_or(Duration::from_secs(2)),
            resolve_timeout: (params.ocsp_url_resolve_timeout).unwrap_or(Duration::from_secs(2)),
            trust_responder: params.ocsp_trust_responder,
            skew: params.ocsp_produced_at_time_skew,
            use_nonce: params.ocsp_use_nonce,
            by_get: params.ocsp_http_method == "GET",
        }
    }
}
