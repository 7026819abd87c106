"""Peak memory of `affekt analyze` on few and on many rows: it must not grow with the input.

Writes two files of short generated texts, reads each in a process of its own, and prints the peak resident
memory of both (VmHWM, summed over the process and its children) with their ratio, as JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

AFFEKT = str(Path(sys.executable).parent / "affekt")
OPENINGS = ["I am", "we are", "she is not", "they were", "nobody here is", "my brother is", "you seem", "he was never"]
FEELINGS = ["glad", "furious", "worried", "proud", "bored", "grateful", "sad", "amazed", "tired", "calm", "confused"]
OBJECTS = ["the rain", "this phone", "the soup", "her letter", "the train", "our garden", "that song", "the result"]


def write_rows(path: Path, rows: int, *, seed: int = 7) -> None:
    """Write `rows` different short texts as JSONL; the same seed gives the same file."""
    draw = random.Random(seed)
    with path.open("w", encoding="utf-8") as file:
        for number in range(rows):
            words = f"{draw.choice(OPENINGS)} {draw.choice(FEELINGS)} about {draw.choice(OBJECTS)} number {number}"
            file.write(json.dumps({"id": str(number), "text": words}) + "\n")


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                found += [int(child) for child in task.read_text().split()]
            except OSError:
                continue
    return found


def peak_kib(pid: int) -> int:
    """VmHWM of a process, in KiB; 0 once it has gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")), 0)


def measure(path: Path, out: Path, options: list[str]) -> dict[str, float]:
    """Read one file in a process of its own.

    Returns:
        Peak in MiB, seconds, rows written.
    """
    begin = time.perf_counter()
    command = [AFFEKT, "analyze", str(path), "--column", "text", "--out", str(out), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peaks: dict[int, int] = {}
    while process.poll() is None:
        for pid in family(process.pid):
            peaks[pid] = max(peaks.get(pid, 0), peak_kib(pid))
        time.sleep(0.05)
    if process.returncode:
        raise SystemExit(f"affekt analyze ended with code {process.returncode}")
    with out.open("rb") as file:
        written = sum(1 for _ in file)
    return {
        "peak_mib": round(sum(peaks.values()) / 1024, 1),
        "seconds": round(time.perf_counter() - begin, 1),
        "rows": written,
    }


def main() -> None:
    """Measure few rows, then many, and print both with the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--few", type=int, default=10_000, help="rows of the small file")
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the large file")
    parser.add_argument("options", nargs="*", help="further options for affekt analyze, after --")
    args = parser.parse_args()
    if not Path("/proc/self/status").exists():
        raise SystemExit("This benchmark reads /proc and runs on Linux only.")
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, rows in (("few", args.few), ("many", args.rows)):
            path = Path(folder) / f"{name}.jsonl"
            write_rows(path, rows)
            results[name] = measure(path, Path(folder) / f"{name}-out.jsonl", args.options)
            if results[name]["rows"] != rows:
                raise SystemExit(f"{rows} rows were put in, {results[name]['rows']} came out")
            print(json.dumps({name: results[name]}), file=sys.stderr)
    results["ratio"] = round(results["many"]["peak_mib"] / results["few"]["peak_mib"], 3)
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
