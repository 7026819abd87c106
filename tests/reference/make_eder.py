"""Writes eder.json: frames, gold, and what `speechbrain.utils.EDER` says about them.

Run `python tests/reference/make_eder.py EDER.py` from the root of the repository after a change of the inputs.
EDER.py is `speechbrain/utils/EDER.py` of SpeechBrain (Apache-2.0); the stored values are of commit
9c826ef3937bac885c8a6ca86c6889a30f256fb5. It imports nothing, so the rest of SpeechBrain is not needed. The tests read
the stored values.
"""

from __future__ import annotations

import importlib.util
import json
import random
import sys
from pathlib import Path


def main(file: str) -> None:
    """Draw recordings with one emotion, frames with windows of one to three hops, and ask SpeechBrain."""
    spec = importlib.util.spec_from_file_location("EDER", file)
    assert spec is not None
    assert spec.loader is not None
    theirs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(theirs)
    draw = random.Random(2023)
    cases = []
    for _ in range(200):
        duration = round(draw.uniform(0.5, 8), 3)
        start = round(draw.uniform(0, duration * 0.8), 3)
        end = round(draw.uniform(start + 0.01, duration), 3)
        hop = draw.choice([0.05, 0.1, 0.2, 0.5])
        window = hop * draw.choice([1, 1, 2, 3])
        frames = max(1, int(duration / hop) - draw.randint(-2, 3))
        labels = ""
        while len(labels) < frames:
            labels += draw.choice("nhsa") * draw.randint(1, max(1, frames // 3))
        emotion = draw.choice(["happy", "sad", "angry"])
        gold = [{"emo": emotion, "start": start, "end": end}]
        expected = theirs.EDER(list(labels[:frames]), "x", duration, gold, window, hop)
        cases.append(
            {
                "duration": duration,
                "emotion": [emotion[0], start, end],
                "hop": hop,
                "window": window,
                "frames": labels[:frames],
                "expected": expected,
            }
        )
    out = Path(__file__).with_name("eder.json")
    out.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
