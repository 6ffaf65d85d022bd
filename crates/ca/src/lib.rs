//! The Local CA: an RFC 8555 server as a library.
