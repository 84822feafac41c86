"""Every fault of a configuration is named with its key, its line and what to do."""

from pathlib import Path

import pytest

from agent.config import Faults, read_plan
from agent.ports import Entry, Option

EXAMPLE = (Path(__file__).parents[2] / "config.example.toml").read_text(encoding="utf-8")
ENTRIES = {
    "sql": Entry(
        "x:y",
        "",
        (
            Option("mapping", str, "oscar", "m"),
            Option("connection", str, ..., "where the database is"),
            Option("user", str, "", "u"),
            Option("long_codes", ("ask", "one-cell"), "ask", "l"),
        ),
        True,
    ),
    "rest": Entry(
        "x:z", "", (Option("connection.server", str, ..., "its server"), Option("connection.page", int, 50, "p")), False
    ),
    "both": Entry("x:z", "", (Option("connection", str, "", "c"), Option("connection.server", str, ..., "s")), False),
}


def faults(folder: Path, text: str | bytes, name: str = "creneau.toml") -> Faults:
    file = folder / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(Faults) as caught:
        read_plan(folder / "creneau.toml", ENTRIES)
    return caught.value


CASES = {
    "unknown key": ("# language =", "langage =", "clinic.langage", "did you mean language?"),
    "unknown section": ("[booking]", "[boking]", "boking", "did you mean booking?"),
    "key missing": ("contact  =", "# contact =", "clinic.contact", "config.example.toml shows it"),
    "text wanted": ('"Clinique du Fjord"   ', "12", "clinic.name", 'put the text between straight quotes: "…"'),
    "too short": ('"Clinique du Fjord"   ', '""', "clinic.name", None),
    "two lines": ('"Clinique du Fjord"   ', '"a\\nb"', "clinic.name", None),
    "language": ('# language = "fr"', 'language = "de"', "clinic.language", "choose one of: fr, en"),
    "hub over http": ("https://carr", "http://carr", "hub.url", "write https://…"),
    "hub with a path": ("example.org", "example.org/v1", "hub.url", "stop after the name of the server"),
    "hub with a user": ("https://carr", "https://u:p@carr", "hub.url", "write the address without it"),
    "hub no address": ("https://carrefour.example.org", "https://[x", "hub.url", None),
    "hub no host": ("https://carrefour.example.org", "hubby", "hub.url", None),
    "hub port": ("example.org", "example.org:99999", "hub.url", None),
    "proxy": ('# proxy   = ""', 'proxy = "socks5://x"', "hub.proxy", "write http://server:port"),
    "emr id": ('id         = "dme"', 'id = "d:me"', "emr.id", None),
    "adapter": ('"sql"', '"sqk"', "emr.adapter", "choose one of: both, rest, sql"),
    "bookings": (
        '# bookings   = "tasks"',
        'bookings = "auto"',
        "emr.bookings",
        "choose one of: tasks, automatic, none",
    ),
    "poll unit": ('# poll       = "60s"', 'poll = "1m"', "emr.poll", None),
    "poll number": ('# poll       = "60s"', "poll = 60", "emr.poll", None),
    "poll too long": ('# poll       = "60s"', 'poll = "2d"', "emr.poll", None),
    "adapter's word": ('# long_codes = "ask"', 'long_codes = "no"', "emr.long_codes", "choose one of: ask, one-cell"),
    "adapter's type": ('"oscar"', "70707", "emr.mapping", None),
    "adapter's compulsory": ("connection = '", "# '", "emr.connection", "where the database is"),
    "unknown option": ("mapping    =", "maping =", "emr.maping", "did you mean mapping?"),
    "password": ("DATABASE=oscar", "PWD=hunter2", "emr.connection", "take it out, then: creneau secret set dme"),
    "password in a key": ("mapping    =", "password =", "emr.password", None),
    "password in a url": ('"oscar"', '"https://u:hunter2@x/"', "emr.mapping", None),
    "site's emr": ('emr       = "dme"', 'emr = "dne"', "site.emr", "did you mean dme?"),
    "zone": ('# time_zone = "America/Toronto"', 'time_zone = "Quebec"', "site.time_zone", None),
    "zone folder": ('# time_zone = "America/Toronto"', 'time_zone = "America"', "site.time_zone", None),
    "zone type": ('# time_zone = "America/Toronto"', "time_zone = 5", "site.time_zone", None),
    "type code number": ('["1"]', "[1]", "types.suivi", None),
    "type code twice": ('["1"]', '["s"]', "types.suivi", None),
    "types no list": ('["1"]', '"1"', "types.suivi", None),
    "types empty": ('["1"]', "[ ]", "types.suivi", None),
    "person no table": ('{ name = "C. Côté, IPSPL", agreed = 2026-11-17 }', "true", "practitioners.103", None),
    "accord text": ("2026-11-17 }", '"2026-11-17" }', "practitioners.103.agreed", "write 2027-06-30, without quotes"),
    "enabled text": ("enabled = false", 'enabled = "no"', "sharing.enabled", None),
    "expires missing": ("expires =", "# expires =", "sharing.expires", None),
    "expires moment": ("2027-06-30", "2027-06-30T08:00:00", "sharing.expires", None),
    "team_min": ("# team_min        = 3", "team_min = 0", "sharing.team_min", None),
    "team_min text": ("# team_min        = 3", 'team_min = "3"', "sharing.team_min", "write the number without quotes"),
    "star": ('["101", "102", "103"]', '["*"]', "sharing.allow.practitioners", None),
    "stranger": ('"102", "103"', '"102", "104"', "sharing.allow.practitioners", "did you mean 103?"),
    "strange word": ('= ["sans-rendez-vous"]', '= ["sans-rdv"]', "sharing.allow.types", None),
    "strange site": ('# sites   = ["*"]', 'sites = ["principl"]', "sharing.allow.sites", "did you mean principal?"),
    "day": ('["ven"]', '["vendredi"]', "sharing.deny.days", None),
    "between one": ('["12:00", "24:00"]', '["12:00"]', "sharing.deny.between", 'write ["08:00", "12:00"]'),
    "between order": ('["12:00", "24:00"]', '["12:00", "08:00"]', "sharing.deny.between", None),
    "between time": ('["12:00", "24:00"]', '["12:00", "24:01"]', "sharing.deny.between", None),
    "between minute": ('["12:00", "24:00"]', '["11:60", "13:00"]', "sharing.deny.between", None),
    "clientele": ('"anyone"', '"any"', "sharing.allow.publish_as.clientele", None),
    "doctor's own and team": ('"anyone"', '"enrolled-with-doctor"', "sharing.allow.publish_as.clientele", None),
    "publish_as": (
        '{ clientele = "anyone", reason = "urgent", mode = "on-site" }',
        '"x"',
        "sharing.allow.publish_as",
        None,
    ),
    "months": ('# ledger_keep = "36m"', 'ledger_keep = "3y"', "service.ledger_keep", None),
    "email": ("# email  = []", 'email = ["x"]', "desk.email", None),
    "email no server": ("# email  = []", 'email = ["a@b.ca"]', "desk.smtp", None),
    "smtp": ('# smtp   = ""', 'smtp = "mail"', "desk.smtp", None),
    "single brackets": ("[[site]]", "[site]", "site", "write [[site]]"),
    "no section": ("[desk]", "[booking.desk]", "booking.desk", None),
    "proxy with a user": (
        '# proxy   = ""',
        'proxy = "http://u:hunter2@x:1"',
        "hub.proxy",
        "write the address without it",
    ),
    "proxy no text": ('# proxy   = ""', "proxy = 1", "hub.proxy", None),
    "hub no text": ('"https://carrefour.example.org"', "12345", "hub.url", None),
    "deny star": ('days    = ["ven"]', 'practitioners = ["*"]', "sharing.deny.practitioners", None),
    "list wanted": ("# email  = []", 'email = "a@b.ca"', "desk.email", None),
    "section as value": ("[hub] ", "service = 5\n[hub] ", "clinic.service", None),
}


