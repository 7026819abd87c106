"""Read a few texts: labels, dimensions with intervals, an answer in another space, and no answer at all."""

import affekt

TEXTS = [
    "They put the kettle on before I had even taken off my coat. I could have cried.",
    "The parcel arrived on Tuesday.",
    "I don't hate it. I hate that nobody there talks to us.",
    "Der Zug ist schon wieder ausgefallen, und niemand sagt uns etwas.",
    "🌱🌱🌱",
    "",
]

for text, reading in zip(TEXTS, affekt.analyze(TEXTS), strict=True):
    print(f"\n{text or '(empty)'}")
    if reading.abstained is not None:
        print("  no answer:", reading.abstained)
        continue
    labels = [f"{label} {reading.scores[label]:.2f}" for label in reading.labels]
    print("  language:   ", reading.language or "not asked, there is English enough in it")
    print("  labels:     ", ", ".join(labels) or f"none reached its threshold; nearest is {reading.top}")
    print("  Ekman:      ", ", ".join(reading.to("ekman").labels) or "none")
    if "valence" in reading.dimensions:  # the model for other languages gives labels alone
        low, high = reading.intervals["valence"]
        print(f"  valence:     {reading.dimensions['valence']:.2f}, single ratings within {low:.2f} to {high:.2f}")
    print(f"  confidence:  {reading.confidence:.2f}")
