"""Remember that something was erased until no page and no log frame shows it any more.

Rule: erased means gone from the disk within the minute, not only from the tables.
"""

from agent.journal.store import Store


class Eraser:
    """Counts erased values; `scrub` empties the log over them. Any thread: the worst race is one scrub too many."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._owed = False

    def note(self, count: int) -> None:
        """Say that so many values were erased in a commit."""
        if count:
            self._owed = True

    def scrub(self) -> bool:
        """Empty the log when something was erased since; say whether nothing is owed any more."""
        if not self._owed:
            self._store.disk.restore()  # nothing else lays the ballast again once a full disk has room
            return True
        self._owed = False
        self._owed = not self._store.truncate()
        return not self._owed
