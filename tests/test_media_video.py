"""Pictures of videos and stills: decoded in order, as they are to be shown, with what was wrong; within limits."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from films import face, film, scene
from sounds import voice, write

from affekt.core.errors import InputError
from affekt.media.guard import Limits
from affekt.media.video import LIMITS, Video

GROUND = (90, 100, 110)


def counted(number: int, *, size: tuple[int, int] = (64, 48)) -> np.ndarray:
    """A grey frame whose brightness is its number."""
    return scene(size=size, ground=(8 * number,) * 3)


@pytest.mark.parametrize(
    ("codec", "ending"), [("mpeg4", ".mp4"), ("mjpeg", ".avi"), ("libx264", ".mkv"), ("libvpx", ".webm")]
)
def test_every_frame_comes_in_its_place(tmp_path: Path, codec: str, ending: str) -> None:
    video = Video(film(tmp_path / f"a{ending}", counted, frames=30, rate=10, codec=codec))
    frames = list(video.frames())
    assert [round(f.time, 2) for f in frames] == [round(0.1 * k, 2) for k in range(30)]
    assert np.abs(np.array([f.pixels.mean() for f in frames]) - 8 * np.arange(30)).max() < 4
    assert video.header is not None and (video.header.width, video.header.height) == (64, 48)
    assert video.notes == ()


def test_frames_by_rate_and_at_times(tmp_path: Path) -> None:
    video = Video(film(tmp_path / "a.mp4", counted, frames=30, rate=10))
    assert [round(f.time, 2) for f in video.frames(rate=4)] == [
        0.0,
        0.3,
        0.5,
        0.8,
        1.0,
        1.3,
        1.5,
        1.8,
        2.0,
        2.3,
        2.5,
        2.8,
    ]
    assert [round(f.time, 2) for f in video.frames(times=[1.0, 0.31, 0.32, 9.0])] == [0.4, 1.0]
    assert [round(f.time, 2) for f in video.frames(rate=50)] == [round(0.1 * k, 2) for k in range(30)]
    with pytest.raises(ValueError, match="not by both"):
        list(video.frames(rate=1, times=[1]))


def test_times_of_a_variable_rate_are_kept(tmp_path: Path) -> None:
    times = [0, 100, 150, 900, 1000, 2500]
    video = Video(film(tmp_path / "a.mp4", counted, frames=6, milliseconds=times))
    assert [round(1000 * f.time) for f in video.frames()] == times
    assert [round(1000 * f.time) for f in video.frames(rate=2)] == [0, 900, 2500]


def test_one_frame_a_second(tmp_path: Path) -> None:
    video = Video(film(tmp_path / "a.mp4", counted, frames=5, rate=1))
    assert [f.time for f in video.frames(rate=4)] == [0, 1, 2, 3, 4]
    assert video.footer is not None and video.footer.end == 5


def test_a_large_picture_is_scaled_where_it_is_decoded(tmp_path: Path) -> None:
    wide = np.repeat(np.repeat(scene((60, 40, face(60)), size=(320, 180)), 12, 0), 12, 1)
    video = Video(film(tmp_path / "4k.mp4", lambda _: wide, frames=2))
    frames = list(video.frames())
    assert [f.pixels.shape for f in frames] == [(360, 640, 3)] * 2
    assert frames[0].scale == 6 and video.header is not None and video.header.width == 3840
    with pytest.raises(InputError, match="3840 x 2160 pixels, the limit is 2,000,000"):
        list(Video(video.path, limits=Limits(pixels=2_000_000)).frames())


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_turned_video_is_shown_upright(tmp_path: Path, rotation: int) -> None:
    drawn = scene((60, 40, face()))
    video = Video(film(tmp_path / "a.mp4", lambda _: drawn, frames=2, rotation=rotation))
    (first, _) = video.frames()
    upright = np.rot90(drawn, rotation // 90).astype(float)
    assert first.pixels.shape == upright.shape and np.abs(first.pixels - upright).mean() < 4
    assert video.header is not None and (video.header.width, video.header.height) == upright.shape[1::-1]


def still(path: Path, pixels: np.ndarray) -> Path:
    import cv2

    assert cv2.imwrite(str(path), pixels[:, :, ::-1])
    return path


@pytest.mark.parametrize("ending", [".jpg", ".png", ".webp"])
def test_stills(tmp_path: Path, ending: str) -> None:
    drawn = scene((60, 40, face()))
    video = Video(still(tmp_path / f"a{ending}", drawn))
    (frame,) = video.frames(rate=4)
    assert frame.time == 0 and np.abs(frame.pixels - drawn.astype(float)).mean() < 3
    assert video.header is not None and video.header.declared is None and video.notes == ()


def test_of_a_moving_picture_the_first_frame(tmp_path: Path) -> None:
    import av

    path = tmp_path / "a.gif"
    with av.open(str(path), "w") as out:
        track = out.add_stream("gif", rate=5)
        track.width, track.height, track.pix_fmt = 64, 48, "gray"
        for number in range(4):
            out.mux(track.encode(av.VideoFrame.from_ndarray(counted(8 * number)[:, :, 0], format="gray")))
        out.mux(track.encode(None))
    (frame,) = Video(path).frames()
    assert frame.pixels.mean() < 8


def test_the_direction_that_a_camera_noted_is_kept(tmp_path: Path) -> None:
    drawn = scene((60, 40, face()))
    data = still(tmp_path / "a.jpg", drawn).read_bytes()
    note = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"  # turn it clockwise
    (tmp_path / "b.jpg").write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(note) + 2) + note + data[2:])
    (frame,) = Video(tmp_path / "b.jpg").frames()
    assert np.abs(frame.pixels - np.rot90(drawn, -1).astype(float)).mean() < 4


def test_damage_is_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    data = bytearray(film(tmp_path / "a.avi", lambda _: scene((60, 40, face())), frames=30, codec="mjpeg").read_bytes())
    random = np.random.RandomState(0)
    for at in random.randint(len(data) // 3, 2 * len(data) // 3, 60):
        data[at : at + 200] = random.bytes(200)
    (tmp_path / "b.avi").write_bytes(data[: 4 * len(data) // 5])
    video = Video(tmp_path / "b.avi")
    frames = list(video.frames())
    assert video.footer is not None and video.footer.broken > 0 and 5 < len(frames) < 30
    assert any("could not be decoded" in note for note in video.notes)
    data = film(tmp_path / "c.mkv", lambda k: counted(k // 2), frames=40, rate=10).read_bytes()
    (tmp_path / "d.mkv").write_bytes(data[: len(data) // 2])
    video = Video(tmp_path / "d.mkv")
    assert 5 < len(list(video.frames())) < 35
    assert any("announces 4.00 s" in note for note in video.notes)


def refused(path: Path, limits: Limits = LIMITS) -> str:
    with pytest.raises(InputError) as caught:
        list(Video(path, limits=limits).frames())
    assert str(path) in str(caught.value), "an error says where"
    return str(caught.value)


def test_what_is_no_picture(tmp_path: Path) -> None:
    assert "There is no such file" in refused(tmp_path / "none.mp4")
    (tmp_path / "a.mp4").write_text("Nobody can see this.\n" * 40, encoding="utf-8")
    assert "This is not a picture but text" in refused(tmp_path / "a.mp4")
    (tmp_path / "b.mp4").write_bytes(b"%PDF-1.7" + bytes(500))
    assert "This is not a picture but a PDF document" in refused(tmp_path / "b.mp4")
    (tmp_path / "c.mp4").write_bytes(np.random.RandomState(1).bytes(5000))
    assert "no picture or video that can be read" in refused(tmp_path / "c.mp4")
    write(tmp_path / "d.wav", voice(1.0), rate=16_000, codec="pcm_s16le")
    assert "There is no picture in this wav file" in refused(tmp_path / "d.wav")
    (tmp_path / "e.mp4").write_text("#EXTM3U\nhttp://example.org/a.mp4\n", encoding="utf-8")
    assert "playlist" in refused(tmp_path / "e.mp4")
    cut = film(tmp_path / "f.mp4", counted, frames=20).read_bytes()
    (tmp_path / "f.mp4").write_bytes(cut[: len(cut) // 2])  # its index is at its end
    assert "no picture or video that can be read" in refused(tmp_path / "f.mp4")


def test_limits(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", counted, frames=20)
    assert "longer than 1 s: 2 s" in refused(path, Limits(duration=1))
    assert "the limit is 100" in refused(path, Limits(size=100))
    assert "64 x 48 pixels" in refused(path, Limits(pixels=1000))


def test_the_picture_decoder_reaches_nothing_else(tmp_path: Path) -> None:
    # A playlist within a container format that FFmpeg would follow, were it let to.
    (tmp_path / "a.mkv").write_text("ffconcat version 1.0\nfile /etc/hostname\n", encoding="utf-8")
    assert "playlist" in refused(tmp_path / "a.mkv")
