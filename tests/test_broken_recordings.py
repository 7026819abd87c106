"""Broken and odd recordings through the command: an error in one line, or an answer that says why there is none."""

from __future__ import annotations

import io
import json
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from test_media_guard import ints, video, wav

from affekt.cli.main import main

RATE = 16_000


def noise(colour: str, level: float) -> bytes:
    random = np.random.RandomState(round(1000 * level))
    line = random.randn(2 * RATE)
    if colour == "pink":
        line = np.fft.irfft(np.fft.rfft(line) / np.sqrt(np.maximum(np.arange(RATE + 1), 1)))
    return (np.clip(level * line / line.std(), -1, 1) * 32767).astype("<i2").tobytes()


def changed(whole: bytes, place: int, value: int, width: int = 4) -> bytes:
    return whole[:place] + struct.pack("<I", value)[:width] + whole[place + width :]


def lay_out(folder: Path) -> tuple[dict[str, str], dict[str, str], set[str]]:
    """Files that are refused with what is said, those without an answer with why, and those that are read."""
    whole = wav(folder / "whole.wav", ints(2.0).tobytes()).read_bytes()
    refused = {
        "empty.wav": (b"", "nothing in it"),
        "cut-in-header.wav": (whole[:20], "beginning is damaged"),
        "header-alone.wav": (whole[:44], "no length"),
        "no-samples.wav": (changed(changed(whole[:44], 40, 0), 4, 36), "no length"),
        "long-format.wav": (changed(whole, 16, 0x7FFFFFFF), "beginning is damaged"),
        "no-channel.wav": (changed(whole, 22, 0, 2), "damaged"),
        "no-rate.wav": (changed(whole, 24, 0), "damaged"),
        "absurd-rate.wav": (changed(whole, 24, 0xFFFFFFFF), "damaged"),
        "text.wav": (b"Nobody can hear this.\n" * 30, "not sound but text"),
        "list.wav": (f"#EXTM3U\n{folder}/whole.wav\n".encode(), "playlist"),
        "picture.mp3": (b"\x89PNG\r\n\x1a\n" + bytes(500), "a PNG image"),
        "noise.flac": (np.random.RandomState(0).bytes(5000), "beginning is damaged"),
    }
    for name, (data, _) in refused.items():
        (folder / name).write_bytes(data)
    video(folder / "mute.avi", sound=False)
    unheard = {"silence.wav": np.zeros(RATE, "<i2").tobytes(), "3-ms.wav": ints(0.003).tobytes()}
    unheard |= {f"{c}-{v}.wav": noise(c, v) for c in ("white", "pink") for v in (0.4, 0.01)}
    for name, data in unheard.items():
        wav(folder / name, data)
    wav(folder / "8-bit.wav", (ints(2.0) // 256 + 128).astype(np.uint8).tobytes(), width=1)
    wav(folder / "192-kHz.wav", ints(2.0, 192_000).tobytes(), rate=192_000)
    wav(folder / "12-channels.wav", np.repeat(ints(2.0)[:, None], 12, axis=1).tobytes(), channels=12)
    for name, announced in (("no-length.wav", 0), ("endless.wav", 0xFFFFFFFF), ("absurd-length.wav", 0x3FFFFFFF)):
        (folder / name).write_bytes(changed(whole, 40, announced))
    wav(folder / "turns-of-noise.wav", noise("white", 0.2))
    (folder / "turns-of-noise.srt").write_text("1\n00:00:00,500 --> 00:00:02,000\nANN: You hear me?\n")
    read = {"whole.wav", "8-bit.wav", "192-kHz.wav", "12-channels.wav"}
    return (
        {name: said for name, (_, said) in refused.items()},
        {**dict.fromkeys([*unheard, "turns-of-noise.wav"], "no speech"), "mute.avi": "no face"},
        read | {"no-length.wav", "endless.wav", "absurd-length.wav"},
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[dict[str, str], dict[str, str], set[str]]]:
    folder = tmp_path_factory.mktemp("broken")
    return folder, lay_out(folder)


def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: object) -> tuple:
    monkeypatch.setattr(sys, "argv", ["affekt", "analyze", *map(str, arguments)])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    with pytest.raises(SystemExit) as ended:
        main()
    return (ended.value.code or 0, *capsys.readouterr())


def test_each_alone(
    folder: tuple[Path, tuple], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, (refused, unheard, read) = folder
    for name, said in refused.items():
        code, out, err = run(capsys, monkeypatch, place / name, "-q")
        assert (code, out, err.count("\n")) == (2, "", 1), (name, err)
        assert err.startswith("affekt: ") and said in err and name in err, err
    for name, said in unheard.items():
        code, out, err = run(capsys, monkeypatch, place / name, "-q")
        (row,) = map(json.loads, out.splitlines())
        assert (code, row["labels"], row["scores"], row["confidence"]) == (0, [], None, None), name
        assert row["abstained"].startswith(said), row["abstained"]
    for name in read:
        code, out, _ = run(capsys, monkeypatch, place / name, "-q")
        rows = [json.loads(line) for line in out.splitlines()]
        assert code == 0 and rows and all(r["abstained"] is None and 0 <= r["start"] < r["end"] <= 2 for r in rows)


def test_all_of_them_as_a_folder(
    folder: tuple[Path, tuple], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, (refused, unheard, read) = folder
    out = tmp_path / "rows.jsonl"
    code, _, err = run(capsys, monkeypatch, place, "--out", out)
    assert code == 0
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    why = {Path(row["source"]).name: row["abstained"] for row in rows}
    assert set(why) == {*refused, *unheard, *read}
    assert all(why[name].startswith("cannot be read") and said in why[name] for name, said in refused.items())
    assert all(why[name].startswith(said) for name, said in unheard.items())
    assert all(why[name] is None for name in read)
    assert f"{len(refused)} could not be read and stay in the output with their reason" in err
    code, _, err = run(capsys, monkeypatch, place, "--strict", "--out", tmp_path / "strict.jsonl")
    assert code == 2 and "Traceback" not in err


@pytest.mark.parametrize("ending", ["m3u", "m3u8", "pls", "cue"])
def test_a_playlist_is_never_followed(
    folder: tuple[Path, tuple], ending: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, _ = folder
    listed = place / f"list.{ending}"
    listed.write_text(f"{place}/whole.wav\n")
    for arguments in ((listed,), (listed, "--input-format", "sound")):
        code, out, err = run(capsys, monkeypatch, *arguments)
        assert (code, out) == (2, "")
        assert "playlist" in err or "not sound but text" in err
