"""The root key that seals the vault: 32 random bytes, one for each installation.

Rule: it is read from a file only its owner may read, or from a credential systemd sealed to this machine, and never
leaves the process.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from agent.core.errors import Misconfigured
from agent.core.message import Message, say

NAME = "vault-key"
"""Of the file in the data folder, and of the systemd credential."""
SEALED = "vault.dpapi" if sys.platform == "win32" else "vault-key.cred"
"""The same key, sealed to the machine: by Windows's DPAPI, or by systemd-creds(1), as the Debian package does."""
_BYTES = 32
AGAIN = say(
    "put back vault.json and vault-key from one backup; without one, move the data folder away, then: creneau init, "
    "creneau enrol CODE"
)
"""The only ways on once root key and vault no longer fit: what one sealed, no other opens."""


def make_root(folder: Path) -> bool:
    """Make the root key of a data folder; False when it has one already.

    Raises Misconfigured when it cannot be written, or when a vault is there that another key sealed.
    """
    target, draft = folder / (SEALED if sys.platform == "win32" else NAME), folder / f"{NAME}.{os.getpid()}.new"
    if (folder / NAME).exists() or (folder / SEALED).exists():
        return False
    if (folder / "vault.json").exists():
        raise _orphan(target, say("make the vault"))
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = os.urandom(_BYTES)
        if sys.platform == "win32":  # pragma: no cover - run under Wine
            from agent.keys.dpapi import protect, seal

            protect(folder)
            key = seal(key)
        draft.unlink(missing_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o400)
        with os.fdopen(handle, "wb") as stream:
            stream.write(key)
            stream.flush()
            os.fsync(stream.fileno())
        return _settle(draft, target)
    except OSError as error:
        says = say("the root key cannot be written")
        hint = say("run the command as an administrator or as the service's account")
        raise Misconfigured(say("make the vault"), says, hint, file=str(target)) from error


def _settle(draft: Path, target: Path) -> bool:
    """Give the file its name unless another process was first; never over an existing one."""
    try:
        if sys.platform == "win32":  # pragma: no cover - measured on Linux
            draft.rename(target)  # refuses an existing target
        else:
            os.link(draft, target)
    except FileExistsError:
        return False
    finally:
        draft.unlink(missing_ok=True)
    return True


def root_key(folder: Path, environ: Mapping[str, str]) -> bytes:
    """Return the root key: of $CREDENTIALS_DIRECTORY, else of the data folder, plain or sealed. Raises Misconfigured."""
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    sealed = Path(credentials, NAME) if credentials else None
    file = sealed if sealed is not None and sealed.exists() else folder / NAME
    if file != sealed and not file.exists() and (folder / SEALED).exists():
        return _unsealed(folder / SEALED)
    try:
        key = file.read_bytes()
        mode = file.stat().st_mode
    except FileNotFoundError:
        if (folder / "vault.json").exists():
            raise _orphan(file, say("open the vault")) from None
        raise _bad(file, say("the vault has no root key"), say("creneau init makes one")) from None
    except OSError as error:
        hint = say("run the command as an administrator or as the service's account")
        raise _bad(file, say("the root key may not be read by this account"), hint) from error
    if len(key) != _BYTES:
        raise _bad(file, say("the root key is damaged"), AGAIN)
    if sys.platform != "win32" and file != sealed and mode & 0o077:
        raise _bad(file, say("other accounts may read the root key"), say("chmod 400 {file}", file=str(file)))
    return key


def _unsealed(file: Path) -> bytes:
    """Let the system open a sealed key: DPAPI, or systemd as the administrator, for a command line beside the service."""
    try:
        key = _opened(file)
    except (OSError, subprocess.SubprocessError) as error:
        says = say("the root key was sealed for another machine, or this account may not open it")
        hint = say("run the command as an administrator; after a change of machine: creneau enrol --replace CODE")
        raise _bad(file, says, hint) from error
    if len(key) != _BYTES:
        raise _bad(file, say("the root key is damaged"), AGAIN)
    return key


if sys.platform == "win32":  # pragma: no cover - run under Wine

    def _opened(file: Path) -> bytes:
        from agent.keys.dpapi import unseal

        return unseal(file.read_bytes())
else:

    def _opened(file: Path) -> bytes:
        """Ask systemd-creds(1). The command line works as the owner of the data folder; this child alone goes back to root."""
        back = 0 if os.getuid() == 0 != os.geteuid() else None
        done = subprocess.run(  # noqa: S603 - fixed words and a path of ours
            ["/usr/bin/systemd-creds", "decrypt", f"--name={NAME}", str(file), "-"],
            capture_output=True,
            check=True,
            timeout=30,
            user=back,
            group=back,
        )
        return bytes(done.stdout)


def _orphan(file: Path, doing: Message) -> Misconfigured:
    return Misconfigured(doing, say("the root key of this vault is gone"), AGAIN, file=str(file))


def _bad(file: Path, says: Message, hint: Message) -> Misconfigured:
    return Misconfigured(say("open the vault"), says, hint, file=str(file))
