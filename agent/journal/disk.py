"""Know how full the disk is, and give back a little room when it is full.

Rule: the ballast is only ever spent so that what is under way can be settled.
"""

import logging
import os
import shutil
from contextlib import suppress
from pathlib import Path

log = logging.getLogger("creneau.journal")

MIB = 1 << 20
BALLAST = 1 * MIB
FLOOR = 8 * MIB
"""Below this much free space no order is taken."""


class Disk:
    """The disk under the journal. `folder` None: a VFS of its own, which is never low."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._ballast = None if folder is None else folder / "journal.ballast"

    def free(self) -> int:
        """Return free bytes for us; 0 when the disk does not even answer."""
        if self._folder is None:
            return 1 << 62
        try:
            return shutil.disk_usage(self._folder).free
        except OSError:
            return 0

    def low(self) -> bool:
        """Say whether the floor is reached, or the ballast is spent and cannot be laid again yet."""
        self.restore()
        return self._ballast is not None and (self.spent() or self.free() < FLOOR)

    def spent(self) -> bool:
        """Say whether the ballast is gone: what room there is belongs to what must be settled."""
        return self._ballast is not None and not self._ballast.exists()

    def spend(self) -> bool:
        """Delete the ballast; say whether there was one."""
        if self._ballast is None or not self._ballast.exists():
            return False
        with suppress(OSError):
            self._ballast.unlink()
        log.warning("journal.full ballast=spent")
        return True

    def restore(self) -> None:
        """Lay the ballast again once there is room. Random bytes: a compressing file system would store no zeros."""
        if self._ballast is None or self._ballast.exists() or self.free() < FLOOR + BALLAST:
            return
        part = self._ballast.with_suffix(".part")
        with suppress(OSError):
            part.touch(0o600)
            part.write_bytes(os.urandom(BALLAST))
            part.replace(self._ballast)
            log.info("journal.ballast laid=%d", BALLAST)
