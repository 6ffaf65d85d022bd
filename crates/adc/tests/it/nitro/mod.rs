//! NITRO as real tools speak it: raw requests, answered to the letter.

mod client;

mod transport;