@pytest.mark.parametrize("case", CASES)
def test_one_mistake_is_one_named_fault(tmp_path: Path, case: str) -> None:
    """Each mistake is named by its key, on its own line, with the hint that mends it."""
    before, after, key, hint = CASES[case]
    text = EXAMPLE.replace(before, after, 1)
    assert text != EXAMPLE
    wrong = faults(tmp_path, text)
    found = [fault for fault in wrong.faults if fault.key == key]
    assert found, [(fault.key, str(fault.says)) for fault in wrong.faults]
    line = text[: text.index(after)].count("\n") + 1
    absent = case in {"key missing", "expires missing", "adapter's compulsory", "email no server"}
    assert absent or found[0].line == line
    assert hint is None or str(found[0].hint) == hint
    assert "hunter2" not in repr(wrong.faults)


def test_all_faults_come_at_once_in_order(tmp_path: Path) -> None:
    """Ten mistakes are ten faults; the error itself speaks for the first."""
    picked = ["language", "hub over http", "emr id", "poll unit", "zone", "type code number", "accord text"]
    picked += ["team_min", "day", "months"]
    text = EXAMPLE
    for case in picked:
        before, after, _, _ = CASES[case]
        text = text.replace(before, after, 1)
    wrong = faults(tmp_path, text)
    keys = {CASES[case][2] for case in picked}
    assert keys <= {fault.key for fault in wrong.faults}
    lines = [fault.line for fault in wrong.faults]
    assert lines == sorted(lines)
    assert (wrong.key, wrong.line) == ("clinic.language", wrong.faults[0].line)
    assert wrong.file.endswith("creneau.toml")


