"""Whether valence, arousal and dominance of voices make sense: RAVDESS, by label and by how strongly it is played.

Heads are learned from RAVDESS alone, as strongly as those of the bundled model, and answer actors whom they did not
hear (EmoBox's six folds); their scores are carried to the places of the labels. Printed are the means by played label,
and how much higher arousal is where the same actor plays the same label strongly instead of normally, with a 95 %
interval from drawing actors anew. Needs AFFEKT_DATA, and scikit-learn. Hearing all recordings takes minutes; --vectors
keeps what was heard.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from affekt.catalog.corpora import corpus
from affekt.catalog.maps import centroids
from affekt.catalog.spaces import space
from affekt.core.row import OWN
from affekt.corpora import read
from affekt.models.registry import load_voice
from affekt.train.voice.fit import Heard, fit_head, hear_corpus

FIELDS = ("ids", "vectors", "labels", "speakers")


def heard_recordings(kept: Path | None) -> Heard:
    if kept is not None and kept.exists():
        with np.load(kept) as file:
            return Heard(*(file[name] for name in FIELDS))
    heard = hear_corpus("ravdess", load_voice().hear)
    if kept is not None:
        np.savez(kept, **{name: getattr(heard, name) for name in FIELDS})
    return heard


def scores(heard: Heard, labels: tuple[str, ...], strength: float, scale: float) -> np.ndarray:
    """Probabilities by heads that did not hear the actor, shape (rows, labels)."""
    out = np.empty((len(heard.ids), len(labels)))
    actors = np.array([name.split()[-1] for name in heard.speakers])
    for fold in corpus("ravdess").speaker_folds:
        rows = np.isin(actors, fold)
        out[rows] = fit_head(heard[~rows], labels, strengths=[strength]).logits(heard.vectors[rows])
    e = np.exp(scale * (out - out.max(1, keepdims=True)))
    return e / e.sum(1, keepdims=True)


def drawn_anew(values: np.ndarray, groups: np.ndarray) -> list[float]:
    """Mean, and its 95 % interval from drawing whole groups."""
    sums, counts = np.bincount(groups, values), np.bincount(groups)
    rows = np.random.default_rng(0).integers(len(counts), size=(2000, len(counts)))
    low, high = np.quantile(sums[rows].sum(1) / counts[rows].sum(1), (0.025, 0.975))
    return [round(float(v), 3) for v in (values.mean(), low, high)]


def report(heard: Heard, chances: np.ndarray, strong: np.ndarray) -> dict[str, object]:
    labels = space("ravdess").labels
    places = centroids("ravdess", "warriner")
    at = np.array([[places.points[label].mean[name] for name in OWN] for label in labels])
    found = chances @ at
    means = {
        label: dict(zip(OWN, found[heard.labels == label].mean(0).round(2).tolist(), strict=True)) for label in labels
    }
    actors = np.unique(heard.speakers, return_inverse=True)[1]
    change: dict[str, list[float]] = {}
    groups, differences = [], []
    for label in labels:
        pairs = [
            (actor, found[rows & strong, 1].mean() - found[rows & ~strong, 1].mean())
            for actor in np.unique(actors)
            if (rows := (actors == actor) & (heard.labels == label))[strong].any()
        ]
        if pairs:
            change[label] = drawn_anew(np.array([d for _, d in pairs]), np.array([a for a, _ in pairs]))
            groups += [a for a, _ in pairs]
            differences += [d for _, d in pairs]
    order = [label for label, _ in sorted(means.items(), key=lambda item: item[1]["arousal"])]
    truth = np.array([places.points[label].mean["arousal"] for label in heard.labels])
    return {
        "recall": round(
            float(np.mean([(chances[heard.labels == c].argmax(1) == i).mean() for i, c in enumerate(labels)])), 3
        ),
        "means": means,
        "order_of_arousal": order,
        "correlation_of_arousal_with_place_of_played_label": round(float(np.corrcoef(found[:, 1], truth)[0, 1]), 3),
        "arousal_strong_less_normal": drawn_anew(np.array(differences), np.array(groups)),
        "by_label": change,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=Path, help="file that keeps what was heard")
    args = parser.parse_args()
    ear = load_voice()
    heard = heard_recordings(args.vectors)
    rows = [clip for split in corpus("ravdess").splits for clip, _ in read("ravdess", split=split)]
    intensity = {clip.id: clip.facts["intensity"] for clip in rows}
    strong = np.array([intensity[name] == "02" for name in heard.ids])
    chosen, labels = ear.card.facts["strengths"], space("ravdess").labels
    ways = {"alone": (heard, ear.card.heads["ravdess"]), "beside": (heard.beside_speakers(), ear.voice.beside)}
    found = {}
    for way, (vectors, head) in ways.items():
        found[way] = report(vectors, scores(vectors, labels, chosen[way], head.scale[0]), strong)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
