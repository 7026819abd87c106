"""Show which words moved a reading, for it and against it."""

import affekt

TEXTS = [
    "I am so grateful that you stayed with me through this.",
    "I am not grateful at all, I am furious.",
    "The map is lovely, and it crashes every time I touch a bed.",
]

for text, reading in zip(TEXTS, affekt.analyze(TEXTS, explain=True), strict=True):
    print(f"\n{text}\n  {reading.top} {reading.scores[reading.top]:.2f}")
    for evidence in sorted(reading.evidence, key=lambda e: -abs(e.weight))[:4]:
        cue = text[int(evidence.start) : int(evidence.end)]
        print(f"  {evidence.weight:+.3f} for {evidence.label}: {cue!r} at {evidence.start}")