def test_values_are_shown_short(tmp_path: Path) -> None:
    """A fault shows the value as written, shortened, and true and false as TOML writes them."""
    text = EXAMPLE.replace("enabled = false", "enabled = 1").replace("# team_min        = 3", "team_min = true")
    shown = {fault.key: fault.value for fault in faults(tmp_path, text.replace('"fr"', '"fr"')).faults}
    assert shown == {"sharing.enabled": "1", "sharing.team_min": "true"}
    long = EXAMPLE.replace('# language = "fr"', f'language = "{"x" * 99}"')
    assert len(faults(tmp_path, long).faults[0].value) == 60


ANOTHER = """
[[emr]]
id = "dme2"
adapter = "rest"
connection = { server = "x", pages = 3 }
"""


def test_sources_and_sites_have_their_own_ids(tmp_path: Path) -> None:
    """Ids that stand twice are faults where they stand the second time."""
    block = EXAMPLE[EXAMPLE.index("[[emr]]") : EXAMPLE.index("[types] ")]
    wrong = faults(tmp_path, EXAMPLE + "\n" + block)
    ids = [fault for fault in wrong.faults if str(fault.says) == "this id stands twice"]
    assert [fault.key for fault in ids] == ["emr.id", "site.id"]
    assert all(fault.line > EXAMPLE.count("\n") for fault in ids)


def test_two_sites_of_one_source_need_a_code_each(tmp_path: Path) -> None:
    """A star cannot tell two places apart."""
    block = EXAMPLE[EXAMPLE.index("[[site]]") : EXAMPLE.index("[types] ")].replace('"principal"', '"nord"')
    wrong = faults(tmp_path, EXAMPLE + "\n" + block)
    assert [fault.key for fault in wrong.faults] == ["site.emr_code", "site.emr_code"]


def test_a_second_source_asks_for_its_name_in_codes(tmp_path: Path) -> None:
    """With two sources a bare code is a fault, as are a source without a site and unknown nested options."""
    wrong = faults(tmp_path, EXAMPLE + ANOTHER)
    keys = [fault.key for fault in wrong.faults]
    assert {"types.suivi", "practitioners.101", "emr.connection.pages", "emr.id"} <= set(keys)
    hints = [str(fault.hint) for fault in wrong.faults if fault.key == "types.suivi"]
    assert hints == ['write "dme:1"']


