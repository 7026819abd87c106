"""From a table to rows on disk and to a report, from Python.

Usage: python write_report.py [FOLDER]     (default: the current folder)
"""

import sys
from pathlib import Path

import affekt

TABLE = Path(__file__).parent / "data" / "voices.csv"
folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")

for name in ("voices.jsonl", "voices.html"):
    summary = affekt.analyze(TABLE, column="text", out=folder / name)
    answered = summary.rows - sum(summary.abstained.values())
    models = ", ".join(f"{model} ({rows})" for model, rows in summary.models.items())
    print(f"{name}: {summary.rows} rows, {answered} with an answer, by {models}")
for reason, count in summary.abstained.items():
    print(f"  no answer to {count}: {reason}")
