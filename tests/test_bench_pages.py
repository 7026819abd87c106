"""Pages on evaluations: what stands in the file, and that it can be read and used in a browser."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from bench_helpers import WORDS, WordReader, goemotions_rows, write_emobank, write_goemotions

from affekt.bench import audit, compare, curve, matrix, run_task, slices
from affekt.bench.audit import document as audit_document
from affekt.bench.compare import document as compare_document
from affekt.bench.curve import document as curve_document
from affekt.bench.matrix import document as matrix_document
from affekt.bench.slices import document as slices_document
from affekt.report.evaluation import draw, write_audit, write_comparison, write_curve, write_matrix

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
browser_test = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
PAGES = ("comparison", "matrix", "curve", "audit")


class Named(WordReader):
    """A reader whose name tries to be markup."""

    def __init__(self, **options):
        super().__init__(name="<b>bold</b>", **options)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    root = tmp_path_factory.mktemp("pages")
    data = write_emobank(write_goemotions(root, {"dev": goemotions_rows(30), "test": goemotions_rows(150)}), 60)
    forgot = {"whole": (), "less": ("love",), "least": tuple(WORDS)[:5]}
    for name, words in forgot.items():
        run_task("goemotions", WordReader(forget=words, name=name), data=data, out=root / name, samples=10)
    run_task("goemotions", Named(forget=("hope",)), data=data, out=root / "named", samples=10)
    found = compare([root / "whole", root / "named"], groups={"two": [root / "less", root / "least"]}, samples=60)
    shown = compare_document(found)
    systems = [
        {"system": s.name, **slices_document(slices(found.task, s.answers[0], by="language", samples=20))}
        for s in found.systems
    ]
    shown["slices"] = [{"by": "language", "key": "macro_f1", "systems": systems}]
    write_comparison(shown, root / "comparison.html", command="affekt bench compare a b")
    grid = matrix({"words": WordReader, "other": lambda: Named()}, ["goemotions", "emobank"], out=root / "m", data=data)
    write_matrix(matrix_document(grid), root / "matrix.html")
    line = curve([root / "least", root / "less", root / "whole"], sizes=[10, 20, 40], samples=30)
    write_curve(curve_document(line), root / "curve.html")
    write_audit(audit_document(audit(root / "whole", data=data, limit=20)), root / "audit.html")
    return root, shown


@pytest.mark.parametrize("name", PAGES)
def test_a_page_holds_everything_itself_and_runs_nothing_else(pages, name):
    html = (pages[0] / f"{name}.html").read_text(encoding="utf-8")
    assert not re.search(r'(?:src|href)="(?!#)', html)
    assert "default-src 'none'" in html
    assert "<b>bold</b>" not in html
    assert not re.search(r'<[^>]+\sstyle="', html)
    words = re.sub(r"<(style|script)>.*?</\1>|<[^>]*>", " ", html, flags=re.S)
    assert not re.search(r"\b(nan|NaN|None)\b", words)
    assert "nan%" not in html and 'nan"' not in html


def test_every_score_of_the_document_stands_on_the_page(pages):
    root, shown = pages
    html = (root / "comparison.html").read_text(encoding="utf-8")
    for score in shown["scores"]:
        assert score["key"] in html
        for row in score["systems"]:
            assert draw.number(row["value"]) in html
            if "difference" in row:
                assert draw.signed(row["difference_low"]) in html
    assert "affekt bench compare a b" in html
    assert "0.46" in html and "BERT-base" in html  # published figures beside ours


def test_numbers_for_people():
    assert draw.number(-0.1234) == "\u22120.123"
    assert draw.signed(0.05) == "+0.050"
    assert draw.number(float("nan")) == draw.number(None) == "undefined"
    assert draw.p_value(0.0004) == "< .001"
    assert draw.p_value(0.0312) == ".031"
    assert draw.p_value(1.0) == "1"
    assert draw.share(0.1234) == "12.3 %"


@pytest.mark.parametrize(
    "values", [[0.41, 0.47], [0.0, 1.0], [-0.02, 0.013], [3.0], [120, 8000], [float("nan")], [0.5, 0.5]]
)
def test_an_axis_holds_its_values_and_has_a_few_round_ticks(values):
    low, high = draw.scale_of(values)
    assert low < high
    assert all(low <= v <= high for v in values if v == v)
    assert 2 <= len(draw.ticks((low, high))) <= 9


# --- In the browser ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chromium():
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def show(chromium):
    """Opens a page; afterwards there must have been no message, no error and no request."""
    contexts, troubles = [], []

    def open_page(path: Path, *, width: int = 1280, **options):
        context = chromium.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: troubles.append(f"console {message.type}: {message.text}"))
        page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
        page.on("request", lambda request: request.url.startswith("file:") or troubles.append(request.url))
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert troubles == []


@browser_test
@pytest.mark.browser
@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [360, 1280])
def test_a_page_fits_its_window(pages, show, name, width):
    page = show(pages[0] / f"{name}.html", width=width)
    page.wait_for_selector("html[data-ready=true]")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # What is wider than the window scrolls by itself, and can be reached by keyboard.
    assert page.evaluate(
        "[...document.querySelectorAll('.scroll')].every(s => s.tabIndex === 0 && s.getAttribute('aria-label'))"
    )
    assert page.locator("h1").count() == 1
    # Words of charts are not smaller than a footnote, on a telephone as well.
    sizes = page.evaluate(
        "[...document.querySelectorAll('svg.chart')]"
        ".map(s => 12 * s.getBoundingClientRect().width / s.viewBox.baseVal.width)"
    )
    assert all(size >= 8.5 for size in sizes)


@browser_test
@pytest.mark.browser
def test_colours_follow_the_system_and_the_button(pages, show):
    page = show(pages[0] / "comparison.html", color_scheme="dark")
    page.wait_for_selector("html[data-ready=true]")

    def ground() -> str:
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    dark = ground()
    assert sum(map(int, re.findall(r"\d+", dark)[:3])) < 150
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "theme"
    page.keyboard.press("Enter")
    assert sum(map(int, re.findall(r"\d+", ground())[:3])) > 600


def ratio(one: str, other: str) -> float:
    """Contrast of two colours as WCAG 2.1 defines it."""

    def light(colour: str) -> float:
        parts = [int(v) / 255 for v in re.findall(r"\d+", colour)[:3]]
        r, g, b = (v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    a, b = sorted((light(one), light(other)), reverse=True)
    return (a + 0.05) / (b + 0.05)


@browser_test
@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_marks_and_words_hold_their_contrast(pages, show, scheme):
    page = show(pages[0] / "comparison.html", color_scheme=scheme)
    page.wait_for_selector("html[data-ready=true]")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    for colour in page.evaluate("[...document.querySelectorAll('svg .dot')].map(d => getComputedStyle(d).fill)"):
        assert ratio(colour, ground) >= 3.0
    for colour in page.evaluate(
        "[...document.querySelectorAll('td, th, p, svg text')].map(e => getComputedStyle(e).fill === 'rgb(0, 0, 0)'"
        " ? getComputedStyle(e).color : getComputedStyle(e).fill)"
    ):
        assert ratio(colour, ground) >= 4.5


@browser_test
@pytest.mark.browser
def test_headings_sort_by_keyboard_and_say_so(pages, show):
    page = show(pages[0] / "comparison.html")
    page.wait_for_selector("html[data-ready=true]")
    head = page.locator("table[data-sortable]").first.locator("th", has_text="Score").first

    def scores() -> list[float]:
        cells = page.locator("table[data-sortable]").first.locator("tbody tr td:nth-child(3)").all_inner_texts()
        return [float(c) for c in cells]

    head.locator("button").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert scores() == sorted(scores(), reverse=True)
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert scores() == sorted(scores())


@browser_test
@pytest.mark.browser
@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_read_without_javascript(pages, show, name):
    page = show(pages[0] / f"{name}.html", java_script_enabled=False)
    assert page.locator("main section").count() >= 1
    assert page.locator("main table tbody tr").first.is_visible()
    assert not page.locator("#theme").is_visible()
