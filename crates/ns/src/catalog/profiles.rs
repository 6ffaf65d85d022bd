//! TCP and HTTP profiles.

use crate::catalog::attribute::{Attribute, choice, integer, name, text, toggle};
use crate::catalog::resource::{ADD, RM, ResourceType, SET, SHOW, UNSET};

/// Settings of HTTP for several entities.
pub static NS_HTTP_PROFILE: ResourceType = ResourceType::new("ns httpProfile", "nshttpprofile")
    .doc("HTTP settings for virtual servers, services and groups.")
    .verbs(&[ADD, RM, SET, SHOW, UNSET])
    .attributes(&[
        name("name", 127, "Name of the profile."),
        off("dropInvalReqs", "Refuse malformed requests (always done)."),
        off("markHttp09Inval", "HTTP/0.9 is malformed (always so)."),
        off("markConnReqInval", "CONNECT is malformed."),
        off("markTraceReqInval", "TRACE is malformed."),
        off(
            "markRfc7230NonCompliantInval",
            "What breaks RFC 7230 is malformed (always so).",
        ),
        off(
            "markHttpHeaderExtraWSError",
            "Extra blanks in headers are malformed.",
        ),
        toggle("cmpOnPush", "Compress at the PUSH flag.")
            .default("DISABLED")
            .stored(),
        toggle("conMultiplex", "Share server connections among clients.").default("ENABLED"),
        integer(
            "maxReusePool",
            0,
            360_000,
            "Most idle server connections; 0 is no limit.",
        )
        .default("0"),
        toggle("dropExtraCRLF", "Ignore empty lines before requests.")
            .default("ENABLED")
            .stored(),
        integer(
            "incompHdrDelay",
            1,
            360_000,
            "Wait for the rest of a header.",
        )
        .unit("milliseconds")
        .default("7000")
        .stored(),
        toggle("webSocket", "WebSocket.").default("DISABLED"),
        toggle("rtspTunnel", "RTSP over HTTP.")
            .default("DISABLED")
            .stored(),
        integer("reqTimeout", 0, 86_400, "Longest request; 0 is no limit.")
            .unit("seconds")
            .default("0"),
        toggle("adptTimeout", "Adapt that limit.")
            .default("DISABLED")
            .stored(),
        text("reqTimeoutAction", "What happens after that limit.").stored(),
        toggle("dropExtraData", "Drop data after a response.")
            .default("DISABLED")
            .stored(),
        toggle("webLog", "Web logging.").default("ENABLED").stored(),
        text("clientIpHdrExpr", "Expression for the client's address.").stored(),
        integer(
            "maxReq",
            0,
            65534,
            "Most requests on a connection; 0 is no limit.",
        )
        .default("0"),
        toggle("persistentETag", "Keep entity tags.")
            .default("DISABLED")
            .stored(),
        toggle("http2", "HTTP/2.").default("DISABLED"),
        toggle("http2Direct", "HTTP/2 without upgrade.")
            .default("DISABLED")
            .stored(),
        toggle("http2StrictCipher", "Only strong ciphers with HTTP/2.")
            .default("ENABLED")
            .stored(),
        toggle("altsvc", "Send Alt-Svc.")
            .default("DISABLED")
            .stored(),
        integer(
            "reusePoolTimeout",
            0,
            31_536_000,
            "How long an idle server connection is kept.",
        )
        .unit("seconds")
        .default("0"),
        integer("maxHeaderLen", 2048, 61_440, "Longest header.")
            .unit("bytes")
            .default("24820"),
        integer("maxHeaderFieldLen", 2048, 61_440, "Longest header field.")
            .unit("bytes")
            .default("24820"),
        integer(
            "minReusePool",
            0,
            360_000,
            "Fewest idle server connections.",
        )
        .default("0")
        .stored(),
        integer("http2HeaderTableSize", 0, 16_384, "HPACK table.")
            .unit("bytes")
            .default("4096"),
        integer(
            "http2InitialWindowSize",
            65_535,
            67_108_864,
            "Window of a stream.",
        )
        .unit("bytes")
        .default("65535"),
        integer(
            "http2MaxConcurrentStreams",
            0,
            1000,
            "Streams of a connection.",
        )
        .default("100"),
        integer("http2MaxFrameSize", 16_384, 16_777_215, "Largest frame.")
            .unit("bytes")
            .default("16384"),
        integer(
            "http2MaxHeaderListSize",
            8192,
            65_535,
            "Longest header list.",
        )
        .unit("bytes")
        .default("24576"),
        integer(
            "http2MaxPingFramesPerMin",
            1,
            100_000,
            "PING frames a minute.",
        )
        .default("60"),
        integer(
            "http2MaxResetFramesPerMin",
            1,
            100_000,
            "RST_STREAM frames a minute.",
        )
        .default("90"),
        integer(
            "http2MaxSettingsFramesPerMin",
            1,
            100_000,
            "SETTINGS frames a minute.",
        )
        .default("15"),
        integer(
            "http2MaxEmptyFramesPerMin",
            1,
            100_000,
            "Empty frames a minute.",
        )
        .default("60"),
        integer(
            "http2MinSeverConn",
            0,
            360_000,
            "Fewest HTTP/2 server connections.",
        )
        .default("20")
        .stored(),
        toggle(
            "allowOnlyWordCharactersAndHyphen",
            "Only these in header names.",
        )
        .default("DISABLED")
        .stored(),
        toggle("http3", "HTTP/3 (never offered).")
            .default("DISABLED")
            .stored(),
        toggle("passProtocolUpgrade", "Let upgrades pass.")
            .default("ENABLED")
            .stored(),
    ]);

