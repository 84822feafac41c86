"""Seal the root key to this Windows machine, and close the folder it lies in.

Rule: machine scope lets any account of the machine open the blob, so the folder's rights are what keeps them out.
"""

import hashlib
import struct
import sys
from pathlib import Path

SERVICE = "CRENEAU"
ENTROPY = b"creneau/vault/v1"
_UI_FORBIDDEN, _LOCAL_MACHINE = 1, 4


def service_sid(name: str) -> str:
    r"""Return the SID of `NT SERVICE\name`: S-1-5-80 and SHA-1 of the upper-case name, as five little-endian words."""
    words = struct.unpack("<5I", hashlib.sha1(name.upper().encode("utf-16-le"), usedforsecurity=False).digest())
    return "S-1-5-80-" + "-".join(map(str, words))


def rights(*more: str) -> str:
    """Return the folder's rights as SDDL: the system, administrators and the service, nothing inherited."""
    return "D:PAI" + "".join(f"(A;OICI;FA;;;{who})" for who in ("SY", "BA", service_sid(SERVICE), *more))


if sys.platform == "win32":  # pragma: no cover - run under Wine
    import pywintypes
    import win32api
    import win32con
    import win32crypt
    import win32security
    from win32com.shell import shell

    def seal(key: bytes) -> bytes:
        """Return the key as only this machine can open it."""
        flags = _UI_FORBIDDEN | _LOCAL_MACHINE
        return bytes(win32crypt.CryptProtectData(key, "creneau vault key", ENTROPY, None, None, flags))

    def unseal(blob: bytes) -> bytes:
        """Return the key; raises OSError when another machine sealed it, or it was changed."""
        try:
            return bytes(win32crypt.CryptUnprotectData(blob, ENTROPY, None, None, _UI_FORBIDDEN)[1])
        except pywintypes.error as error:
            raise OSError(error.winerror, "CryptUnprotectData") from error

    def protect(folder: Path) -> None:
        """Close the folder, and what is made in it, to everybody else; a plain user's own folder stays theirs."""
        more = () if shell.IsUserAnAdmin() else (_me(),)
        held = win32security.ConvertStringSecurityDescriptorToSecurityDescriptor(
            rights(*more), win32security.SDDL_REVISION_1
        )
        what = win32security.DACL_SECURITY_INFORMATION | win32security.PROTECTED_DACL_SECURITY_INFORMATION
        dacl = held.GetSecurityDescriptorDacl()
        win32security.SetNamedSecurityInfo(str(folder), win32security.SE_FILE_OBJECT, what, None, None, dacl, None)

    def _me() -> str:
        token = win32security.OpenProcessToken(win32api.GetCurrentProcess(), win32con.TOKEN_QUERY)
        user = win32security.GetTokenInformation(token, win32security.TokenUser)[0]
        return str(win32security.ConvertSidToStringSid(user))
