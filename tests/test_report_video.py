"""Videos in the report: the faces over the pictures, what each channel says, and the rows of several people."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from browser import browser_test, until
from films import film, scene
from sounds import voice
from test_watching import DARK, PALE, still, watcher

from affekt.core.row import ChannelRow, ConflictRow, FaceRow, Row
from affekt.opening import open_input
from affekt.report.html import Recording, ReportFacts, write_report
from affekt.writing import write


def two_people(number: int) -> np.ndarray:
    if number < 12:
        return scene((20 + number, 40, PALE), size=(360, 240))
    return scene((20 + number, 40, PALE), (190, 60, DARK), size=(360, 240))


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """6 s: one person who speaks for 3 s, then two."""
    folder = tmp_path_factory.mktemp("video")
    sound = np.concatenate([voice(3.0), np.zeros(3 * 16_000)]).astype(np.float32)
    clip = film(folder / "clip.webm", two_people, frames=24, rate=4, codec="libvpx")
    # Browsers that come without licensed codecs play this one.
    both = film(folder / "both.mkv", two_people, frames=24, rate=4, codec="libvpx", sound=sound)
    write(open_input(both), folder / "both.html", watcher(explain=True))
    write(open_input(clip), folder / "clip.html", watcher(explain=True))
    return folder / "clip.html"


def facts_of(page: Path) -> dict:
    text = page.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="facts">(.*?)</script>', text, re.S)
    assert found is not None
    return json.loads(found[1])


def test_the_page_knows_the_pictures(page_file: Path) -> None:
    (one,) = facts_of(page_file)["recordings"]
    assert one["video"] == [360, 240] and one["held"] and one["seconds"] == 6.0 and "waveform" not in one
    (both,) = facts_of(page_file.with_name("both.html"))["recordings"]
    assert both["video"] == [360, 240] and "waveform" in both
    assert "What faces, voices and words say" in page_file.read_text()


@pytest.mark.browser
@browser_test
def test_faces_are_framed_where_they_are(page_file: Path, show) -> None:
    page = show(page_file)
    until(page, "() => document.querySelector('#screen video')?.videoWidth === 360")
    page.evaluate("() => { document.querySelector('#screen video').currentTime = 4.5 }")
    until(
        page,
        "() => !document.querySelector('#screen').hidden && document.querySelector('#clock').textContent === '0:04.5'",
    )
    page.wait_for_timeout(500)
    # The colour of a frame stands where the drawn faces are, and nowhere between them.
    framed = page.evaluate("""() => {
      const canvas = document.getElementById('boxes'), k = canvas.width / 360;
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      const marked = (x) => {
        let n = 0;
        for (let y = 60; y < 220; y += 2) n += data[4 * (Math.round(y * k) * canvas.width + Math.round(x * k)) + 3] > 0;
        return n;
      };
      return Array.from({ length: 360 }, (_, x) => marked(x));
    }""")
    columns = [x for x, n in enumerate(framed) if n > 35]
    assert columns, "upright strokes of frames"
    near = lambda at: min(abs(x - at) for x in columns)  # noqa: E731
    assert max(near(20 + 18 + 20), near(20 + 18 + 141), near(190 + 20), near(190 + 141)) <= 12, columns
    assert not [x for x in columns if 192 < x < 200]


@pytest.mark.browser
@browser_test
def test_a_row_says_what_each_channel_says(page_file: Path, show) -> None:
    page = show(page_file.with_name("both.html"), width=420)
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    page.locator("#lines .line").first.focus()
    page.focus("#over")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    panel = page.locator("#panel").inner_text()
    assert "What each channel says" in panel and "Voice" in panel and "Face" in panel and "person 1" in panel


def test_rows_of_pictures_without_times(tmp_path: Path) -> None:
    path = still(tmp_path / "a.png", scene((60, 40, PALE)))
    write(open_input(path), tmp_path / "r.html", watcher())
    text = (tmp_path / "r.html").read_text()
    assert "1</b> row of a face or voice" in text and "s-stage" not in text


@pytest.mark.browser
@browser_test
def test_conflict_is_said(tmp_path: Path, show) -> None:
    row = Row(
        "1", None, "a.mp4", 0.0, 2.0, None, None, "ekman-neutral", {"joy": 0.7, "anger": 0.3}, ["joy"], None, None,
        None, None, 0.7, None, [], None, "m", person="person 1", faces=[FaceRow(0.5, 10, 10, 50, 50)],
        channels={"face": ChannelRow({"joy": 0.9}, 0.6), "voice": ChannelRow({"anger": 0.8}, 0.4)},
        conflict=ConflictRow(0.83, ("face", "voice")),
    )  # fmt: skip
    facts = ReportFacts(heard=True, seen=True, recordings=[Recording(name="a.mp4", seconds=2.0, pictures=(100, 100))])
    write_report([row], tmp_path / "r.html", facts=facts)
    page = show(tmp_path / "r.html")
    page.focus("#over")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    said = page.locator("#panel").inner_text()
    assert "83 %" in said and "furthest apart are face and voice" in said
    assert "anger 0.80" in said and "60 %" in said
