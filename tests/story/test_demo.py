"""The demonstration a newcomer sees first."""

import tempfile
from pathlib import Path

import pytest

from agent.cli import main


@pytest.mark.parametrize(("lang", "heading"), [("fr", "8. Un signe de vie"), ("en", "8. A heartbeat")])
def test_every_scene_plays(
    lang: str, heading: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every scene comes to its end, in both languages, exit 0, and the temporary folder is gone."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert main(["--lang", lang, "demo"]) == 0
    shown = capsys.readouterr().out
    assert heading in shown
    assert [line[:2] for line in shown.splitlines() if line[:1].isdigit()] == [f"{n}." for n in range(1, 9)]
    assert list(tmp_path.iterdir()) == []
