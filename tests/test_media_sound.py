"""Sound from files and arrays: the same samples whatever they came in."""

from __future__ import annotations

import os
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from sounds import voice, write

from affekt.core.errors import InputError
from affekt.media.sound import Sound, read_sound, sound_of, stream_sound

RATE = 16_000


def wav(path: Path, samples: NDArray[np.integer], rate: int = RATE) -> Path:
    """Samples (n,) or (n, channels), int16 or uint8, by the standard library."""
    values = samples.reshape(len(samples), -1)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(values.shape[1])
        out.setsampwidth(values.itemsize)
        out.setframerate(rate)
        out.writeframes(values.tobytes())
    return path


def as_int16(samples: NDArray[np.floating]) -> NDArray[np.int16]:
    return np.round(np.clip(samples, -1, 1 - 1 / 32768) * 32768).astype(np.int16)


def tone(frequency: float, seconds: float, rate: int) -> NDArray[np.float64]:
    return 0.5 * np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate)


def test_a_wav_is_read_sample_for_sample(tmp_path: Path) -> None:
    samples = as_int16(voice(1.3))
    sound = read_sound(wav(tmp_path / "a.wav", samples))
    assert np.array_equal(sound.samples, samples.astype(np.float32) / 32768)
    assert (sound.rate, sound.original_rate, sound.channels) == (RATE, RATE, 1)
    assert (sound.codec, sound.container, sound.notes) == ("pcm_s16le", "wav", ())
    assert sound.source == str(tmp_path / "a.wav")
    assert sound.duration == sound.end == pytest.approx(1.3) == sound.declared


@pytest.mark.parametrize(
    ("name", "codec", "rate", "least"),
    [
        ("a.flac", "flac", RATE, 0.9999),
        ("a.mp3", "libmp3lame", 44_100, 0.99),
        ("a.m4a", "aac", 44_100, 0.93),  # its encoder puts other noise in the place of noise
        ("a.opus", "libopus", 48_000, 0.97),
        ("a.ogg", "libvorbis", 44_100, 0.97),
        ("a.mkv", "pcm_s24le", 48_000, 0.999),
        ("a.aiff", "pcm_s16be", 22_050, 0.999),
        ("a.wav", "pcm_f64le", 8_000, 0.98),
    ],
)
def test_every_codec_gives_the_same_sound(tmp_path: Path, name: str, codec: str, rate: int, least: float) -> None:
    import av

    if codec == "libvorbis" and codec not in av.codecs_available:
        codec = "vorbis"  # FFmpeg's own encoder asks for two channels
        layout = "stereo"
    else:
        layout = "mono"
    line = voice(2.0, rate=rate)
    if codec == "vorbis":
        line = np.stack([line, line])
        file = tmp_path / name
        with av.open(str(file), "w") as out:
            stream = out.add_stream(codec, rate=rate, layout=layout, options={"strict": "experimental"})
            frame = av.AudioFrame.from_ndarray(line.astype(np.float32), format="fltp", layout=layout)
            frame.sample_rate = rate
            fifo = av.AudioFifo()
            fifo.write(frame)
            for ready in fifo.read_many(stream.codec_context.frame_size or 1024):
                out.mux(stream.encode(ready))
            out.mux(stream.encode(None))
    else:
        file = write(tmp_path / name, line, rate=rate, codec=codec, layout=layout)
    sound = read_sound(file)
    wanted = sound_of(voice(2.0, rate=rate), rate=rate).samples
    n = min(len(wanted), len(sound)) - 400
    assert sound.rate == RATE and abs(sound.duration - 2.0) < 0.06
    # A codec may shift the sound by some samples; it is compared at the best lag.
    lags = range(-400, 401, 1)
    middle = wanted[4000 : n - 4000]
    best = max(np.corrcoef(middle, sound.samples[4000 + lag : n - 4000 + lag])[0, 1] for lag in lags)
    assert best > least


def test_channels_are_averaged_or_one_is_taken(tmp_path: Path) -> None:
    left, right = voice(0.5, seed=1), voice(0.5, seed=2)
    both = as_int16(np.stack([left, right], axis=1))
    file = wav(tmp_path / "two.wav", both)
    floats = both.astype(np.float32) / 32768
    assert np.abs(read_sound(file).samples - floats.mean(axis=1)).max() < 1e-6
    assert np.array_equal(read_sound(file, channel=1).samples, floats[:, 1])
    assert read_sound(file).channels == 2
    with pytest.raises(InputError, match=r"no channel 2: it has 2 .*last is 1"):
        read_sound(file, channel=2)


def test_resampling_keeps_what_is_below_half_the_rate_and_nothing_else() -> None:
    middle = slice(2_000, -2_000)
    for frequency in (100.0, 1_000.0, 6_000.0):
        found = sound_of(tone(frequency, 2, 48_000), rate=48_000).samples
        assert len(found) == 2 * RATE
        assert np.abs(found - tone(frequency, 2, RATE))[middle].max() < 0.005
    for frequency in (10_000.0, 15_000.0, 20_000.0):
        folded = sound_of(tone(frequency, 2, 48_000), rate=48_000).samples
        assert np.abs(folded[middle]).max() < 0.5 * 10 ** (-60 / 20)  # 60 dB down


