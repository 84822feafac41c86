"""Read a mapping file into a plan, or say everything that is wrong with it.

Rule: pure but for the one read; a mapping with any fault does not exist.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.sql.mapped import schema
from adapters.sql.mapped.query import Query, is_one, places, verb
from adapters.sql.mapped.rights import right
from adapters.sql.mapped.schema import Kind
from agent.core.errors import Misconfigured
from agent.core.message import say
from agent.core.sheet import Key, Sheet, decode, parse, suggest

SHIPPED = Path(__file__).parents[1] / "mappings"
_LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class MappingFile:
    """One mapping. `queries`: by name; `steps`: those that are lists. `digest`: of the file's text, for its proof."""

    file: str
    name: str
    title: str
    database: str
    utc: bool
    inclusive: bool
    grid: int
    queries: Mapping[str, Query]
    steps: Mapping[str, Sequence[Query]]
    due: frozenset[str]
    gone: frozenset[str]
    table: str
    reads: tuple[tuple[str, str], ...]
    writes: tuple[tuple[str, str], ...]
    digest: str = field(repr=False)
    openings: bool = False
    """It tells when people may be booked and not what is taken: never an agenda by itself."""

    @property
    def books(self) -> bool:
        """Say whether it tells how appointments are made."""
        return "book" in self.queries

    @property
    def can_prove(self) -> bool:
        """Say whether it tells how a scratch copy is set up."""
        return "standing" in self.queries


def shipped() -> tuple[str, ...]:
    """Return the names of the mappings that come with the agent."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.toml")))


def load(path: Path) -> MappingFile:
    """Read and check everything. Raises Faults, all of them at once; Misconfigured when there is no such file."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(_LARGEST)
    except OSError as cause:
        raise Misconfigured(
            say("read the mapping file"),
            say("the file cannot be read by the agent's account"),
            say("write its path from the folder of the configuration, or one of: {words}", words=", ".join(shipped())),
            file=str(path),
            key="mapping",
        ) from cause
    text, _ = decode(raw, str(path))
    return read(text, str(path))


def read(text: str, file: str) -> MappingFile:
    """Read a text. Raises Faults."""
    sheet = Sheet({}, parse(text, file))
    return _Reading(sheet, file).read(hashlib.sha256(text.encode()).hexdigest())


