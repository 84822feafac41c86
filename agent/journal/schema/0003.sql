-- `ordered`: when an order first named this id. The hub hides such a slot until it is offered anew: under another id.
ALTER TABLE slot ADD COLUMN ordered INTEGER;
CREATE INDEX slot_ordered ON slot(id) WHERE ordered IS NOT NULL;
