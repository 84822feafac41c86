"""What the clinic decided about its OSCAR.

Rule: values only.
"""

from dataclasses import dataclass

from adapters.sql.places import Clinic


@dataclass(frozen=True, slots=True)
class Terms(Clinic):
    """`long_codes`: "ask", "one-cell" or "every-cell". `holidays`: "closed" or "open"."""

    long_codes: str = "ask"
    holidays: str = "closed"
