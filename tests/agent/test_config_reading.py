"""A configuration file becomes one plan."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from agent.config import Faults, applied_rules, data_folder, locate, read_plan, sharing_text
from agent.core.model import Severity
from agent.ports import Entry, Option
from tests.agent.config_scene import ENTRIES, EXAMPLE, write

TWO = (
    EXAMPLE.replace(
        "[types] ",
        """[[emr]]
id = "autre"
adapter = "rest"
bookings = "automatic"
connection = { server = "a.example", page = 7 }
folder = "recus"
wait = "2min"

[[site]]
id = "nord"
emr = "autre"
name = "Nord"
address = "2, rue Nord"
phone = "418 555-0199"
time_zone = "America/Blanc-Sablon"

[types] """,
    )
    .replace('"s", "W"', '"dme:s", "autre:W"')
    .replace('["1"]', '["dme:1"]')
    .replace("101 =", '"dme:101" =')
    .replace("102 =", '"dme:102" =')
    .replace("103 =", '"autre:103" =')
    .replace('"101", "102", "103"', '"dme:101", "dme:102", "autre:103"')
)


def test_the_example_is_a_plan(tmp_path: Path) -> None:
    """The example file gives a whole plan with every default filled in."""
    plan = read_plan(write(tmp_path, EXAMPLE), ENTRIES)
    assert plan.clinic.language == "fr"
    assert plan.emrs[0].options["connection"].startswith("DRIVER=")
    assert plan.emrs[0].options["long_codes"] == "ask"
    assert plan.emrs[0].poll == timedelta(seconds=60)
    assert plan.sharing.types == {
        ("dme", "s"): "sans-rendez-vous",
        ("dme", "W"): "sans-rendez-vous",
        ("dme", "1"): "suivi",
    }
    assert plan.sharing.roster["dme", "103"].agreed == date(2026, 11, 17)
    assert plan.sharing.allow[0].match.days == frozenset(range(5))
    assert plan.sharing.deny[0].match.days == {4}
    assert plan.sharing.deny[0].match.between == (720, 1440)
    assert plan.sharing.zones == {"principal": "America/Toronto"}
    assert plan.sharing.confirmation == {"dme": "request"}
    assert plan.service.ledger_keep == 36
    assert plan.notes == ()


def test_lines_of_rules_people_and_sources_are_those_of_the_file(tmp_path: Path) -> None:
    """Every line number of the plan points at the line a person would look for."""
    plan = read_plan(write(tmp_path, EXAMPLE), ENTRIES)
    lines = EXAMPLE.split("\n")
    assert lines[plan.sharing.allow[0].line - 1].startswith("[[sharing.allow]]")
    assert lines[plan.sharing.deny[0].line - 1].startswith("[[sharing.deny]]")
    assert lines[plan.sharing.roster["dme", "102"].line - 1].startswith("102 =")
    assert lines[plan.emrs[0].line - 1].startswith("[[emr]]")


def test_two_sources_name_their_codes(tmp_path: Path) -> None:
    """With two sources each code carries its source, and adapters' nested options are read."""
    plan = read_plan(write(tmp_path, TWO), ENTRIES)
    assert ("autre", "W") in plan.sharing.types
    assert plan.sharing.allow[0].match.practitioners == {("dme", "101"), ("dme", "102"), ("autre", "103")}
    assert plan.sharing.confirmation == {"dme": "request", "autre": "instant"}
    assert plan.emrs[1].options == {
        "connection.server": "a.example",
        "connection.page": 7,
        "folder": tmp_path / "recus",
        "wait": timedelta(minutes=2),
        "strict": True,
        "headers": {},
    }


def test_with_one_source_its_name_before_a_code_is_allowed(tmp_path: Path) -> None:
    """A clinic that writes "dme:s" from the start need not change when a second source comes."""
    one = read_plan(write(tmp_path, EXAMPLE.replace('"s", "W"', '"dme:s", "W"')), ENTRIES)
    assert ("dme", "s") in one.sharing.types


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_usual_encodings_are_understood(tmp_path: Path, codec: str) -> None:
    """A file saved by any Windows editor gives the same plan; other than UTF-8 it is remarked upon."""
    text = EXAMPLE.replace("\n", "\r\n")
    plan = read_plan(write(tmp_path, text.encode(codec)), ENTRIES)
    assert plan.sites[0].name == "Clinique du Fjord, 2e étage"
    assert [note.code for note in plan.notes] == ([] if codec == "utf-8-sig" else ["config.encoding"])


