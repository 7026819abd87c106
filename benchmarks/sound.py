"""Processor time and peak memory of reading sound and finding speech in it: 10 minutes against an hour.

Joins clips (those of a folder, or a made tone with pauses) to one file each, reads it in blocks in a fresh process,
once alone and once with the speech found, and prints seconds of processor time, the real-time factor and the
peak resident memory of this process and of the decoder, as JSON.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import wave
from itertools import cycle
from pathlib import Path

import numpy as np

RATE = 16_000
MEASURE = """
import json, resource, sys
from affekt.media.sound import stream_sound
from affekt.media.speech import SpeechOptions, speech

path, find = sys.argv[1], sys.argv[2] == "speech"
heard = 0.0
def blocks():
    global heard
    for block in stream_sound(path):
        heard = block.end
        yield block
before = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
found = list(speech(blocks(), options=SpeechOptions(longest=15.0))) if find else [None for _ in blocks()]
after = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
own, decoder = (b.ru_utime + b.ru_stime - a.ru_utime - a.ru_stime for a, b in zip(before, after))
print(json.dumps({
    "seconds": round(heard, 1),
    "stretches": len(found) if find else None,
    "cpu own": round(own, 2),
    "cpu decoder": round(decoder, 2),
    "real-time factor": round((own + decoder) / heard, 5),
    "MiB own": round(after[0].ru_maxrss / 1024),
    "MiB decoder": round(after[1].ru_maxrss / 1024),
}))
"""


def join(path: Path, seconds: float, clips: list[Path]) -> None:
    """Write clips one after the other, over and over, until the file is long enough."""
    from affekt.media.sound import read_sound

    time = np.arange(3 * RATE) / RATE
    made = (0.3 * np.sin(2 * np.pi * 150 * time) * (time < 2) * 32767).astype("<i2")
    samples = ((read_sound(clip).samples * 32767).astype("<i2") for clip in clips) if clips else cycle([made])
    read = []
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, RATE, 0, "NONE", ""))
        left = round(seconds * RATE)
        for clip in samples:
            read.append(clip)
            out.writeframes(clip[:left].tobytes())
            left -= min(left, len(clip))
            if not left:
                return
        for clip in cycle(read):
            out.writeframes(clip[:left].tobytes())
            left -= min(left, len(clip))
            if not left:
                return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="length of the long file")
    parser.add_argument("--clips", type=Path, help="folder of clips, such as $AFFEKT_DATA/ravdess/Actor_01")
    options = parser.parse_args()
    clips = sorted(options.clips.rglob("*.flac")) + sorted(options.clips.rglob("*.wav")) if options.clips else []
    out = {}
    with tempfile.TemporaryDirectory() as folder:
        for minutes in (options.minutes / 6, options.minutes):
            path = Path(folder) / f"{minutes:g}.wav"
            join(path, 60 * minutes, clips)
            for what in ("read", "speech"):
                command = [sys.executable, "-c", MEASURE, str(path), what]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                out[f"{minutes:g} min, {what}"] = json.loads(done.stdout)
    print(json.dumps(out, indent=2))


if __name__ == "__main__":
    main()
