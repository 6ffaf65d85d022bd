-- What a DNS provider registered for a domain (acme-dns): the right to write at one name, sealed.
CREATE TABLE dns_accounts (
    provider_id TEXT NOT NULL REFERENCES dns_providers (id) ON DELETE CASCADE,
    domain TEXT NOT NULL,
    target TEXT NOT NULL,
    account_sealed TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (provider_id, domain)
);
