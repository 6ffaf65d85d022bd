-- Why a slot is due when it is, as JSON: the rules' answers, the window, what maintenance and levelling changed.
ALTER TABLE certificate_slots ADD COLUMN plan TEXT;
-- 1: something that the plan was made from has changed since.
ALTER TABLE certificate_slots ADD COLUMN to_plan BIGINT NOT NULL DEFAULT 1;
-- The vendor that the planned order goes to, and the seconds from one renewal to the next: the load to come.
ALTER TABLE certificate_slots ADD COLUMN due_vendor_id TEXT;
ALTER TABLE certificate_slots ADD COLUMN due_every BIGINT;
-- Questions for renewal information in a row that were not answered usefully.
ALTER TABLE certificate_slots ADD COLUMN ari_failures BIGINT NOT NULL DEFAULT 0;
CREATE INDEX slots_by_due ON certificate_slots (due_at);
CREATE INDEX slots_by_load ON certificate_slots (due_vendor_id, due_at, due_every);
CREATE INDEX slots_to_plan ON certificate_slots (to_plan) WHERE to_plan = 1;
CREATE INDEX slots_by_poll ON certificate_slots (ari_poll_at);
CREATE INDEX orders_by_vendor_and_age ON orders (vendor_id, created_at);
