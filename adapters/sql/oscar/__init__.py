"""OSCAR and its forks (Open-O): the agenda of many clinics of Québec and Ontario.

Rule: rows are pulled raw and judged in Python; what we write, the screens of OSCAR could have written.
"""

from adapters.sql.oscar.mapping import Oscar
from adapters.sql.oscar.terms import Terms

__all__ = ["Oscar", "Terms"]
