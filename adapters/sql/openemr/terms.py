"""What the clinic decided about its OpenEMR.

Rule: values only.
"""

from dataclasses import dataclass

from adapters.sql.places import Clinic


@dataclass(frozen=True, slots=True)
class Terms(Clinic):
    """`grid`: minutes of the calendar's grid. `visit`: constant of the category where hours are reserved for none.

    `holidays`: "closed" or "open".
    """

    grid: int = 15
    visit: str = "office_visit"
    holidays: str = "closed"
