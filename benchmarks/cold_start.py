"""How long a newcomer waits: `import affekt`, `affekt --help`, the first answer. Fresh processes, printed as JSON."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

AFFEKT = str(Path(sys.executable).parent / "affekt")
STARTS = {
    "python": [sys.executable, "-c", "pass"],
    "import affekt": [sys.executable, "-c", "import affekt"],
    "affekt --help": [AFFEKT, "--help"],
    "first answer": [AFFEKT, "analyze", "I can't believe you did this for me, thank you!"],
    "first answer with evidence": [AFFEKT, "analyze", "I can't believe you did this for me, thank you!", "--explain"],
}


def main() -> None:
    """Start each command a number of times, interleaved, and print the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7, help="fresh processes for each command")
    repeats = parser.parse_args().repeats
    seconds: dict[str, list[float]] = {name: [] for name in STARTS}
    for _ in range(repeats):
        for name, command in STARTS.items():
            begin = time.perf_counter()
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
            seconds[name].append(time.perf_counter() - begin)
    print(
        json.dumps(
            {
                name: {"best_s": round(min(t), 3), "median_s": round(statistics.median(t), 3), "n": len(t)}
                for name, t in seconds.items()
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
