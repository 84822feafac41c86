"""The example file, the code and `creneau init` say the same."""

import re
import tomllib
from datetime import date, timedelta
from pathlib import Path

import pytest

from adapters.catalog import ENTRIES
from agent.config import WAYS, example_text, read_plan, write_example
from agent.config.schema import ACCORD, ALLOW, ARRAYS, DENY, PUBLISH_AS, SHARING, TABLES
from agent.config.values import spell
from agent.core.errors import Misconfigured

EXAMPLE = (Path(__file__).parents[2] / "config.example.toml").read_text(encoding="utf-8")
SECTIONS = {**TABLES, **ARRAYS, "sharing": SHARING, "sharing.allow": ALLOW, "sharing.deny": DENY}
COMMENTED = re.compile(r"# (?P<pair>(?P<key>[a-z_]+)\s*= (?:\"[^\"]*\"|\[[^\]]*\]|[^#\s]+))(?:\s*#.*)?")


def commented() -> list[tuple[str, str, object]]:
    """Every commented `# key = value` line: section, key, value."""
    section, found = "", []
    for line in EXAMPLE.split("\n"):
        header = re.match(r"\[+([a-z_.]+)\]+", line)
        section = header[1] if header else section
        match = COMMENTED.fullmatch(line)
        if match:
            found.append((section, match["key"], tomllib.loads(match["pair"])[match["key"]]))
    return found


def test_the_example_is_read_without_a_fault(tmp_path: Path) -> None:
    """The example is a whole configuration, with the adapters as they are."""
    (tmp_path / "x.toml").write_text(EXAMPLE, encoding="utf-8")
    assert read_plan(tmp_path / "x.toml", ENTRIES).clinic.name == "Clinique du Fjord"


@pytest.mark.parametrize(("section", "key", "value"), commented())
def test_a_commented_key_shows_the_default(section: str, key: str, value: object) -> None:
    """Uncommenting a line of the example changes nothing."""
    ours = {one.name: one.default for one in SECTIONS[section]}
    theirs = {option.key: option.default for option in ENTRIES["sql"].options}
    assert (ours | (theirs if section == "emr" else {}))[key] == value


def test_uncommenting_every_line_gives_the_same_plan(tmp_path: Path) -> None:
    """All commented lines together are the defaults."""
    lines = [COMMENTED.sub(r"\g<pair>", line) if COMMENTED.fullmatch(line) else line for line in EXAMPLE.split("\n")]
    file = tmp_path / "x.toml"
    file.write_text(EXAMPLE, encoding="utf-8")
    plain = read_plan(file, ENTRIES)
    file.write_text("\n".join(lines), encoding="utf-8")
    whole = read_plan(file, ENTRIES)
    assert (whole.clinic, whole.hub, whole.emrs, whole.sites) == (plain.clinic, plain.hub, plain.emrs, plain.sites)
    assert (whole.booking, whole.desk, whole.service) == (plain.booking, plain.desk, plain.service)
    assert (whole.sharing.allow, whole.sharing.deny) == (plain.sharing.allow, plain.sharing.deny)
    assert whole.sharing.team_min == plain.sharing.team_min
    assert len(commented()) >= 25


def test_every_option_of_the_code_is_in_the_example() -> None:
    """A key that the code reads and the example does not show does not exist."""
    shown: dict[str, set[str]] = {}
    section = ""
    for line in EXAMPLE.split("\n"):
        header = re.match(r"\[+([a-z_.]+)\]+", line)
        section = header[1] if header else section
        shown.setdefault(section, set()).update(re.findall(r"([a-z_]+)\s*[=(:]", line))
    shown["sharing.deny"] |= shown["sharing.allow"]
    for name, keys in SECTIONS.items():
        assert {key.name for key in keys} <= shown[name], name
    assert {key.name for key in ACCORD} <= shown["practitioners"]
    assert {key.name for key in PUBLISH_AS} <= shown["sharing.allow"]
    assert {option.key for option in ENTRIES["sql"].options} <= shown["emr"]


def beside(adapter: str) -> str:
    """Return the lines the example shows for another adapter than its own, as they would be written."""
    lines = re.search(rf'^#   adapter +=\s+"{adapter}".*\n(?:#   .*\n)+', EXAMPLE, re.MULTILINE)
    assert lines is not None
    return re.sub(r"^#   ", "", lines[0], flags=re.MULTILINE)


def test_the_example_shows_every_option_of_fhir_at_its_default(tmp_path: Path) -> None:
    """What is no default is said to be an example; the lines, put into the section, are a faultless source."""
    lines, options = beside("fhir"), {option.key: option for option in ENTRIES["fhir"].options}
    shown = tomllib.loads(lines)
    assert shown.keys() - {"adapter"} == options.keys()
    examples = {key for key in options if re.search(rf"^{key} .*# exemple", lines, re.MULTILINE)}
    assert {key for key in options if shown[key] != options[key].default} == examples
    whole = re.sub(r"^(adapter|mapping|connection|user) .*\n", "", EXAMPLE, flags=re.MULTILINE)
    (tmp_path / "x.toml").write_text(
        whole.replace('id         = "dme"\n', f'id         = "dme"\n{lines}'), encoding="utf-8"
    )
    (source,) = read_plan(tmp_path / "x.toml", ENTRIES).emrs
    assert (source.adapter, source.options["certificate"]) == ("fhir", tmp_path / "clinique.pem")


