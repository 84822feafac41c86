"""What a person sees: one table of states, in the tests and in docs/operate.md."""

from pathlib import Path
from typing import Any

from agent.core.message import Message
from agent.language import Speech

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "operate.md"


def table(states: dict[str, tuple[str, str, str]]) -> str:
    """Return the table of the page: French first, as the clinics read it."""
    french = Speech("fr")

    def both(text: str) -> str:
        places = {word.split("}")[0] for word in text.split("{")[1:]}
        said = french.say(Message(text, tuple((name, f"{{{name}}}") for name in sorted(places))))
        return f"« {said} » <br> “{text}”".replace("\N{NO-BREAK SPACE}", " ")

    rows = [f"| {when} | {both(says)} | {both(do)} |" for when, says, do in states.values()]
    return "\n".join(["| state | `creneau status` says | what to do |", "| --- | --- | --- |", *rows])


def test_the_page_is_made_of_the_states(states: Any) -> None:
    """The table of docs/operate.md is the one these tests show; paste the expected text to mend it."""
    assert table(states) in PAGE.read_text(encoding="utf-8")


def test_each_state_is_shown_by_a_test(states: Any) -> None:
    """No row of the table is a mere claim."""
    tests = "".join(file.read_text(encoding="utf-8") for file in HERE.glob("test_*.py"))
    assert [name for name in states if f'"{name}"' not in tests] == []
    assert tests.count("shows(") >= len(states) - 3  # one test shows three by a table of its own


def test_hub_away_and_stopped_are_said_and_logged_once_each_way(day: Any, caplog: Any) -> None:
    """The hub goes and comes back: one line down, one line back for each leg, and the sentence in between."""
    day.sample.enrol()
    day.shows("stopped")
    day.sample.start()
    day.offered()
    day.until("well", lambda: day.sample.beat() or day.sample.well())
    caplog.clear()
    day.sample.cut()
    day.sample.agent.wake("receive")
    day.shows("hub-away")
    for _ in range(3):
        day.sample.agent.wake("receive")
    day.sample.restore()
    day.until("back", lambda: day.sample.agent.wake("receive", "beat") or day.sample.well())
    assert caplog.text.count("leg.down leg=receive") == 1
    assert caplog.text.count("leg.back leg=receive") == 1