/// Settings of TCP for several entities.
pub static NS_TCP_PROFILE: ResourceType = ResourceType::new("ns tcpProfile", "nstcpprofile")
    .doc("TCP settings for virtual servers, services and groups (kept only: the system does TCP).")
    .verbs(&[ADD, RM, SET, SHOW, UNSET])
    .attributes(&[
        name("name", 127, "Name of the profile."),
        toggle("WS", "Window scaling.").stored(),
        toggle("SACK", "Selective acknowledgement.").stored(),
        integer("WSVal", 0, 14, "Window scaling factor.").stored(),
        toggle("nagle", "Nagle's algorithm.").stored(),
        toggle("ackOnPush", "Acknowledge at the PUSH flag.").stored(),
        integer("mss", 0, 9176, "Maximum segment size.")
            .unit("bytes")
            .stored(),
        integer("maxBurst", 1, 255, "Packets in a burst.").stored(),
        integer("initialCwnd", 1, 44, "Initial congestion window.").stored(),
        integer("delayedAck", 10, 300, "Delay of acknowledgements.")
            .unit("milliseconds")
            .stored(),
        integer("oooQSize", 0, 65535, "Queue of packets out of order.").stored(),
        integer("maxPktPerMss", 0, 1460, "Packets of a segment size.").stored(),
        integer("pktPerRetx", 1, 512, "Packets sent again at a time.").stored(),
        integer("minRTO", 10, 64_000, "Smallest retransmission timeout.")
            .unit("milliseconds")
            .stored(),
        integer("slowStartIncr", 1, 100, "Growth of slow start.").stored(),
        integer("bufferSize", 0, 20_971_520, "Buffer.")
            .unit("bytes")
            .stored(),
        toggle("synCookie", "SYN cookies.").stored(),
        toggle(
            "KAprobeUpdateLastactivity",
            "Keep-alive counts as activity.",
        )
        .stored(),
        choice(
            "flavor",
            &["Default", "Westwood", "BIC", "CUBIC", "Nile", "BBR"],
            "Congestion control.",
        )
        .stored(),
        toggle("dynamicReceiveBuffering", "Adapt the receive buffer.").stored(),
        toggle("KA", "Keep-alive.").stored(),
        integer("KAconnIdleTime", 1, 4095, "Idle time before keep-alive.")
            .unit("seconds")
            .stored(),
        integer("KAmaxProbes", 1, 255, "Keep-alive probes.").stored(),
        integer("KAprobeInterval", 1, 4095, "Time between them.")
            .unit("seconds")
            .stored(),
        integer("sendBuffsize", 8190, 20_971_520, "Send buffer.")
            .unit("bytes")
            .stored(),
        toggle("mptcp", "Multipath TCP.").stored(),
        choice(
            "establishClientConn",
            &["AUTOMATIC", "CONN_ESTABLISHED", "ON_FIRST_DATA"],
            "When the server connection is made.",
        )
        .stored(),
        toggle("timestamp", "Timestamps.").stored(),
        toggle("dsack", "Duplicate selective acknowledgement.").stored(),
        toggle("ECN", "Explicit congestion notification.").stored(),
        toggle("FRTO", "Forward retransmission timeout.").stored(),
        integer("maxCwnd", 8190, 20_971_520, "Largest congestion window.")
            .unit("bytes")
            .stored(),
        toggle("FACK", "Forward acknowledgement.").stored(),
        toggle("rstMaxAck", "Accept resets at the window's edge.").stored(),
        toggle("rstWindowAttenuate", "Attenuate windows of resets.").stored(),
        toggle("spoofSynDrop", "Drop spoofed SYN.").stored(),
        choice(
            "tcpMode",
            &["TRANSPARENT", "ENDPOINT"],
            "How TCP ends here.",
        )
        .stored(),
        toggle("tcpFastOpen", "Fast open.").stored(),
        toggle(
            "dropHalfClosedConnOnTimeout",
            "Drop half-closed connections.",
        )
        .stored(),
        toggle("dropEstConnOnTimeout", "Drop idle connections.").stored(),
        toggle(
            "sendClientPortInTcpOption",
            "Tell the client's port in an option.",
        )
        .stored(),
    ]);

const fn off(name: &'static str, doc: &'static str) -> Attribute {
    toggle(name, doc).default("DISABLED").stored()
}