@pytest.mark.parametrize(
    ("adapter", "connection", "keys"),
    [
        ("rest", "", ["emr.connection.server"]),
        ("rest", 'connection = "x"', ["emr.connection"]),
        ("rest", 'connection = { server = 5, page = "x" }', ["emr.connection.page", "emr.connection.server"]),
        ("both", "connection = {}", ["emr.connection.server"]),
        ("both", "connection = 3", ["emr.connection"]),
    ],
)
def test_nested_options_have_faults_of_their_own(
    tmp_path: Path, adapter: str, connection: str, keys: list[str]
) -> None:
    """An option inside a table is named with its whole key."""
    head, tail = EXAMPLE[: EXAMPLE.index("mapping ")], EXAMPLE[EXAMPLE.index("# bookings ") :]
    text = head.replace('"sql"', f'"{adapter}"') + connection + "\n" + tail
    assert sorted(fault.key for fault in faults(tmp_path, text).faults) == keys


def test_no_source_at_all_is_a_fault(tmp_path: Path) -> None:
    """A clinic without an EMR has nothing to publish."""
    text = EXAMPLE[: EXAMPLE.index("[[emr]]")] + EXAMPLE[EXAMPLE.index("[types] ") :]
    wrong = faults(tmp_path, text)
    assert ("emr", "no EMR is named") in [(fault.key, str(fault.says)) for fault in wrong.faults]


def test_an_empty_file_names_every_missing_key(tmp_path: Path) -> None:
    """An empty file is all faults, and none is about a line."""
    keys = {fault.key: fault.line for fault in faults(tmp_path, "").faults}
    assert keys == dict.fromkeys(
        ["clinic.name", "clinic.contact", "hub.url", "emr", "sharing.enabled", "sharing.expires"], 0
    )


def test_words_and_people_stand_in_sections(tmp_path: Path) -> None:
    """[types] and [practitioners] that are no sections are named, whatever the rules then miss."""
    head = "types = 5\npractitioners = []\n"
    text = EXAMPLE.replace("[types] ", "[booking.types]").replace("[practitioners]", "[booking.practitioners]")
    keys = {fault.key: fault.line for fault in faults(tmp_path, head + text).faults}
    assert (keys["types"], keys["practitioners"]) == (1, 2)


def test_two_rules_of_one_name_are_a_fault(tmp_path: Path) -> None:
    """A rule's name bounds holds and alternatives, so it is given once."""
    block = EXAMPLE[EXAMPLE.index("[[sharing.deny]]") : EXAMPLE.index("[booking]")]
    wrong = faults(tmp_path, EXAMPLE + "\n" + block)
    assert [fault.key for fault in wrong.faults] == ["sharing.deny.name"]


def test_a_part_stands_in_one_file_only(tmp_path: Path) -> None:
    """With sharing.toml beside it, the main file holds no sharing part, and sharing.toml nothing else."""
    (tmp_path / "sharing.toml").write_text('[types]\nx = ["1"]\n[clinic]\nname = "y"\n', encoding="utf-8")
    wrong = faults(tmp_path, EXAMPLE)
    places = {(Path(fault.file).name, fault.key) for fault in wrong.faults}
    assert places >= {
        ("creneau.toml", "types"),
        ("creneau.toml", "practitioners"),
        ("creneau.toml", "sharing"),
        ("sharing.toml", "clinic"),
    }


def test_both_files_are_read_before_a_syntax_fault_is_told(tmp_path: Path) -> None:
    """A syntax fault in each of the two files gives two faults."""
    (tmp_path / "sharing.toml").write_text("x = \n", encoding="utf-8")
    wrong = faults(tmp_path, "y = \n")
    assert [(Path(fault.file).name, fault.line) for fault in wrong.faults] == [("creneau.toml", 1), ("sharing.toml", 1)]


