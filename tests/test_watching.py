"""Videos and pictures through `analyze`: segments and people, channels, bad input, and what is written.

The models are stand-ins, one that takes dark faces for sad ones and one that hears loudness, so that it is known what
has to come out. Pictures and sound are drawn and made; decoding, faces, voice activity and writing are the real ones.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from films import face, film, scene
from numpy.typing import NDArray
from sounds import voice
from test_analyze_recordings import LoudVoice, save

from affekt.analysis import Policy, analyze, analyzer_for
from affekt.catalog.spaces import space
from affekt.cli.explain import command as explain
from affekt.cli.main import main
from affekt.core.errors import InputError, MissingExtraError
from affekt.core.prediction import Prediction
from affekt.core.protocols import RecogniserSpec
from affekt.explain.face import REGIONS, covered
from affekt.listening import Listener
from affekt.media.faces import FaceFinder, crop_of
from affekt.media.text import ReadOptions
from affekt.models.face import grey_square
from affekt.models.registry import load_face
from affekt.opening import open_input
from affekt.watching import Watcher, watcher_for
from affekt.writing import write

LABELS = space("fer2013").labels
PALE, DARK = face(), face(skin=(120, 85, 65), hair=(20, 20, 20), smile=1)
RATE = 16_000


class PaleFace:
    """Happy is who has a pale face, sad who has a dark one."""

    def __init__(self, licence: str = "Apache-2.0") -> None:
        self.card = {"policy": {"min_confidence": 0.0}, "face": {}}
        self.spec = RecogniserSpec("pale", "1", "fer2013", ("fer2013",), ("valence",), (), licence)
        self.seen = 0

    def predict(self, faces: Sequence[NDArray[np.uint8]], *, ids: Sequence[str] | None = None) -> list[Prediction]:
        self.seen += len(faces)
        out = []
        for name, one in zip(ids or map(str, range(len(faces))), faces, strict=True):
            assert one.dtype == np.uint8 and one.shape == (96, 96, 3)
            happy = 0.9 if one[50:60, 30:66].mean() > 130 else 0.1
            scores = dict.fromkeys(LABELS, 0.0) | {"happy": happy, "sad": 1 - happy}
            top = max(scores, key=scores.__getitem__)
            values = {"valence": happy}
            out.append(Prediction(name, "fer2013", scores, (top,), values, confidence=0.9, model="pale@1"))
        return out


def watcher(**more: object) -> Watcher:
    return Watcher(face=PaleFace(), model=LoudVoice(), policy=Policy(min_confidence=0), **more)  # type: ignore[arg-type]


def rows_of(
    path: Path, out: Path, *, options: ReadOptions | None = None, using: Listener | None = None, **more: object
) -> list[dict]:
    write(open_input(path, options), out, using or watcher(), **more)  # type: ignore[arg-type]
    return [json.loads(line) for line in out.read_text().splitlines()]


def two_people(number: int) -> np.ndarray:
    """4 s of one person, 4 s of two, 4 s of nobody, at 5 frames a second."""
    if number < 20:
        return scene((60, 40, PALE))
    return scene((0, 40, PALE), (160, 50, DARK)) if number < 40 else scene(ground=(20, 60, 20))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 s: speech from 0 to 3 and from 6 to 9, with a transcript beside it."""
    folder = tmp_path_factory.mktemp("clip")
    said, quiet = voice(3.0), np.zeros(3 * RATE)
    sound = np.concatenate([said, quiet, voice(3.0, seed=2), quiet]).astype(np.float32)
    return film(folder / "clip.mp4", two_people, frames=60, rate=5, sound=sound)


