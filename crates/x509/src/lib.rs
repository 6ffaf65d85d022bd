//! Read, match, chain, build and convert certificates, CSRs and keys.
