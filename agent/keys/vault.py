"""A keyring backend for services: one file, each entry sealed alone with ChaCha20-Poly1305 (RFC 8439).

Rule: it is set by hand (`keyring.set_keyring`) and never found by itself; what does not open is an error, never empty.
"""

import base64
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from keyring.backend import KeyringBackend
from keyring.compat import properties
from keyring.errors import PasswordDeleteError

from agent.core.errors import Misconfigured, Transient
from agent.core.message import Message, say
from agent.keys.lock import alone
from agent.keys.root import AGAIN

_NONCE = 12
_VERSION = 1
Entries = dict[str, dict[str, str]]
"""service -> username -> base64(nonce, ciphertext, tag)."""


class ServiceVault(KeyringBackend):
    """`vault.json` of a data folder; any thread, any process. Names stand in the clear, values never."""

    def __init__(self, folder: Path, root: bytes) -> None:
        """Take the 32-byte root key. The parent's constructor is left out: it takes settings from the environment."""
        self._file = folder / "vault.json"
        self._lock = folder / "vault.lock"
        self._aead = ChaCha20Poly1305(root)

    @properties.classproperty
    def priority(self) -> float:
        """Keep keyring from choosing this backend by itself: it needs a folder and a root key."""
        raise RuntimeError("set by the agent only")

    def __str__(self) -> str:
        return "ServiceVault"

    def get_password(self, service: str, username: str) -> str | None:
        """Return the value, None when absent. Raises Misconfigured when it does not open."""
        with self._alone():
            return self._open(self._load(), service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        """Store a value; durable on return. Raises Transient when the disk takes nothing."""
        self.change(service, username, lambda _: password)

    def delete_password(self, service: str, username: str) -> None:
        """Remove a value; raises keyring's PasswordDeleteError when absent."""
        with self._alone():
            entries = self._load()
            if username not in entries.get(service, {}):
                raise PasswordDeleteError("no such entry")
            del entries[service][username]
            self._save(entries)

    def change(self, service: str, username: str, work: Callable[[str | None], str]) -> str:
        """Read, change and store one value with nobody in between; return the new value."""
        with self._alone():
            entries = self._load()
            old = self._open(entries, service, username)
            new = work(old)
            if new != old:
                entries.setdefault(service, {})[username] = self._shut(service, username, new)
                self._save(entries)
            return new

    def names(self, service: str) -> tuple[str, ...]:
        """Return the names stored under a service, sorted."""
        with self._alone():
            return tuple(sorted(self._load().get(service, {})))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the file's lock; the disk's complaints become Transient."""
        try:
            with alone(self._lock):
                yield
        except OSError as error:
            says = say("the data folder cannot be read or written")
            raise Transient(say("open the vault"), says, say("creneau check machine")) from error

    def _open(self, entries: Entries, service: str, username: str) -> str | None:
        text = entries.get(service, {}).get(username)
        if text is None:
            return None
        try:
            shut = base64.b64decode(text, validate=True)
            return self._aead.decrypt(shut[:_NONCE], shut[_NONCE:], _place(service, username)).decode()
        except (InvalidTag, ValueError):
            says = say("an entry of the vault was changed, or sealed by another root key")
            raise self._broken(says) from None

    def _shut(self, service: str, username: str, clear: str) -> str:
        nonce = os.urandom(_NONCE)
        shut = self._aead.encrypt(nonce, clear.encode(), _place(service, username))
        return base64.b64encode(nonce + shut).decode()

    def _load(self) -> Entries:
        try:
            held = json.loads(self._file.read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError:
            held = None
        if not isinstance(held, dict) or held.get("v") != _VERSION or not _is_entries(held.get("entries")):
            raise self._broken(say("the vault's file is damaged"))
        entries: Entries = held["entries"]
        return entries

    def _save(self, entries: Entries) -> None:
        """Write beside, sync, replace: at any moment the file is whole, the old one or the new one."""
        draft = self._file.with_suffix(".new")
        text = json.dumps({"v": _VERSION, "entries": entries}, indent=1, sort_keys=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(self._file)
        with suppress(OSError):  # Windows opens no folder; its rename is journaled
            folder = os.open(self._file.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _broken(self, says: Message) -> Misconfigured:
        return Misconfigured(say("open the vault"), says, AGAIN, file=str(self._file))


def _place(service: str, username: str) -> bytes:
    return f"{service}\0{username}".encode()


def _is_entries(held: object) -> bool:
    return isinstance(held, Mapping) and all(
        isinstance(names, Mapping) and all(isinstance(value, str) for value in names.values())
        for names in held.values()
    )
