"""How a state is packed into one number of 64 bits: the columns side by side, each as wide as its numbers need.

Rule: a column may grow wider during a search; the order of the states stays as it was.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.uint64]
Column = NDArray[np.int64]
BITS = 64


class Wider(Exception):  # noqa: N818 - says what is needed
    """A number no longer fits into its column: `layout` is one in which it does."""

    def __init__(self, layout: "Layout") -> None:
        super().__init__()
        self.layout = layout


class Layout:
    """The columns, the first one in the highest bits."""

    def __init__(self, widths: Sequence[int]) -> None:
        if sum(widths) > BITS:
            message = f"a state does not fit into {BITS} bits any more: {widths}; search less, or by the plain Search"
            raise OverflowError(message)
        self.widths = tuple(widths)
        self.shifts = tuple(sum(widths[n + 1 :]) for n in range(len(widths)))

    def fit(self, sizes: Sequence[int]) -> None:
        """Hold that numbers below these sizes fit; raises Wider."""
        if any(size > 1 << width for size, width in zip(sizes, self.widths, strict=True)):
            needed = [max(w, (size - 1).bit_length()) for size, w in zip(sizes, self.widths, strict=True)]
            raise Wider(Layout(needed))

    def get(self, codes: Codes, column: int) -> Column:
        """Return a column of the states."""
        mask = np.uint64((1 << self.widths[column]) - 1)
        return ((codes >> np.uint64(self.shifts[column])) & mask).view(np.int64)

    def put(self, codes: Codes, column: int, value: Column) -> Codes:
        """Return the states with a column replaced."""
        keep = np.uint64(~(((1 << self.widths[column]) - 1) << self.shifts[column]) & (1 << BITS) - 1)
        return (codes & keep) | (value.astype(np.uint64) << np.uint64(self.shifts[column]))

    def pack(self, columns: Sequence[int]) -> int:
        """Return one state."""
        return sum(value << shift for value, shift in zip(columns, self.shifts, strict=True))

    def unpack(self, code: int) -> list[int]:
        """Return the columns of one state."""
        return [code >> shift & (1 << width) - 1 for shift, width in zip(self.shifts, self.widths, strict=True)]

    def repacked(self, codes: Codes, old: "Layout") -> Codes:
        """Return states of another layout in this one, in the same order."""
        found = np.zeros_like(codes)
        for column, shift in enumerate(self.shifts):
            found |= old.get(codes, column).view(np.uint64) << np.uint64(shift)
        return found
