"""The hub's line on versions: believed once, never backwards, never for ever."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from joserfc.jwk import OKPKey

from agent.core.envelope import (
    RELEASE_LIFE,
    Rejected,
    Release,
    dotted,
    is_newer,
    named,
    open_release,
    release_line,
    sign,
)

NOW = datetime(2026, 11, 23, 13, tzinfo=UTC)
HUB = "https://hub.example.org"
KEY = OKPKey.generate_key("Ed25519")
KEYS = named([KEY])
TOLD = Release(3, "0.10.1", "0.9", {"creneau.deb": "ab" * 32})


def line(release: Release = TOLD) -> str:
    """Return the hub's line."""
    return release_line(release, KEY, iss=HUB, now=NOW)


def test_what_the_hub_says_comes_back_whole() -> None:
    """A line that holds says number, version, minimum and digests; the same one again is no step back."""
    assert open_release(line(), KEYS, iss=HUB, now=NOW) == TOLD
    assert open_release(line(), KEYS, iss=HUB, now=NOW, last=TOLD) == TOLD


def test_versions_compare_as_numbers() -> None:
    """0.10 comes after 0.9; what is no version is refused."""
    assert is_newer("0.10.1", "0.9")
    assert not is_newer("0.9", "0.10.1")
    assert dotted("1.2.3") == (1, 2, 3)
    with pytest.raises(Rejected, match="schema"):
        dotted("1.2.3rc1")


@pytest.mark.parametrize(
    "last", [replace(TOLD, n=4), replace(TOLD, n=3, version="0.10.2"), replace(TOLD, n=2, version="0.11")]
)
def test_an_older_line_is_refused(last: Release) -> None:
    """Neither the number nor the version goes back: a hub brought back from a backup cannot make agents older."""
    with pytest.raises(Rejected, match="stale"):
        open_release(line(), KEYS, iss=HUB, now=NOW, last=last)


def test_a_line_runs_out() -> None:
    """A line replayed for weeks cannot hide a newer one."""
    open_release(line(), KEYS, iss=HUB, now=NOW + RELEASE_LIFE - timedelta(seconds=1))
    with pytest.raises(Rejected, match="stale"):
        open_release(line(), KEYS, iss=HUB, now=NOW + RELEASE_LIFE)


def test_another_hubs_line_and_another_key_are_refused() -> None:
    """Only the clinic's own hub may say."""
    with pytest.raises(Rejected, match="bad-signature"):
        open_release(line(), KEYS, iss="https://other.example.org", now=NOW)
    with pytest.raises(Rejected, match="bad-signature"):
        open_release(line(), named([OKPKey.generate_key("Ed25519")]), iss=HUB, now=NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"files": None},
        {"files": {"a.deb": "short"}},
        {"files": {"n" * 101: "ab" * 32}},
        {"version": "latest"},
        {"minimum": "0.11"},
        {"n": 0},
        {"exp": None},
    ],
)
def test_a_line_of_another_shape_is_refused(change: dict[str, object]) -> None:
    """What is not understood whole is not half believed."""
    body = {"iss": HUB, "n": 3, "version": "0.10.1", "minimum": "0.9", "files": {}, "iat": 1, "exp": 2**40, "v": 1}
    with pytest.raises(Rejected, match="schema"):
        open_release(sign("creneau-release+jws", body | change, KEY, pack=False), KEYS, iss=HUB, now=NOW)