SYNTAX = {
    'name = "Clinique': "a quote is missing",
    'name = Clinique"': "a quote is missing",
    "name = Clinique du Fjord": "the text has no quotes around it",
    "name = “Clinique”": "typographic quotes are not accepted",
    "name = «Clinique»": "typographic quotes are not accepted",
    "name = 'l'accueil'": "an apostrophe stands inside single quotes",
    "share = 2,5": "the number has a decimal comma",
    "expires = 30-06-2027": "the date is not written year-month-day",
    "expires = 2027/06/30": "the date is not written year-month-day",
    "expires = 2027-02-30": "the date is not written year-month-day",
    'folder = "D:\\Creneau"': "a backslash stands between double quotes",
    'folder = "C:\\Users"': "a backslash stands between double quotes",
    "poll = 60s": "a time or a duration stands without quotes",
    "between = [08:00, 12:00]": "a time or a duration stands without quotes",
    "enabled = oui": "yes and no are written true and false",
    "name =": "nothing stands after the equals sign",
    "name: Clinique": "a key and its value are joined by an equals sign",
    "bonjour tout le monde": "this line is neither a section, nor a key and its value, nor a comment",
    "clé = 1": "a key with accents or spaces needs quotes",
    "x = 1 y = 2": "something stands after the value",
    'days = ["lun" "mar"]': "a comma is missing between two values",
    "[clinic": "a bracket is not closed",
    "x = [1, 2\n": "a bracket is not closed",
    "x = { a = 1\n": "a bracket is not closed",
    'x = """a\n': "a quote is missing",
    "x =": "nothing stands after the equals sign",
    "x = 1\nx = 2": "the key stands twice in the same section",
    "x.y = 1\nx = 2": "the key stands twice in the same section",
    "x = { a = 1, a = 2 }": "the key stands twice in the same section",
    "[desk]\n[desk]": "the section stands twice",
    "[emr]\n[[emr]]": "the section stands twice",
    "= 3": "the line is not TOML",
    "x = \x01": "the line is not TOML",
    f"x = {'[' * 5000}": "brackets are nested too deeply",
    f"x = {'9' * 5000}": "a value cannot be read",
}


@pytest.mark.parametrize("end", ["", "\n# fin\n"])
@pytest.mark.parametrize("text", SYNTAX, ids=range(len(SYNTAX)))
def test_a_syntax_fault_is_one_plain_sentence(tmp_path: Path, text: str, end: str) -> None:
    """The usual mistakes of people who do not write TOML are named as such, on their line."""
    wrong = faults(tmp_path, "# début\n" + text + end)
    assert [str(fault.says) for fault in wrong.faults] == [SYNTAX[text]]
    far = wrong.faults[0].line
    assert far == 0 or far in {2, 3} or end


def test_a_file_that_ends_too_soon_is_named(tmp_path: Path) -> None:
    """An end in the middle of a key says so."""
    assert str(faults(tmp_path, '"a"').faults[0].says) in {
        "the file ends in the middle of a line",
        "this line is neither a section, nor a key and its value, nor a comment",
        "the line is not TOML",
    }


@pytest.mark.parametrize("raw", [b"\x81\x8d = 1", b"\xff\xfea", b"\xef\xbb\xbf\xff", b"a\0\xd8\0", b"\0\0\0\0a\0"])
def test_bytes_that_are_no_text_are_named(tmp_path: Path, raw: bytes) -> None:
    """A file in no known encoding is a fault, not a crash."""
    wrong = faults(tmp_path, raw)
    assert len(wrong.faults) == 1


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    """No file, a folder and a huge file each have their sentence."""
    with pytest.raises(Faults) as absent:
        read_plan(tmp_path / "no.toml", ENTRIES)
    assert str(absent.value.hint) == "creneau init writes one"
    with pytest.raises(Faults) as folder:
        read_plan(tmp_path, ENTRIES)
    assert str(folder.value.what) == "the file cannot be read"
    assert str(faults(tmp_path, "#" * (1 << 20) + "##").what) == "the file is larger than 1 MiB"


def test_a_file_of_another_account_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file this account may not read is named as such."""

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(Faults) as wrong:
        read_plan(tmp_path / "creneau.toml", ENTRIES)
    assert str(wrong.value.what) == "the file may not be read by this account"
