-- Keys that newAccount was sent with, or is about to be, for vendors not saved yet: some external account bindings
-- can be used once, so a second attempt takes the key of the first. The subject is the directory with the binding's
-- key id, or with the vendor's name where there is none.
CREATE TABLE ca_registrations (
    id TEXT PRIMARY KEY,
    subject TEXT NOT NULL UNIQUE,
    key_sealed TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
-- The key that an account is changing to (RFC 8555 §7.3.5), saved before the CA is told.
ALTER TABLE ca_accounts ADD COLUMN next_key_sealed TEXT;