def test_a_row_for_each_segment_and_person(clip: Path, tmp_path: Path) -> None:
    rows = rows_of(clip, tmp_path / "r.jsonl")
    assert [r["id"] for r in rows] == [str(k + 1) for k in range(len(rows))]
    said = [(round(r["start"]), round(r["end"]), r["person"], sorted(r["channels"] or {})) for r in rows]
    assert said == [
        (0, 3, "person 1", ["face", "voice"]),
        (3, 6, "person 1", ["face"]),
        (3, 6, "person 2", ["face"]),
        (6, 9, None, ["voice"]),  # whose voice it is cannot be known
        (6, 9, "person 1", ["face"]),
        (6, 9, "person 2", ["face"]),
    ]
    assert {r["space"] for r in rows} == {"ekman-neutral"}
    faces = {r["person"]: r["labels"] for r in rows if r["channels"].keys() == {"face"}}
    assert faces == {"person 1": ["joy"], "person 2": ["sadness"]}
    assert all(sum(c["weight"] for c in r["channels"].values()) == pytest.approx(1) for r in rows)
    first = rows[0]["faces"]
    assert len(first) >= 12 and all(70 < f["x"] < 95 and 100 < f["width"] < 145 for f in first)
    assert [f["time"] for f in first] == sorted(f["time"] for f in first)
    write(open_input(clip), tmp_path / "r.vtt", watcher())
    assert "<v person 2><c.emotion>[sadness" in (tmp_path / "r.vtt").read_text()


def test_words_are_a_channel_where_a_transcript_lies_beside(clip: Path, tmp_path: Path) -> None:
    words = tmp_path / "words.vtt"
    words.write_text(
        "WEBVTT\n\n00:00.000 --> 00:03.000\n<v Ann>I am so happy for you!\n\n"
        "00:06.000 --> 00:09.000\n<v Ben>That is sad.\n"
    )
    rows = rows_of(clip, tmp_path / "r.jsonl", options=ReadOptions(transcript=words))
    first, *_ = rows
    assert first["speaker"] == "Ann" and first["person"] == "person 1" and first["text"] == "I am so happy for you!"
    assert set(first["channels"]) == {"text", "voice", "face"}
    assert max(first["channels"]["text"]["scores"], key=first["channels"]["text"]["scores"].get) == "joy"
    other = next(r for r in rows if r["speaker"] == "Ben")
    assert other["person"] is None and set(other["channels"]) >= {"text"}
    assert all(r["text"] is None for r in rows if r["person"] and r["start"] > 3)


