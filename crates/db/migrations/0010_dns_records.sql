-- How records are written through a provider, as JSON: the operator's TTL and zone.
ALTER TABLE dns_providers ADD COLUMN records TEXT NOT NULL DEFAULT '{}';
