"""One search of a model, as the mutation gate runs it: exit code 1 when an invariant breaks.

`python -m tests.mutants.look model sql-sidecar book 1 2` or `… slot-sync 2 1 1`
"""

import logging
import sys

from tests.model.checker import Checker
from tests.model.rulesets import BY_KEY
from tests.model.sync.world import Sync


def main(layer: str, *what: str) -> int:
    """Run the search and print what it found."""
    logging.disable(logging.CRITICAL)
    if layer == "model":
        rules, scenario, agents, faults = what
        report = Checker(BY_KEY[rules].make(), scenario, agents=int(agents), faults=int(faults)).run()
    else:
        ticks, changes, faults = what
        report = Sync(ticks=int(ticks), changes=int(changes), faults=int(faults)).run()
    print(report)
    return report.violation is not None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
