-- The first shape. Times are integer UTC microseconds, JSON is text, enumerations are text; [box] = AES-256-GCM.
CREATE TABLE fact(name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;

-- Every id ever given, until the slot's end. `line`: canonical line without id and bookable_from. `gone`: left *now*.
CREATE TABLE slot(
  id TEXT PRIMARY KEY, emr TEXT NOT NULL, key TEXT NOT NULL, slot TEXT NOT NULL, rule TEXT NOT NULL,
  line BLOB NOT NULL, since INTEGER NOT NULL, ends INTEGER NOT NULL, gone INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX slot_key ON slot(emr, key);
CREATE INDEX slot_line ON slot(line);
CREATE INDEX slot_ends ON slot(ends);

-- The view *now*. `at`: first publication of the slot, kept while its key stays.
CREATE TABLE now(
  emr TEXT NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL UNIQUE, shared TEXT NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY(emr, key)
) STRICT, WITHOUT ROWID;

-- What the hub confirmed. `gone`: when the id left *now*; NULL while it stands there.
CREATE TABLE told(id TEXT PRIMARY KEY, shared TEXT NOT NULL, at INTEGER NOT NULL, gone INTEGER) STRICT, WITHOUT ROWID;
CREATE INDEX told_gone ON told(gone) WHERE gone IS NOT NULL;

CREATE TABLE outbox(
  id INTEGER PRIMARY KEY, booking TEXT NOT NULL, rev INTEGER NOT NULL, word TEXT NOT NULL, body TEXT NOT NULL,
  at INTEGER NOT NULL, receipted INTEGER, aside TEXT, UNIQUE(booking, rev)
) STRICT;
CREATE INDEX outbox_open ON outbox(id) WHERE receipted IS NULL AND aside IS NULL;

-- `adds`: what the view *told* becomes with the receipt, as {"put": {id: shared}, "gone": [id]}; NULL for outcomes.
CREATE TABLE attempt(
  verb TEXT PRIMARY KEY, jti TEXT NOT NULL, jws TEXT NOT NULL, exp INTEGER NOT NULL, covers INTEGER NOT NULL,
  body TEXT NOT NULL, adds TEXT
) STRICT, WITHOUT ROWID;

-- patient: [box] of the JWE. `bad`: why the order was set apart.
CREATE TABLE orders(
  booking TEXT NOT NULL, version INTEGER NOT NULL, body_hash BLOB NOT NULL, jws TEXT NOT NULL, patient BLOB,
  at INTEGER NOT NULL, bad TEXT, PRIMARY KEY(booking, version, body_hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE booking(
  booking TEXT PRIMARY KEY, emr TEXT, state TEXT NOT NULL, seen_ver INTEGER NOT NULL, body_hash BLOB NOT NULL,
  goal TEXT, goal_slot TEXT, slot_line BLOB, firmness TEXT NOT NULL, until INTEGER, expires_at INTEGER NOT NULL,
  done_ver INTEGER NOT NULL, cur_slot TEXT, emr_ref TEXT, intent_ver INTEGER, intent_op TEXT, intent_at INTEGER,
  intent_slot TEXT, fault TEXT,
  attempt INTEGER NOT NULL, turn INTEGER NOT NULL, outcome TEXT, code TEXT, kept INTEGER NOT NULL,
  outcome_rev INTEGER NOT NULL, reported_rev INTEGER NOT NULL, row INTEGER NOT NULL,
  rule TEXT NOT NULL, at INTEGER NOT NULL, ends INTEGER NOT NULL,
  CHECK((intent_ver IS NULL) = (intent_op IS NULL)), CHECK(done_ver <= seen_ver), CHECK(reported_rev <= outcome_rev)
) STRICT, WITHOUT ROWID;
CREATE INDEX booking_due ON booking(state, at) WHERE state IN ('queued', 'intent');
CREATE INDEX booking_hold ON booking(until) WHERE outcome = 'held';
CREATE INDEX booking_ends ON booking(ends);

-- facts: no patient datum. Open while `answered` is NULL; closed without an `answer` when a newer task took its place.
CREATE TABLE task(
  id INTEGER PRIMARY KEY, booking TEXT, kind TEXT NOT NULL, facts TEXT NOT NULL, opened INTEGER NOT NULL,
  answer TEXT, answered INTEGER, who TEXT
) STRICT;
CREATE INDEX task_open ON task(booking) WHERE answered IS NULL;

-- body [box]; digest = HMAC, because a bare hash of a message can be guessed.
CREATE TABLE raw(
  id INTEGER PRIMARY KEY, emr TEXT NOT NULL, peer TEXT NOT NULL, control_id TEXT NOT NULL, body BLOB,
  charset TEXT NOT NULL, digest BLOB NOT NULL, answer BLOB NOT NULL, at INTEGER NOT NULL,
  state TEXT NOT NULL DEFAULT 'new', why TEXT, UNIQUE(emr, peer, control_id)
) STRICT;
CREATE INDEX raw_new ON raw(emr, id) WHERE state = 'new';
CREATE INDEX raw_heard ON raw(emr, peer, at);

-- value [box]
CREATE TABLE note(
  emr TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY(emr, key)
) STRICT, WITHOUT ROWID;

-- hash: agent/journal/ledger.py says over which bytes.
CREATE TABLE ledger(
  n INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, who TEXT NOT NULL, body BLOB NOT NULL,
  hash BLOB NOT NULL
) STRICT;
