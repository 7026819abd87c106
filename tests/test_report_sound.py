"""Recordings in the report: how they are drawn, found and held, and what people can do with the player."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import shutil
import urllib.parse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sounds
from browser import browser_test, until
from hypothesis import given, settings
from hypothesis import strategies as st
from test_analyze_recordings import TURNS, LoudVoice, save

from affekt.analysis import open_input
from affekt.core.errors import InputError
from affekt.core.row import EvidenceRow, Row
from affekt.features.picture import BANDS, Picture
from affekt.listening import Listener
from affekt.media.playing import playable
from affekt.media.sound import read_sound
from affekt.report.html import Recording, ReportFacts, write_report
from affekt.report.page.sound import address
from affekt.writing import write

RATE = 16_000


# --- Pictures ---------------------------------------------------------------------------------------------------------


def drawn(line: np.ndarray, *cuts: int, share: float = 1.0) -> Picture:
    picture = Picture(share)
    for block in np.split(line, sorted(cuts)):
        picture.hear(block)
    return picture


@settings(max_examples=20, deadline=None)
@given(n=st.integers(0, 200_000), cuts=st.lists(st.integers(0, 200_000), max_size=6))
def test_a_picture_does_not_depend_on_how_the_sound_arrived(n: int, cuts: list[int]) -> None:
    line = np.random.RandomState(n).uniform(-1, 1, n).astype(np.float32)
    whole, parts = drawn(line, share=0.05), drawn(line, *(c for c in cuts if c <= n), share=0.05)
    assert whole.seconds == parts.seconds == n / RATE
    for a, b in ((whole.waveform(), parts.waveform()), (whole.spectrogram(), parts.spectrogram())):
        assert a[0] == b[0]
        np.testing.assert_array_equal(a[1], b[1])


def test_the_waveform_is_the_greatest_amplitude_of_each_column() -> None:
    line = np.random.RandomState(1).uniform(-0.5, 0.5, 90 * RATE + 77).astype(np.float32)
    line[5_000] = -1.0
    step, found = drawn(line, 40_001).waveform()
    size = round(step * RATE)
    assert 8_192 <= len(found) <= 16_385 and size * len(found) >= len(line)
    padded = np.pad(np.abs(line), (0, size * len(found) - len(line)))
    np.testing.assert_array_equal(found, np.rint(255 * np.sqrt(padded.reshape(-1, size).max(axis=1))))


def test_a_tone_stands_in_its_band_where_it_sounds() -> None:
    time = np.arange(4 * RATE) / RATE
    line = (0.3 * np.sin(2 * np.pi * 1000 * time) * (time >= 2)).astype(np.float32)
    step, levels = drawn(line).spectrogram()
    assert levels.shape == (200, BANDS) and step == 0.02 and levels.max() == 63
    assert not levels[:99].any()
    top = 1127 * np.log1p(8000 / 700)
    assert abs(int(levels[120].argmax()) - int(BANDS * 1127 * np.log1p(1000 / 700) / top)) <= 1


def test_hours_take_no_more_than_minutes_and_silence_is_blank() -> None:
    picture = Picture(share=0.25)
    block = np.zeros(60 * RATE, np.float32)
    for _ in range(30):
        picture.hear(block)
    (step, peaks), (wide, levels) = picture.waveform(), picture.spectrogram()
    assert len(peaks) <= 4_097 and len(levels) <= 1_025 and not peaks.any() and not levels.any()
    assert step * len(peaks) == pytest.approx(1_800, abs=2 * step)
    assert wide * len(levels) == pytest.approx(1_800, abs=2 * wide)
    empty = Picture()
    assert empty.seconds == 0 and not len(empty.waveform()[1]) and empty.spectrogram()[1].shape == (0, BANDS)


# --- Sound for browsers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2])
def test_samples_of_16_bits_become_flac_that_loses_nothing(tmp_path: Path, channels: int) -> None:
    import wave

    line = (sounds.conversation() * 20_000).astype("<i2")
    frames = np.stack([line, line[::-1]][:channels], axis=1)
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as out:
        out.setparams((channels, 2, RATE, 0, "NONE", ""))
        out.writeframes(frames.tobytes())
    file, kind = playable(path)
    with file:
        data = file.read()
    assert kind == "audio/flac" and data[:4] == b"fLaC" and len(data) < 0.8 * path.stat().st_size
    (tmp_path / "b.flac").write_bytes(data)
    for channel in range(channels):
        back = read_sound(tmp_path / "b.flac", channel=channel)
        assert back.channels == channels
        np.testing.assert_array_equal(np.rint(back.samples * 32768).astype("<i2"), frames[:, channel])


def test_what_browsers_play_stays_and_all_else_is_decoded(tmp_path: Path) -> None:
    line = sounds.conversation()[: 4 * RATE]
    for name, codec in (("a.mp3", "libmp3lame"), ("a.opus", "libopus"), ("a.flac", "flac")):
        path = sounds.write(tmp_path / name, line, rate=RATE, codec=codec)
        file, kind = playable(path)
        with file:
            assert file.read() == path.read_bytes() and kind.startswith("audio/")
    other = sounds.write(tmp_path / "a.aiff", line, rate=RATE, codec="pcm_s16be")
    file, kind = playable(other)
    with file:
        (tmp_path / "c.flac").write_bytes(file.read())
    assert kind == "audio/flac"
    np.testing.assert_allclose(read_sound(tmp_path / "c.flac").samples, line, atol=1e-4)
    odd = tmp_path / "odd.wav"  # 24 bits: left to the browser
    sounds.write(odd, line, rate=RATE, codec="pcm_s24le")
    file, kind = playable(odd)
    with file:
        assert kind == "audio/wav" and file.read() == odd.read_bytes()
    (tmp_path / "text.aiff").write_text("no sound\n" * 50)
    with pytest.raises(InputError, match="not sound but text"):
        playable(tmp_path / "text.aiff")


@pytest.mark.parametrize(
    ("file", "page", "expected"),
    [
        ("call.wav", ".", "call.wav"),
        ("in here/café #1 100%?.wav", ".", "in%20here/caf%C3%A9%20%231%20100%25%3F.wav"),
        ("calls/a.wav", "reports/of", "../../calls/a.wav"),
        ("javascript:alert(1).wav", ".", "javascript%3Aalert%281%29.wav"),
        (os.fsdecode(b"caf\xe9.wav"), ".", "caf%E9.wav"),
    ],
)
def test_the_way_to_a_file_is_relative_and_escaped(tmp_path: Path, file: str, page: str, expected: str) -> None:
    assert address(tmp_path / file, tmp_path / page) == expected


# --- From a recording to its page -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight turns, one a second, each a tone of its own level, and their transcript."""
    folder = tmp_path_factory.mktemp("call")
    time = np.arange(RATE) / RATE
    line = np.concatenate([level * np.sin(2 * np.pi * (200 + 90 * k) * time) for k, (*_, level) in enumerate(TURNS)])
    cues = [f"00:{a:06.3f} --> 00:{b:06.3f}\n<v {who}>{said}" for a, b, who, said, _ in TURNS]
    (folder / "call.vtt").write_text("WEBVTT\n\n" + "\n\n".join(cues) + "\n")
    return save(folder / "call.wav", line)