def test_a_big_endian_mark_is_understood(tmp_path: Path) -> None:
    """A UTF-16 file that begins with the big-endian mark is read."""
    raw = b"\xfe\xff" + EXAMPLE.encode("utf-16-be")
    assert read_plan(write(tmp_path, raw), ENTRIES).clinic.name == "Clinique du Fjord"


def test_the_sharing_part_may_stand_apart(tmp_path: Path) -> None:
    """The manager's part in sharing.toml gives the same rules and the same digest."""
    whole = read_plan(write(tmp_path, EXAMPLE), ENTRIES)
    part = sharing_text(tmp_path / "creneau.toml")
    rest = [line for line, kept in zip(EXAMPLE.split("\n"), (part + "\n" * 99).split("\n"), strict=False) if not kept]
    write(tmp_path, "\n".join(rest))
    write(tmp_path, part, "sharing.toml")
    apart = read_plan(tmp_path / "creneau.toml", ENTRIES)
    assert apart.sharing == whole.sharing
    assert sharing_text(tmp_path / "creneau.toml") == part


def test_the_applied_text_gives_the_rules_back(tmp_path: Path) -> None:
    """What `sharing apply` keeps is enough to have the same rules again, lines included."""
    plan = read_plan(write(tmp_path, EXAMPLE), ENTRIES)
    assert applied_rules(sharing_text(plan.file), plan) == plan.sharing


def test_applied_rules_of_a_source_that_is_gone_are_a_fault(tmp_path: Path) -> None:
    """Rules kept from another time never bend to a file that no longer names their source."""
    two = read_plan(write(tmp_path, TWO), ENTRIES)
    text = sharing_text(two.file)
    one = read_plan(write(tmp_path, EXAMPLE.replace('"dme"', '"nouveau"')), ENTRIES)
    with pytest.raises(Faults):
        applied_rules(text.replace('sites   = ["*"]', "") + '\n[[sharing.deny]]\nname = "xx"\nsites = ["nord"]\n', one)


def test_the_digest_follows_values_only(tmp_path: Path) -> None:
    """Remarks and blanks leave the digest alone; a value changes it."""
    before = read_plan(write(tmp_path, EXAMPLE), ENTRIES).sharing.digest
    remarked = EXAMPLE.replace("enabled = false", "\n# encore une remarque\nenabled   =   false")
    assert read_plan(write(tmp_path, remarked), ENTRIES).sharing.digest == before
    changed = EXAMPLE.replace("enabled = false", "enabled = true")
    assert read_plan(write(tmp_path, changed), ENTRIES).sharing.digest != before


def test_a_team_that_is_too_small_is_a_warning(tmp_path: Path) -> None:
    """Fewer people than the team promises do not stop the agent; it says that those slots stay."""
    text = EXAMPLE.replace('"101", "102", "103"', '"101", "102"').replace(
        'name = "Dr B. Simard",   agreed = 2026-11-16', 'name = "Dr B. Simard"'
    )
    plan = read_plan(write(tmp_path, text), ENTRIES)
    assert [(note.code, note.severity) for note in plan.notes] == [
        ("sharing.team-min", Severity.WARN),
        ("sharing.no-accord", Severity.NOTE),
    ]


def test_a_file_without_a_rule_shares_nothing_and_says_so(tmp_path: Path) -> None:
    """No allow rule is no fault: nothing is shared."""
    head = EXAMPLE.split("[[sharing.allow]]", maxsplit=1)[0]
    plan = read_plan(write(tmp_path, head), ENTRIES)
    assert plan.sharing.allow == ()
    assert [note.code for note in plan.notes] == ["sharing.no-rule"]
    assert plan.booking.label == "Réservé en ligne"


def test_types_star_means_every_named_word(tmp_path: Path) -> None:
    """A star for types stands for the words of the file, never for an unknown code."""
    text = EXAMPLE.replace('types         = ["sans-rendez-vous"]', 'types = ["*"]')
    plan = read_plan(write(tmp_path, text), ENTRIES)
    assert plan.sharing.allow[0].match.types == set(plan.sharing.types)


def test_paths_are_taken_from_the_folder_of_the_file(tmp_path: Path) -> None:
    """A relative path means the same whatever folder the command is run from."""
    text = EXAMPLE.replace('# ca_file = ""', 'ca_file = "ca.pem"').replace('# data_dir    = ""', 'data_dir = "etat"')
    plan = read_plan(write(tmp_path, text), ENTRIES)
    assert plan.hub.ca_file == str(tmp_path / "ca.pem")
    assert plan.service.data_dir == tmp_path / "etat"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Hub.Example.org/", "https://hub.example.org"),
        ("https://hub.example.org:443", "https://hub.example.org"),
        ("https://127.0.0.1:8443", "https://127.0.0.1:8443"),
        ("https://[::1]:8443", "https://[::1]:8443"),
    ],
)
def test_the_hub_is_kept_as_its_origin(tmp_path: Path, url: str, origin: str) -> None:
    """However it is written, the same hub has the same origin: it is signed."""
    text = EXAMPLE.replace("https://carrefour.example.org", url)
    assert read_plan(write(tmp_path, text), ENTRIES).hub.url == origin


