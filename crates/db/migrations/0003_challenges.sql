-- Responses to http-01 and tls-alpn-01 that instances and Consoles show to the CA: a row is there before anybody
-- shows it, and gone when nobody may any more. It outlives its order, so that a sweep can find it.
CREATE TABLE challenge_responses (
    id TEXT PRIMARY KEY,
    order_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    identifier TEXT NOT NULL,
    token TEXT NOT NULL,
    key_authorization TEXT NOT NULL,
    selector TEXT NOT NULL,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    UNIQUE (order_id, kind, identifier)
);

CREATE INDEX challenge_responses_by_token ON challenge_responses (token);
CREATE INDEX challenge_responses_by_identifier ON challenge_responses (identifier);

-- Up to which revision of the responses an instance shows them; NULL: its program does not know of them.
ALTER TABLE instances ADD COLUMN challenge_revision BIGINT;
-- After how many seconds it is heard of again at the latest, as it says.
ALTER TABLE instances ADD COLUMN contact_secs BIGINT;
-- When the operator said that the TXT record of a manual challenge is there.
ALTER TABLE authorizations ADD COLUMN confirmed_at BIGINT;
