"""Rules every lane shares: no test is skipped that could have run, and CI's random tests are replayable."""

import os

import pytest
from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("here", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "here")

ELSEWHERE = "only on "
"""A reason that begins so names another operating system; any other skip fails CI."""


LONGEST = ("test_oscar_story", "test_openemr_story", "test_wire", "test_story.py")
"""Stories that mostly wait: begun first, they cost nothing while the others run beside them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest first; the order of the others stays."""
    items.sort(key=lambda item: not any(name in item.nodeid for name in LONGEST))


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> object:
    """Fail the run in CI when a test was skipped for a reason that this machine could have met."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter and os.environ.get("CI") else []
    reasons = [report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple)]
    unmet = [reason for reason in reasons if not reason.removeprefix("Skipped: ").startswith(ELSEWHERE)]
    if unmet and session.exitstatus == 0:
        reporter.write_line(f"skipped in CI: {', '.join(sorted(set(unmet)))}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    return (yield)
