-- A private key that an operator uploaded for the next order of a slot.
ALTER TABLE certificate_slots ADD COLUMN key_sealed TEXT;
