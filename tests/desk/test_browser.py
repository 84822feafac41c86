"""The front desk's page in a real browser: read, enlarged, by keyboard alone, and when nobody renews it."""

import os
import runpy
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from agent.desk.page import page as written

MADE = runpy.run_path(str(Path(__file__).with_name("states.py")))
AT, STATES, voice = MADE["AT"], MADE["STATES"], MADE["voice"]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WCAG = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
PICTURES = os.environ.get("CRENEAU_PICTURES")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no browser on this machine: apt-get install chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


def show(browser: Browser, folder: Path, state: str, *, lang: str = "fr", later_s: int = 20, **more: Any) -> Page:
    """Open the page of a state, `later_s` after it was written."""
    file = folder / "creneau.html"
    file.write_text(written(voice(lang), STATES[state]), encoding="utf-8")
    page = browser.new_page(locale="fr-CA", timezone_id="America/Toronto", **more)
    page.clock.install(time=AT + timedelta(seconds=later_s))
    page.goto(file.as_uri())
    return page


@pytest.mark.parametrize("lang", ["fr", "en"])
@pytest.mark.parametrize("state", STATES)
def test_every_state_meets_wcag_aa(browser: Browser, tmp_path: Path, state: str, lang: str) -> None:
    """No violation that axe-core can find, in both languages; nothing is fetched and the console stays silent."""
    page = show(browser, tmp_path, state, lang=lang, later_s=600 if state == "old" else 20)
    heard: list[str] = []
    page.on("console", lambda line: heard.append(line.text))
    page.on("request", lambda asked: heard.append(asked.url))
    found = Axe().run(page, options=WCAG)
    assert found.violations_count == 0, found.generate_report()
    assert heard == []
    if PICTURES and lang == "fr":
        page.set_viewport_size({"width": 1100, "height": 720})
        page.screenshot(path=Path(PICTURES) / f"accueil-{state}.png", full_page=True)
    page.close()


def test_an_old_page_says_so_by_itself(browser: Browser, tmp_path: Path) -> None:
    """Nothing for three minutes: the warning stands first, and is announced; a page just written shows none."""
    page = show(browser, tmp_path, "works")
    warning = page.get_by_role("alert")
    assert not warning.is_visible()
    page.get_by_role("button").click()  # held still, so that the browser does not load it again
    page.clock.fast_forward(170_000)
    page.wait_for_function("() => !document.getElementById('old').hidden")
    assert "périmée" in warning.inner_text()
    assert not page.get_by_text("Créneau fonctionne").is_visible(), "what was true once is no longer said"
    page.close()


def test_the_page_loads_itself_again_each_minute(browser: Browser, tmp_path: Path) -> None:
    """A new file shows without anyone's hand; one who reads slowly holds the page still by keyboard alone."""
    page = show(browser, tmp_path, "works")
    (tmp_path / "creneau.html").write_text(written(voice(), STATES["tasks"]), encoding="utf-8")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "pause"
    page.keyboard.press("Enter")
    assert page.get_by_role("button").get_attribute("aria-pressed") == "true"
    page.clock.run_for(120_000)
    assert "À faire : 0" in page.inner_text("main").replace("\N{NO-BREAK SPACE}", " ")
    page.keyboard.press("Enter")
    page.clock.run_for(10_000)
    page.wait_for_function("() => document.querySelectorAll('tbody tr').length > 5")
    assert "À faire : 3" in page.inner_text("main").replace("\N{NO-BREAK SPACE}", " ")
    page.close()


@pytest.mark.parametrize("state", STATES)
def test_at_twice_the_size_nothing_is_lost(browser: Browser, tmp_path: Path, state: str) -> None:
    """At 200 % on a small screen the text reflows; only tables scroll, each by keyboard too (WCAG 1.4.4, 1.4.10)."""
    page = show(browser, tmp_path, state, viewport={"width": 640, "height": 480})
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate("document.scrollingElement.scrollWidth <= document.scrollingElement.clientWidth")
    for region in page.query_selector_all(".wide"):
        assert region.get_attribute("tabindex") == "0"
    page.close()


def test_on_paper_the_buttons_are_gone(browser: Browser, tmp_path: Path) -> None:
    """Printed for the meeting, the page has its tables and no control."""
    page = show(browser, tmp_path, "tasks")
    page.emulate_media(media="print")
    assert not page.get_by_role("button").is_visible()
    assert page.get_by_role("table").first.is_visible()
    page.close()
