-- How a certificate is to be issued, beyond names and vendor: one JSON object, whose absent parts mean "the default".
ALTER TABLE certificates ADD COLUMN terms TEXT NOT NULL DEFAULT '{}';
-- A paused certificate is neither renewed nor ordered until it is resumed.
ALTER TABLE certificates ADD COLUMN paused BIGINT NOT NULL DEFAULT 0;
-- The terms as they were when the order was made.
ALTER TABLE orders ADD COLUMN terms TEXT NOT NULL DEFAULT '{}';
-- What an operator chose for a vendor beyond its directory: one JSON object, whose absent parts mean "the default".
ALTER TABLE ca_vendors ADD COLUMN options TEXT NOT NULL DEFAULT '{}';
