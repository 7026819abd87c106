"""The report of a conversation: lanes, course, turning points, arrows, turns and partners."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from browser import browser_test
from hypothesis import given
from hypothesis import strategies as st

from affekt.core.clip import Clip
from affekt.core.prediction import Prediction
from affekt.core.row import CauseRow, Row, make_row
from affekt.core.turning import turning_points
from affekt.report.html import ReportFacts, write_report

FACTS = ReportFacts(
    title="A talk", labels=("joy", "anger", "neutral"), neutral="neutral", ranges={"valence": (1.0, 5.0)}
)


# --- Turning points -----------------------------------------------------------------------------------------


def test_shifts_of_the_level_are_found_where_they_are():
    rng = np.random.default_rng(1)
    found = 0
    for _ in range(50):
        series = np.concatenate([rng.normal(m, 0.5, 40) for m in (3, 1.5, 3.2)])
        points = turning_points(series)
        found += len(points) == 2 and abs(points[0] - 40) <= 2 and abs(points[1] - 80) <= 2
    assert found >= 45


def test_noise_has_hardly_any_turning_points():
    rng = np.random.default_rng(2)
    wrong = sum(bool(turning_points(rng.normal(size=n))) for n in (20, 50, 200, 1000) for _ in range(100))
    assert wrong <= 0.05 * 400


@given(
    st.lists(st.floats(1, 5) | st.just(float("nan")), max_size=60),
    st.floats(0.1, 10),
    st.floats(-5, 5),
)
def test_turning_points_keep_their_distance_and_do_not_mind_the_scale(values, scale, shift):
    found = turning_points(values)
    assert found == sorted(set(found))
    known = np.flatnonzero(np.isfinite(values))
    edges = [0, *np.searchsorted(known, found), len(known)]
    if found:
        assert min(np.diff(edges)) >= 5
    steps = np.round(np.array(values) * 64) / 64  # exact in binary, so that the scale changes nothing by rounding
    assert turning_points(steps) == turning_points(steps * 2.0)


def test_series_without_noise_or_too_short_have_none():
    assert turning_points([1.0] * 50) == []
    assert turning_points([1.0, 5.0] * 4) == []
    assert turning_points([]) == []


# --- The page -----------------------------------------------------------------------------------------------


def talk_rows(count: int, *, dialogue: str = "chat") -> list[Row]:
    rng = np.random.default_rng(3)
    rows = []
    for i in range(count):
        level = 4.0 if i < count // 2 else 2.0
        label = ("joy", "anger")[int(level < 3)]
        clip = Clip(
            f"{dialogue}-{i}", f"words {i} <b>of</b> it", speaker=("Anna", "Ben")[i % 2], dialogue=dialogue, turn=i
        )
        value = float(np.clip(level + rng.normal(0, 0.3), 1, 5))
        rows.append(
            make_row(clip, Prediction(clip.id, "x", {label: 0.9}, (label,), {"valence": value}, confidence=0.9))
        )
    rows[3] = replace(rows[3], causes=[CauseRow(1, 0, 5, 0.8)])
    rows[5] = replace(rows[5], labels=[], scores=None, abstained="system message")
    return rows


@pytest.fixture
def page(tmp_path, show):
    """Opens the report on rows."""

    def opened(rows: list[Row], *, facts: ReportFacts = FACTS, **options):
        write_report(rows, tmp_path / "talk.html", facts=facts)
        return show(tmp_path / "talk.html", **options)

    return opened


@browser_test
@pytest.mark.browser
def test_a_conversation_comes_first_with_its_turning_point_and_partners(page):
    shown = page(talk_rows(60))
    assert shown.locator("main > :first-child").get_attribute("id") == "s-talk"
    assert "1 turning point" in shown.inner_text("#talk-note")
    assert shown.locator("#talk-partners tbody tr").count() == 2
    anna = shown.locator("#talk-partners tbody tr").filter(has_text="Anna")
    assert anna.locator("td").nth(0).inner_text() == "30"
    assert shown.locator("#talk-turns li").count() == 60
    assert "<b>of</b>" in shown.locator("#talk-turns li").first.inner_text(), "text is never markup"
    assert "system message" in shown.locator('#talk-turns li[data-k="5"]').inner_text()


@browser_test
@pytest.mark.browser
def test_without_valence_nothing_is_kept_or_promised_for_it(page):
    tall = page(talk_rows(30))
    with_valence = tall.locator("#talk-lanes").bounding_box()["height"]
    assert "how pleasant" in tall.inner_text("#talk-note")
    assert "Mean valence" in tall.locator("#talk-partners thead").inner_text()
    shown = page([replace(row, valence=None) for row in talk_rows(30)])
    assert shown.locator("#talk-lanes").bounding_box()["height"] < with_valence - 100
    assert "pleasant" not in shown.inner_text("#talk-note")
    assert shown.locator("#talk-partners thead").inner_text().strip().split("\t") == ["Speaker", "Turns", "Most often"]
    assert shown.locator("#talk-partners tbody tr").first.locator("td").count() == 2


@browser_test
@pytest.mark.browser
def test_without_labels_the_numbers_stand_in_their_place(page):
    bare = [replace(row, scores=None, labels=[], confidence=None) for row in talk_rows(30)]
    shown = page(bare, facts=replace(FACTS, labels=(), neutral=None))
    assert not shown.is_visible("#f-label") and "label" not in shown.inner_text("#talk-note")
    assert shown.locator("#talk-turns li").first.inner_text().endswith(f"valence {bare[0].valence:.2f}")
    assert shown.locator("#talk-partners thead").inner_text().strip().split("\t")[-1] == "MSSD"
    assert "no label" not in shown.inner_text("body") and "give that label" not in shown.inner_text("#s-facts")
    assert page(talk_rows(30)).is_visible("#f-label")


@browser_test
@pytest.mark.browser
def test_keys_step_through_turns_and_to_the_turning_point(page):
    shown = page(talk_rows(60))
    shown.focus("#talk-lanes")
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        shown.keyboard.press(key)
    assert shown.locator("#talk-turns li.at").get_attribute("data-k") == "1"
    assert shown.inner_text("#talk-says").startswith("Turn 2, Ben: words 1")
    shown.keyboard.press("t")
    assert shown.locator("#talk-turns li.at").get_attribute("data-k") == "30"
    shown.keyboard.press("Enter")
    assert "words 30" in shown.inner_text("#panel")
    shown.keyboard.press("Escape")
    assert shown.evaluate("document.activeElement.id") == "talk-lanes"


@browser_test
@pytest.mark.browser
def test_a_cause_leads_to_its_words(page):
    shown = page(talk_rows(30))
    because = shown.locator('#talk-turns li[data-k="3"] .because')
    assert because.inner_text().startswith("from turn 2:") and "words" in because.inner_text()
    because.click()
    assert shown.locator("#talk-turns li.at").get_attribute("data-k") == "1"
    assert shown.inner_text("#talk-turns li.at mark") == "words"


@browser_test
@pytest.mark.browser
def test_ten_thousand_turns_keep_the_page_small(page):
    shown = page(talk_rows(10_000))
    assert shown.locator("#talk-turns li").count() <= 240
    shown.focus("#talk-lanes")
    shown.keyboard.press("End")
    assert shown.locator("#talk-turns li.at").get_attribute("data-k") == "9999"
    assert shown.locator("#talk-turns li").count() <= 240
    for _ in range(4):
        shown.evaluate("document.getElementById('talk-turns').scrollTop = 0")
        shown.wait_for_timeout(60)
    assert int(shown.locator("#talk-turns li").first.get_attribute("data-k")) < 9900
    assert shown.locator("#talk-turns li").count() <= 240
    took = shown.evaluate("(() => { const t = performance.now(); for (let k = 0; k < 10; k++) "
                          "document.getElementById('talk-lanes').dispatchEvent(new KeyboardEvent('keydown', "
                          "{ key: 'ArrowLeft' })); return performance.now() - t; })()")  # fmt: skip
    assert took < 4000, "ten steps through 10,000 turns"


@browser_test
@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 700])
def test_narrow_pages_do_not_scroll_sideways(page, width):
    shown = page([*talk_rows(40), *talk_rows(12, dialogue="another")], width=width)
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    shown.select_option("#talk-which", "1")
    assert shown.locator("#talk-turns li").count() == 12


@browser_test
@pytest.mark.browser
def test_texts_and_dialogues_of_one_turn_have_no_such_part(page):
    rows = [replace(row, dialogue=None, turn=None, causes=None) for row in talk_rows(8)]
    assert page(rows).locator("#s-talk").count() == 0
    single = page([*talk_rows(8)[:1]])
    assert single.locator("#s-talk").is_hidden()


@browser_test
@pytest.mark.browser
def test_filters_fade_the_other_turns(page):
    shown = page(talk_rows(20))
    shown.fill("#q", '"words 7 "')
    shown.wait_for_timeout(300)
    assert shown.locator("#talk-turns li:not(.dim)").count() == 1
