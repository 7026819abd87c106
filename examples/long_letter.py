"""Read a letter of a page as one document: it is read whole, by windows, and gives a trajectory."""

from pathlib import Path

import affekt

LETTER = (Path(__file__).parent / "data" / "letter.txt").read_text(encoding="utf-8")

[reading] = affekt.analyze(LETTER)
print(f"The whole letter: {', '.join(reading.labels) or reading.top}, valence {reading.dimensions['valence']:.2f}\n")
for window in reading.trajectory:
    top = max(window.scores, key=window.scores.__getitem__)
    words = " ".join(LETTER[window.start : window.end].split())
    print(f"{window.start:5d}  valence {window.dimensions['valence']:.2f}  {top:<14}  {words[:60]}")
