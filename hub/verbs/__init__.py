"""What an agent may ask, one verb a file.

Rule: a verb sees a request only after its signature held, inside the one transaction that also stores the answer.
"""

from collections.abc import Callable, Mapping
from typing import Any

from hub.ask import Ask, Wait
from hub.verbs.beat import beat
from hub.verbs.offer import offer
from hub.verbs.orders import orders
from hub.verbs.outcomes import outcomes
from hub.verbs.rotate import rotate

VERBS: Mapping[str, Callable[[Ask], Mapping[str, Any] | Wait]] = {
    "offer": offer,
    "orders": orders,
    "outcomes": outcomes,
    "beat": beat,
    "rotate": rotate,
}
"""`enrol` stands apart: it brings its own key."""