def facts_of(page: Path) -> dict:
    text = page.read_text(encoding="utf-8")
    return json.loads(re.search(r'<script type="application/json" id="facts">(.*?)</script>', text, re.S)[1])


def report(source: Path, out: Path, **more: object) -> Path:
    write(open_input(source), out, Listener(model=LoudVoice()), **more)  # type: ignore[arg-type]
    return out


def test_a_small_recording_is_held_and_a_large_one_is_pointed_at(
    call: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = report(call, tmp_path / "held.html")
    (one,) = facts_of(held)["recordings"]
    assert one["held"] and "at" not in one and one["title"] == "call.wav" and one["seconds"] == 8.0
    kind, data = re.search(r'id="sound-0">([^<]*)</script>', held.read_text())[1].strip().split(",")
    (tmp_path / "out.flac").write_bytes(base64.b64decode(data))
    assert kind == "audio/flac"
    np.testing.assert_array_equal(read_sound(tmp_path / "out.flac").samples, read_sound(call).samples)
    assert "This file holds the recording itself" in held.read_text()
    monkeypatch.setattr("affekt.writing.HELD", 1000)
    near = report(call, tmp_path / "near.html")
    (one,) = facts_of(near)["recordings"]
    assert urllib.parse.unquote(one["at"]) == os.path.relpath(call, tmp_path) and not one["held"]
    assert 'id="sound-0"' not in near.read_text()
    assert facts_of(report(call, tmp_path / "asked.html", embed_sound=True))["recordings"][0]["held"]
    assert not facts_of(report(call, tmp_path / "not.html", embed_sound=False))["recordings"][0]["held"]


def test_the_pictures_in_the_page_are_those_of_the_recording(call: Path, tmp_path: Path) -> None:
    (one,) = facts_of(report(call, tmp_path / "r.html"))["recordings"]
    picture = drawn(read_sound(call).samples)
    step, peaks = picture.waveform()
    assert one["waveform"][0] == step
    assert gzip.decompress(base64.b64decode(one["waveform"][1])) == peaks.tobytes()
    step, levels = picture.spectrogram()
    assert one["spectrogram"][:2] == [step, BANDS]
    assert gzip.decompress(base64.b64decode(one["spectrogram"][2])) == levels.tobytes()


def test_sound_that_only_a_broken_off_run_has_heard_is_drawn_too(call: Path, tmp_path: Path) -> None:
    folder = tmp_path / "calls"
    folder.mkdir()
    for name in ("a", "b"):
        shutil.copy(call, folder / f"{name}.wav")
    (folder / "broken.mp3").write_bytes(b"ID3" + bytes(500))
    whole = report(folder, tmp_path / "whole.html").read_bytes()

    class Stop(Exception):
        pass

    def stop(progress) -> None:
        if progress.rows:
            raise Stop

    out = tmp_path / "again.html"
    with pytest.raises(Stop):
        report(folder, out, progress=stop)
    assert [r["title"] for r in facts_of(report(folder, out))["recordings"]] == ["a.wav", "b.wav"]
    stamp = rb"\d{4}-\d\d-\d\dT[\d:+]+|, \d\d:\d\d UTC"
    assert re.sub(stamp, b"", out.read_bytes()) == re.sub(stamp, b"", whole)


def test_what_cannot_be_held_is_said_before_anything_is_heard(
    call: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    voice = LoudVoice()
    source = open_input(call)
    with pytest.raises(InputError, match="jsonl holds none"):
        write(source, tmp_path / "r.jsonl", Listener(model=voice), embed_sound=True)
    monkeypatch.setattr("affekt.writing.MOST_HELD", 1000)
    with pytest.raises(InputError, match="holds at most"):
        write(source, tmp_path / "r.html", Listener(model=voice), embed_sound=True)
    assert not voice.heard and not list(tmp_path.iterdir())


def test_pages_of_texts_hold_no_player(tmp_path: Path) -> None:
    row = {"id": "1", "text": "words", "scores": {"joy": 0.9}, "labels": ["joy"], "model": "m"}
    write_report([row], tmp_path / "text.html", facts=ReportFacts())
    page = (tmp_path / "text.html").read_text()
    for word in ("drawTracks", "media-src", "s-stage", ".deck"):
        assert word not in page
    write_report([row | {"start": 0.0, "end": 1.0}], tmp_path / "timed.html", facts=ReportFacts())
    assert "drawTracks" in (tmp_path / "timed.html").read_text()


def test_a_recording_that_vanished_leaves_the_old_report(call: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.html"
    out.write_text("the old one")
    gone = Recording(name="gone.mp3", path=tmp_path / "gone.mp3", held=True)
    with pytest.raises(InputError, match=r"cannot be put into the report.*gone\.mp3"):
        write_report([spoken(0)], out, facts=ReportFacts(recordings=[gone]))
    assert out.read_text() == "the old one" and len(list(tmp_path.iterdir())) == 1


# --- In the browser ---------------------------------------------------------------------------------------------------


def spoken(k: int, **more: object) -> Row:
    """Turn k of the call, as a row."""
    start, end, who, said, _ = TURNS[k % len(TURNS)]
    label = ("angry", "calm", "happy", "sad")[k % 4]
    v = 0.2 + 0.1 * (k % 6)
    row = Row(
        id=str(k), text=said, source="call.wav", start=start, end=end, speaker=who, time=None, space="ravdess",
        scores=dict.fromkeys(("angry", "calm", "happy", "sad"), 0.1) | {label: 0.7}, labels=[label],
        valence=v, arousal=1 - v, dominance=None, intervals={"valence": (v - 0.1, v + 0.1)}, confidence=0.7,
        abstained=None,
        evidence=[
            EvidenceRow("voice", "pitch 2.8 SD above", start + 0.4, end, 0.0, None),
            EvidenceRow("voice", "a part", start + 0.5, start + 0.7, 0.2, "angry"),
        ],
        trajectory=None, model="m@1",
    )  # fmt: skip
    return replace(row, **more)  # type: ignore[arg-type]


def page_of(call: Path, out: Path, rows: list[Row], *more: Recording, path: Path | None = None, **held: bool) -> Path:
    picture = drawn(read_sound(call).samples)
    shown = Recording(
        name="call.wav", path=path or call, seconds=8.0, waveform=picture.waveform(),
        spectrogram=picture.spectrogram(), **held,
    )  # fmt: skip
    facts = ReportFacts(heard=True, recordings=[shown, *more], ranges={"valence": (0, 1), "arousal": (0, 1)})
    write_report(rows, out, facts=facts)
    return out


@pytest.fixture
def near(call: Path, tmp_path: Path) -> Path:
    """A page with the recording beside it."""
    return page_of(call, tmp_path / "near.html", [spoken(k) for k in range(8)])


def at(page) -> float:
    return page.evaluate("document.querySelector('audio').currentTime")


def paused(page) -> bool:
    return page.evaluate("document.querySelector('audio').paused")


def until_said(page, words: str) -> None:
    """The page follows the sound by its events, which come a moment after what they tell of."""
    until(page, f"document.querySelector('#lines li.now .t')?.textContent === {json.dumps(words)}")


def press(page, seconds: float, name: str, lane: int = 0) -> None:
    """Press a place of a track. Which second is where says what the pointer shows; heights are those of `tracks.js`."""
    page.evaluate("document.getElementById('over').scrollIntoView({ block: 'center' })")
    box = page.locator("#over").bounding_box()
    tall = {"waveform": 40, "spectrogram": 130, "lane": 216 + 13 + 26 * lane}[name]

    def told(x: float) -> float:
        page.mouse.move(box["x"] + x, box["y"] + 40)
        return float(re.match(r"0:(\d\d\.\d)", page.inner_text("#tip"))[1])

    left, right = 0.25 * box["width"], 0.98 * box["width"]
    first, last = told(left), told(right)
    page.mouse.click(box["x"] + left + (seconds - first) / (last - first) * (right - left), box["y"] + tall)


@browser_test
@pytest.mark.browser
def test_a_press_plays_a_stretch_or_from_any_place(near: Path, show) -> None:
    page = show(near)
    until(page, "document.querySelector('audio').readyState > 0")
    assert page.is_visible("#play") and not page.is_visible("#absent")
    assert at(page) == 0 and paused(page)
    press(page, 5.5, "lane", 1)
    until(page, "document.querySelector('audio').currentTime > 5.05")
    until_said(page, "I told you it is not!")
    assert page.get_attribute("#lines li.now button", "aria-current") == "true"
    assert page.get_attribute(".t-row.now", "data-row") == "5"
    until(page, "document.querySelector('audio').paused")
    assert at(page) == pytest.approx(6.0, abs=0.02)  # the stretch and no more
    until_said(page, "I told you it is not!")
    press(page, 2.5, "waveform")
    until(page, "!document.querySelector('audio').paused && document.querySelector('audio').currentTime > 2.6")
    assert at(page) < 4
    until_said(page, "Not yet.")  # on through the next
    page.click("#play")
    until(page, "document.getElementById('play').getAttribute('aria-label') === 'Play'")
    assert paused(page)
    page.click("#lines button:has-text('Sorry.')")
    until(page, "document.querySelector('audio').currentTime >= 6")
    page.click(".t-row[data-row='2']")
    until_said(page, "Did you find it?")
    assert page.is_visible("#panel")


@browser_test
@pytest.mark.browser
def test_cues_lead_to_their_moment(near: Path, show) -> None:
    page = show(near)
    page.focus("#over")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.is_visible("#panel .listen")
    page.click("#panel .moment >> nth=0")
    until(page, "document.querySelector('audio').currentTime >= 0.4")
    until(page, "document.querySelector('audio').paused")
    assert at(page) == pytest.approx(1.0, abs=0.02)
    assert "pitch 2.8 SD above" in page.inner_text("#lines li.now .cues")
    assert "+0.20 for angry" in page.inner_text("#lines li.now .cues")
    page.keyboard.press("Escape")
    page.click("#lines .moment")
    until(page, "!document.querySelector('audio').paused")


PIXELS = """([y0, y1]) => {
  const c = document.getElementById('tracks'), r = window.devicePixelRatio, copy = document.createElement('canvas');
  Object.assign(copy, { width: c.width, height: c.height });
  const g = copy.getContext('2d', { willReadFrequently: true });
  g.drawImage(c, 0, 0);
  const d = g.getImageData(0, Math.round(y0 * r), c.width, Math.round((y1 - y0) * r)).data, seen = new Set();
  let n = 0;
  for (let k = 0; k < d.length; k += 4) {
    if (d[k + 3] > 100) { n++; seen.add(d.slice(k, k + 3).map((v) => v >> 4).join()); }
  }
  return [n, seen.size];
}"""


@browser_test
@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_waveform_spectrogram_lanes_and_curves_have_pixels(near: Path, show, scheme: str) -> None:
    page = show(near, color_scheme=scheme)
    page.wait_for_timeout(500)
    # Sound in four colours of labels; shades of the spectrogram; lanes; the curve of valence.
    for part, colours, least in (
        ((2, 78), 4, 4000),
        ((86, 178), 8, 20_000),
        ((216, 268), 4, 5000),
        ((276, 340), 2, 1000),
    ):
        n, seen = page.evaluate(PIXELS, list(part))
        assert n > least and seen >= colours, part
    assert page.evaluate("document.getElementById('over').clientHeight") == 2 + 84 + 100 + 30 + 52 + 8 + 2 * 72


@browser_test
@pytest.mark.browser
def test_the_player_needs_no_mouse(near: Path, show) -> None:
    page = show(near)
    until(page, "document.querySelector('audio').readyState > 0")
    page.focus("#over")
    assert page.get_attribute("#over", "role") == "application"
    page.keyboard.press("Space")
    until(page, "document.querySelector('audio').currentTime > 0.1")
    until(page, "document.getElementById('play').getAttribute('aria-label') === 'Pause'")
    page.keyboard.press("Space")
    assert paused(page)
    page.keyboard.press("ArrowRight")
    assert 5 < at(page) < 6.5
    page.keyboard.press("ArrowLeft")
    assert at(page) < 1.5
    for _ in range(3):
        until(page, "!document.querySelector('audio').seeking")
        page.keyboard.press("ArrowDown")
    assert page.inner_text("#stage-says").startswith("0:03 to 0:04: Ben: sad")
    until(page, "document.querySelector('audio').currentTime >= 3")
    page.keyboard.press("ArrowUp")
    assert page.inner_text("#stage-says").startswith("0:02 to 0:03: Ann: happy")
    page.keyboard.press("Enter")
    assert page.inner_text("#panel-title") == "Row 3"
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "over"
    page.keyboard.press("+")
    page.keyboard.press("+")
    until(page, "!document.getElementById('zoom-all').disabled")
    page.keyboard.press("0")
    until(page, "document.getElementById('zoom-all').disabled")
    for name in page.eval_on_selector_all(
        "#s-stage button, #s-stage select", "all => all.map(b => b.ariaLabel || b.textContent.trim())"
    ):
        assert name


@browser_test
@pytest.mark.browser
def test_where_the_sound_is_not_there_the_page_says_so_and_takes_a_file(
    call: Path, near: Path, tmp_path: Path, chromium
) -> None:
    away = tmp_path / "away"
    away.mkdir()
    shutil.move(near, away / "near.html")
    page = chromium.new_page()  # that the file was not found is a message on the console
    page.goto((away / "near.html").as_uri())
    page.wait_for_selector("#absent:not([hidden])")
    assert "call.wav was looked for at" in page.inner_text("#absent") and not page.is_visible("#play")
    page.wait_for_timeout(100)
    press(page, 3.5, "lane", 1)
    assert page.inner_text("#panel-title") == "Row 4"
    page.keyboard.press("Escape")
    page.set_input_files("#absent-file", call)
    page.wait_for_selector("#play:visible")
    press(page, 3.5, "lane", 1)
    until(page, "document.querySelector('audio').currentTime > 3.05")
    assert not page.is_visible("#absent")
    page.close()


@browser_test
@pytest.mark.browser
@pytest.mark.parametrize("folder", ["in here", "Gespräch #1 100%", "a?b&c=d;e"])
def test_odd_names_are_found(call: Path, tmp_path: Path, show, folder: str) -> None:
    (tmp_path / folder).mkdir()
    odd = tmp_path / folder / 'büro\'s "call" #2.wav'
    shutil.copy(call, odd)
    page = show(page_of(call, tmp_path / "r.html", [spoken(0)], path=odd))
    until(page, "document.querySelector('audio').readyState > 0")
    assert page.evaluate("document.querySelector('audio').duration") == 8


@browser_test
@pytest.mark.browser
def test_a_page_that_holds_the_sound_needs_nothing_else(call: Path, tmp_path: Path, show) -> None:
    page_of(call, tmp_path / "r.html", [spoken(k) for k in range(8)], held=True)
    (tmp_path / "away").mkdir()
    shutil.move(tmp_path / "r.html", tmp_path / "away" / "r.html")
    for setup in ("", "delete Uint8Array.fromBase64;"):
        page = show(tmp_path / "away" / "r.html", setup=setup)
        until(page, "document.querySelector('audio').readyState > 0")
        page.click("#after")
        until(page, "document.querySelector('audio').currentTime > 0.1")
        assert page.evaluate("document.querySelector('audio').src").startswith("blob:")


@browser_test
@pytest.mark.browser
def test_filters_narrow_what_is_stepped_through_and_played(near: Path, show) -> None:
    page = show(near)
    until(page, "document.querySelector('audio').readyState > 0")
    assert not page.is_visible("#only")
    page.click("#bars button:has-text('sad')")
    page.click("#after")
    until(page, "document.querySelector('audio').currentTime >= 3")
    page.click("#after")
    until(page, "document.querySelector('audio').currentTime >= 7")
    assert page.eval_on_selector_all("#lines .t", "all => all.map(t => t.textContent)") == ["Not yet.", "I am tired."]
    page.click("#play")
    page.check("#only")
    page.focus("#over")
    page.keyboard.press("Home")
    page.click("#play")
    until(page, "document.querySelector('audio').currentTime >= 3")
    until(page, "document.querySelector('audio').currentTime >= 7")  # four seconds are left out
    page.click("#clear")
    assert not page.is_visible("#only") and not page.is_checked("#only")


@browser_test
@pytest.mark.browser
def test_each_of_several_recordings_has_its_player(call: Path, tmp_path: Path, show) -> None:
    other = tmp_path / "other.wav"
    save(other, 0.1 * np.sin(np.arange(3 * RATE)))
    second = Recording(name="other.wav", path=other, seconds=3.0, waveform=drawn(read_sound(other).samples).waveform())
    rows = [*(spoken(k) for k in range(8)), spoken(1, source="other.wav", id="o")]
    page = show(page_of(call, tmp_path / "r.html", rows, second))
    names = page.eval_on_selector_all("#stage-which option", "all => all.map(o => o.textContent)")
    assert names == ["call.wav (0:08)", "other.wav (0:03)"]
    until(page, "document.querySelector('audio').readyState > 0")
    page.click("#lines button >> nth=2")
    until(page, "document.querySelector('audio').currentTime > 2")
    page.click(".t-row[data-row='8']")  # of the other one
    assert page.evaluate("document.getElementById('stage-which').value") == "1"
    until(page, "document.querySelectorAll('audio')[1].currentTime > 1")
    assert paused(page)  # one is heard at a time
    assert page.inner_text("#length") == "0:03"
    page.select_option("#stage-which", "0")
    assert at(page) >= 2  # where it was left
    page.click(".t-row[data-row='7']")
    until(page, "document.querySelector('audio').currentTime >= 7")
    page.click("#after")  # the last one was heard: on to the other recording
    assert page.evaluate("document.getElementById('stage-which').value") == "1"
    page.keyboard.press("Escape")
    page.click(".example:has-text('I told you it is not!')")
    until(page, "document.querySelector('audio').currentTime >= 5 && document.querySelector('audio').currentTime <= 6")


@browser_test
@pytest.mark.browser
def test_names_and_cues_are_no_markup_in_the_player(call: Path, tmp_path: Path, show) -> None:
    evil = '</script><img src=x onerror="window.hacked=1"><b>bold</b>'
    rows = [
        spoken(k, source=evil, speaker=evil, text=evil, evidence=[EvidenceRow("voice", evil, 0.1, 1.0, 0.0, None)])
        for k in range(3)
    ]
    shown = Recording(name=evil, path=call, seconds=8.0, waveform=drawn(read_sound(call).samples).waveform())
    write_report(rows, tmp_path / "r.html", facts=ReportFacts(heard=True, recordings=[shown], title=evil))
    page = show(tmp_path / "r.html")
    page.click("#after")
    page.hover("#over", position={"x": 400, "y": 150})
    page.click(".t-row >> nth=1")
    assert page.inner_text("#lines li.now .t") == evil and evil in page.inner_text("#lines li.now .cues")
    assert page.evaluate("window.hacked") is None
    assert page.locator("img, b:has-text('bold')").count() == 0


@browser_test
@pytest.mark.browser
def test_ten_thousand_stretches_stay_smooth(call: Path, tmp_path: Path, show) -> None:
    rows = [spoken(k, id=str(k), start=k * 1.5, end=k * 1.5 + 1.2) for k in range(10_000)]
    page = show(page_of(call, tmp_path / "r.html", rows))
    page.evaluate("window.scrollTo(0, 300)")
    page.focus("#over")
    slowest = page.evaluate(
        "async () => { const frame = () => new Promise(requestAnimationFrame), over = document.getElementById('over');"
        "let most = 0; for (const key of ['+', '+', 'ArrowDown', '0', '+', '-', 'ArrowDown', '0']) {"
        "over.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true })); const from = performance.now();"
        "await frame(); await frame(); most = Math.max(most, performance.now() - from); } return most; }"
    )
    assert slowest < 1000  # two frames; about 150 ms where nothing else runs


@browser_test
@pytest.mark.browser
def test_the_player_fits_a_narrow_screen(near: Path, show) -> None:
    page = show(near, width=360, height=740)
    page.click("#after")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    outside = page.evaluate(
        "[...document.querySelectorAll('#s-stage *')].filter(e => e.getBoundingClientRect().right > 361)"
        ".map(e => e.outerHTML.slice(0, 80))"
    )
    assert outside == []
    press(page, 4.5, "lane", 0)
    until(page, "document.querySelector('audio').currentTime > 4")
