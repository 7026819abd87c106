"""Where recordings are cut, and what that does to what is heard: clips of RAVDESS joined with pauses.

    AFFEKT_DATA=... python benchmarks/stretches.py [--folds 6]

The clips of each actor, in an order by chance, become one recording with 0.2 to 1.2 s of faint noise between them (most
also begin and end in a second of silence). It is cut into stretches of speech as a recording without a model is, and as
the bundled model's card says. Heads of the recipe `voice`, learned from the actors of the other folds and Emo-DB, read
each stretch alone and beside the manner of all stretches; its label is that of the clip that most of it lies in. Needs
the `train` extra.
"""

from __future__ import annotations

import argparse
from collections import defaultdict

import numpy as np

from affekt.catalog.corpora import ALL, corpus
from affekt.catalog.recipes import voice_recipe
from affekt.catalog.spaces import space
from affekt.corpora import read
from affekt.corpora.files import recording_of
from affekt.media.sound import RATE, Sound, read_sound, sound_of
from affekt.media.speech import SpeechOptions, spoken
from affekt.metrics import unweighted_average_recall
from affekt.models.registry import load_voice
from affekt.models.voice import Baseline
from affekt.train.voice.fit import fit_head, hear_corpus

STRENGTH = 0.01  # what was chosen in every fold


def joined(sounds: list[Sound], seed: int) -> tuple[Sound, np.ndarray]:
    """One recording of several, and where each ends in it, in seconds, with half of the pause behind it."""
    rng = np.random.default_rng(seed)
    parts, ends, length = [], [], 0
    for sound in sounds:
        pause = rng.normal(0, 1e-4, int(RATE * rng.uniform(0.2, 1.2))).astype(np.float32)
        parts += [sound.samples, pause]
        length += len(sound.samples) + len(pause)
        ends.append((length - len(pause) / 2) / RATE)
    return sound_of(np.concatenate(parts), rate=RATE), np.array(ends)


def main() -> None:
    """Print the recall of stretches under both ways of cutting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folds", type=int, default=6, help="how many of the six folds")
    wanted = parser.parse_args().folds
    recipe, entry, order = voice_recipe("voice"), corpus("ravdess"), list(space("ravdess").labels)
    ear = load_voice(jobs=1)
    ways = {"default": SpeechOptions(longest=ear.longest), "card": ear.cut}
    acted = hear_corpus("ravdess", ear.hear_utterance, whole=True)
    berlin = hear_corpus("emodb", ear.hear_utterance, labels="ravdess", whole=True)
    rows = defaultdict(list)
    for clip, gold in read(entry, split=ALL):
        rows[clip.speaker].append((recording_of(entry, clip), gold.labels[0]))
    found: dict[tuple[str, str], list[tuple[int, int, float]]] = defaultdict(list)
    for fold in entry.speaker_folds[:wanted]:
        rest = acted[~np.isin(acted.speakers, [f"ravdess {name}" for name in fold])].and_(berlin)
        heads = {
            "alone": fit_head(rest, order, strengths=(STRENGTH,)),
            "beside": fit_head(rest.beside_speakers(), order, strengths=(STRENGTH,)),
        }
        for actor in fold:
            clips = [rows[actor][k] for k in np.random.default_rng(int(actor)).permutation(len(rows[actor]))]
            recording, ends = joined([read_sound(file) for file, _ in clips], int(actor))
            starts = np.concatenate([[0.0], ends[:-1]])
            for way, options in ways.items():
                vectors, truth, seconds = [], [], []
                for stretch in spoken(recording, options=options):
                    if (vector := ear.hear(stretch)) is not None:
                        inside = np.minimum(stretch.end, ends) - np.maximum(stretch.start, starts)
                        vectors.append(vector)
                        truth.append(order.index(clips[int(inside.argmax())][1]))
                        seconds.append(stretch.duration)
                table = np.stack(vectors)
                for reading, given in (("alone", table), ("beside", Baseline.of(table).apart(table))):
                    said = heads[reading].logits(given).argmax(1)
                    found[way, reading] += zip(truth, said.tolist(), seconds, strict=True)
        for (way, reading), answers in found.items():
            truth, said, seconds = (np.array(column) for column in zip(*answers, strict=True))
            by_time = [seconds[(truth == c) & (said == c)].sum() / seconds[truth == c].sum() for c in np.unique(truth)]
            print(
                f"{way:8} {reading:7} {len(truth):5} stretches, {seconds.mean():.2f} s each, recall "
                f"{unweighted_average_recall(truth=truth, prediction=said):.3f}, by seconds {np.mean(by_time):.3f}",
                flush=True,
            )
    assert recipe.least_silence == ear.cut.least_silence


if __name__ == "__main__":
    main()
