"""The vault: who we are to the hub, the private keys, the passwords.

Rule: nothing of it is ever in the clear on the disk, in the configuration, in the journal, in a log or in an error.
"""

import importlib.metadata
import sys
from collections.abc import Mapping
from pathlib import Path

if sys.version_info < (3, 12):  # keyring then asks for a copy of this very module, which reads e-mail headers too: 1 MB
    sys.modules.setdefault("importlib_metadata", importlib.metadata)

from agent.keys.identity import VaultKeys, fresh_keys
from agent.keys.record import Fresh
from agent.keys.root import make_root, root_key
from agent.keys.vault import ServiceVault

__all__ = ["Fresh", "ServiceVault", "VaultKeys", "fresh_keys", "make_root", "open_keys", "root_key"]


def open_keys(folder: Path, environ: Mapping[str, str]) -> VaultKeys:
    """Return the keys kept in a data folder. Raises Misconfigured when there is no root key."""
    return VaultKeys(ServiceVault(folder, root_key(folder, environ)))
