"""An independent reader of the protocol, written from docs/protocol.md alone; it shares no code with the product.

`python tests/story/read_exchange.py docs/vectors/recorded/exchange.json` verifies a recorded exchange and prints what it held.
"""

import base64
import hashlib
import hmac
import json
import sys
import zlib
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MEMBERS = [
    "id",
    "start",
    "end",
    "precision",
    "site",
    "confirmation",
    "practitioner",
    "bookable_from",
    "clientele",
    "reason",
    "redirect",
    "mode",
]


def b64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def opened(jws: str, keys: dict[str, dict[str, str]], typ: str) -> tuple[dict[str, Any], bytes]:
    head, body, signature = jws.split(".")
    header = json.loads(b64(head))
    assert header["alg"] == "Ed25519", header
    assert header["typ"] == typ, header
    assert set(header) <= {"alg", "kid", "typ", "zip"}, header
    key = Ed25519PublicKey.from_public_bytes(b64(keys[header["kid"]]["x"]))
    key.verify(b64(signature), f"{head}.{body}".encode())
    payload = zlib.decompress(b64(body), -15) if header.get("zip") == "DEF" else b64(body)
    return json.loads(payload), payload


def thumb(jwk: dict[str, str]) -> str:
    members = json.dumps({k: jwk[k] for k in ("crv", "kty", "x")}, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(hashlib.sha256(members).digest()).rstrip(b"=").decode()


def line(slot: dict[str, Any], leave: tuple[str, ...] = ()) -> str:
    return json.dumps([slot.get(m) for m in MEMBERS if m not in leave], ensure_ascii=False, separators=(",", ":"))


def root(slots: list[dict[str, Any]], site: str) -> str:
    leaves = [hashlib.sha256(b"\0" + line(slot).encode()).digest() for slot in slots if slot["site"] == site]
    return sha(b"\1" + b"".join(sorted(leaves)))


def read(record: dict[str, Any]) -> dict[str, int]:
    """Verify every message of `record`; AssertionError or InvalidSignature at the first that lies."""
    clinic, hub = ({thumb(jwk): jwk for jwk in record[side]} for side in ("clinic_keys", "hub_keys"))
    held: dict[str, dict[str, Any]] = {}
    ever: set[str] = set()
    orders: dict[tuple[str, int], dict[str, Any]] = {}
    count = dict.fromkeys(("offer", "orders", "outcomes", "beat"), 0)
    for message in record["messages"]:
        verb, request = message["verb"], message["request"]
        asked, asked_bytes = opened(request, clinic, f"creneau-{verb}+jws")
        told, _ = opened(message["answer"], hub, f"creneau-{verb}-answer+jws")
        assert asked["path"] == verb
        assert (asked["iss"], asked["aud"]) == (told["aud"], told["iss"])
        assert (told["re"], told["re_sha256"]) == (asked["jti"], sha(request.encode()))
        count[verb] += 1
        if "problem" in told:
            continue
        if verb == "offer":
            if "snapshot" in asked:
                held = {slot["id"]: slot for slot in asked["snapshot"]}
            else:
                held = {i: s for i, s in held.items() if i not in asked["changes"]["del"]}
                held |= {slot["id"]: slot for slot in asked["changes"]["put"]}
            assert asked["count"] == len(held)
            roots = {site: root(list(held.values()), site) for site in asked["roots"]}
            assert asked["roots"] == roots == told["roots"]
            assert told["body_sha256"] == sha(asked_bytes)
            ever |= {line(slot, ("id", "bookable_from")) for slot in held.values()}
        for entry in told.get("orders", ()):
            order, _ = opened(entry["order"], hub, "creneau-order+jws")
            assert order["slot"] in ever or order["goal"] is None
            if entry["patient"]:
                assert hmac.compare_digest(order["patient_sha256"], sha(entry["patient"].encode()))
            orders[order["booking"], order["version"]] = order
        for outcome in asked.get("outcomes", ()):
            assert (outcome["booking"], outcome["version"]) in orders
    return count | {"orders_seen": len(orders), "slots": len(held)}


if __name__ == "__main__":
    print(read(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
