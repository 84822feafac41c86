"""The memory adapter keeps every promise of the kit."""

from adapters import conformance
from adapters.memory.bench import MemoryBench

test_promises = conformance.suite(MemoryBench)