def test_the_example_shows_every_option_of_hl7(tmp_path: Path) -> None:
    """What is no default is said to be an example; the lines, put into the section, are a faultless source."""
    lines, options = beside("hl7"), {option.key: option for option in ENTRIES["hl7"].options}
    whole = re.sub(r"^(adapter|mapping|connection|user) .*\n", "", EXAMPLE, flags=re.MULTILINE)
    file = tmp_path / "x.toml"
    file.write_text(whole.replace('id         = "dme"\n', f'id         = "dme"\n{lines}'), encoding="utf-8")
    (source,) = read_plan(file, ENTRIES).emrs
    shown = {
        f"{key}.{name}" if name else key: None
        for key, value in tomllib.loads(lines).items()
        for name in (value if isinstance(value, dict) else [""])
    }
    assert shown.keys() - {"adapter"} == options.keys()
    examples = {key for key in options if re.search(rf"^{key.partition('.')[0]} .*# exemple", lines, re.MULTILINE)}
    assert {key for key in options if source.options[key] != options[key].default} <= examples
    assert source.options["view.mapping"] == tmp_path / "heures.toml"


def test_the_example_shows_every_option_of_files() -> None:
    """What is no default is said to be an example."""
    lines, options = beside("files"), {option.key: option for option in ENTRIES["files"].options}
    shown = tomllib.loads(lines)
    assert shown.keys() - {"adapter"} == options.keys()
    examples = {key for key in options if re.search(rf"^{key} .*# exemple", lines, re.MULTILINE)}
    spelt = {key: spell(o.default) if isinstance(o.default, timedelta) else o.default for key, o in options.items()}
    assert {key for key in options if shown[key] != spelt[key]} == examples


@pytest.mark.parametrize("way", WAYS)
def test_a_way_into_the_emr_stands_alone_in_the_clinics_file(way: str, tmp_path: Path) -> None:
    """The lines of the others stay in the example; what this one cannot do without is set, the rest is shown."""
    text = example_text({"emr.adapter": way})
    (tmp_path / "x.toml").write_text(text, encoding="utf-8")
    (source,) = read_plan(tmp_path / "x.toml", ENTRIES).emrs
    assert source.adapter == way
    section = text[text.index("[[emr]]") : text.index("[[site]]")]
    shown = {key.partition(".")[0] for key in (option.key for option in ENTRIES[way].options)}
    assert shown <= set(re.findall(r"^(?:# )?([a-z_]+) *=", section, re.MULTILINE))
    assert re.findall(r"adapter +=", section) == ["adapter    ="]
    assert not re.search(r"^# ----|^#   ", section, re.MULTILINE)
    assert "\n\n\n" not in text


ANSWERS = {
    "clinic.name": 'Clinique « A "B" »',
    "clinic.language": "en",
    "emr.connection": r"DRIVER={X};SERVER=pc\sql",
    "emr.poll": timedelta(seconds=5),
    "sharing.expires": date(2028, 1, 31),
    "sharing.enabled": True,
    "sharing.team_min": 1,
    "desk.folder": r"D:\l'accueil",
    "types": {"urgent": ["u"], "à venir": ["v", "w"]},
    "practitioners": {"7": "Dre C. Roy"},
}


def test_answers_take_their_places_and_the_remarks_stay(tmp_path: Path) -> None:
    """`creneau init` writes the example with the answers in it; every line still explains itself."""
    file = tmp_path / "creneau.toml"
    write_example(file, ANSWERS)
    plan = read_plan(file, ENTRIES)
    assert plan.clinic.name == ANSWERS["clinic.name"]
    assert plan.clinic.language == "en"
    assert plan.emrs[0].options["connection"] == ANSWERS["emr.connection"]
    assert plan.emrs[0].poll == timedelta(seconds=5)
    assert plan.sharing.expires == date(2028, 1, 31)
    assert plan.sharing.enabled is True
    assert plan.desk.folder.endswith(r"D:\l'accueil")
    assert plan.sharing.allow[0].match.types == {("dme", "u"), ("dme", "v"), ("dme", "w")}
    assert [accord.agreed for accord in plan.sharing.roster.values()] == [None]
    remarks = [line.split("#", 1)[1] for line in EXAMPLE.split("\n") if re.match(r"[a-z_]+ *= .*#", line)]
    assert all(remark in file.read_text(encoding="utf-8") for remark in remarks if "suivi" not in remark)


def test_without_answers_the_example_is_written_as_it_is() -> None:
    """No answer, no change."""
    assert example_text() == EXAMPLE


def test_an_answer_nobody_asked_for_is_an_error() -> None:
    """A misspelt answer does not vanish."""
    with pytest.raises(KeyError):
        example_text({"clinic.nom": "x"})


def test_a_configuration_is_never_overwritten(tmp_path: Path) -> None:
    """`creneau init` twice leaves the first file alone; a folder that is not there is named."""
    file = tmp_path / "creneau.toml"
    file.write_text("mine", encoding="utf-8")
    with pytest.raises(Misconfigured) as there:
        write_example(file)
    assert str(there.value.what) == "the file exists already"
    assert file.read_text(encoding="utf-8") == "mine"
    with pytest.raises(Misconfigured) as nowhere:
        write_example(tmp_path / "no" / "creneau.toml")
    assert str(nowhere.value.what) == "the file cannot be written"


def test_control_characters_are_escaped(tmp_path: Path) -> None:
    """Whatever a person pastes comes back equal."""
    text = example_text({"emr.user": "a\tb\\'c\"\x7f"})
    assert tomllib.loads(text)["emr"][0]["user"] == "a\tb\\'c\"\x7f"
