-- Versions that are to be, or were, revoked at their CA; the leaf is kept, so that neither pruning nor deletion of the
-- certificate loses what is to be revoked.
CREATE TABLE revocations (
    version_id TEXT PRIMARY KEY,
    certificate_id TEXT NOT NULL,
    certificate_name TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    generation BIGINT NOT NULL,
    operation_id TEXT NOT NULL,
    vendor_id TEXT NOT NULL,
    leaf_pem TEXT NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    error TEXT,
    created_at BIGINT NOT NULL,
    finished_at BIGINT
);

CREATE INDEX revocations_by_operation ON revocations (operation_id);
CREATE INDEX revocations_by_certificate ON revocations (certificate_id);
-- The steps of one attempt.
CREATE INDEX events_by_order ON events (order_id, id);
-- What is removed when it is old.
CREATE INDEX events_by_time ON events (at_ms);
-- Which certificates an issuer's chains are known of.
CREATE INDEX versions_by_issuer ON versions (issuer);
