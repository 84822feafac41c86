"""A set of states as sorted arrays: eight bytes a state, and nothing is known by less than all of it.

Rule: the set is cut into ranges, so that an array is never copied but in part.
"""

from collections.abc import Callable, Iterator

import numpy as np

from tests.model.mass.layout import Codes

_MOST = 1 << 22
"""States of a range, at most about."""
NOTHING: Codes = np.zeros(0, np.uint64)


class Known:
    """A set of states. Each range is a few sorted arrays without doubles, the larger ones first."""

    def __init__(self) -> None:
        self._firsts: Codes = np.zeros(1, np.uint64)
        self._ranges: list[list[Codes]] = [[]]
        self._size = 0

    def __len__(self) -> int:
        """Return how many states there are."""
        return self._size

    def without(self, codes: Codes) -> Codes:
        """Return those of these sorted states that are not in the set."""
        fresh = np.ones(len(codes), np.bool_)
        for range_, start, end in self._parts(codes):
            for run in range_:
                part = codes[start:end]
                at = np.searchsorted(run, part)
                at[at == len(run)] = 0
                fresh[start:end] &= run[at] != part
        return codes[fresh]

    def add(self, codes: Codes) -> None:
        """Add sorted states that are not in the set."""
        self._size += len(codes)
        for range_, start, end in self._parts(codes):
            range_.append(codes[start:end].copy())
            while len(range_) > 1 and len(range_[-2]) < 2 * len(range_[-1]):
                last = range_.pop()
                range_[-1] = merged(range_[-1], last)
        self._split()

    def all(self) -> Iterator[Codes]:
        """Yield all states, in order, sorted in parts."""
        for range_ in self._ranges:
            if range_:
                yield np.sort(np.concatenate(range_), kind="stable")

    def change(self, work: Callable[[Codes], Codes]) -> None:
        """Replace each state by another one, in the same order."""
        self._firsts = work(self._firsts)
        self._ranges = [[work(run) for run in range_] for range_ in self._ranges]

    def _parts(self, codes: Codes) -> Iterator[tuple[list[Codes], int, int]]:
        bounds = [*np.searchsorted(codes, self._firsts).tolist(), len(codes)]
        bounds[0] = 0
        for range_, start, end in zip(self._ranges, bounds, bounds[1:], strict=False):
            if start < end:
                yield range_, start, end

    def _split(self) -> None:
        if all(not range_ or len(range_[0]) <= _MOST for range_ in self._ranges):
            return
        firsts: list[np.uint64] = []
        ranges: list[list[Codes]] = []
        for first, range_ in zip(self._firsts, self._ranges, strict=True):
            if not range_ or len(range_[0]) <= _MOST:
                firsts.append(first)
                ranges.append(range_)
                continue
            whole = np.sort(np.concatenate(range_), kind="stable")
            half = len(whole) // 2
            firsts += [first, whole[half]]
            ranges += [[whole[:half].copy()], [whole[half:].copy()]]
        self._firsts, self._ranges = np.array(firsts, np.uint64), ranges


def merged(one: Codes, other: Codes) -> Codes:
    """Return two sorted arrays as one."""
    return np.sort(np.concatenate([one, other]), kind="stable")  # finds the two runs, and merges them


def distinct(codes: Codes) -> Codes:
    """Return the states sorted, each once; sorts them in place."""
    codes.sort()
    if len(codes) < 2:
        return codes
    keep = np.ones(len(codes), np.bool_)
    np.not_equal(codes[1:], codes[:-1], out=keep[1:])
    return codes[keep]
