"""Files that people write by hand, in TOML: read in one pass, with every fault at its line.

Rule: nothing here opens a file; a value that may be a secret is never repeated.
"""

from agent.core.sheet.document import Document, decode, parse
from agent.core.sheet.faults import Fault, Faults, Wrong, shown
from agent.core.sheet.lines import Index, Path, Statement, index
from agent.core.sheet.sheet import Key, Sheet, suggest
from agent.core.sheet.values import CONTROL, Reader, list_of, string, text, whole, word, yes_no

__all__ = [
    "CONTROL",
    "Document",
    "Fault",
    "Faults",
    "Index",
    "Key",
    "Path",
    "Reader",
    "Sheet",
    "Statement",
    "Wrong",
    "decode",
    "index",
    "list_of",
    "parse",
    "shown",
    "string",
    "suggest",
    "text",
    "whole",
    "word",
    "yes_no",
]
