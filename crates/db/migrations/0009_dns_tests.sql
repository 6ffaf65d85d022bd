-- How the last test of a DNS provider ended, as JSON; NULL when none was made with these settings.
ALTER TABLE dns_providers ADD COLUMN last_test TEXT;
