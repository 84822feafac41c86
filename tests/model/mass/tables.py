"""What was worked out once, as tables that a million states are looked up in at a time.

Rule: a table is asked by numbers of pools; what is not in it yet is worked out in Python, once for each combination.
"""

from collections.abc import Callable, Hashable, Sequence, Sized
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.model.mass.layout import Column
from tests.model.values import Pool

_CELLS = 1 << 27
"""Of the largest table: 512 MB, if all of it were asked for."""
BROKEN = -2
"""What stands in a table where an invariant breaks."""


class Dense:
    """Values by number, 0 = none; pages of it that nobody asks for take no memory."""

    def __init__(self, size: int) -> None:
        self._table: NDArray[np.int32] = np.zeros(size, np.int32)

    def get(self, keys: Column) -> NDArray[np.int32]:
        """Return the value of each key."""
        return self._table[keys]

    def put(self, keys: Column, values: Sequence[int]) -> None:
        """Keep the values of keys that have none."""
        self._table[keys] = values

    def items(self) -> tuple[Column, NDArray[np.int32]]:
        """Return all keys and their values."""
        keys = np.flatnonzero(self._table)
        return keys, self._table[keys]


class Sparse:
    """The same, for keys too large for a table: sorted, each with its value; what came last stands apart, as it is little."""

    def __init__(self) -> None:
        self._runs = [_NO_ITEMS, _NO_ITEMS]

    def get(self, keys: Column) -> NDArray[np.int32]:
        """Return the value of each key."""
        found = np.zeros(len(keys), np.int32)
        for known, values in self._runs:
            if len(known):
                at = np.searchsorted(known, keys)
                at[at == len(known)] = 0
                found += np.where(known[at] == keys, values[at], 0)
        return found

    def put(self, keys: Column, values: Sequence[int]) -> None:
        """Keep the values of keys that have none."""
        self._runs[1] = _sorted(self._runs[1], (keys, np.array(values, np.int32)))
        if len(self._runs[1][0]) > len(self._runs[0][0]) // 8:
            self._runs = [self.items(), _NO_ITEMS]

    def items(self) -> tuple[Column, NDArray[np.int32]]:
        """Return all keys and their values."""
        return _sorted(*self._runs)


Items = tuple[Column, NDArray[np.int32]]
_NO_ITEMS: Items = (np.zeros(0, np.int64), np.zeros(0, np.int32))


def _sorted(one: Items, other: Items) -> Items:
    keys, values = (np.concatenate(both) for both in zip(one, other, strict=True))
    order = np.argsort(keys, kind="stable")
    return keys[order], values[order]


class Memo:
    """A function of a few small numbers, each below the length of its pool."""

    def __init__(self, work: Callable[..., int], *pools: Sized) -> None:
        self._work = work
        self._pools = pools
        self._shape = (1,) * len(pools)
        self._kept: Dense | Sparse = Dense(1)
        """Values and one more, so that none is 0."""

    def __call__(self, *columns: Column) -> Column:
        """Return the values, none of them -1."""
        self._grow()
        keys = columns[0]
        for column, size in zip(columns[1:], self._shape[1:], strict=True):
            keys = keys * size + column
        found = self._kept.get(keys)
        if not found.all():
            fresh = np.unique(keys[found == 0])
            of = zip(*(column.tolist() for column in np.unravel_index(fresh, self._shape)), strict=True)
            self._kept.put(fresh, [self._work(*one) + 1 for one in of])
            found = self._kept.get(keys)
        return found.astype(np.int64) - 1

    def _grow(self) -> None:
        was = self._shape
        if all(len(pool) <= size for pool, size in zip(self._pools, was, strict=True)):
            return
        needed = [max(size, 1 << (len(pool) - 1).bit_length()) for pool, size in zip(self._pools, was, strict=True)]
        keys, values = self._kept.items()
        self._kept, self._shape = Dense(prod(needed)) if prod(needed) <= _CELLS else Sparse(), tuple(needed)
        if len(keys):
            self._kept.put(np.ravel_multi_index(np.unravel_index(keys, was), self._shape), values.tolist())


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


class Joined:
    """Number what stands together in a few columns, so that one narrower column holds it."""

    def __init__(self, *pools: Sized) -> None:
        self._pool: Pool[tuple[int, ...]] = Pool()
        self._number = Memo(lambda *of: self._pool(of), *pools)
        self._parts = [
            Trait(lambda n, part=part: self._pool.items[n][part], self._pool.items) for part in range(len(pools))
        ]  # type: ignore[misc]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._pool.items)

    def __call__(self, *columns: Column) -> Column:
        """Return the number of each row of the columns."""
        return self._number(*columns)

    def columns(self, numbers: Column) -> list[Column]:
        """Return the columns again."""
        return [part(numbers) for part in self._parts]

    def row(self, number: int) -> tuple[int, ...]:
        """Return one row again."""
        return self._pool.items[number]


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
