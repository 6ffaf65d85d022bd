//! One module a command.

#[cfg(feature = "adc")]
pub(crate) mod adc;
#[cfg(feature = "client")]
pub(crate) mod audit;
#[cfg(feature = "ca")]
pub(crate) mod ca;
#[cfg(feature = "client")]
mod ca_limits;
pub(crate) mod ca_vendor;
#[cfg(feature = "client")]
pub(crate) mod cert;
#[cfg(feature = "console")]
pub(crate) mod console;
#[cfg(feature = "demo")]
pub(crate) mod demo;
#[cfg(feature = "client")]
pub(crate) mod dns_provider;
#[cfg(feature = "client")]
pub(crate) mod domain;
#[cfg(any(feature = "client", feature = "console"))]
pub(crate) mod files;
#[cfg(feature = "client")]
pub(crate) mod instance;
#[cfg(feature = "client")]
pub(crate) mod order;
#[cfg(feature = "client")]
pub(crate) mod settings;
#[cfg(feature = "adc")]
pub(crate) mod shell;
#[cfg(any(feature = "adc", feature = "ca", feature = "console", feature = "demo"))]
pub(crate) mod stop;
#[cfg(feature = "client")]
pub(crate) mod token;
#[cfg(feature = "client")]
pub(crate) mod zero_touch_store;
