"""What the running agent writes into its log."""

import logging

import pytest

from agent.cli.run import log


def test_libraries_only_warn_whatever_level_is_ours(capfd: pytest.CaptureFixture[str]) -> None:
    """A line a request is what httpx writes at info, and nobody knows what theirs hold at debug."""
    logging.getLogger().handlers.clear()  # pytest's own
    log("DEBUG")
    logging.getLogger("httpx").info("chatter")
    logging.getLogger("httpx").warning("their warning")
    logging.getLogger("creneau.beat").debug("our detail")
    written = capfd.readouterr().err
    assert "chatter" not in written
    assert "their warning" in written
    assert "our detail" in written
