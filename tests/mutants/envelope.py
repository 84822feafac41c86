"""The checks of the envelope, each taken away in turn.

Rule: what a second check would catch is taken away together with it, where the second is there for that.
"""

from tests.mutants.mutant import Edit, Mutant, mutant

UNIT = (
    "unit",
    "tests/core/test_envelope_exchange.py tests/core/test_envelope_signed.py tests/core/test_envelope_keys.py",
)
HUB = ("unit", "tests/hub/test_exchange.py tests/hub/test_enrol.py tests/hub/test_turns.py")
LINK = ("unit", "tests/agent/link")
SIGNED, EXCHANGE = "agent/core/envelope/signed.py", "agent/core/envelope/exchange.py"
STRICT, ORDERS = "agent/core/envelope/strict.py", "agent/core/envelope/orders.py"
KEYS, SEALED = "agent/core/envelope/keys.py", "agent/core/envelope/sealed.py"
ENROL, TURNOVER = "agent/core/envelope/enrolment.py", "agent/core/envelope/turnover.py"
INTAKE = "hub/intake.py"

MUTANTS: tuple[Mutant, ...] = (
    mutant(
        "signature", SIGNED,
        "        signed = jws.deserialize_compact(text, key, registry=_REGISTRY)\n",
        "        signed = jws.extract_compact(text.encode(), registry=_REGISTRY)\n", UNIT,
    ),
    mutant("kid", SIGNED, "    key = keys.get(header.kid)\n", "    key = next(iter(keys.values()), None)\n", UNIT, HUB),
    mutant("typ", SIGNED, "    if header.typ != typ:\n", "    if False:\n", UNIT),
    mutant("header members", SIGNED, "if not members.keys() <= _HEADER_MEMBERS or members", "if members", UNIT),
    Mutant(
        "algorithm, ours and joserfc's",
        (
            Edit(SIGNED, '_HEADER_MEMBERS or members.get("alg") != _ALG or', "_HEADER_MEMBERS or"),
            Edit(SIGNED, "algorithms=[_ALG])", 'algorithms=[_ALG, "EdDSA", "HS256", "none"])'),
        ),
        (UNIT,),
    ),
    mutant("header size", SIGNED, "if len(parts[0]) > _HEADER_MOST or len", "if len", UNIT),
    mutant("payload size", SIGNED, " or len(parts[1]) > _PAYLOAD_MOST:", ":", UNIT),
    mutant("protocol version", SIGNED, '    if claims.get("v") != VERSION:\n', "    if False:\n", UNIT),
    mutant("duplicate members", STRICT, "    if len(members) != len(pairs):\n", "    if False:\n", UNIT),
    mutant("53 bits", STRICT, "len(text) > _INT_DIGITS or abs(number := int(text)) > MOST_INT", "not (number := int(text)) + 1 and False", UNIT),
    mutant("nesting", STRICT, "    if not _shallow(data):\n", "    if False:\n", UNIT),
    mutant("canonical base64url", STRICT, "    if write_base64url(data) != text:\n", "    if False:\n", UNIT),
    mutant("inflated size", STRICT, "            if total > most:\n", "            if False:\n", UNIT),
    mutant("inflated whole", STRICT, "    if not unpacker.eof or unpacker.unused_data:\n", "    if False:\n", UNIT),
    mutant("request audience", EXCHANGE, 'claims.get("aud") != aud or claims.get("path") != verb', 'claims.get("path") != verb', UNIT),
    Mutant(
        "request path, and the typ that names it too",
        (
            Edit(EXCHANGE, 'claims.get("aud") != aud or claims.get("path") != verb', 'claims.get("aud") != aud'),
            Edit(SIGNED, "    if header.typ != typ:\n", "    if False:\n"),
        ),
        (UNIT,),
    ),
    mutant("request life", EXCHANGE, "    if not 0 <= exp - iat <= LIFE.total_seconds():\n", "    if False:\n", UNIT),
    mutant("request expired", EXCHANGE, " or exp + leeway < at:", ":", UNIT),
    mutant("request from the future", EXCHANGE, "if iat - leeway > at or exp", "if exp", UNIT),
    mutant("answer in time", EXCHANGE, "    if took >= within:\n", "    if False:\n", UNIT),
    mutant("answer re", EXCHANGE, 'or claims.get("re") not in {to.jti, unread}:', "or False:", UNIT),
    mutant("answer re_sha256", EXCHANGE, 'if claims.get("re_sha256") != jws_hash(to.jws) or', "if", UNIT),
    mutant("answer sender", EXCHANGE, 'if claims.get("iss") != aud or', "if", UNIT),
    mutant("answer addressee", EXCHANGE, 'or claims.get("aud") not in {iss, unread}:', "or False:", UNIT),
    mutant("answer verb", EXCHANGE, "    if signed.header.typ != answer_typ(to.verb) and unread is None:\n", "    if False:\n", UNIT),
    mutant("order audience", ORDERS, 'if claims.get("aud") != aud or (iss', "if (iss", UNIT),
    mutant("order sender", ORDERS, ' or (iss is not None and claims.get("iss") != iss):', ":", UNIT),
    mutant("order shape", ORDERS, "    if (firmness is Firmness.HOLD) != (until is not None) or (goal is None and firmness is Firmness.HOLD):\n", "    if False:\n", UNIT),
    mutant("order patient", ORDERS, " or (firmness is Firmness.FIRM and sealed is None)):", "):", UNIT),
    mutant("order expiry", ORDERS, "    if at is None and goal is not None:\n", "    if False:\n", UNIT),
    mutant("order's patient bound", "agent/legs/receive.py", "    if order.patient_sha256 is None or not hmac", "    if False and not hmac", LINK),
    mutant("small-order key", KEYS, " or is_small_order(data, crv):", ":", UNIT),
    mutant("key's kid", KEYS, '    if jwk.get("kid", thumbprint(key)) != thumbprint(key):\n', "    if False:\n", UNIT),
    mutant("sealing header", SEALED, 'if not members.keys() <= _HEADER_MEMBERS or (members.get("alg")', 'if (members.get("alg")', UNIT),
    mutant("statement's clinic", SEALED, '    if word(claims, "clinic") != clinic:\n', "    if False:\n", UNIT),
    mutant("applicant's iss", ENROL, '    if opened.claims.get("iss") != thumbprint(signing):\n', "    if False:\n", UNIT, HUB),
    mutant("hub's proof", ENROL, '    if not same_proof(expected, word(seen.claims, "proof")):\n', "    if False:\n", UNIT),
    mutant("applicant's proof", "hub/verbs/enrol.py", "    if not applicant.proves(bytes.fromhex(code.secret), hub.origin):\n", "    if False:\n", HUB),
    mutant("code worn out", "hub/verbs/enrol.py", "code is None or code.tries >= TRIES or", "code is None or", HUB),
    mutant("key set follows", TURNOVER, '    if not whole(outer, "n") == whole(claims, "n") == n + 1:\n', "    if False:\n", UNIT),
    mutant("key set's hub", TURNOVER, '    if not outer.get("iss") == claims.get("iss") == iss:\n', "    if False:\n", UNIT),
    mutant("key belongs to the clinic", INTAKE, '    if opened.claims.get("iss") != key.clinic:\n', "    if False:\n", HUB),
    mutant("key retired", INTAKE, "    if key.retired is not None:\n", "    if False:\n", HUB),
    mutant("seen jti, same bytes", INTAKE, "            if seen is not None and seen.sha256 == sha256:\n", "            if False:\n", HUB),
    Mutant(
        "seen jti at all",
        (Edit(INTAKE, "            seen = conn.execute(select(SEEN).where(SEEN.c.iss == iss, SEEN.c.jti == jti)).one_or_none()\n", "            seen = None\n"),
         Edit(INTAKE, "            conn.execute(insert(SEEN).values(**row, at=micros(hub.clock.now())))\n", "")),
        (HUB,),
    ),
    mutant("receipt for this body", "agent/legs/deliver.py", '        if claims.get("body_sha256") != payload_hash(envelope.jws):\n', "        if False:\n", LINK),
    mutant("receipt's epoch and seq", "agent/legs/deliver.py", 'if not isinstance(epoch, int) or asked not in {None, epoch} or seq != out.body["seq"]:', "if False:", LINK),
    mutant("receipt's roots", "agent/legs/deliver.py", '        if claims.get("roots") != out.body["roots"]:\n', "        if False:\n", LINK),
)  # fmt: skip
