from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.plan.browser import Page, browsing, find_browser
from tests.plan.test_forms import hostile
from tests.plan.test_plan import plan_under

BROWSER = find_browser() or ""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not BROWSER, reason="needs a Chromium: apt-get install chromium"
    ),
]


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


def shown(page: Page) -> list[str]:
    return page.run(f"{SHOWN}.map((e) => e.textContent)")


@pytest.mark.parametrize(
    ("search", "first"),
    [
        ("braze email click", "Braze Email Click"),
        ("open", "Braze Email Open"),
        ("price", "Braze Purchase"),
        ("revenue", "Braze Purchase"),
        ("abort_type", "Braze Banner Abort"),
    ],
)
def test_exact_names_come_first(page: Page, url: str, search: str, first: str) -> None:
    """The event or property with the name that was searched comes first."""
    page.open(f"{url}#q={search}")

    assert shown(page)[0] == first


def test_search_for_revenue_shows_the_price(page: Page, url: str) -> None:
    """Words that people search for instead of a name show its row alone."""
    page.open(f"{url}#q=revenue")
    rows = "[...document.querySelectorAll('details[open] tbody tr:not([hidden])')]"

    assert page.run(f"{rows}.map((e) => e.dataset.name)") == ["price"]


@pytest.mark.parametrize("search", ["revenue", "link_alias", "external_user_id", ""])
def test_no_list_is_shown_without_a_row(
    page: Page, tmp_path: Path, search: str
) -> None:
    """A heading such as "Not sent:" is hidden if none of its rows matches."""
    path = tmp_path / "plan.html"
    path.write_text(plan_under("default").to_html(), "utf-8")
    page.open(f"{path.as_uri()}#q={search}")

    assert (
        page.run("""
        [...document.querySelectorAll(".part:not([hidden])")].filter((part) =>
          !part.querySelector("tbody tr:not([hidden]), dl > div:not([hidden])")).length
    """)
        == 0
    )


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ("channel=email&action=open", ["Braze Email Open"]),
        ("category=agent", ["Braze Agent Executed"]),
        ("channel=rcs&preset=engagement&q=read", ["Braze RCS Read"]),
        ("channel=email&action=purchase", []),
    ],
)
def test_page_is_filtered(page: Page, url: str, filters: str, names: list[str]) -> None:
    """Category, channel, action and preset filter the events, also from the address."""
    page.open(f"{url}#{filters}")

    assert shown(page) == names


def test_filter_also_filters_user_properties(page: Page, url: str) -> None:
    """User properties that no chosen event sets are hidden."""
    page.open(f"{url}#channel=email&action=bounce")
    rows = "[...document.querySelectorAll('[data-list] tbody tr:not([hidden])')]"

    assert page.run(f"{rows}.map((e) => e.dataset.name)") == ["braze_email_bounced_at"]


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
