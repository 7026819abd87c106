"""A small recogniser for tests of what stands around a recogniser: same text, same answer, no model file.

And a model folder of several languages, which reads with the bundled English weights.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from affekt.core.clip import Clip
from affekt.core.prediction import Prediction
from affekt.core.protocols import RecogniserSpec
from affekt.models.registry import model_folder

NOTE = "its data ask for research use only"
LABELS = ("anger", "disgust", "fear", "joy", "sadness", "surprise")


class TinyRecogniser:
    """Scores count letters; the confidence is the share of vowels. It notes the sizes of what it was given."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.card = {"policy": {"min_confidence": 0.1}}

    @property
    def spec(self) -> RecogniserSpec:
        return RecogniserSpec("tiny", "1", "ekman", ("ekman",), ("valence",), ("en",), "Apache-2.0")

    def predict(self, clips: Sequence[Clip], *, space: str | None = None) -> list[Prediction]:
        self.sizes.append(len(clips))
        out = []
        for clip in clips:
            text = (clip.text or "").lower()
            n = max(len(text), 1)
            scores = {label: sum(text.count(c) for c in label[:2]) / (2 * n) for label in LABELS}
            out.append(
                Prediction(
                    clip.id,
                    "ekman",
                    scores,
                    labels=tuple(sorted((k for k in scores if scores[k] > 0.05), key=lambda k: -scores[k])),
                    dimensions={"valence": 1 + 4 * text.count("o") / n},
                    intervals={"valence": (1.0, 5.0)},
                    confidence=sum(text.count(v) for v in "aeiou") / n,
                    model=self.spec.name,
                )
            )
        return out


def make_multi(folder: Path, **changes: object) -> Path:
    """A model `text-multi` below a folder: the Plutchik head alone, for German (thresholds of its own) and Russian."""
    source = model_folder("text-en")
    made = folder / "text-multi"
    made.mkdir()
    for name in ("model.onnx", "tokenizer.json"):
        (made / name).symlink_to(source / name)
    card = json.loads((source / "affekt.json").read_text())
    card |= {
        "id": "text-multi",
        "title": "Several languages",
        "licence": "CC-BY-4.0",
        "licence_note": NOTE,
        "languages": ["de", "ru"],
        "main": "plutchik",
        "heads": {"plutchik": card["heads"]["plutchik"]},
        "dimensions": None,
        "policy": card["policy"] | {"min_confidence": 0.0},
        "thresholds_by_language": {"plutchik": {"de": [0.0] * 8}},
        **changes,
    }
    (made / "affekt.json").write_text(json.dumps(card))
    return made
