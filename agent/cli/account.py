"""The OS account of this process: who acted, in the ledger, when no agent runs.

Rule: from the system where it can be known, not from the environment, which anybody can set.
"""

import os
import sys

if sys.platform == "win32":
    import getpass

    def account() -> str:
        """Return the account's name."""
        return getpass.getuser()

else:
    import pwd

    def account() -> str:
        """Return the account's name, or its number when it has none: who typed, not as whom the work is done."""
        try:
            return pwd.getpwuid(os.getuid()).pw_name
        except KeyError:
            return f"uid:{os.getuid()}"
