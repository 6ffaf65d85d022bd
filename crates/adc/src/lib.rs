//! The data plane: a TLS reverse proxy in NetScaler's language, fed by the zero-touch store.

mod tls;