def test_resampling_agrees_with_scipy() -> None:
    from scipy.signal import resample_poly

    line = voice(2.0, rate=44_100)
    found = sound_of(line, rate=44_100).samples
    wanted = resample_poly(line.astype(np.float64), 160, 441)
    assert abs(len(found) - len(wanted)) <= 1
    n = min(len(found), len(wanted))
    assert np.corrcoef(found[:n], wanted[:n])[0, 1] > 0.9995


def test_blocks_are_the_whole(tmp_path: Path) -> None:
    file = wav(tmp_path / "a.wav", as_int16(voice(3.1, rate=22_050)), 22_050)
    whole = read_sound(file)
    blocks = list(stream_sound(file, seconds=0.7))
    assert [round(b.start, 6) for b in blocks] == [round(0.7 * k, 6) for k in range(5)]
    assert [len(b) for b in blocks[:-1]] == [11_200] * 4
    assert np.array_equal(np.concatenate([b.samples for b in blocks]), whole.samples)
    with pytest.raises(ValueError, match="holds no sample"):
        next(stream_sound(file, seconds=0.0))


def test_a_stream_that_is_left_early_ends_its_decoder(tmp_path: Path) -> None:
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    if not children.exists():
        pytest.skip("the system does not list child processes")
    file = wav(tmp_path / "a.wav", as_int16(np.zeros(RATE * 120)))
    before = children.read_text()
    stream = stream_sound(file, seconds=1.0)
    next(stream)
    assert children.read_text() != before
    stream.close()
    assert children.read_text() == before


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(
        st.sampled_from([np.int8, np.uint8, np.int16, np.uint16, np.int32, np.float16, np.float32, np.float64]),
        st.tuples(st.integers(3, 40), st.integers(1, 2)),
        elements={"allow_nan": False, "min_value": 0, "max_value": 1},
    ),
    st.booleans(),
)
def test_arrays_of_every_type_and_order_are_scaled_alike(array: NDArray, turned: bool) -> None:
    sound = sound_of(array.T if turned else array, rate=RATE)
    values = array.astype(np.float64)
    if array.dtype.kind in "iu":
        half = 2.0 ** (8 * array.itemsize - 1)
        values = (values - (half if array.dtype.kind == "u" else 0)) / half
    assert sound.samples.dtype == np.float32 and sound.samples.shape == (len(array),)
    assert np.allclose(sound.samples, values.mean(axis=1), atol=1e-6)
    assert np.abs(sound.samples).max() <= 1


@pytest.mark.parametrize(
    ("array", "keywords", "message"),
    [
        (np.zeros(0), {}, "empty"),
        (np.array(["a"]), {}, "is no sound"),
        (np.array([1j]), {}, "is no sound"),
        (np.array([True]), {}, "is no sound"),
        (np.array([0.0, np.nan, np.inf]), {}, "2 of 3 values are NaN or infinite"),
        (np.array([0.0, 3000.0]), {}, "3000 times full scale .*full_scale"),
        (np.array([1, 2, 3]), {}, "scale of an array of int64 cannot be told"),
        (np.zeros((4, 4)), {}, "Which axis"),
        (np.zeros((4, 4, 4)), {}, "3 axes"),
        (np.zeros((9, 2)), {"channel": 2}, "no channel 2: it has 2"),
        (np.zeros(9), {"channel": 1}, "no channel 1: it has 1"),
    ],
)
def test_arrays_that_are_no_sound_are_refused(array: NDArray, keywords: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        sound_of(array, rate=RATE, **keywords)


def test_full_scale_can_be_said() -> None:
    assert sound_of(np.array([0, 16384]), rate=RATE, full_scale=32768).samples.tolist() == [0.0, 0.5]


@settings(max_examples=50, deadline=None)
@given(st.floats(-1, 6), st.floats(0, 6))
def test_a_cut_lies_where_it_was_asked_for(start: float, length: float) -> None:
    sound = Sound(np.arange(4 * 100, dtype=np.float32) / 400, 100, start=1.0)
    part = sound.cut(start, start + length)
    assert 1.0 <= part.start <= 5.0 and part.end <= 5.0 + 1e-9
    if len(part):
        assert abs(part.start - max(start, 1.0)) <= 0.0051
        assert part.samples[0] == pytest.approx((part.start - 1.0) / 4, abs=1e-6)


def test_clipping_is_counted() -> None:
    line = np.clip(3 * tone(100, 1, RATE), -1, 1)
    share = sound_of(line, rate=RATE).clipped
    assert share == pytest.approx(np.mean(np.abs(line) >= 1), abs=0.01) and share > 0.3
    assert sound_of(0.9 * line, rate=RATE).clipped == 0
    assert np.isnan(Sound(np.zeros(0, np.float32), RATE).clipped)


@pytest.mark.data
@pytest.mark.skipif("AFFEKT_DATA" not in os.environ, reason="AFFEKT_DATA is not set")
def test_real_files_are_read() -> None:
    root = Path(os.environ["AFFEKT_DATA"])
    files = sorted((root / "emodb").rglob("*.flac"))[::100] + sorted((root / "pyfeat_samples").glob("*.mp4"))
    assert len(files) > 6
    for file in files:
        sound = read_sound(file)
        assert sound.declared is not None and sound.duration == pytest.approx(sound.declared, abs=0.1)
        assert sound.notes == ()
        # The sound of one of the videos is silence.
        assert np.abs(sound.samples).max() > 0.001 or file.name == "WolfgangLanger_Pexels.mp4"
