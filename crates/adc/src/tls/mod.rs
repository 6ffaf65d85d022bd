//! Certificates: the table of names, the choice per handshake, and TLS settings.

pub(crate) mod client_choice;
pub(crate) mod explain;
pub(crate) mod hot;
pub(crate) mod intern;
pub(crate) mod manual;
pub(crate) mod profile;
pub(crate) mod record;
pub(crate) mod resolver;
#[cfg(test)]
pub(crate) mod samples;
pub(crate) mod slot;
pub(crate) mod table;
