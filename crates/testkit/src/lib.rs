//! Test doubles and harnesses: Pebble, DNS servers, PostgreSQL, TLS clients.
