"""Read the clinic's file into a plan, or say everything that is wrong with it.

Rule: one pure pass over what stands in the files; a plan with any fault does not exist.
"""

import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from agent.config.document import read_document, read_text
from agent.config.plan import BookingPlan, ClinicPlan, DeskPlan, HubPlan, Plan, ServicePlan
from agent.config.rules import RulesReader
from agent.config.schema import ARRAYS, MANAGERS, TABLES
from agent.config.sources import read_emrs, read_sites
from agent.core.message import say
from agent.core.model import Finding, Severity
from agent.core.sharing import SharingRules
from agent.core.sheet import Document, Fault, Faults, Sheet, parse
from agent.ports import Entry

SHARING_FILE = "sharing.toml"
"""Beside the main file; it may hold the sharing part."""

_FOLDER = re.compile(r"""^[ \t]*data_dir[ \t]*=[ \t]*(?:"([^"\\\n]*)"|'([^'\n]*)')""", re.MULTILINE)


if sys.platform == "win32":  # pragma: no cover - run under Wine

    def program_data() -> Path:
        """Return the folder of every account's data. Asked of the system: a service's environment may name another."""
        import ctypes

        room, common_appdata = ctypes.create_unicode_buffer(260), 0x23
        ctypes.windll.shell32.SHGetFolderPathW(None, common_appdata, None, 0, room)
        return Path(room.value or r"C:\ProgramData")


def locate(explicit: str | None, environ: Mapping[str, str]) -> Path:
    """Return the file to read: --config, else CRENEAU_CONFIG, else the system's usual place."""
    named = explicit or environ.get("CRENEAU_CONFIG")
    if named:
        return Path(named).absolute()
    if sys.platform == "win32":  # pragma: no cover - measured on Linux
        return program_data() / "Creneau" / "creneau.toml"
    else:  # noqa: RET505 - mypy follows the platform this way
        return Path("/etc/creneau/creneau.toml")


def read_plan(file: Path, entries: Mapping[str, Entry]) -> Plan:
    """Read and check everything. `entries`: the adapters by name. Raises Faults, all of them at once."""
    main, documents = _documents(file)
    sheet = Sheet(documents, main)
    _places(sheet, main, documents)
    tables = {
        name: sheet.table(sheet.document((name,)).data.get(name, {}), (name,), keys) for name, keys in TABLES.items()
    }
    emrs = read_emrs(sheet, entries, file.parent)
    sites = read_sites(sheet, emrs)
    reader = RulesReader(sheet, emrs, sites)
    rules = reader.read()
    _desk(sheet, tables["desk"])
    sheet.end()
    seen = {id(document): document for document in (main, *documents.values())}
    return Plan(
        file=file,
        clinic=ClinicPlan(**tables["clinic"]),
        hub=HubPlan(**_beside(tables["hub"], "ca_file", file)),
        emrs=tuple(emrs),
        sites=tuple(sites),
        sharing=rules,
        booking=BookingPlan(**tables["booking"]),
        desk=DeskPlan(**_beside(_beside(tables["desk"], "folder", file), "smtp_ca_file", file)),
        service=ServicePlan(**{**tables["service"], "data_dir": _data_dir(tables["service"]["data_dir"], file)}),
        notes=(
            *(note for document in seen.values() for note in document.notes),
            *reader.notes,
            *_twice(rules, tables["booking"]["other_channels"] or {}),
        ),
    )


def sharing_text(file: Path) -> str:
    """Return the raw sharing part, each line at its own number, everything else blank. Raises Faults."""
    main, documents = _documents(file)
    document = documents.get("sharing", main)
    kept: set[int] = set()
    for statement in document.index.statements:
        if statement.path[0] in MANAGERS:
            kept.update(range(statement.first, statement.last + 1))
    lines = document.text.replace("\r\n", "\n").split("\n")
    text = "\n".join(line if number in kept else "" for number, line in enumerate(lines, 1))
    return text.rstrip("\n") + "\n"


def applied_rules(text: str, plan: Plan) -> SharingRules:
    """Return the rules of a sharing part kept from an earlier `sharing apply`, under the plan's sources and sites.

    Raises Faults when a source or site it names is gone.
    """
    document = parse(text, str(plan.file))
    sheet = Sheet({}, document)
    rules = RulesReader(sheet, plan.emrs, plan.sites).read()
    sheet.end()
    return rules


def _documents(file: Path) -> tuple[Document, Mapping[str, Document]]:
    """Read the main file and, when it stands beside it, sharing.toml."""
    beside = file.with_name(SHARING_FILE)
    if file.name == SHARING_FILE or not os.path.lexists(beside):
        return read_document(file), {}
    faults: list[Fault] = []
    found: list[Document] = []
    for path in (file, beside):
        try:
            found.append(read_document(path))
        except Faults as wrong:
            faults.extend(wrong.faults)
    if faults:
        raise Faults(tuple(faults))
    return found[0], dict.fromkeys(MANAGERS, found[1])


def _places(sheet: Sheet, main: Document, documents: Mapping[str, Document]) -> None:
    """Note root keys nobody reads, and parts that stand in the wrong one of two files."""
    if not documents:
        sheet.unknown(main.data, (), (*TABLES, *ARRAYS, *MANAGERS))
        return
    apart = documents["sharing"]
    for key in main.data.keys() & set(MANAGERS):
        says = say("this section stands in the main file, and sharing.toml stands beside it")
        _misplaced(sheet, main, key, says)
    for key in apart.data.keys() - set(MANAGERS):
        _misplaced(sheet, apart, key, say("sharing.toml holds [types], [practitioners] and [sharing] only"))
    sheet.unknown({key: main.data[key] for key in main.data if key not in MANAGERS}, (), (*TABLES, *ARRAYS))


def _misplaced(sheet: Sheet, document: Document, key: str, says: Any) -> None:
    hint = say("keep it in one of the two files")
    sheet.faults.append(Fault(document.file, key, "", document.index.line((key,)), says, hint))


def _desk(sheet: Sheet, values: Mapping[str, Any]) -> None:
    if values["email"] and values["smtp"] == "":
        says = say("e-mail needs a server to leave by")
        sheet.fault(("desk", "smtp"), "", says, say('write "server:port"'))


def _twice(rules: SharingRules, channels: Mapping[str, tuple[str, ...]]) -> Iterable[Finding]:
    """Yield each type that we and another booking site may both sell: nothing stops two patients from taking one time."""
    for name, codes in channels.items():
        for emr, code in rules.types:
            if code in codes or f"{emr}:{code}" in codes:
                says = say(
                    "the type {code} is given to {channel} too: two sites may sell one time", code=code, channel=name
                )
                hint = say("give each channel a type of its own in the EMR (docs/accueil.md)")
                yield Finding("booking.two-channels", Severity.WARN, says, hint)


def _beside(values: Mapping[str, Any], key: str, file: Path) -> dict[str, Any]:
    """Take a relative path from the folder of the file."""
    return {**values, key: str(file.parent / values[key]) if values[key] else ""}


def data_folder(file: Path) -> Path:
    """Return the data folder a file names, read past its faults: the agent that runs there can still be told to stop."""
    try:
        text, _ = read_text(file)
    except Faults:
        text = ""
    found = _FOLDER.findall(text)
    return _data_dir("".join(found[-1]) if found else "", file)


def _data_dir(written: str, file: Path) -> Path:
    if written:
        return file.parent / written
    if sys.platform == "win32":  # pragma: no cover - measured on Linux
        return program_data() / "Creneau"
    else:  # noqa: RET505 - mypy follows the platform this way
        return Path("/var/lib/creneau")
