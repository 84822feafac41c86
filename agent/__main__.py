"""`python -m agent` and the `creneau` command."""

import sys

from agent.cli import main as command


def main() -> int:
    """Run the command line of this process; return its exit code."""
    return command(sys.argv[1:])


if __name__ == "__main__":
    raise SystemExit(main())
