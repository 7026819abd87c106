"""How late the rows of live sound come: from the end of each stretch of speech to its row.

Feeds clips (those of a folder, or made speech-like sound) with pauses between them into `affekt analyze - --sound` as
fast as they would be spoken, notes when each row arrives, and prints the delays against the row's `end` in seconds, and
the processor time of a second of sound, as JSON. The first rows may wait for the program to load; they are counted.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

RATE = 16_000
PIECE = 0.05  # seconds that are written at a time, as a sound card would


def gathered(clips: list[Path], seconds: float, pause: float) -> np.ndarray:
    """16-bit samples of clips with near silence after each."""
    from affekt.media.sound import read_sound

    time_ = np.arange(round(1.5 * RATE)) / RATE
    hum = np.sin(2 * np.pi * 130 * time_) > 0.9
    made = (0.3 * hum * (np.sin(2 * np.pi * 4 * time_) > -0.3)).astype(np.float32)
    hush = 1e-4 * np.random.default_rng(0).standard_normal(round(pause * RATE))
    parts: list[np.ndarray] = []
    while sum(map(len, parts)) < seconds * RATE:
        clip = read_sound(clips[len(parts) // 2 % len(clips)]).samples if clips else made
        parts += [clip, hush]
    return (np.clip(np.concatenate(parts)[: round(seconds * RATE)], -1, 1) * 32767).astype("<i2")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=55.0)
    parser.add_argument("--pause", type=float, default=0.5, help="seconds between two clips")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--clips", type=Path, help="folder of clips, such as $AFFEKT_DATA/ravdess/Actor_01")
    options = parser.parse_args()
    clips = sorted(options.clips.rglob("*.flac")) + sorted(options.clips.rglob("*.wav")) if options.clips else []
    samples = gathered(clips, options.seconds, options.pause)
    command = [sys.executable, "-m", "affekt", "analyze", "-", "--sound", "--jobs", str(options.jobs), "-q"]
    running = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    came: list[tuple[float, float]] = []
    began = time.monotonic()

    def listen() -> None:
        assert running.stdout is not None
        for line in running.stdout:
            came.append((time.monotonic() - began, json.loads(line)["end"]))

    listener = threading.Thread(target=listen)
    listener.start()
    assert running.stdin is not None
    step = round(PIECE * RATE)
    for first in range(0, len(samples), step):
        time.sleep(max(began + (first + step) / RATE - time.monotonic(), 0))
        running.stdin.write(samples[first : first + step].tobytes())
        running.stdin.flush()
    running.stdin.close()
    listener.join()
    running.wait()
    late = np.array([arrived - end for arrived, end in came])
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = {
        "seconds": options.seconds,
        "rows": len(came),
        "delay, median": round(float(np.median(late)), 3),
        "delay, 95 %": round(float(np.quantile(late, 0.95)), 3),
        "delay, longest": round(float(late.max()), 3),
        "processor seconds for a second": round((usage.ru_utime + usage.ru_stime) / options.seconds, 4),
    }
    print(json.dumps(out, indent=2))


if __name__ == "__main__":
    main()
