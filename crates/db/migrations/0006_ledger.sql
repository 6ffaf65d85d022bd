-- Rate limits of CAs as token buckets. `scope` is a vendor id where the CA counts by account, else a directory URL;
-- `subject` is what the CA counts: nothing, a registered domain, a set of names, a name.
-- A bucket without a row is full; `full_at_ms` is when it will be full again if nothing more is taken.
-- `held_until` is the CA's own word: nothing is taken before.
CREATE TABLE limit_buckets (
    scope TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    full_at_ms BIGINT NOT NULL,
    held_until BIGINT,
    PRIMARY KEY (scope, kind, subject)
);

-- When each set of names was last issued by a CA: renewals of the same set are exempt from some limits, and stay so
-- when the certificate is deleted here.
CREATE TABLE issued_sets (
    directory_url TEXT NOT NULL,
    names_digest TEXT NOT NULL,
    issued_at BIGINT NOT NULL,
    PRIMARY KEY (directory_url, names_digest)
);

-- Names that failed at a CA since they last succeeded, and what the CA said if it paused them.
CREATE TABLE failing_names (
    vendor_id TEXT NOT NULL REFERENCES ca_vendors (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    failures BIGINT NOT NULL,
    failed_at BIGINT NOT NULL,
    unpause_url TEXT,
    PRIMARY KEY (vendor_id, name)
);

-- What an order took from the buckets, to give back what it did not use.
ALTER TABLE orders ADD COLUMN drawn TEXT;

CREATE INDEX orders_by_vendor ON orders (vendor_id, finished_at);
