"""Rule: what only Windows can do is collected nowhere else; the MSI's lane runs it."""

import sys

collect_ignore = [] if sys.platform == "win32" else ["test_on_windows.py"]
