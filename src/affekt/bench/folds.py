"""A recipe on a task whose folds are of speakers: each speaker is answered by a model that never heard them.

A head is trained for each fold, on the speakers of the others; the answers of all folds are one run, which is scored,
sliced and compared as any other. Labels are those of the task.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from affekt.bench.answers import collect, facts_of
from affekt.bench.runs import data_checksums, make_folder, store
from affekt.bench.tasks import Task, task
from affekt.catalog.corpora import ALL, corpus
from affekt.catalog.recipes import VoiceRecipe
from affekt.core.errors import InputError
from affekt.core.prediction import Prediction
from affekt.core.run import Run
from affekt.corpora.files import checksum, recording_of
from affekt.corpora.read import read
from affekt.media.sound import read_sound
from affekt.train.voice.fit import Heard, folds_of, hear_corpus, held_out, speaker_of
from affekt.train.voice.make import open_ear

__all__ = ["check_folds", "run_folds"]


def run_folds(
    name: str,
    recipe: VoiceRecipe,
    *,
    recipe_name: str,
    out: str | Path,
    alone: bool = False,
    data: str | Path | None = None,
    encoder: Path | None = None,
    samples: int = 1000,
    seed: int = 0,
    progress: Callable[[str, int, int], None] | None = None,
) -> Run:
    """Train a recipe for each fold of a task's speakers, and store the pooled answers as one run.

    Every head also learns from the recipe's other corpora, whose labels are carried to the task's. Its strength and its
    temperature are chosen on speakers left out of what it learns from.

    Args:
        name: Id of the task.
        recipe: What is trained.
        recipe_name: What the recipe is called.
        out: Folder for `run.json` and `predictions.parquet`.
        alone: Whether each recording is read alone, not as it departs from its speaker's own manner. That manner is
            the mean and spread of all recordings of the speaker, whose labels it does not know.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        encoder: Folder of the recipe's encoder; default the graph of the bundled model made from it.
        samples: Number of bootstrap resamples for the 95 % intervals.
        seed: Seed of the bootstrap.
        progress: Called with what is done, how much of it, and of how much.

    Raises:
        UnknownNameError: There is no such task.
        InputError: The task has no folds of speakers, or its rows are not recordings of one label each; the encoder
            is needed and not given; a speaker has too few recordings for a manner.
        DataError: A corpus is missing.
        OutputError: The record cannot be written.
    """
    chosen = task(name)
    check_folds(chosen)
    order = list(chosen.space.labels)
    examples = list(read(chosen.corpus, split=ALL, data=data))
    if not alone:
        _check_manners([speaker_of(chosen.corpus, clip) for clip, _ in examples], recipe.stretches)
    folder = make_folder(Path(out))
    files = data_checksums(chosen, ALL, data)
    others = [c for c in recipe.corpora if corpus(c).folder != chosen.corpus.folder]

    def told(what: str, total: int) -> Callable[[int], None]:
        done = 0

        def step(number: int) -> None:
            nonlocal done
            done += number
            if progress:
                progress(what, done, total)

        return step

    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as place:
        ear = open_ear(recipe, Path(place), name=recipe_name, encoder=encoder)
        step, vectors = told(f"hear {chosen.corpus.id}", len(examples)), []
        for clip, _ in examples:
            vectors.append(ear.hear_utterance(read_sound(recording_of(chosen.corpus, clip, data))))
            step(1)
        beside = [
            hear_corpus(
                c,
                ear.hear_utterance,
                labels=chosen.space.id,
                whole=True,
                data=data,
                progress=told(f"hear {c}", corpus(c).rows_in(ALL)),
            )
            for c in others
        ]
        weights = {f"sha256 {f.name}": checksum(f) for f in sorted(Path(place).glob("*.onnx"))}
    rows = [i for i, vector in enumerate(vectors) if vector is not None]
    heard = Heard(
        np.array([examples[i][0].id for i in rows]),
        np.stack([v for v in vectors if v is not None]),
        np.array([examples[i][1].labels[0] for i in rows]),
        np.array([speaker_of(chosen.corpus, examples[i][0]) for i in rows]),
    )
    if not alone:
        heard = heard.beside_speakers()
        beside = [h.beside_speakers() for h in beside]
    extra = beside[0] if beside else None
    for h in beside[1:]:
        extra = extra.and_(h) if extra is not None else h
    folds = folds_of(heard.speakers, chosen.corpus)
    logits, heads = held_out(
        heard,
        folds,
        order,
        beside=extra,
        strengths=recipe.strengths,
        progress=told("folds of speakers", len(folds)),
    )
    seconds = time.perf_counter() - started
    warmth = np.select(folds, [head.temperature for head in heads])
    z = logits / warmth[:, None]
    shares = np.exp(z - z.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    model = f"{recipe_name}@{recipe.version} by folds{', alone' if alone else ''}"
    predictions = [
        Prediction(clip.id, chosen.space.id, abstained="too short or silent", model=model) for clip, _ in examples
    ]
    for i, row in zip(rows, shares, strict=True):
        top = order[int(row.argmax())]
        scores = dict(zip(order, map(float, row), strict=True))
        predictions[i] = Prediction(
            examples[i][0].id, chosen.space.id, scores, (top,), confidence=scores[top], model=model
        )
    number = {speaker: str(k) for k, fold in enumerate(folds, 1) for speaker in heard.speakers[fold]}
    clips = [clip for clip, _ in examples]
    answers = collect(
        [gold for _, gold in examples],
        predictions,
        target="labels",
        label_names=tuple(order),
        dimension_names=(),
        facts={**facts_of(clips), "fold": tuple(number.get(speaker_of(chosen.corpus, c)) for c in clips)},
    )
    spec: dict[str, object] = {
        "mapped_from": None,
        "recipe": recipe_name,
        "manner": "alone" if alone else "beside the speaker's own",
        "learned_beside": others,
        "folds": len(folds),
        "strengths": [head.strength for head in heads],
    }
    return store(
        chosen,
        answers,
        folder=folder,
        model=model,
        split=ALL,
        spec=spec,
        versions={**files, **weights},
        samples=samples,
        seed=seed,
        timing={"seconds": round(seconds, 3), "rows_per_second": round(len(answers) / max(seconds, 1e-9), 1)},
    )


def check_folds(chosen: Task) -> None:
    """Refuse a task that has no folds of speakers, or whose rows are not recordings of one label each.

    Raises:
        InputError: It is such a task.
    """
    if chosen.entry.split != ALL or chosen.entry.selection != "folds" or not chosen.corpus.speaker_folds:
        raise InputError(
            f"{chosen.id!r} has no folds of speakers",
            hint=f"Train a model and run it: `affekt bench run {chosen.id} --model DIR --out RUN_DIR`.",
        )
    if chosen.entry.target != "labels" or chosen.space.kind != "single":
        raise InputError(f"{chosen.id!r} does not ask for one label a recording")


def _check_manners(speakers: Sequence[str], least: int) -> None:
    (name, count) = min(Counter(speakers).items(), key=lambda item: item[1])
    if count < least:
        raise InputError(
            f"Speaker {name} has {count} recordings, and a manner needs {least}",
            hint="Read each recording alone: --alone.",
        )
