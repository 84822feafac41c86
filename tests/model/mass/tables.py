"""What was worked out once, as tables that a million states are looked up in at a time.

Rule: a table is asked by numbers of pools; what is not in it yet is worked out in Python, once for each combination.
"""

from collections.abc import Callable, Hashable, Sequence, Sized
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.model.mass.layout import Column
from tests.model.values import Pool

BROKEN = -2
"""What stands in a table where an invariant breaks."""


class Memo:
    """A function of a few small numbers, each below the length of its pool."""

    def __init__(self, work: Callable[..., int], *pools: Sized) -> None:
        self._work = work
        self._pools = pools
        self._table: NDArray[np.int32] = np.zeros((1,) * len(pools), np.int32)  # 0 = not worked out yet, else value + 1

    def __call__(self, *columns: Column) -> Column:
        """Return the values, none of them -1."""
        self._grow()
        flat = columns[0]
        for column, size in zip(columns[1:], self._table.shape[1:], strict=True):
            flat = flat * size + column
        table = self._table.reshape(-1)
        found = table[flat]
        if not found.all():
            for key in np.unique(flat[found == 0]).tolist():
                table[key] = self._work(*map(int, np.unravel_index(key, self._table.shape))) + 1
            found = table[flat]
        return found.astype(np.int64) - 1

    def _grow(self) -> None:
        shape = self._table.shape
        if all(len(pool) <= size for pool, size in zip(self._pools, shape, strict=True)):
            return
        needed = [max(size, 1 << (len(pool) - 1).bit_length()) for pool, size in zip(self._pools, shape, strict=True)]
        table = np.zeros(needed, np.int32)
        known = np.nonzero(self._table)  # the rest of a large table is never touched, and takes no memory
        table[known] = self._table[known]
        self._table = table


class Trait:
    """What is worked out once for each number of a pool."""

    def __init__(self, work: Callable[[int], int], pool: Sized) -> None:
        self._work, self._pool = work, pool
        self._values = np.zeros(0, np.int64)

    def __call__(self, numbers: Column) -> Column:
        """Return the value of each."""
        known, size = len(self._values), len(self._pool)
        if known < size:
            self._values = np.concatenate([self._values, [self._work(n) for n in range(known, size)]]).astype(np.int64)
        return self._values[numbers]


class Kinds:
    """Number things that Python works out, such as tuples, so that they may be keys of a Memo."""

    def __init__(self) -> None:
        self.pool: Pool[Hashable] = Pool()

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.pool.items)

    def __call__(self, thing: Hashable) -> int:
        """Return the number of a thing."""
        return self.pool(thing)


class Grown:
    """A column that rows are added to at its end."""

    def __init__(self, dtype: type[np.generic]) -> None:
        self._fresh: list[int] = []
        self._room: NDArray[Any] = np.zeros(64, dtype)
        self._size = 0

    def add(self, values: Sequence[int]) -> None:
        """Add rows."""
        self._fresh.extend(values)

    def __len__(self) -> int:
        """Return how many rows there are."""
        return self._size + len(self._fresh)

    @property
    def array(self) -> NDArray[Any]:
        """Return all of it."""
        if self._fresh:
            size = len(self)
            if size > len(self._room):
                room = np.zeros(2 * size, self._room.dtype)
                room[: self._size] = self._room[: self._size]
                self._room = room
            self._room[self._size : size] = self._fresh
            self._size = size
            self._fresh.clear()
        return self._room[: self._size]
