"""Follow valence over the weeks of a table, with the number of texts behind each point.

The example data are two months of messages about a garden planner: a quiet start, an update that goes wrong in
the middle of March, an apology, and the mending.
"""

from collections import defaultdict
from datetime import datetime
from pathlib import Path
from statistics import mean

from affekt.analysis import stream

TABLE = Path(__file__).parent / "data" / "voices.csv"

weeks: dict[str, list[float]] = defaultdict(list)
unread = 0
# Only the English model gives valence; it is named, so that texts in other languages get no answer.
for reading in stream(TABLE, column="text", model="text-en"):
    if reading.prediction.abstained is not None:
        unread += 1
        continue
    year, week, _ = datetime.fromisoformat(reading.clip.time).isocalendar()
    weeks[f"{year} week {week:2d}"].append(reading.prediction.dimensions["valence"])

print("Mean valence (EmoBank's scale: 1 to 5)")
for week, values in sorted(weeks.items()):
    print(f"{week}  {mean(values):.2f}  {len(values):3d} texts  {'#' * round(20 * (mean(values) - 2))}")
print(f"{unread} texts got no answer and are not in the means.")
