"""OpenEMR: one table of events holds working hours, absences and appointments alike.

Rule: rows are pulled raw and judged in Python; categories are known by their constants, never by their numbers.
"""

from adapters.sql.openemr.mapping import OpenEmr
from adapters.sql.openemr.terms import Terms

__all__ = ["OpenEmr", "Terms"]
