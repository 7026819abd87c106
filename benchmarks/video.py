"""Ten minutes of video through `affekt analyze`: real-time factor all in, and peak memory against one minute.

Repeats a clip (one that is given, or a made one of two painted faces and made speech) to a file of ten minutes and one
of a tenth of that, without decoding it, reads each in a fresh process from the command line to the written rows, and
prints seconds, the real-time factor (seconds of waiting for one of video) and the peak resident memory of the largest
process, as JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import av
import numpy as np
from recordings import measured

sys.path.append(str(Path(__file__).parent.parent / "tests"))


def made(path: Path) -> Path:
    from films import face, film, scene
    from sounds import voice

    faces = face(), face(skin=(140, 100, 80), hair=(20, 20, 20), smile=1)

    def draw(number: int) -> np.ndarray:
        across = 20 + abs(number % 100 - 50)
        return scene((across, 120, faces[0]), (380 - across, 140, faces[1]), size=(640, 360))

    quiet = np.zeros(32_000, np.float32)
    sound = np.concatenate([voice(3.0), quiet, voice(4.0, seed=2), quiet, voice(5.0, seed=3), quiet, quiet])
    return film(path, draw, frames=20 * 25, rate=25, codec="libx264", sound=sound)


def repeated(clip: Path, path: Path, seconds: float) -> float:
    """Packets of a clip again and again, to at least so many seconds; gives how many they are."""
    at = 0.0
    with av.open(str(path), "w") as out:
        tracks: dict[int, av.stream.Stream] = {}
        last: dict[int, int] = {}
        while at < seconds:
            with av.open(str(clip)) as given:
                streams = [*given.streams.video[:1], *given.streams.audio[:1]]
                tracks = tracks or {s.index: out.add_stream_from_template(s) for s in streams}
                for packet in given.demux(streams):
                    if packet.dts is None:
                        continue
                    shift = round(at / packet.time_base)
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    index = packet.stream.index
                    if packet.dts <= last.get(index, -(1 << 62)):  # the tracks of a clip end a little apart
                        continue
                    last[index] = packet.dts
                    packet.stream = tracks[index]
                    out.mux(packet)
                at += (given.duration or 0) / 1_000_000
    return at


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the long file; the short one is a tenth")
    parser.add_argument("--clip", type=Path, help="the clip that is repeated")
    parser.add_argument("--jobs", type=int, help="threads of the models; default all cores")
    options = parser.parse_args()
    jobs = ["--jobs", str(options.jobs)] if options.jobs else []
    result: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = options.clip or made(folder / "clip.mp4")
        for which, minutes in (("short", options.minutes / 10), ("long", options.minutes)):
            path, out = folder / f"{which}{clip.suffix}", folder / f"{which}.jsonl"
            seconds = repeated(clip, path, 60 * minutes)
            took, processor, memory = measured(
                *(sys.executable, "-m", "affekt", "analyze", str(path), "-q", *jobs, "--out", str(out))
            )
            rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
            result[which] = {
                "seconds of video": round(seconds, 1),
                "rows": len(rows),
                "people": len({row["person"] for row in rows} - {None}),
                "boxes": sum(len(row["faces"] or ()) for row in rows),
                "seconds": round(took, 1),
                "real-time factor": round(took / seconds, 3),
                "processor seconds": round(processor, 1),
                "MiB": round(memory),
            }
    result["MiB, long to short"] = round(result["long"]["MiB"] / result["short"]["MiB"], 3)  # type: ignore[index]
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
