"""Do an administrator's work as the account that owns the data folder.

Rule: a file of the service never comes to belong to root, and what `check` finds is what the service would find.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform == "win32":

    @contextmanager
    def as_owner(folder: Path) -> Iterator[None]:
        """Change nothing: on Windows the folder's rights are inherited, whoever makes a file in it."""
        del folder
        yield

else:
    import pwd

    @contextmanager
    def as_owner(folder: Path) -> Iterator[None]:
        """Take the rights of the owner of `folder` for a while, when root asks and another account owns it."""
        owner = folder.stat() if os.geteuid() == 0 and folder.is_dir() else None
        if owner is None or owner.st_uid == 0:
            yield
            return
        groups = os.getgroups()
        os.setgroups(_groups(owner.st_uid, owner.st_gid))
        os.setegid(owner.st_gid)
        os.seteuid(owner.st_uid)
        try:
            yield
        finally:
            os.seteuid(0)
            os.setegid(0)
            os.setgroups(groups)

    def _groups(uid: int, gid: int) -> list[int]:
        try:
            return os.getgrouplist(pwd.getpwuid(uid).pw_name, gid)
        except KeyError:
            return [gid]
