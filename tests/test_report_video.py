"""Videos in the report: the faces over the pictures, what each channel says, and the rows of several people."""

from __future__ import annotations

import base64
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
from affekt.media.video import Frame
from affekt.opening import open_input
from affekt.report.html import Recording, ReportFacts, write_report
from affekt.report.page.photos import LONGEST, MAX_PHOTO_BYTES, MAX_PHOTOS, Photos, thumbnail
from affekt.writing import Progress, write


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
    assert "1</b> row of a picture" in text and "s-stage" not in text
    assert "Seen most clearly" in text and "heard most clearly" not in text and "small copies of the pictures" in text


ODD = 'x" onerror=alert(1) <b>.png'


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Two people in a large picture, one in a small one with an odd name, nobody, and a broken one."""
    import cv2

    folder = tmp_path / "album"
    folder.mkdir()
    still(folder / "a.png", cv2.resize(scene((0, 40, DARK), (160, 50, PALE)), (800, 600)))
    still(folder / "b.png", scene((20, 20, PALE), ground=(20, 60, 20)))
    still(folder / "c.png", scene(size=(60, 90), ground=(200, 30, 30)))
    (folder / "b.png").rename(folder / ODD)
    (folder / "d.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(60))
    return folder


def decoded(photo: dict) -> np.ndarray:
    import cv2

    return cv2.imdecode(np.frombuffer(base64.b64decode(photo["jpeg"]), np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]


def test_the_page_holds_pictures_small(album: Path, tmp_path: Path) -> None:
    write(open_input(album), tmp_path / "r.html", watcher())
    photos = {Path(photo["name"]).name: photo for photo in facts_of(tmp_path / "r.html")["photos"]}
    assert {name: photo["size"] for name, photo in photos.items()} == {
        "a.png": [800, 600],
        ODD: [320, 240],
        "c.png": [60, 90],
    }
    assert {name: decoded(photo).shape for name, photo in photos.items()} == {
        "a.png": (120, LONGEST, 3),
        ODD: (120, LONGEST, 3),
        "c.png": (90, 60, 3),
    }
    assert np.abs(decoded(photos["c.png"]).mean(axis=(0, 1)) - (200, 30, 30)).max() < 6
    assert ODD not in (tmp_path / "r.html").read_text()
    assert "photos-left-out" not in (tmp_path / "r.html").read_text()


def test_pictures_that_an_earlier_run_read_are_shown_too(album: Path, tmp_path: Path) -> None:
    def stop(done: Progress) -> None:
        if done.rows >= 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(open_input(album), tmp_path / "r.html", watcher(), progress=stop)
    assert write(open_input(album), tmp_path / "r.html", watcher()).resumed >= 3
    found = [Path(photo["name"]).name for photo in facts_of(tmp_path / "r.html")["photos"]]
    assert sorted(found) == sorted(["a.png", ODD, "c.png"])


def test_a_page_holds_so_many_pictures_and_says_how_many_more_there_are(tmp_path: Path) -> None:
    many = Photos()
    for k in range(MAX_PHOTOS + 3):
        many.take(f"{k}.png", Frame(0.0, np.full((40, 30, 3), k % 256, np.uint8)))
    assert (len(many.shown), many.left_out) == (MAX_PHOTOS, 3)
    # Noise is what JPEG makes largest, and the scale of a picture that was decoded smaller is that of its file.
    noise = Frame(0.0, np.random.default_rng(0).integers(0, 256, (LONGEST, LONGEST, 3), np.uint8), scale=4.0)
    large = Photos()
    for k in range(MAX_PHOTOS):
        large.take(f"{k}.png", noise)
    held, each = sum(len(photo.jpeg) for photo in large.shown), len(thumbnail(noise))
    assert MAX_PHOTO_BYTES - each < held <= MAX_PHOTO_BYTES and large.left_out == MAX_PHOTOS - len(large.shown) > 0
    assert large.shown[0].size == (4 * LONGEST, 4 * LONGEST)
    facts = ReportFacts(heard=True, seen=True, still=True, photos=many.shown, photos_left_out=many.left_out)
    write_report([], tmp_path / "r.html", facts=facts)
    assert "holds the first 200 of them small; 3 are left out" in (tmp_path / "r.html").read_text()


@pytest.mark.browser
@browser_test
def test_pictures_are_shown_with_their_faces_framed(album: Path, tmp_path: Path, show) -> None:
    write(open_input(album), tmp_path / "r.html", watcher())
    write(open_input(album), tmp_path / "r.jsonl", watcher())
    rows = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    faces = [row["faces"][0] for row in rows if row["source"].endswith("a.png")]
    page = show(tmp_path / "r.html", width=360)
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    page.locator("#example-tabs button", has_text="joy").click()
    cards = page.locator("#examples .example")
    alts = [image.get_attribute("alt") for image in cards.locator("img").all()]
    assert len(alts) == 2 and any(alt.startswith(f"{ODD}: person 1, joy") for alt in alts), alts
    page.locator("#examples .example", has_text="a.png").click()
    until(page, "() => document.querySelector('#panel .photo img')?.naturalWidth === 160")
    # Left, top, width, height of each frame as shares of the picture; the row's own is the last.
    frames = page.evaluate("""() => {
      const whole = document.querySelector('#panel .photo img').getBoundingClientRect();
      return [...document.querySelectorAll('#panel .photo i')].map((one) => {
        const box = one.getBoundingClientRect();
        return [(box.left - whole.left) / whole.width, (box.top - whole.top) / whole.height, box.width / whole.width,
          box.height / whole.height, getComputedStyle(one).borderTopColor];
      });
    }""")
    expected = [[f["x"] / 800, f["y"] / 600, f["width"] / 800, f["height"] / 600] for f in faces]
    expected.sort()  # the pale face, whose row it is, stands to the right
    assert np.allclose([frame[:4] for frame in frames], expected, atol=0.01), (frames, expected)
    assert frames[0][4] != frames[1][4], "joy and sadness have colours of their own"


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
