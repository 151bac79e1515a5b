from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.plan.browser import Page, browsing, find_browser
from tests.plan.test_forms import hostile
from tests.plan.test_plan import plan_under

BROWSER = find_browser() or ""

pytestmark = pytest.mark.skipif(
    not BROWSER, reason="needs a Chromium: apt-get install chromium"
)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browsing(BROWSER, tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("pages") / "plan.html"
    path.write_text(plan_under("keep").to_html(), "utf-8")
    return path.as_uri()


SHOWN = "[...document.querySelectorAll('#events > details:not([hidden]) h3')]"
WIDTH = "document.documentElement.scrollWidth"


@pytest.mark.parametrize("dark", [False, True])
def test_page_fits_a_phone(page: Page, url: str, dark: bool) -> None:
    """No part of the page is wider than 390 pixels."""
    page.open(url, width=390, dark=dark)

    assert page.run(WIDTH) <= 390
    page.run("document.getElementById('open').click()")
    assert page.run(WIDTH) <= 390


def test_search_in_the_address_filters_events(page: Page, url: str) -> None:
    """A search in the address of the page filters the events."""
    names = [
        "Braze Email Bounce",
        "Braze Email Soft Bounce",
        "Braze Push Notification Bounce",
    ]
    for link in (f"{url}?q=bounce", f"{url}#q=bounce"):
        page.open(link)

        assert names == page.run(f"{SHOWN}.map((e) => e.textContent)")


def test_typing_filters_properties(page: Page, url: str) -> None:
    """Typing opens events at matching properties, and changes the address."""
    page.open(url)
    page.run("box.value = 'bounce_reason'; box.dispatchEvent(new Event('input'))")
    page.run("new Promise((done) => setTimeout(done, 300))")

    rows = "[...document.querySelectorAll('details[open] tbody tr:not([hidden])')]"
    assert {"bounce_reason"} == set(page.run(f"{rows}.map((e) => e.dataset.name)"))
    assert page.run("location.hash") == "#q=bounce_reason"


def test_events_can_be_sorted(page: Page, url: str) -> None:
    """Events can be sorted by release and by personal data."""
    page.open(f"{url}#sort=since")
    releases = page.run(f"{SHOWN}.map((e) => +e.closest('details').dataset.since)")
    page.open(f"{url}#sort=personal")
    personal = page.run(f"{SHOWN}.map((e) => +e.closest('details').dataset.personal)")

    assert sorted(releases, reverse=True) == releases
    assert sorted(personal, reverse=True) == personal
    assert personal[0] > personal[-1]


def test_page_loads_nothing(page: Page, url: str) -> None:
    """The page is one request, and its script runs without errors."""
    page.errors.clear()
    page.open(url)

    assert [url] == page.requests
    assert page.errors == []


def test_page_has_a_dark_mode(page: Page, url: str) -> None:
    """The colors follow the setting of the system."""
    color = "getComputedStyle(document.body).backgroundColor"
    page.open(url, dark=True)
    dark = page.run(color)
    page.open(url)

    assert dark != page.run(color)


def test_hostile_name_is_shown_as_text(page: Page, tmp_path: Path) -> None:
    """A hostile name becomes no element and no request, and can be searched."""
    path = tmp_path / "hostile.html"
    path.write_text(hostile().to_html(), "utf-8")
    page.errors.clear()
    page.open(f"{path.as_uri()}?q=onerror", width=390)

    assert page.run("document.images.length") == 0
    assert page.run(f"{SHOWN}.length") == 1
    assert page.run(WIDTH) <= 390
    assert page.errors == []
    assert len(page.requests) == 1
