"""Files that are broken, lie, cost too much or point elsewhere: a clear error each, no traceback, no hang."""

from __future__ import annotations

import os
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
from sounds import voice, write

from affekt.core.errors import InputError
from affekt.media import decoder, guard
from affekt.media.guard import Limits
from affekt.media.sound import Sound, read_sound, stream_sound

RATE = 16_000


def wav(path: Path, data: bytes, *, rate: int = RATE, width: int = 2, channels: int = 1) -> Path:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(width)
        out.setframerate(rate)
        out.writeframes(data)
    return path


def ints(seconds: float, rate: int = RATE) -> np.ndarray:
    return np.round(voice(seconds, rate=rate) * 32767).astype("<i2")


def video(path: Path, *, sound: bool) -> Path:
    """Sixteen grey pictures as Motion JPEG, with or without sound that begins 0.4 s after them."""
    import av

    with av.open(str(path), "w") as out:
        pictures = out.add_stream("mjpeg", rate=16)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 64, "yuvj420p"
        track = out.add_stream("pcm_s16le", rate=RATE, layout="mono") if sound else None
        for number in range(16):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 9 * number, np.uint8), format="rgb24")
            out.mux(pictures.encode(frame))
        out.mux(pictures.encode(None))
        if track is not None:
            frame = av.AudioFrame.from_ndarray(ints(0.5)[None], format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE, int(0.4 * RATE)
            for packet in track.encode(frame):
                out.mux(packet)
    return path


def refused(path: Path, *, limits: Limits | None = None) -> str:
    with pytest.raises(InputError) as caught:
        read_sound(path, limits=limits)
    assert str(path) in str(caught.value), "an error says where"
    return str(caught.value)


def test_what_is_not_there(tmp_path: Path) -> None:
    assert "There is no such file" in refused(tmp_path / "none.wav")
    assert "This is a folder" in refused(tmp_path)
    (tmp_path / "empty.wav").touch()
    assert "There is nothing in it" in refused(tmp_path / "empty.wav")
    os.mkfifo(tmp_path / "pipe.wav")
    assert "device or a pipe" in refused(tmp_path / "pipe.wav")


def test_what_is_no_sound(tmp_path: Path) -> None:
    text = tmp_path / "text.wav"
    text.write_text("Nobody can hear this.\n" * 50, encoding="utf-8")
    assert "This is not sound but text" in refused(text)
    picture = tmp_path / "picture.mp3"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(500))
    assert "This is not sound but a PNG image" in refused(picture)
    noise = tmp_path / "noise.flac"
    noise.write_bytes(np.random.RandomState(0).bytes(5000))
    assert "no sound that can be read" in refused(noise)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n"),
        ("a.wav", "ffconcat version 1.0\nfile {target}\n"),
        ("a.pls", "[playlist]\nFile1={target}\n"),
        ("a.mpd", "<?xml version='1.0'?>\n<MPD><BaseURL>{target}</BaseURL></MPD>\n"),
    ],
)
def test_a_playlist_is_not_followed(tmp_path: Path, name: str, text: str) -> None:
    target = wav(tmp_path / "target.wav", ints(1.0).tobytes())
    (tmp_path / name).write_text(text.format(target=target), encoding="utf-8")
    message = refused(tmp_path / name)
    assert "This is a playlist" in message and "not followed" in message


def test_the_decoder_itself_follows_no_playlist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As if the check before it had been passed, and even if the demuxers were allowed.
    monkeypatch.setattr(guard, "_check", lambda path, where, limits: 0)
    target = wav(tmp_path / "target.wav", ints(1.0).tobytes())
    (tmp_path / "a.ffconcat").write_text(f"ffconcat version 1.0\nfile {target}\n", encoding="utf-8")
    assert "no sound that can be read" in refused(tmp_path / "a.ffconcat")
    program = tmp_path / "decoder.py"
    source = Path(decoder.__file__).read_text(encoding="utf-8")
    program.write_text(source.replace('"wav,w64,', '"concat,hls,wav,w64,'), encoding="utf-8")
    monkeypatch.setattr(guard, "__file__", str(tmp_path / "guard.py"))
    assert str(target) not in refused(tmp_path / "a.ffconcat")


