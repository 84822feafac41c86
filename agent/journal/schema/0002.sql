-- The ledger in years. `first`: the first line of the year; `previous`: the hash of the line before it, which is the
-- head of the year before. `pruned`: when the year's lines were let go; the next year's `previous` then anchors the chain.
CREATE TABLE segment(year INTEGER PRIMARY KEY, first INTEGER NOT NULL, previous BLOB NOT NULL, pruned INTEGER) STRICT;
INSERT INTO segment
  SELECT CAST(strftime('%Y', at / 1000000, 'unixepoch') AS INTEGER), 1, zeroblob(32), NULL FROM ledger WHERE n = 1;
