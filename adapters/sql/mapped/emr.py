"""An EMR known by a mapping file, as the agent sees it: what SqlEmr is, and the proof of its bookings on a copy.

Rule: a scratch copy is another database that carries our mark of being one; anything else is never written to.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable

from adapters.sql.dialect import Dialect
from adapters.sql.emr import SqlEmr, SqlReader
from adapters.sql.mapped.file import MappingFile
from adapters.sql.mapped.mapping import Mapped, MappedBooking
from adapters.sql.session import Session
from agent.core.errors import Misconfigured, Refused
from agent.core.message import say
from agent.core.model import Finding, Severity
from agent.ports import Clock, Proved

DOING = say("try bookings on a scratch copy")

RECIPE = "1"
"""Of write.py; another number asks every clinic for a new proof."""

SCRATCH = "creneau_scratch"
PROBE = f"SELECT n FROM {SCRATCH} WHERE 1 = 0"  # noqa: S608 - a constant


class MappedReader(SqlReader):
    """A mapping file that only reads."""

    def __init__(self, mapping: Mapped, dialect: Dialect, clock: Clock) -> None:
        """Connect nothing yet."""
        super().__init__(mapping, dialect, clock)
        self._file = mapping.file

    def check(self) -> Iterable[Finding]:
        """Say which file it is, then look at everything as every mapping does."""
        return [_origin(self._file), *super().check()]


class MappedEmr(SqlEmr):
    """Adds Proves. `elsewhere`: the way into another database of the same server, with the same account."""

    def __init__(
        self, mapping: MappedBooking, dialect: Dialect, clock: Clock, mode: str, elsewhere: Callable[[str], Dialect]
    ) -> None:
        """Connect nothing yet."""
        super().__init__(mapping, dialect, clock, mode=mode)
        self._file = mapping.file
        self._mode = mode
        self._elsewhere = elsewhere

    def check(self) -> Iterable[Finding]:
        """Say which file it is, then look at everything as every mapping does."""
        return [_origin(self._file), *super().check()]

    def unproven(self) -> str:
        """Return a fingerprint of the file, the recipe, the memory and the kind of server; connects nothing."""
        whole = f"{self._file.digest} {RECIPE} {self._mode} {self._session.dialect.name}"
        return hashlib.sha256(whole.encode()).hexdigest()

    def prove(self, scratch: str, shared: Collection[str] = ()) -> Iterable[Proved]:
        """Try every promise, then the races, on that database. Raises Refused when it is not marked as a scratch copy."""
        del shared  # a copy holds nobody who is shared: it is another database
        if not self._file.can_prove:
            what = say("the mapping tells nothing of a scratch copy: the section {key} is missing", key="[scratch]")
            raise Misconfigured(DOING, what, say("docs/connect-an-emr.md shows it"), file=self._file.file)
        self._must_be_scratch(scratch)
        from adapters.sql.mapped.proof import tried  # the kit is no part of an agent that only works

        return tried(self._file, lambda: self._elsewhere(scratch), self._mode)

    def _must_be_scratch(self, scratch: str) -> None:
        dialect = self._elsewhere(scratch)
        session = Session(dialect)
        try:
            with session.reading(DOING) as work:
                work.rows(PROBE)
        except Misconfigured as cause:
            raise Refused(
                DOING,
                say("the database {name} is not there, or not marked as a scratch copy", name=scratch),
                say("in the copy, never in the EMR: CREATE TABLE {table}(n INT)", table=SCRATCH),
                reason="not-scratch",
            ) from cause
        finally:
            session.close()


def _origin(file: MappingFile) -> Finding:
    """Return whose words the SQL is: a file that changed shows here."""
    says = say("mapping {title}: {file}, SHA-256 {digest}", title=file.title, file=file.file, digest=file.digest[:16])
    return Finding(f"{file.name}.file", Severity.OK, says)
