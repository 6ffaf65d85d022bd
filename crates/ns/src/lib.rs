//! NetScaler's configuration language: catalogue, CLI grammar, NITRO JSON, ns.conf.
