"""Encrypt single columns with AES-256-GCM (NIST SP 800-38D) under the journal's data key.

Rule: a nonce is drawn anew for every value, and a value opens only in the place it was shut for.
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from agent.core.errors import Misconfigured
from agent.core.message import say

NONCE = 12
KEY_BYTES = 32


def place(table: str, column: str, *row: str | int) -> bytes:
    """Return the aad of one value: table, column, row."""
    return "|".join((table, column, *(str(part) for part in row))).encode()


class DataBox:
    """The Box of agent.ports; shut = nonce, ciphertext, tag. Any thread."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError("the data key has 32 bytes")
        self._aead = AESGCM(key)

    def shut(self, clear: bytes, aad: bytes) -> bytes:
        """Encrypt `clear` for the place `aad`."""
        nonce = os.urandom(NONCE)
        return nonce + self._aead.encrypt(nonce, clear, aad)

    def open(self, shut: bytes, aad: bytes) -> bytes:
        """Decrypt; Misconfigured when key or place is another one."""
        try:
            return self._aead.decrypt(shut[:NONCE], shut[NONCE:], aad)
        except (InvalidTag, ValueError) as exc:
            raise Misconfigured(
                say("open the journal"),
                say("the data key in the vault does not fit this journal"),
                say("put back the vault that belongs to it, or start with an empty data folder"),
            ) from exc
