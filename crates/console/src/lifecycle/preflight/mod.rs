//! What stands against an order, found before it is placed.
//!
//! [`report`] checks everything and answers a list for people; `light` is what every order checks first, for
//! nothing but a look into the DNS beside the account.

pub(crate) mod caa;
pub(crate) mod clock;
mod light;
pub(crate) mod mapping;
pub(crate) mod names;
