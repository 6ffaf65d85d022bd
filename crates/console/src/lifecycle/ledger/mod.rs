//! What CAs allow, kept as token buckets: asked before every order, corrected by what CAs answer, and shown.
//!
//! [`rules`] says what a vendor limits, [`price`] what an order costs there; [`draw`] takes that in one transaction
//! or says when it can be had; [`budget`] says the same and takes nothing. [`correct`] learns from refusals,
//! [`settle`] books what became of an order. [`breaker`] keeps names from the CA that fail again and again.
//! Buckets are counted in the database, so restarts forget nothing and several Consoles share them.

pub(crate) mod breaker;
pub(crate) mod budget;
pub(crate) mod correct;
pub(crate) mod draw;
pub(crate) mod price;
pub(crate) mod rules;
pub(crate) mod settle;
pub mod show;
