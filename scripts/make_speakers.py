"""Make the projection by which speakers are told apart, and measure it on speakers that it never heard.

    AFFEKT_DATA=... python scripts/make_speakers.py --out src/affekt/weights/speakers

It stands on the vectors of the bundled model `voice` and is to be made anew after that. It learns from RAVDESS at
normal strength (first repetitions: 16 recordings by each of 24 actors) and from Emo-DB. What is measured: for each of
the six speaker-independent folds of EmoBox, a projection of all other speakers tells apart every two, three and four of
the fold's actors, whose 16 recordings are taken as the stretches of one recording, the number of speakers being given.
The extent (20 discriminants of 150 components, 0.1 shrinkage) was set beforehand. Needs the extra `speech`.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from affekt.catalog.corpora import corpus
from affekt.corpora import read
from affekt.corpora.files import corpus_folder
from affekt.media.sound import read_sound
from affekt.media.speech import trimmed
from affekt.media.turns import speakers_of
from affekt.metrics.speakers import speaker_errors
from affekt.models.registry import load_voice
from affekt.train.voice.speakers import fit_speakers

NAMES = ("ravdess", "emodb")


def hear() -> dict[str, np.ndarray]:
    """Vectors of all recordings, with their speakers."""
    ear, rows = load_voice(jobs=1), []
    for name in NAMES:
        entry = corpus(name)
        for split in entry.splits:
            for clip, _ in read(entry, split=split):
                if (clip.facts.get("intensity", "01"), clip.facts.get("repetition", "01")) != ("01", "01"):
                    continue
                vector = ear.hear(trimmed(read_sound(corpus_folder(entry) / clip.facts["file"])))
                if vector is not None:
                    rows.append((clip.id, f"{name} {clip.speaker}", vector))
    ids, speakers, vectors = zip(*sorted(rows, key=lambda row: row[:2]), strict=True)
    return {"ids": np.array(ids), "speakers": np.array(speakers), "vectors": np.stack(vectors)}


def turns(names: list[str]) -> list[tuple[float, float, str]]:
    """Stretches of one second each."""
    return [(float(i), i + 1.0, name) for i, name in enumerate(names)]


def measure(vectors: np.ndarray, speakers: np.ndarray) -> dict[int, list[float]]:
    """Share of stretches given to the wrong speaker, of each group of so many actors."""
    errors: dict[int, list[float]] = {2: [], 3: [], 4: []}
    for fold in corpus("ravdess").speaker_folds:
        actors = [f"ravdess {actor}" for actor in fold]
        left = ~np.isin(speakers, actors)
        mean, weight = fit_speakers(vectors[left], speakers[left])
        found = (vectors - mean) @ weight
        found /= np.linalg.norm(found, axis=1, keepdims=True)
        for count in errors:
            for some in itertools.combinations(actors, count):
                rows = np.isin(speakers, some)
                groups = speakers_of(found[rows], speakers=count, standardise=False)
                scored = speaker_errors(truth=turns(list(speakers[rows])), prediction=turns([str(g) for g in groups]))
                errors[count].append(scored.rate)
    return errors


def main() -> None:
    """Write the projection, its card and its licence."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--heard", type=Path, help="Vectors (.npz) to keep, or that an earlier run kept.")
    args = parser.parse_args()
    if args.heard is not None and args.heard.exists():
        with np.load(args.heard, allow_pickle=False) as held:
            heard = dict(held)
    else:
        heard = hear()
        if args.heard is not None:
            np.savez(args.heard, **heard)
    vectors, speakers = heard["vectors"], heard["speakers"]
    errors = measure(vectors, speakers)
    lines = [
        f"| {count} | {len(found)} | {np.mean(found):.3f} | {np.min(found):.3f} to {np.max(found):.3f} |"
        for count, found in errors.items()
    ]
    mean, weight = fit_speakers(vectors, speakers)
    args.out.mkdir(parents=True, exist_ok=True)
    save_file({"mean": mean, "weight": weight}, args.out / "projection.safetensors")
    entries = [corpus(name) for name in NAMES]
    sources = "\n".join(f"- {e.title}: {e.citation.authors} {e.citation.year}, {e.licence}, {e.home}" for e in entries)
    card = f"""\
# Speakers: {weight.shape[1]} discriminants of the vectors of the model `voice`

Made by `python scripts/make_speakers.py --out DIR` from {len(vectors)} recordings by {len(np.unique(speakers))}
speakers. Used where `affekt analyze --speakers N` tells speakers of a recording apart.

Share of stretches given to the wrong speaker (the confusion of the diarization error rate), on actors of RAVDESS
that it did not learn from, each with 16 recordings in eight expressions, the number of speakers given:

| speakers | groups of actors | mean | least to most |
|---|---|---|---|
{chr(10).join(lines)}

Clean studio recordings of two sentences; on calls and podcasts it will be worse. It is not made to recognise a person
again in another recording.

## Sources

{sources}
"""
    (args.out / "README.md").write_text(card, encoding="utf-8")
    (args.out / "LICENSE").write_text(
        "Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International (CC BY-NC-SA 4.0), as RAVDESS:\n"
        "https://creativecommons.org/licenses/by-nc-sa/4.0/legalcode\n\n" + sources + "\n",
        encoding="utf-8",
    )
    sys.stdout.write(card)


if __name__ == "__main__":
    main()
