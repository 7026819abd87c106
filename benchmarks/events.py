"""How often a budget of frames holds an event: taken around abrupt movement, against evenly through the video.

Videos are drawn (`tests/films.py`): a disc darts across for 0.4 s of twenty, among discs that swim, a drifting ground
and light that comes and goes. Both ways have the same number of frames; an event is held where one of them lies in it.
Prints the share of videos, and of the difference a 95 % interval from drawing videos anew, as JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from affekt.features.scene import around_events, evenly, movements
from affekt.media.video import Video

sys.path.append(str(Path(__file__).parent.parent / "tests"))


def main() -> None:
    from films import eventful, film

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=40)
    parser.add_argument("--budgets", type=int, nargs="+", default=[4, 8, 16])
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    held = {budget: np.zeros((options.videos, 2)) for budget in options.budgets}
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.videos):
            frames, start, end = eventful(seed, seconds=options.seconds)
            path = film(Path(folder) / f"{seed}.mp4", frames.__getitem__, frames=len(frames), rate=12)
            found = movements(Video(path))
            for budget, table in held.items():
                ways = evenly(options.seconds, budget), around_events(found, seconds=options.seconds, budget=budget)
                assert all(len(times) == budget for times in ways)
                table[seed] = [any(start <= t < end for t in times) for times in ways]
            path.unlink()
    result = {}
    for budget, table in held.items():
        drawn = np.random.default_rng(0).integers(options.videos, size=(2000, options.videos))
        low, high = np.quantile(np.diff(table[drawn].mean(axis=1), axis=1), (0.025, 0.975))
        even, around = table.mean(axis=0)
        result[budget] = {
            "evenly": round(float(even), 3),
            "around events": round(float(around), 3),
            "difference": [round(float(v), 3) for v in (around - even, low, high)],
        }
    print(json.dumps({"videos": options.videos, "seconds": options.seconds, "budgets": result}, indent=1))


if __name__ == "__main__":
    main()
