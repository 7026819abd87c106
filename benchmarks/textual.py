"""What is lost where a voice is put into words: RAVDESS, told by numbers and by words of the same properties.

Eight properties of each recording, as they depart from its actor's others, are given to a linear classifier as numbers,
and as the words of their bands (`affekt.features.textual`). Actors who are answered were not learned from. Printed are
the shares of right answers of eight labels, with 95 % intervals from drawing actors anew. Needs AFFEKT_DATA.
"""

from __future__ import annotations

import argparse
import json

import numpy as np

from affekt.catalog.corpora import corpus
from affekt.catalog.spaces import space
from affekt.corpora import read
from affekt.corpora.files import recording_of
from affekt.features import cue_values, descriptors
from affekt.features.cues import CUES, standings
from affekt.features.textual import textualise
from affekt.media.sound import read_sound
from affekt.media.speech import trimmed


def answers(x: np.ndarray, y: np.ndarray, actors: np.ndarray) -> np.ndarray:
    """Labels by ridge regression on what other actors said; each fold is two actors."""
    out = np.zeros(len(y), dtype=int)
    names = np.unique(actors)
    x = np.column_stack([x, np.ones(len(x))])
    for k in range(0, len(names), 2):
        held = np.isin(actors, names[k : k + 2])
        a, b = x[~held], np.eye(y.max() + 1)[y[~held]]
        out[held] = (x[held] @ np.linalg.solve(a.T @ a + np.eye(a.shape[1]), a.T @ b)).argmax(1)
    return out


def interval(right: np.ndarray, actors: np.ndarray) -> list[float]:
    groups = np.unique(actors, return_inverse=True)[1]
    sums, counts = np.bincount(groups, right), np.bincount(groups)
    drawn = np.random.default_rng(0).integers(len(counts), size=(2000, len(counts)))
    low, high = np.quantile(sums[drawn].sum(1) / counts[drawn].sum(1), (0.025, 0.975))
    return [round(float(v), 3) for v in (right.mean(), low, high)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--actors", type=int, default=24, help="Most actors.")
    most = parser.parse_args().actors
    labels, entry = space("ravdess").labels, corpus("ravdess")
    found: dict[str, list[tuple[np.ndarray, float, int]]] = {}
    for clip, gold in read("ravdess", split="all"):
        if str(clip.speaker) not in found and len(found) == most:
            continue
        sound = trimmed(read_sound(recording_of(entry, clip)))
        values = cue_values(descriptors(sound.samples, rate=sound.rate))
        found.setdefault(str(clip.speaker), []).append((values, sound.duration, labels.index(gold.labels[0])))
    z = np.concatenate([standings([v for v, _, _ in own], [s for _, s, _ in own])[0] for own in found.values()])
    y = np.array([label for own in found.values() for _, _, label in own])
    actors = np.array([name for name, own in found.items() for _ in own])
    words = [
        textualise(dict(zip((c.name for c in CUES), row, strict=True)), scale="departure").split("; ") for row in z
    ]
    vocabulary = {word: i for i, word in enumerate(sorted({word for row in words for word in row}))}
    bag = np.zeros((len(y), len(vocabulary)))
    for i, row in enumerate(words):
        bag[i, [vocabulary[word] for word in row]] = 1
    sides = {"numbers": np.nan_to_num(z.clip(-6, 6)), "words": bag}
    right = {name: (answers(x, y, actors) == y).astype(float) for name, x in sides.items()}
    shown = {name: interval(r, actors) for name, r in right.items()}
    shown["words over numbers"] = interval(right["words"] - right["numbers"], actors)
    print(json.dumps({"rows": len(y), "actors": len(found), "words known": len(vocabulary), **shown}, indent=1))


if __name__ == "__main__":
    main()
