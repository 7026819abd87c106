"""One hour of speech through `affekt analyze`: real-time factor all in, and peak memory against ten minutes.

Joins clips (those of a folder, or a made tone with pauses) to a file of an hour and one of ten minutes, reads each in a
fresh process from the command line to the written rows, and prints seconds, the real-time factor (seconds of waiting
for one of sound) and the peak resident memory of the largest process, as JSON. Where the package `opensmile` is
installed, its eGeMAPSv02 functionals are taken of the same hour in the same run, in pieces of 15 s, and set against it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from sound import join

MEASURE = """
import json, resource, subprocess, sys, time
began = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
took = time.perf_counter() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([took, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
"""
SMILE = """
import sys, wave
import numpy as np, opensmile
smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
with wave.open(sys.argv[1]) as sound:
    while piece := sound.readframes(15 * 16_000):
        smile.process_signal(np.frombuffer(piece, "<i2") / np.float32(32768), 16_000)
"""


def measured(*command: str) -> tuple[float, float, float]:
    """Seconds of waiting, seconds of processor time, MiB of the largest process."""
    done = subprocess.run([sys.executable, "-c", MEASURE, *command], capture_output=True, text=True, check=True)
    took, processor, memory = json.loads(done.stdout)
    return took, processor, memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="length of the long file; the short one is a sixth")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--jobs", type=int, help="threads of the model; default all cores")
    parser.add_argument("--clips", type=Path, help="folder of clips, such as $AFFEKT_DATA/ravdess")
    options = parser.parse_args()
    clips = sorted(options.clips.rglob("*.flac")) + sorted(options.clips.rglob("*.wav")) if options.clips else []
    clips = clips[:: max(len(clips) // 200, 1)]  # of all speakers
    smile = find_spec("opensmile") is not None
    jobs = ["--jobs", str(options.jobs)] if options.jobs else []
    taken: dict[str, list[tuple[float, float, float]]] = {}
    lengths = {"short": 10.0 * options.minutes, "long": 60.0 * options.minutes}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for which, seconds in lengths.items():
            join(folder / f"{which}.wav", seconds, clips)
        for number in range(options.repeats):
            for which in lengths:
                out = folder / f"{which}-{number}.jsonl"
                command = [sys.executable, "-m", "affekt", "analyze", str(folder / f"{which}.wav"), "-q", *jobs]
                taken.setdefault(which, []).append(measured(*command, "--out", str(out)))
            if smile:
                taken.setdefault("openSMILE", []).append(
                    measured(sys.executable, "-c", SMILE, str(folder / "long.wav"))
                )
        rows = len((folder / "long-0.jsonl").read_text(encoding="utf-8").splitlines())
    result: dict[str, object] = {"minutes": options.minutes, "stretches": rows}
    for which, runs in taken.items():
        seconds = lengths.get(which, lengths["long"])
        took, processor, memory = min(run[0] for run in runs), min(run[1] for run in runs), max(run[2] for run in runs)
        result[which] = {
            "seconds": round(took, 2),
            "real-time factor": round(took / seconds, 5),
            "processor seconds": round(processor, 2),
            "MiB": round(memory),
        }
    result["MiB, long to short"] = round(max(r[2] for r in taken["long"]) / max(r[2] for r in taken["short"]), 3)
    if smile:
        result["seconds, Affekt to openSMILE"] = round(
            min(r[0] for r in taken["long"]) / min(r[0] for r in taken["openSMILE"]), 3
        )
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
