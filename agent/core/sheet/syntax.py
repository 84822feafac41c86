"""Say in a plain sentence why a text is not TOML.

Rule: the sentence names the mistake and its mending, and repeats nothing of the line, which may hold a password.
"""

import re

from agent.core.message import Message, say

_TWICE = ("Cannot overwrite", "Duplicate inline", "Cannot declare", "Cannot mutate", "namespace")
"""tomllib's words for a key or a section that stands twice."""
Pair = tuple[Message, Message | None]
Said = tuple[int, Message, Message | None]

_PLACE = re.compile(r"\(at line (\d+), column \d+\)")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'')
_TYPOGRAPHIC = re.compile("[\u201c\u201d\u201e\xab\xbb\u2018\u2019\u201a]")

_LINE_SAYS: tuple[tuple[re.Pattern[str], Message, Message], ...] = (
    (
        re.compile(r"=\s*\[?\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\b"),
        say("the date is not written year-month-day"),
        say("write 2027-06-30, without quotes"),
    ),
    (
        re.compile(r"=\s*[+-]?\d+,\d"),
        say("the number has a decimal comma"),
        say("use a point: 2.5"),
    ),
    (
        re.compile(r"=\s*\[?\s*\d+(?:[hH:]\d*|\s*(?:s|m|min|d|j|h)\b)"),
        say("a time or a duration stands without quotes"),
        say('put it between straight quotes: "08:30", "60s", "2h", "14d"'),
    ),
    (
        re.compile(r"=\s*(?:True|TRUE|False|FALSE|vrai|faux|oui|non|yes|no|on|off)\b"),
        say("yes and no are written true and false"),
        say("write true or false, in small letters and without quotes"),
    ),
    (
        re.compile(r"=\s*(?:#|$)"),
        say("nothing stands after the equals sign"),
        say('write a value, or "" for nothing'),
    ),
    (
        re.compile(r"=\s*[\[{]?\s*[A-Za-zÀ-ÿ*][^\"'=]*$"),
        say("the text has no quotes around it"),
        say('put the text between straight quotes: "…"'),
    ),
    (
        re.compile(r"^\s*[\w.-]+\s*:"),
        say("a key and its value are joined by an equals sign"),
        say("write key = value"),
    ),
    (
        re.compile(r"^\s*[^=\[\]\s#][^=\[\]]*$"),
        say("this line is neither a section, nor a key and its value, nor a comment"),
        say("write key = value, or begin the line with #"),
    ),
    (
        re.compile(r"^\s*[\w.-]*[^\x00-\x7f][^=]*="),
        say("a key with accents or spaces needs quotes"),
        say('put the key between straight quotes: "…" = value'),
    ),
)


def explain(text: str, error: Exception) -> Said:
    """Return line, sentence and hint for what tomllib refused; line 0 when it is not known."""
    if isinstance(error, RecursionError):
        return 0, say("brackets are nested too deeply"), None
    message = str(error)
    place = _PLACE.search(message)
    lines = text.replace("\r\n", "\n").split("\n")
    if place is None:
        return _at_the_end(lines, message) if "end of document" in message else (0, say("a value cannot be read"), None)
    number = min(int(place.group(1)), len(lines))
    says, hint = _line(lines[number - 1], message)
    return number, says, hint


def _line(line: str, message: str) -> Pair:
    bare = _STRING.sub('""', line)
    for judge in (_twice, _typographic, _backslash, _quotes, _usual, _left_over):
        pair = judge(line, bare, message)
        if pair is not None:
            return pair
    return say("the line is not TOML"), say("compare it with config.example.toml")


def _twice(_line: str, bare: str, message: str) -> Pair | None:
    if not any(word in message for word in _TWICE):
        return None
    if not bare.lstrip().startswith("["):
        return say("the key stands twice in the same section"), say("keep one of the two lines")
    hint = say("keep one [section]; a section that may repeat has double brackets: [[emr]] [[site]]")
    return say("the section stands twice"), hint


def _typographic(_line: str, bare: str, _message: str) -> Pair | None:
    if not _TYPOGRAPHIC.search(bare.split("#", maxsplit=1)[0]):
        return None
    return say("typographic quotes are not accepted"), say('use straight quotes: "…"')


def _backslash(_line: str, _bare: str, message: str) -> Pair | None:
    if not any(word in message for word in ("Unescaped", "hex", "Escaped")):
        return None
    hint = say("put Windows paths between single quotes: '{path}'", path="D:\\Creneau")
    return say("a backslash stands between double quotes"), hint


def _quotes(line: str, bare: str, _message: str) -> Pair | None:
    if not _quotes_left(bare):
        return None
    if line.count("'") > 2 and line.count('"') == 0:
        return say("an apostrophe stands inside single quotes"), say('put the text between straight quotes: "…"')
    return say("a quote is missing"), say("the text must begin and end with the same straight quote")


def _usual(_line: str, bare: str, _message: str) -> Pair | None:
    return next(((says, hint) for pattern, says, hint in _LINE_SAYS if pattern.search(bare)), None)


def _left_over(_line: str, bare: str, message: str) -> Pair | None:
    if re.search(r'""\s+"', bare):
        return say("a comma is missing between two values"), say('write ["lun", "mar"]')
    if "Expected newline" in message:
        return say("something stands after the value"), say("one key a line; a remark begins with #")
    if "Unclosed" in message or re.match(r"\s*\[[^\]]*$", bare):
        return _unclosed()
    return None


def _quotes_left(bare: str) -> bool:
    before = bare.replace('""', "").split("#")[0]
    return '"' in before or "'" in before


def _unclosed() -> Pair:
    return say("a bracket is not closed"), say("every [ and {{ needs its ] or }}")


def _at_the_end(lines: list[str], message: str) -> Said:
    """Find the line that opened what the end of the text never closed."""
    if any(word in message for word in _TWICE):
        return (len(lines), *_line(lines[-1], message))
    for number in range(len(lines), 0, -1):
        bare = _STRING.sub('""', lines[number - 1]).split("#")[0]
        if bare.count('"""') % 2 or bare.count("'''") % 2 or _quotes_left(bare):
            return (number, *_line(lines[number - 1], ""))
        if bare.count("[") > bare.count("]") or bare.count("{") > bare.count("}"):
            return (number, *_unclosed())
        if re.search(r"=\s*$", bare):
            return (number, *_line(lines[number - 1], ""))
    return (len(lines), say("the file ends in the middle of a line"), say("compare it with config.example.toml"))