def test_the_decoder_can_open_nothing_more() -> None:
    code = f"""
import importlib.util, os, socket, sys
spec = importlib.util.spec_from_file_location("decoder", {decoder.__file__!r})
module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)
module._lock_down(5, 1 << 30)
for attempt in (lambda: open("/etc/passwd"), lambda: socket.socket(), lambda: os.pipe()):
    try: attempt()
    except OSError as err: print(err.errno)
try: bytearray(2 << 30)
except MemoryError: print("memory")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["24", "24", "24", *(["memory"] if sys.platform == "linux" else [])], done.stderr


def test_damaged_wavs(tmp_path: Path) -> None:
    whole = wav(tmp_path / "whole.wav", ints(2.0).tobytes()).read_bytes()
    cut = tmp_path / "cut.wav"
    cut.write_bytes(whole[:20])
    assert "no sound that can be read" in refused(cut) or "damaged" in refused(cut)
    cut.write_bytes(whole[:44])
    assert "no length" in refused(cut) or "damaged" in refused(cut)
    # The header says two seconds, half a second is there: what is there is read, and said.
    cut.write_bytes(whole[: 44 + RATE])
    sound = read_sound(cut)
    assert sound.duration == pytest.approx(0.5)
    assert sound.notes == ("The end is missing: the header announces 48,000 bytes more.",)
    lying = bytearray(whole)
    lying[40:44] = (0x7FFFFFF0).to_bytes(4, "little")
    lying[4:8] = (0x7FFFFFFF).to_bytes(4, "little")
    cut.write_bytes(lying)
    sound = read_sound(cut)
    assert sound.duration == pytest.approx(2.0) and sound.notes == ()


def test_a_damaged_flac_says_what_was_lost(tmp_path: Path) -> None:
    file = write(tmp_path / "a.flac", voice(4.0), rate=RATE, codec="flac")
    data = bytearray(file.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = bytes(3000)
    file.write_bytes(data)
    sound = read_sound(file)
    assert sound.notes, "damage is noted"
    assert 2.0 < sound.duration <= 4.1


@pytest.mark.parametrize(
    ("make", "rate", "channels"),
    [
        (lambda p: wav(p, (ints(1.0) // 256 + 128).astype(np.uint8).tobytes(), width=1), RATE, 1),
        (lambda p: wav(p, ints(1.0).astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes(), width=3), RATE, 1),
        (lambda p: write(p, voice(1.0), rate=RATE, codec="pcm_f64le"), RATE, 1),
        (lambda p: wav(p, ints(1.0, 192_000).tobytes(), rate=192_000), 192_000, 1),
        (lambda p: wav(p, np.repeat(ints(1.0)[:, None], 12, axis=1).tobytes(), channels=12), RATE, 12),
    ],
    ids=["8 bit", "24 bit", "float64", "192 kHz", "12 channels"],
)
def test_unusual_sound_is_read(tmp_path: Path, make, rate: int, channels: int) -> None:
    sound = read_sound(make(tmp_path / "a.wav"))
    assert (sound.original_rate, sound.channels, sound.rate) == (rate, channels, RATE)
    assert sound.duration == pytest.approx(1.0, abs=0.001)
    assert np.isfinite(sound.samples).all()
    if "24" not in str(sound.codec):
        assert 0.2 < np.abs(sound.samples).max() <= 1.0
    else:  # 16-bit values in 24 bits are 48 dB lower
        assert np.abs(sound.samples).max() * 256 == pytest.approx(np.abs(ints(1.0)).max() / 32768, rel=1e-3)


@pytest.mark.parametrize("samples", [np.zeros(RATE), np.random.RandomState(1).randn(RATE) * 0.2, np.full(48, 0.25)])
def test_silence_noise_and_three_milliseconds_are_sound(tmp_path: Path, samples: np.ndarray) -> None:
    data = np.clip(np.round(samples * 32768), -32768, 32767).astype("<i2")
    sound = read_sound(wav(tmp_path / "a.wav", data.tobytes()))
    assert np.array_equal(sound.samples, data / np.float32(32768))


def test_a_video_without_sound(tmp_path: Path) -> None:
    message = refused(video(tmp_path / "a.avi", sound=False))
    assert "There is no sound in this avi file, only pictures" in message


def test_the_sound_of_a_video_keeps_its_seconds(tmp_path: Path) -> None:
    sound = read_sound(video(tmp_path / "a.mkv", sound=True))
    assert sound.duration == pytest.approx(0.9, abs=0.01)
    assert np.abs(sound.samples[: int(0.39 * RATE)]).max() == 0
    assert np.abs(sound.samples[int(0.41 * RATE) :]).max() > 0.2
    assert "0.40 s are missing" in sound.notes[0]


def test_limits_are_named(tmp_path: Path) -> None:
    file = wav(tmp_path / "a.wav", np.repeat(ints(2.0)[:, None], 2, axis=1).tobytes(), channels=2)
    assert "the limit is 1,000" in refused(file, limits=Limits(size=1_000))
    assert "longer than 1 s: 2 s" in refused(file, limits=Limits(duration=1.0))
    assert "2 channels, the limit is 1" in refused(file, limits=Limits(channels=1))
    assert "16,000 samples a second, the limit is 8,000" in refused(file, limits=Limits(rate=8_000))
    assert "more than 0 s" in refused(file, limits=Limits(wall=0.0))


def test_a_header_that_understates_does_not_pass_the_limit(tmp_path: Path) -> None:
    # Ten seconds of silence in a FLAC whose header says nothing about its length.
    file = write(tmp_path / "a.flac", np.zeros(10 * RATE), rate=RATE, codec="flac")
    data = bytearray(file.read_bytes())
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    file.write_bytes(data)
    assert "longer than 3 s" in refused(file, limits=Limits(duration=3.0))


def test_slow_work_of_the_caller_is_not_counted(tmp_path: Path) -> None:
    import time

    file = wav(tmp_path / "a.wav", np.zeros(60 * RATE, "<i2").tobytes())
    count = 0
    for block in stream_sound(file, seconds=20.0, limits=Limits(wall=60.0)):
        count += 1
        assert isinstance(block, Sound)
        time.sleep(0.05)
    assert count == 3


def test_an_endless_answer_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "decoder.py"
    monkeypatch.setattr(guard, "__file__", str(tmp_path / "guard.py"))
    file = wav(tmp_path / "a.wav", ints(0.1).tobytes())
    program.write_text("import time\ntime.sleep(600)\n", encoding="utf-8")
    assert "Decoding took more than 1 s" in refused(file, limits=Limits(wall=1.0))
    lock = Path(decoder.__file__).read_text(encoding="utf-8").partition('\nif __name__ == "__main__":')[0]
    program.write_text(lock + "\n_lock_down(1, 1 << 30)\nwhile True: pass\n", encoding="utf-8")
    assert "1 s of processor time" in refused(file, limits=Limits(wall=300.0, cpu=1))
    program.write_text("import os\nos.abort()\n", encoding="utf-8")
    assert "The decoder broke off" in refused(file)


def test_without_pyav_the_extra_is_named(tmp_path: Path) -> None:
    file = wav(tmp_path / "a.wav", ints(0.1).tobytes())
    code = (
        "import sys; sys.modules['av'] = None\n"
        "from affekt.core.errors import MissingExtraError\n"
        "from affekt.media.sound import read_sound\n"
        f"try: read_sound({str(file)!r})\n"
        "except MissingExtraError as err: print(err)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert "pip install 'affekt[speech]'" in done.stdout, done.stderr
