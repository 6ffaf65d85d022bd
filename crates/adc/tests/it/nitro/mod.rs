//! NITRO as real tools speak it: raw requests, answered to the letter.

pub(crate) mod client;

mod acme_sh;
mod certbot;
mod lens;
mod rows;
mod sectigo;
mod sessions;
mod toolkit;
mod toolkit_deploy;
mod transport;