def test_locate_prefers_the_option_then_the_environment(tmp_path: Path) -> None:
    """The file is --config, else CRENEAU_CONFIG, else the system's place."""
    assert locate("a.toml", {"CRENEAU_CONFIG": "b.toml"}) == Path("a.toml").absolute()
    assert locate(None, {"CRENEAU_CONFIG": str(tmp_path)}) == tmp_path
    assert locate(None, {}).name == "creneau.toml"


def test_the_data_folder_is_read_past_any_fault(tmp_path: Path) -> None:
    """A file with a missing quote, in any encoding, still says where its agent is; one that says nothing means the default."""
    text = "[service]\n# data_dir = 'not/this'\n  data_dir = 'état'   # here\nexpires = \"x\n"
    for encoding in ("utf-8", "utf-16", "cp1252"):
        file = tmp_path / "c.toml"
        file.write_bytes(text.encode(encoding))
        assert data_folder(file) == tmp_path / "état"
    file.write_text('data_dir = "/srv/x"', encoding="utf-8")
    assert data_folder(file) == Path("/srv/x")
    file.write_text("[service]\n", encoding="utf-8")
    assert data_folder(file) == data_folder(tmp_path / "missing.toml")


@pytest.mark.parametrize(("codes", "warned"), [(["B"], []), (["s"], ["s"]), (["dme:W", "B"], ["W"])])
def test_a_type_given_to_two_booking_sites_is_a_warning(tmp_path: Path, codes: list[str], warned: list[str]) -> None:
    """Two sites that sell one type would sell one time twice; the file is read all the same."""
    told = EXAMPLE.replace(
        "# other_channels = {}", f'other_channels = {{ "Bonjour-santé" = {codes} }}'.replace("'", '"')
    )
    (tmp_path / "x.toml").write_text(told, encoding="utf-8")
    plan = read_plan(tmp_path / "x.toml", ENTRIES)
    found = [note for note in plan.notes if note.code == "booking.two-channels"]
    assert [dict(note.says.args)["code"] for note in found] == warned
    assert all(note.severity is Severity.WARN for note in found)


@pytest.mark.parametrize("written", ['"Bonjour"', "{ Bonjour = [] }", '{ Bonjour = "B" }'])
def test_other_channels_out_of_form_are_a_fault(tmp_path: Path, written: str) -> None:
    """A name without its types is no channel."""
    told = EXAMPLE.replace("# other_channels = {}", f"other_channels = {written}")
    (tmp_path / "x.toml").write_text(told, encoding="utf-8")
    with pytest.raises(Faults):
        read_plan(tmp_path / "x.toml", ENTRIES)


READS = {
    "drop": Entry("x:d", "", (Option("folder", Path, ..., "f"),), books=False),
    "feed": Entry(
        "x:f", "", (Option("role", ("agenda", "wake"), "agenda", "r"), Option("to", str, "", "t")), True, "to"
    ),
}
OTHER = """
[[emr]]
id = "autre"
adapter = "{adapter}"
bookings = "{bookings}"
{more}
"""


@pytest.mark.parametrize(
    ("adapter", "bookings", "more", "fault"),
    [
        ("drop", "automatic", 'folder = "in"', "emr.bookings"),
        ("feed", "automatic", 'role = "wake"', "emr.bookings"),
        ("feed", "automatic", 'role = "wake"\nto = "dme:1"', None),
        ("feed", "tasks", 'role = "wake"', None),
        ("feed", "tasks", "", "emr.id"),
    ],
)
def test_a_source_that_only_reads_is_never_booked_at_once(
    tmp_path: Path, adapter: str, bookings: str, more: str, fault: str | None
) -> None:
    """Its slots would be sold as certain and then wait for a person; one that only wakes needs no site."""
    text = EXAMPLE + OTHER.format(adapter=adapter, bookings=bookings, more=more)
    if adapter == "drop":
        text += '[[site]]\nid = "x"\nemr = "autre"\nname = "Nord"\naddress = "2, rue Nord"\nphone = "418 555-0101"\n'
    file = write(tmp_path, text)
    if fault is None:
        assert len(read_plan(file, ENTRIES | READS).emrs) == 2
        return
    with pytest.raises(Faults) as faults:
        read_plan(file, ENTRIES | READS)
    assert fault in [one.key for one in faults.value.faults]
