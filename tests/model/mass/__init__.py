"""The same search over arrays of numbers: a state is one number of 64 bits, and a step a row of a table.

Rule: what a step does is asked of the checker, once for each combination of the columns that the step reads, and kept
in a table; no rule of the world is told again here. numpy, because a thousand million states fit into no Python set.
"""

from tests.model.mass.search import MassSearch

__all__ = ["MassSearch"]
"""What `make prove` runs."""
