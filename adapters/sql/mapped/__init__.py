"""Any other EMR: its agenda as a mapping file tells it, in TOML and SQL.

Rule: a file says where things stand and in which words; transactions, locks and memory are those of every mapping.
"""

from adapters.sql.mapped.file import MappingFile, load
from adapters.sql.mapped.mapping import mapped

__all__ = ["MappingFile", "load", "mapped"]
