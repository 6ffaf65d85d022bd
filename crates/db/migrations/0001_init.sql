-- Portable SQL: SQLite and PostgreSQL run this same file.
-- Column types are TEXT, BIGINT and DOUBLE PRECISION only; booleans are BIGINT 0/1; times are BIGINT Unix seconds,
-- or milliseconds where the name ends in _ms; ids and JSON are TEXT; *_sealed is TEXT made by db::seal.

CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- People and machines ------------------------------------------------------------------------------------------

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    role TEXT NOT NULL,
    disabled BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL
);

CREATE TABLE sessions (
    secret_hash TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    csrf TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE api_tokens (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    secret_hash TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    last_used_at BIGINT
);

CREATE TABLE audit (
    seq BIGINT PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    previous_hash TEXT NOT NULL,
    hash TEXT NOT NULL
);

-- CA vendors and DNS providers ---------------------------------------------------------------------------------

CREATE TABLE ca_vendors (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    directory_url TEXT NOT NULL,
    email TEXT,
    ca_bundle TEXT,
    eab_kid TEXT,
    eab_hmac_sealed TEXT,
    renew_before_secs BIGINT,
    profile TEXT,
    preferred_chain TEXT,
    capabilities TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE ca_accounts (
    id TEXT PRIMARY KEY,
    vendor_id TEXT NOT NULL UNIQUE REFERENCES ca_vendors (id) ON DELETE CASCADE,
    url TEXT,
    key_sealed TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE dns_providers (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    type_code TEXT NOT NULL,
    settings_sealed TEXT NOT NULL,
    propagation TEXT NOT NULL,
    active BIGINT NOT NULL DEFAULT 1,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE domain_mappings (
    domain TEXT PRIMARY KEY,
    provider_id TEXT NOT NULL REFERENCES dns_providers (id),
    created_at BIGINT NOT NULL
);

-- Certificates -------------------------------------------------------------------------------------------------

CREATE TABLE certificates (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    store TEXT NOT NULL,
    names TEXT NOT NULL,
    names_digest TEXT NOT NULL,
    vendor_id TEXT REFERENCES ca_vendors (id),
    renewal_mode TEXT NOT NULL,
    key_policy TEXT NOT NULL,
    profile TEXT,
    selector TEXT NOT NULL,
    labels TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE INDEX certificates_by_names ON certificates (names_digest);

-- One row for each key algorithm of a certificate: one for most, two where RSA and ECDSA stand side by side.
CREATE TABLE certificate_slots (
    certificate_id TEXT NOT NULL REFERENCES certificates (id) ON DELETE CASCADE,
    algorithm TEXT NOT NULL,
    position BIGINT NOT NULL,
    active_version_id TEXT,
    due_at BIGINT,
    due_reason TEXT,
    ari_start BIGINT,
    ari_end BIGINT,
    ari_chosen BIGINT,
    ari_explanation TEXT,
    ari_poll_at BIGINT,
    failures BIGINT NOT NULL DEFAULT 0,
    retry_at BIGINT,
    last_error TEXT,
    PRIMARY KEY (certificate_id, algorithm)
);

CREATE TABLE versions (
    id TEXT PRIMARY KEY,
    certificate_id TEXT NOT NULL REFERENCES certificates (id) ON DELETE CASCADE,
    algorithm TEXT NOT NULL,
    generation BIGINT NOT NULL,
    fingerprint TEXT NOT NULL,
    serial TEXT NOT NULL,
    issuer TEXT NOT NULL,
    not_before BIGINT NOT NULL,
    not_after BIGINT NOT NULL,
    chain_pem TEXT NOT NULL,
    key_sealed TEXT,
    vendor_id TEXT,
    order_id TEXT,
    state TEXT NOT NULL,
    committed_at_ms BIGINT NOT NULL,
    UNIQUE (certificate_id, algorithm, generation)
);

CREATE INDEX versions_by_fingerprint ON versions (fingerprint);

-- Issuance -----------------------------------------------------------------------------------------------------

CREATE TABLE operations (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    certificate_id TEXT,
    actor TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE orders (
    id TEXT PRIMARY KEY,
    operation_id TEXT NOT NULL,
    certificate_id TEXT NOT NULL REFERENCES certificates (id) ON DELETE CASCADE,
    algorithm TEXT NOT NULL,
    vendor_id TEXT NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL,
    names TEXT NOT NULL,
    profile TEXT,
    replaces TEXT,
    order_url TEXT,
    finalize_url TEXT,
    certificate_url TEXT,
    expires_at BIGINT,
    key_sealed TEXT,
    csr TEXT,
    chain_pem TEXT,
    attempt BIGINT NOT NULL,
    placed_anew BIGINT NOT NULL DEFAULT 0,
    error TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    finished_at BIGINT
);

CREATE INDEX orders_by_operation ON orders (operation_id);
CREATE INDEX orders_by_certificate ON orders (certificate_id, created_at);
-- At most one unfinished order for each slot, whatever number of Consoles plan renewals.
CREATE UNIQUE INDEX one_running_order ON orders (certificate_id, algorithm) WHERE finished_at IS NULL;
-- CAs give the same pending order to the same names: two of ours must not finalize it both.
CREATE UNIQUE INDEX one_order_each_url ON orders (order_url) WHERE finished_at IS NULL;

CREATE TABLE authorizations (
    url TEXT NOT NULL,
    order_id TEXT NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    domain TEXT NOT NULL,
    wildcard BIGINT NOT NULL,
    status TEXT NOT NULL,
    challenge_type TEXT NOT NULL,
    challenge_url TEXT NOT NULL,
    token TEXT NOT NULL,
    provider_id TEXT,
    effective_name TEXT,
    txt_value TEXT,
    PRIMARY KEY (order_id, url)
);

CREATE INDEX authorizations_by_url ON authorizations (url);

-- Every TXT value that we mean to write, wrote, or still have to remove: journal first, record after.
CREATE TABLE txt_journal (
    id TEXT PRIMARY KEY,
    order_id TEXT NOT NULL,
    provider_id TEXT NOT NULL,
    fqdn TEXT NOT NULL,
    value TEXT NOT NULL,
    state TEXT NOT NULL,
    receipt TEXT,
    attempts BIGINT NOT NULL DEFAULT 0,
    next_try_at BIGINT,
    last_error TEXT,
    created_at BIGINT NOT NULL,
    UNIQUE (order_id, fqdn, value)
);

CREATE TABLE events (
    id TEXT PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    certificate_id TEXT,
    certificate_name TEXT NOT NULL,
    order_id TEXT,
    operation_id TEXT,
    kind TEXT NOT NULL,
    level TEXT NOT NULL,
    message TEXT NOT NULL,
    detail TEXT NOT NULL
);

CREATE INDEX events_by_certificate ON events (certificate_name, id);
CREATE INDEX events_by_operation ON events (operation_id, id);

CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    run_at BIGINT NOT NULL,
    lease_owner TEXT,
    lease_until BIGINT,
    attempt BIGINT NOT NULL DEFAULT 0,
    last_error TEXT,
    created_at BIGINT NOT NULL,
    UNIQUE (kind, subject)
);

CREATE INDEX jobs_by_run_at ON jobs (run_at);

CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    until BIGINT NOT NULL
);

-- Zero touch ---------------------------------------------------------------------------------------------------

-- Counters that order changes: of a store (`zero_touch`), and of the register of instances (`instances`).
CREATE TABLE store_state (
    store TEXT PRIMARY KEY,
    epoch BIGINT NOT NULL,
    revision BIGINT NOT NULL
);

-- The last change of each item of the zero-touch store; a removed item stays as a tombstone.
-- `former_selectors` is a JSON list: who may still hold the item after its scope changed.
CREATE TABLE store_items (
    item_id TEXT PRIMARY KEY,
    certificate_id TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    version_id TEXT,
    generation BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    removed BIGINT NOT NULL,
    selector TEXT NOT NULL,
    former_selectors TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    changed_at_ms BIGINT NOT NULL
);

CREATE UNIQUE INDEX store_items_by_revision ON store_items (revision);

CREATE TABLE enrollment_tokens (
    id TEXT PRIMARY KEY,
    secret_hash TEXT NOT NULL UNIQUE,
    labels TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT,
    instance_id TEXT
);

CREATE TABLE instances (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    labels TEXT NOT NULL,
    agent_version TEXT NOT NULL,
    boot TEXT,
    identity_fingerprint TEXT NOT NULL,
    identity_not_after BIGINT NOT NULL,
    epoch BIGINT NOT NULL DEFAULT 0,
    revision BIGINT NOT NULL DEFAULT 0,
    digest TEXT,
    last_seen_at BIGINT,
    enrolled_at BIGINT NOT NULL
);

-- Exceptions and observations only; an item without a row is active once the watermark has passed it.
CREATE TABLE instance_items (
    instance_id TEXT NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
    item_id TEXT NOT NULL,
    generation BIGINT NOT NULL,
    state TEXT NOT NULL,
    code TEXT,
    detail TEXT,
    handshakes BIGINT NOT NULL DEFAULT 0,
    first_observed_at_ms BIGINT,
    updated_at_ms BIGINT NOT NULL,
    PRIMARY KEY (instance_id, item_id)
);

CREATE INDEX instance_items_by_item ON instance_items (item_id);
