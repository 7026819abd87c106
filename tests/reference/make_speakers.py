"""Make speakers.json: diarization error, purity and coverage of made recordings by pyannote.metrics.

    pip install pyannote.metrics==4.0.0
    python tests/reference/make_speakers.py

pyannote.metrics (MIT): Bredin, "pyannote.metrics: a toolkit for reproducible evaluation, diagnostic, and error analysis
of speaker diarization systems", Interspeech 2017. Its collar is the whole width around an edge, ours one side.
"""

from __future__ import annotations

import json
import random
from importlib.metadata import version
from pathlib import Path

from pyannote.core import Annotation, Segment, Timeline
from pyannote.metrics.diarization import DiarizationCoverage, DiarizationErrorRate, DiarizationPurity

COLLAR = 0.25


def turns(rng: random.Random, speakers: int) -> list[tuple[float, float, str]]:
    """Turns of several speakers; each speaker's do not overlap, those of different speakers may."""
    out = []
    for who in range(speakers):
        at = rng.uniform(0, 4)
        while at < 30:
            end = at + rng.uniform(0.5, 6)
            out.append((round(at, 2), round(end, 2), "ABCDE"[who]))
            at = end + rng.uniform(0.3, 8)
    return sorted(out)


def annotation(rows: list[tuple[float, float, str]]) -> Annotation:
    """Turns as pyannote has them."""
    out = Annotation()
    for track, (start, end, who) in enumerate(rows):
        out[Segment(start, end), track] = who
    return out


def main() -> None:
    """Write the file beside this script."""
    rng = random.Random(4)
    cases = []
    for _ in range(24):
        truth, prediction = turns(rng, rng.randint(1, 4)), turns(rng, rng.randint(1, 5))
        # All that anybody says counts, on both sides.
        every = Timeline([Segment(0, 60)])
        reference, hypothesis = annotation(truth), annotation(prediction)
        found = {"truth": truth, "prediction": prediction}
        for name, collar in (("plain", 0.0), ("collar", 2 * COLLAR)):
            parts = DiarizationErrorRate(collar=collar)(reference, hypothesis, uem=every, detailed=True)
            found[name] = {
                "missed": parts["missed detection"],
                "false_alarm": parts["false alarm"],
                "confusion": parts["confusion"],
                "speech": parts["total"],
            }
        found["purity"] = DiarizationPurity()(reference, hypothesis, uem=every)
        found["coverage"] = DiarizationCoverage()(reference, hypothesis, uem=every)
        cases.append(found)
    document = {"made_by": f"pyannote.metrics {version('pyannote.metrics')}", "collar": COLLAR, "cases": cases}
    Path(__file__).with_name("speakers.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
