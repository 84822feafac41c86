"""A mapping file is read whole, or told whole: every fault, its line, its hint."""

import re
from pathlib import Path

import pytest

from adapters.sql.mapped import load
from adapters.sql.mapped.file import SHIPPED, read, shipped
from adapters.sql.mapped.query import bare, is_one, places
from adapters.sql.mapped.rights import right
from agent.core.errors import Misconfigured
from agent.core.sheet import Faults

GOOD = (SHIPPED / "hours-mysql.toml").read_text(encoding="utf-8")


def faults(text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(Faults) as told:
        read(text, "m.toml")
    return [(one.line, one.key, str(one.says)) for one in told.value.faults]


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_mapping_is_whole(name: str) -> None:
    """Each reads without a fault, books, and can be proved on a copy."""
    file = load(SHIPPED / f"{name}.toml")
    assert (file.books, file.can_prove, bool(file.reads), bool(file.writes)) == (True, True, True, True)


def test_all_faults_come_at_once_with_their_lines() -> None:
    """A wrong word, a lost value, an unknown value and column, a second statement: told together, in order."""
    bad = GOOD.replace('clock    = "local"', 'clock    = "solar"')
    bad = bad.replace('values  = ["first_day", "last_day"]', 'values  = ["first_day"]', 1)
    bad = bad.replace(
        '["ref", "practitioner", "state", "mark", "day", "start_time", "end_time"]', '["ref", "doctor"]', 1
    )
    bad = bad.replace('"SELECT code, label FROM visit_types"', '"SELECT code, label FROM visit_types; DROP TABLE x"')
    bad = bad.replace('values = ["now", "ref"]', 'values = ["now", "reff"]', 1)
    told = faults(bad)
    assert told == sorted(told, key=lambda one: one[0])
    keys = {(line, key) for line, key, _ in told}
    assert {
        (line_of(bad, '"solar"'), "mapping.clock"),
        (line_of(bad, 'values  = ["first_day"]'), "open.values"),
        (line_of(bad, '"doctor"'), "busy.columns"),
        (line_of(bad, "DROP TABLE"), "types.sql"),
        (line_of(bad, '"reff"'), "cancel.values"),
    } <= keys
    said = [says for _, key, says in told if key == "busy.columns"]
    assert "no column has this name here" in said
    assert "nothing says when it starts" in said
    assert "nothing says when it ends" in said


@pytest.mark.parametrize(
    ("old", "new", "key", "says"),
    [
        ('database = "mysql"', 'database = "postgresql"', "book.sql", "does not answer the new row's number"),
        ("[see] ", "[saw] ", "see", "the section [see] is missing"),
        ("[see] ", "[saw] ", "saw", "this key is not known here"),
        ('"SELECT ON doctors"', '"ALL ON doctors"', "rights.read", "this right cannot be read"),
        ('"SELECT ON doctors"', '"SELECT ON doctors; DROP"', "rights.read", "this right cannot be read"),
        ('"text", "mark", "now"]', '"text", "text", "now"]', "book.values", "carries no mark of ours"),
        ("[token]", "[tokend]", "tokens", "[tokens] and [token] go together"),
        (
            "INSERT INTO appointments(doctor_id, visit_day, start_time, last_minute, patient_id",
            "UPDATE x SET a",
            "book.sql",
            "needs [row]",
        ),
        ('table = "appointments"', "", "book.table", "the key table is missing"),
        (
            "[scratch.desk_move]",
            "[scratch.desk_moved]",
            "scratch.desk_move",
            "the section [scratch.desk_move] is missing",
        ),
        ("SELECT id, CONCAT", "DELETE id, CONCAT", "people.sql", "this query only reads"),
        (
            "UPDATE appointments SET status = 'cancelled', ch",
            "SELECT status = 'cancelled', ch",
            "cancel.sql",
            "an INSERT, an UPDATE",
        ),
        ('"practitioner", "name"]', '"practitioner"]', "people.columns", "the column name is missing"),
    ],
)
def test_a_fault_has_its_key_and_its_sentence(old: str, new: str, key: str, says: str) -> None:
    """What each check finds."""
    assert old in GOOD
    assert [one for one in faults(GOOD.replace(old, new, 1)) if one[1] == key and says in one[2]]


def test_a_file_without_book_only_reads() -> None:
    """Four sections are enough to share slots."""
    head = GOOD.partition("# ---- Inscrire")[0]
    rights = '[rights]\nread = ["SELECT ON working_hours"]\n'
    file = read(head + rights, "m.toml")
    assert (file.books, file.can_prove, file.writes) == (False, False, ())


def test_what_stands_in_texts_and_comments_is_not_sql() -> None:
    """A question mark or a semicolon in a text, a quoted name or a comment counts for nothing."""
    sql = "SELECT '?;', \"a?\", [b;c] -- ?;\n, /* ? */ x FROM t WHERE y = ? AND z LIKE 'it''s ?'"
    assert (places(sql), is_one(sql)) == (1, True)
    assert (is_one("SELECT 1; SELECT 2"), is_one("SELECT 1;")) == (False, True)
    assert "?" not in bare("'a?b'")


@pytest.mark.parametrize(
    "line", ["GRANT ALL ON x", "SELECT ON x TO y", "SELECT ON `x`", "SELECT (a;b) ON x", "DROP ON x"]
)
def test_a_right_outside_the_pattern_never_reaches_a_grant(line: str) -> None:
    """Only the four verbs, plain columns and plain tables."""
    assert right(line) is None


def test_a_missing_file_says_which_ones_there_are(tmp_path: Path) -> None:
    """The hint names the shipped mappings."""
    with pytest.raises(Misconfigured) as told:
        load(tmp_path / "absent.toml")
    assert told.value.key == "mapping"
    assert "gnuhealth" in str(told.value.hint)


def test_a_windows_file_is_understood(tmp_path: Path) -> None:
    """Saved by an editor in the system's own encoding, with Windows line ends."""
    path = tmp_path / "m.toml"
    path.write_bytes(GOOD.replace("\n", "\r\n").encode("cp1252"))
    assert load(path).name == "hours"


def test_the_guide_lists_every_word_of_the_schema() -> None:
    """docs/connect-an-emr.md names each section, value and column a file may use."""
    from adapters.sql.mapped import schema

    page = Path(__file__).parents[3] / "docs" / "connect-an-emr.md"
    words = set(re.findall(r"`\[?\[?([a-z_.]+)\]?\]?`", page.read_text(encoding="utf-8")))
    kinds = {**schema.READS, **schema.MAY_READ, **schema.BOOKINGS, **schema.MAY_BOOK}
    due = {*kinds, *(f"scratch.{name}" for name in schema.SCRATCH)}
    for kind in (*kinds.values(), *schema.SCRATCH.values()):
        due |= kind.values | kind.needs | kind.may
    assert due - words == set()
