r"""Split a message into segments, fields and components (HL7 v2.5.1 chapter 2.5 to 2.7).

Rule: whatever the bytes, the answer is a message or Unread; nothing is repaired by guessing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from adapters.er7.faults import MISSING, SEGMENT, TABLE, Unread
from agent.core.message import say

NULL = '""'
"""The explicit null: delete what you had; never a value (HL7 v2.5.1 2.5.3)."""
_ENDS = re.compile(r"\r\n|\r|\n")
_STARTS = re.compile(rb"(?:\A|(?<=[\r\n]))[\x0b\s]*(?=MSH[^A-Za-z0-9\s])")
_BATCH = (b"FHS", b"BHS", b"BTS", b"FTS")
_NAME = re.compile(r"[A-Z][A-Z0-9]{2}")
_LATIN = {f"8859/{part}": f"iso8859_{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15)}
_CODECS = {
    **_LATIN,
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
    "UTF8": "utf-8",
    "WINDOWS-1252": "cp1252",
    "CP1252": "cp1252",
}
_UNSAID = ("", "ASCII", NULL)
"""Table 0211's default; French Windows EMRs write their accents under it all the same."""


@dataclass(frozen=True, slots=True)
class Separators:
    """MSH-1 and MSH-2. A sender may leave the last ones out: then nothing is escaped or split by them."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment; `fields[0]` is its name. In MSH the numbers are shifted here as the standard counts them."""

    name: str
    fields: tuple[str, ...]
    separators: Separators

    def raw(self, number: int) -> str:
        """Return a field as it was sent, "" when it is absent."""
        return self.fields[number] if number < len(self.fields) else ""

    def repetitions(self, number: int) -> list[str]:
        """Return the repetitions of a field as they were sent."""
        return self.raw(number).split(self.separators.repetition) if self.separators.repetition else [self.raw(number)]

    def text(self, number: int, component: int = 1) -> str:
        """Return one component of the first repetition, without escapes and outer blanks; a null counts as empty."""
        raw = self.raw(number)
        return self.of(self.repetitions(number)[0], component) if raw else ""

    def alone(self, number: int) -> str:
        """Return the first repetition of a field of one component, "" when it has more: what has is no number."""
        mark, raw = self.separators.component, self.repetitions(number)[0]
        more = bool(mark) and any(raw.split(mark)[1:])
        return "" if more else self.text(number)

    def of(self, repetition: str, component: int) -> str:
        """Return one component of a repetition, without escapes and outer blanks; a null counts as empty."""
        mark = self.separators.component
        parts = repetition.split(mark) if mark else [repetition]
        if component > len(parts):
            return ""
        value = unescape(parts[component - 1], self.separators).strip()
        return "" if value == NULL else value


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `charset` is the Python codec it was decoded by; `is_open`: its last segment has no end."""

    separators: Separators
    segments: tuple[Segment, ...]
    charset: str
    is_open: bool = False

    def first(self, name: str) -> Segment | None:
        """Return the first segment of this name."""
        return next((each for each in self.segments if each.name == name), None)

    @property
    def msh(self) -> Segment:
        """Return the header, always the first segment."""
        return self.segments[0]


def head(body: bytes) -> Segment:
    """Return MSH alone, letter by letter even where the rest cannot be decoded. Raises Unread."""
    text = re.split(rb"[\r\n]", body.lstrip(b"\r\n"), maxsplit=1)[0].decode("latin-1")
    return _segment(text, _separators(text))


def scan(body: bytes, codec: str = "") -> Message:
    """Read one message; CR, LF and CRLF end a segment. `codec`: whatever MSH-18 says. Raises Unread."""
    is_open = not body.endswith((b"\r", b"\n", b"\x1c"))
    body = body.strip(b"\r\n\x0b\x1c\x00")
    charset, text = (codec, body.decode(codec)) if codec else _decode(body, head(body))
    marks = _separators(text)
    lines = [line for line in _ENDS.split(text) if line.strip()]
    if sum(line.startswith("MSH") for line in lines) > 1:
        raise Unread(SEGMENT, "MSH", say("several messages in one"))
    # What is no segment (a line broken inside a field, a lost name) is passed over and stays in the stored bytes.
    named = [lines[0], *(line for line in lines[1:] if _NAME.match(line) and line[3:4] in ("", marks.field))]
    return Message(marks, tuple(_segment(line, marks) for line in named), charset, is_open)


def messages(file: bytes) -> Iterator[bytes]:
    """Yield every message of a file, batch envelopes (FHS, BHS, BTS, FTS) and MLLP frames taken off.

    The last one is left without its end where the file breaks off.
    """
    starts = [found.end() for found in _STARTS.finditer(file)]
    for start, end in pairwise([*starts, len(file)]):
        lines = re.split(rb"\r\n|\r|\n", file[start:end].strip(b"\r\n\x0b\x1c\x00 "))
        kept = [line for line in lines if line[:3] not in _BATCH and line.strip(b"\x0b\x1c\x00 ")]
        cut = end == len(file) and not file.endswith((b"\r", b"\n", b"\x1c"))
        yield b"\r".join(kept) + (b"" if cut else b"\r")


def is_whole(file: bytes) -> bool:
    """Say whether every batch envelope of a file that begins also ends: else the rest is still to come."""
    lines = file.replace(b"\n", b"\r").split(b"\r")
    pairs = ((b"BHS", b"BTS"), (b"FHS", b"FTS"))
    return all(
        sum(line.startswith(begins) for line in lines) == sum(line.startswith(ends) for line in lines)
        for begins, ends in pairs
    )


def _separators(text: str) -> Separators:
    if not text.startswith("MSH") or len(text) < 5:
        raise Unread(SEGMENT, "MSH", say("it does not begin with MSH"))
    field = text[3]
    marks = _ENDS.split(text, maxsplit=1)[0].split(field)[1]
    signs = field + marks[:4]
    bad = any(sign.isalnum() or sign.isspace() or not sign.isprintable() for sign in signs)
    if bad or not marks or len(set(signs)) != len(signs):
        raise Unread(MISSING, "MSH-2", say("the separators of the message are missing or the same"))
    return Separators(field, *(marks[place : place + 1] for place in range(4)))


def _segment(line: str, marks: Separators) -> Segment:
    fields = line.split(marks.field)
    if fields[0] == "MSH":
        fields.insert(1, marks.field)
    return Segment(fields[0][:3], tuple(fields), marks)


def _decode(body: bytes, msh: Segment) -> tuple[str, str]:
    said = msh.repetitions(18)[0].strip().upper()
    codecs = ("utf-8", "cp1252") if said in _UNSAID else (_CODECS.get(said, ""),)
    for codec in codecs:
        try:
            return codec, body.decode(codec)
        except (UnicodeDecodeError, LookupError):
            continue
    raise Unread(TABLE, "MSH-18", say("its letters cannot be read by the character set it names"))


def unescape(text: str, marks: Separators) -> str:
    r"""Return the text with \F\ \S\ \T\ \R\ \E\ \.br\ and \X..\ read; what is unfinished or unknown stays as it is."""
    if not marks.escape or marks.escape not in text:
        return text
    parts = text.split(marks.escape)
    out, place = [parts[0]], 1
    while place < len(parts):
        code = parts[place]
        value = _escaped(code, marks) if place + 1 < len(parts) else None
        if value is None:
            out.append(marks.escape + code)
            place += 1
        else:
            out.extend((value, parts[place + 1]))
            place += 2
    return "".join(out)


def _escaped(code: str, marks: Separators) -> str | None:
    plain = {"F": marks.field, "S": marks.component, "T": marks.subcomponent, "R": marks.repetition, "E": marks.escape}
    if code in plain:
        return plain[code]
    if code == ".br":
        return "\n"
    if re.fullmatch(r"X(?:[0-9A-Fa-f]{2})+", code):
        return bytes.fromhex(code[1:]).decode("latin-1")
    return "" if code in ("H", "N") else None


def escape(text: str, marks: Separators) -> str:
    r"""Return text that may stand in a component: separators escaped, line ends as \X0D\."""
    mark = marks.escape
    codes = {mark: "E", marks.field: "F", marks.component: "S", marks.subcomponent: "T", marks.repetition: "R"}
    table = str.maketrans({sign: f"{mark}{code}{mark}" for sign, code in codes.items()})
    return re.sub(r"\r\n|\r|\n", lambda _: f"{mark}X0D{mark}", text.translate(table))