def test_faces_are_read_without_a_track_of_sound(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", lambda k: scene((60, 40, PALE)), frames=30, rate=5)
    source = open_input(path)
    write(source, tmp_path / "r.jsonl", watcher())
    (row,) = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert (row["person"], row["labels"], row["start"], row["end"]) == ("person 1", ["joy"], 0.0, 6.0)
    assert "It has no sound." in source.files[0].notes


def test_long_silence_is_cut_at_shots_and_after_ten_seconds(tmp_path: Path) -> None:
    def draw(k: int) -> np.ndarray:
        return scene((60, 40, PALE), ground=(90, 100, 110) if k < 26 else (250, 250, 120))

    rows = rows_of(film(tmp_path / "a.mp4", draw, frames=30, rate=2), tmp_path / "r.jsonl")
    assert [(r["start"], r["end"]) for r in rows] == [(0, 10), (10, 13), (13, 15)]


def test_nobody_is_there(tmp_path: Path) -> None:
    (row,) = rows_of(film(tmp_path / "a.mp4", lambda _: scene(), frames=10, rate=5), tmp_path / "r.jsonl")
    assert row["abstained"] == "no face and no speech: nobody is seen and nobody speaks"
    assert (row["start"], row["end"], row["scores"]) == (0.0, 2.0, None)


def test_upside_down(tmp_path: Path) -> None:
    turned = np.ascontiguousarray(np.rot90(scene((60, 40, PALE)), 2))
    (row,) = rows_of(film(tmp_path / "a.mp4", lambda _: turned, frames=15, rate=5), tmp_path / "r.jsonl")
    assert row["labels"] == ["joy"] and abs(row["faces"][0]["x"] - 119) < 12


def test_one_frame_a_second(tmp_path: Path) -> None:
    sound = np.concatenate([np.zeros(int(2.3 * RATE)), voice(0.5), np.zeros(int(2.2 * RATE))]).astype(np.float32)
    path = film(tmp_path / "a.mp4", lambda _: scene((60, 40, PALE)), frames=5, rate=1, sound=sound)
    rows = rows_of(path, tmp_path / "r.jsonl")
    spoken = [r for r in rows if "voice" in r["channels"]]
    assert len(spoken) == 1 and spoken[0]["person"] == "person 1", "the frame that stands is that of the speech"


def test_a_large_frame_has_its_own_pixels(tmp_path: Path) -> None:
    wide = np.repeat(np.repeat(scene((60, 10, PALE), size=(320, 180)), 12, 0), 12, 1)
    (row,) = rows_of(film(tmp_path / "a.mp4", lambda _: wide, frames=4, rate=2), tmp_path / "r.jsonl")
    assert abs(row["faces"][0]["x"] / 12 - 80) < 8 and row["labels"] == ["joy"]


def test_damage_is_noted_and_the_rest_is_read(tmp_path: Path) -> None:
    data = bytearray(
        film(tmp_path / "a.avi", lambda _: scene((60, 40, PALE)), frames=40, rate=5, codec="mjpeg").read_bytes()
    )
    random = np.random.RandomState(0)
    for at in random.randint(len(data) // 3, 2 * len(data) // 3, 40):
        data[at : at + 200] = random.bytes(200)
    (tmp_path / "b.avi").write_bytes(data)
    source = open_input(tmp_path / "b.avi")
    write(source, tmp_path / "r.jsonl", watcher())
    row, *_ = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert row["labels"] == ["joy"]
    assert any("packets of pictures could not be decoded" in note for note in source.files[0].notes)


def test_pictures_that_cannot_be_seen_leave_the_sound(tmp_path: Path) -> None:
    path = save(tmp_path / "a.wav", np.concatenate([voice(2.0), np.zeros(RATE)]))
    heard = path.rename(tmp_path / "a.mp4")  # a sound file by another name
    source = open_input(heard)
    write(source, tmp_path / "r.jsonl", watcher())
    (row,) = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert set(row["channels"]) == {"voice"} and row["person"] is None
    assert any("Its pictures were not read" in note for note in source.files[0].notes)


def test_what_is_neither_seen_nor_heard_is_an_error_or_a_row(tmp_path: Path) -> None:
    broken = tmp_path / "a.mp4"
    broken.write_bytes(np.random.RandomState(0).bytes(4000))
    with pytest.raises(InputError, match="no picture or video that can be read"):
        rows_of(broken, tmp_path / "r.jsonl")
    film(tmp_path / "b.mp4", lambda _: scene((60, 40, PALE)), frames=8, rate=4)
    bad, good = rows_of(tmp_path, tmp_path / "r.jsonl")
    assert bad["abstained"].startswith("cannot be read: This is no picture") and bad["source"] == str(broken)
    assert good["labels"] == ["joy"]


def still(path: Path, pixels: np.ndarray) -> Path:
    import cv2

    assert cv2.imwrite(str(path), pixels[:, :, ::-1])
    return path


def test_pictures_and_folders_of_them(tmp_path: Path) -> None:
    shots = tmp_path / "shots"
    shots.mkdir()
    still(shots / "a.jpg", scene((0, 40, DARK), (160, 50, PALE)))
    still(shots / "b.png", scene())
    still(shots / "c.webp", np.ascontiguousarray(np.rot90(scene((60, 40, PALE)))))
    (shots / "d.jpg").write_bytes(b"\xff\xd8\xff" + bytes(100))
    still(shots / "e.jpg", scene((60, 40, face(24))))
    rows = rows_of(shots, tmp_path / "r.jsonl")
    found = [(Path(r["source"]).name, r["person"], r["labels"], (r["abstained"] or "").partition(":")[0]) for r in rows]
    assert sorted(found[:2], key=lambda f: f[2]) == [
        ("a.jpg", "person 1" if found[0][2] == ["joy"] else "person 2", ["joy"], ""),
        ("a.jpg", "person 2" if found[0][2] == ["joy"] else "person 1", ["sadness"], ""),
    ]
    assert found[2:4] == [("b.png", None, [], "no face"), ("c.webp", "person 1", ["joy"], "")]
    assert found[4] == ("d.jpg", None, [], "cannot be read")
    assert found[5][3] in ("no face", "face too small")
    assert all(r["start"] is None and (r["faces"] is None or r["faces"][0]["time"] == 0) for r in rows)


def test_explained(clip: Path, tmp_path: Path) -> None:
    rows = rows_of(clip, tmp_path / "r.jsonl", using=watcher(explain=True), options=ReadOptions(measures=("scene",)))
    assert all(any(e["modality"] == "face" and e["label"] for e in r["evidence"]) for r in rows if r["person"])
    assert all(s["evidence"] for r in rows for s in r["explanation"] or [])
    assert rows[0]["explanation"][-1]["sentence"]
    assert rows[0]["measures"]["brightness"] == pytest.approx(0.4, abs=0.1)
    assert {"brightness", "contrast", "saturation", "warmth", "motion", "cuts"} <= rows[0]["measures"].keys()


def test_regions_of_a_face_are_what_the_model_loses_without_them(tmp_path: Path) -> None:
    eye = load_face(jobs=1)
    using = Watcher(face=eye, model=LoudVoice(), policy=Policy(min_confidence=0), explain=True)
    picture = scene((60, 40, PALE))
    (row,) = rows_of(still(tmp_path / "a.png", picture), tmp_path / "r.jsonl", using=using)
    (found,) = FaceFinder().find(picture)
    crop = grey_square(crop_of(picture, found), eye.face.size)
    (whole,) = eye.predict([crop])
    told = {e["cue"]: e["weight"] for e in row["evidence"] if e["cue"].startswith("the region of")}
    assert told and {e["start"] for e in row["evidence"]} == {0}
    for name, box in REGIONS.items():
        (without,) = eye.predict([covered(crop, box)])
        fall = whole.scores[whole.top] - without.scores[whole.top]
        assert told.get(f"the region of the {name}", 0) == (pytest.approx(fall, abs=1e-5) if abs(fall) >= 0.02 else 0)
    said = [s["sentence"] for s in row["explanation"]]
    assert any("the region of the" in sentence for sentence in said)
    clips = rows_of(
        film(tmp_path / "a.mp4", lambda k: scene((60, 40, PALE), ground=(20 * k, 90, 90)), frames=10, rate=5),
        tmp_path / "v.jsonl",
        using=using,
    )
    times = [e for r in clips for e in r["evidence"] if e["cue"].startswith("the region of")]
    assert times and len({e["start"] for e in times}) == 1, "one frame of a segment is looked at"
    assert all(e["cue"].endswith(f" at {e['start']:.1f} s") and 0 <= e["start"] < 2 for e in times)


def test_the_command_checks_what_is_named_in_faces(tmp_path: Path) -> None:
    for k in range(3):
        still(tmp_path / f"{k}.png", scene((40 + 20 * k, 40, face(skin=(205 - 30 * k, 165, 140), smile=k - 1))))
    told = CliRunner().invoke(explain, [str(tmp_path), "--check", "--json"])
    found = json.loads(told.stdout)
    assert told.exit_code == 0 and found["rows"] == 3 and sum(found["named"].values()) == pytest.approx(1)
    covered_falls = {order: numbers[0] for order, numbers in found["falls"]["covered"].items()}
    assert covered_falls["named"] >= max(covered_falls["random"], covered_falls["least"])
    assert found["gains"]["covered"][0] == pytest.approx(covered_falls["named"] - covered_falls["random"])
    table = CliRunner().invoke(explain, [str(tmp_path / "0.png"), "--check"])
    assert table.exit_code == 0 and "1 face," in table.stdout and "random box" in table.stdout
    (tmp_path / "nobody").mkdir()
    still(tmp_path / "nobody" / "a.png", scene())
    with pytest.raises(InputError, match="no faces"):
        CliRunner().invoke(explain, [str(tmp_path / "nobody"), "--check"], catch_exceptions=False)


def test_what_channels_say_is_put_together(clip: Path, tmp_path: Path) -> None:
    first, *_ = rows_of(clip, tmp_path / "r.jsonl")
    said = first["channels"]
    mean = sum(c["weight"] * c["scores"]["joy"] for c in said.values())
    assert first["scores"]["joy"] == pytest.approx(mean, abs=1e-5)
    assert set(first["conflict"]["between"]) == {"face", "voice"} and 0 < first["conflict"]["score"] < 1
    assert first["model"].endswith(" of loud@1, pale@1") and first["valence"] is not None
    (other, *_) = rows_of(clip, tmp_path / "s.jsonl", using=watcher(space="meld"))
    assert other["space"] == "meld" and other["channels"]["face"]["scores"].keys() == other["scores"].keys()


def test_a_run_that_was_broken_off_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in "ab":
        film(folder / f"{name}.mp4", lambda _: scene((60, 40, PALE), size=(240, 200)), frames=6, rate=3)
    whole = rows_of(folder, tmp_path / "whole.jsonl")
    using = watcher()
    source, out = open_input(folder), tmp_path / "r.jsonl"
    answer, count = using.answer, 0

    def stop(block: object) -> list:
        nonlocal count
        count += 1
        if count == 2:
            raise KeyboardInterrupt
        return answer(block)  # type: ignore[arg-type]

    using.answer = stop  # type: ignore[method-assign,assignment]
    with pytest.raises(KeyboardInterrupt):
        write(source, out, using)
    again = watcher()
    assert rows_of(folder, out, using=again) == whole
    assert again._face.seen < 2 * sum(len(r["faces"] or []) for r in whole)  # type: ignore[attr-defined]


def test_progress_is_told(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", lambda _: scene(size=(64, 48)), frames=100, rate=1)
    told: list = []
    write(open_input(path), tmp_path / "r.jsonl", watcher(), progress=told.append)
    assert len(told) >= 4 and told[-1].heard == 100
    shares = [p.fraction for p in told if p.fraction is not None]
    assert shares == sorted(shares) and shares[-1] == 1.0


def test_without_a_model_or_opencv_a_video_is_heard(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    source = open_input(clip)
    using = analyzer_for(source, model=LoudVoice())
    assert type(using) is Listener
    write(source, tmp_path / "r.jsonl", using)
    rows = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert [round(r["start"]) for r in rows] == [0, 6] and rows[0]["space"] == "ravdess"
    assert any("pip install 'affekt[video]'" in note for note in source.files[0].notes)
    picture = open_input(still_bytes(tmp_path / "a.png"))
    with pytest.raises(MissingExtraError, match="cv2"):
        watcher_for(picture)


def still_bytes(path: Path) -> Path:
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(60))
    return path


def test_a_video_is_heard_alone_where_that_is_asked_for(clip: Path) -> None:
    source = open_input(clip, ReadOptions(kind="sound"))
    assert not source.watched
    assert type(analyzer_for(source, model=LoudVoice())) is Listener


def test_what_pictures_cannot_have(tmp_path: Path) -> None:
    path = still(tmp_path / "a.png", scene())
    for options, said in (
        (ReadOptions(speakers=2), "no voice"),
        (ReadOptions(transcript=tmp_path / "a.vtt"), "no transcript"),
    ):
        with pytest.raises(InputError, match=said):
            open_input(path, options)


def test_a_model_of_faces_that_may_not_be_used(tmp_path: Path) -> None:
    using = Watcher(face=PaleFace("LicenseRef-x"), licence="permissive")
    path = still(tmp_path / "a.png", scene((60, 40, PALE)))
    (row,) = rows_of(path, tmp_path / "r.jsonl", using=using)
    assert row["abstained"] == "licence of the model restricts its use: pale@1, LicenseRef-x"


def test_the_command(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("affekt.watching.watcher_for", lambda source, **asked: watcher(explain=asked["explain"]))
    out = tmp_path / "rows.jsonl"
    monkeypatch.setattr(sys, "argv", ["affekt", "analyze", str(clip), "--out", str(out)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    err = capsys.readouterr().err
    assert "6 rows in" in err and "Read by pale@1" in err and "Read by loud@1" in err
    analyze(clip, model=LoudVoice(), out=tmp_path / "rows.csv")