class _Reading:
    """One pass over one sheet."""

    def __init__(self, sheet: Sheet, file: str) -> None:
        self._sheet = sheet
        self._file = file
        self._queries: dict[str, Query] = {}
        self._steps: dict[str, tuple[Query, ...]] = {}
        self._database = ""

    def read(self, digest: str) -> MappingFile:
        sheet = self._sheet
        head = sheet.table(sheet.get("mapping") or {}, ("mapping",), schema.HEAD)
        self._database = head["database"] or ""
        books = sheet.get("book") is not None
        openings = head["tells"] == "openings"
        self._all({name: kind for name, kind in schema.READS.items() if name == "open"}, needed=True)
        self._all({name: kind for name, kind in schema.READS.items() if name != "open"}, needed=not openings)
        self._all(schema.MAY_READ, needed=False)
        self._all(schema.BOOKINGS, needed=books)
        self._all(schema.MAY_BOOK, needed=False)
        scratch = sheet.get("scratch")
        if scratch is not None:
            self._all(schema.SCRATCH, needed=True, within=("scratch",))
            self._scratch_keys(scratch)
        taken = {"due": (), "gone": ()}
        if not openings or sheet.get("states") is not None:
            taken = sheet.table(sheet.get("states") or {}, ("states",), schema.STATES)
        rights = sheet.table(sheet.get("rights") or {}, ("rights",), schema.RIGHTS)
        table = (
            sheet.value(sheet.get("book"), ("book",), schema.BOOKS[0]) if isinstance(sheet.get("book"), dict) else ""
        )
        self._unknown()
        reads, writes = (self._rights(part, rights[part] or ()) for part in ("read", "write"))
        self._whole(books)
        sheet.end()
        return MappingFile(
            file=self._file,
            name=head["name"],
            title=head["title"] or head["name"],
            database=schema.DATABASES[head["database"]],
            utc=head["clock"] == "utc",
            inclusive=head["ends"] == "inclusive",
            grid=head["grid"],
            queries=self._queries,
            steps=self._steps,
            due=frozenset(taken["due"]),
            gone=frozenset(taken["gone"]),
            table=table,
            reads=reads,
            writes=writes,
            digest=digest,
            openings=openings,
        )

    def _all(self, kinds: Mapping[str, Kind], *, needed: bool, within: tuple[str, ...] = ()) -> None:
        holder = self._sheet.get(within[0]) if within else None
        for name, kind in kinds.items():
            path = (*within, name)
            data = holder.get(name) if isinstance(holder, dict) else None if within else self._sheet.get(name)
            if data is None:
                if needed:
                    says = say("the section {key} is missing", key=f"[{'.'.join(path)}]")
                    self._sheet.fault(path, None, says, say("docs/connect-an-emr.md shows it"))
            elif kind.several and isinstance(data, list):
                found = [self._query(one, (*path, place), name, kind) for place, one in enumerate(data)]
                self._steps[name] = tuple(query for query in found if query is not None)
            elif (query := self._query(data, path, name, kind)) is not None:
                if kind.several:
                    self._steps[name] = (query,)
                else:
                    self._queries[name] = query

    def _query(self, data: Any, path: tuple[str | int, ...], name: str, kind: Kind) -> Query | None:
        keys: Sequence[Key] = schema.QUERY if kind.reads else schema.QUERY[:2]
        others = ("table",) if name == "book" else ()
        values = self._sheet.table(data, path, keys, others)
        if values["sql"] is None or values["values"] is None:
            return None
        sql = values["sql"].strip()
        self._statement((*path, "sql"), sql, kind)
        if places(sql) != len(values["values"]):
            self._sheet.fault(
                (*path, "values"),
                None,
                say("the SQL has {n} question marks, {m} values are named", n=places(sql), m=len(values["values"])),
                say("name what each ? takes, in order"),
            )
        self._named((*path, "values"), values["values"], kind.values)
        columns = values.get("columns") or ()
        if kind.reads:
            self._columns((*path, "columns"), columns, kind)
        line = self._sheet.line((*path, "columns" if kind.reads else "sql"))
        return Query(name, sql, values["values"], columns, self._file, line)

    def _statement(self, path: tuple[str | int, ...], sql: str, kind: Kind) -> None:
        word = verb(sql)
        if not is_one(sql):
            self._sheet.fault(path, None, say("this is more than one statement"), say("write one statement a query"))
        elif kind.reads and word not in ("SELECT", "WITH"):
            self._sheet.fault(path, word, say("this query only reads: it begins with SELECT"), None)
        elif not kind.reads and word not in ("INSERT", "UPDATE", "DELETE"):
            self._sheet.fault(path, word, say("this statement is an INSERT, an UPDATE or a DELETE"), None)

    def _named(self, path: tuple[str | int, ...], words: Sequence[str], known: frozenset[str]) -> None:
        for one in words:
            if one not in known:
                self._sheet.fault(path, one, say("no value has this name here"), suggest(one, sorted(known)))

    def _columns(self, path: tuple[str | int, ...], columns: Sequence[str], kind: Kind) -> None:
        for one in columns:
            if one not in kind.needs | kind.may:
                hint = suggest(one, sorted(kind.needs | kind.may))
                self._sheet.fault(path, one, say("no column has this name here"), hint)
        for one in sorted(kind.needs - set(columns)):
            self._sheet.fault(path, None, say("the column {name} is missing", name=one), None)
        if kind.may >= schema.TIMES:
            given = set(columns)
            if "start" not in given and not {"day", "start_time"} <= given:
                says = say("nothing says when it starts")
                self._sheet.fault(path, None, says, say("give start, or day and start_time"))
            if not given & {"end", "minutes"} and not {"day", "end_time"} <= given:
                says = say("nothing says when it ends")
                self._sheet.fault(path, None, says, say("give end, end_time or minutes"))

    def _rights(self, part: str, lines: Sequence[str]) -> tuple[tuple[str, str], ...]:
        found = []
        for line in lines:
            one = right(line)
            if one is None:
                hint = say('write "SELECT ON table", "SELECT (id, name) ON table"')
                self._sheet.fault(("rights", part), line, say("this right cannot be read"), hint)
            else:
                found.append(one)
        return tuple(found)

    def _unknown(self) -> None:
        known = [*schema.READS, *schema.MAY_READ, *schema.BOOKINGS, *schema.MAY_BOOK, "mapping", "states", "rights"]
        self._sheet.unknown(self._sheet.document(()).data, (), [*known, "scratch"])

    def _scratch_keys(self, scratch: Any) -> None:
        if isinstance(scratch, dict):
            self._sheet.unknown(scratch, ("scratch",), list(schema.SCRATCH))

    def _whole(self, books: bool) -> None:
        """Find what each section alone cannot show."""
        book, queries = self._queries.get("book"), self._queries
        if not books or book is None:
            return
        if verb(book.sql) == "UPDATE" and "row" not in queries:
            says = say("booking by UPDATE needs [row], which finds the free row")
            self._sheet.fault(("book", "sql"), None, says, say("docs/connect-an-emr.md shows it"))
        answers = {"postgresql": "RETURNING", "sqlserver": "OUTPUT"}.get(self._database)
        if verb(book.sql) == "INSERT" and answers and answers not in book.sql.upper():
            says = say("the INSERT does not answer the new row's number")
            hint = say("add {word} and the column of the number", word=answers)
            self._sheet.fault(("book", "sql"), None, says, hint)
        if ("tokens" in queries) != ("token" in queries):
            says = say("[tokens] and [token] go together")
            self._sheet.fault(("tokens" if "tokens" in queries else "token",), None, says, None)
        if "mark" not in book.values:
            says = say("the row carries no mark of ours: the value mark is missing")
            self._sheet.fault(("book", "values"), None, says, say("write it where staff see it and nobody edits it"))
