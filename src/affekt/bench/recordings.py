"""A model of the voice on the recordings of a corpus, and a model of faces on its pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affekt.bench.tasks import Task
from affekt.catalog.corpora import ALL, corpus
from affekt.core.clip import Clip
from affekt.core.errors import InputError
from affekt.core.prediction import Prediction
from affekt.corpora.faces import faces_of
from affekt.corpora.files import recording_of
from affekt.media.sound import read_sound
from affekt.models.face import FaceRecogniser
from affekt.models.voice import Baseline, VoiceRecogniser

__all__ = ["judge_all", "look_at_all", "refuse_seen"]

_BATCH = 512  # faces that are decoded at once


def refuse_seen(chosen: Task, model: VoiceRecogniser | FaceRecogniser, split: str) -> None:
    """Refuse rows that the model learned from: of a model of faces the train split of a corpus, else all of it.

    Raises:
        InputError: It learned from them.
    """
    faces = isinstance(model, FaceRecogniser)
    for name in model.face.learned if isinstance(model, FaceRecogniser) else model.voice.learned:
        if corpus(name).folder == chosen.corpus.folder and (not faces or split in ("train", ALL)):
            folds = (
                f"`affekt bench folds {chosen.id} --recipe RECIPE --out RUN_DIR` trains anew for each fold of speakers."
            )
            other = "Leave out --split." if faces else "Train one without that corpus: --corpus."
            raise InputError(
                f"{model.spec.name} learned from {name!r}: a score on rows that it has seen says nothing",
                where=chosen.id,
                hint=folds if chosen.entry.selection == "folds" else other,
            )


def look_at_all(
    chosen: Task,
    model: FaceRecogniser,
    clips: Sequence[Clip],
    *,
    split: str,
    asked: str | None = None,
    data: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Prediction]:
    """Read the picture of every row.

    Args:
        chosen: The task.
        model: The model.
        clips: The rows, in the order of the corpus.
        split: Their split.
        asked: Id of the head's space; default its main one.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        progress: Called with (rows read, rows in all).

    Raises:
        InputError: Rows are not pictures, or one cannot be read.
        DataError: A file is missing.
    """
    found: list[Prediction] = []
    stream = faces_of(chosen.corpus, clips, split=split, data=data)
    while batch := list(islice(stream, _BATCH)):
        ids = [clip.id for clip in clips[len(found) : len(found) + len(batch)]]
        found += model.predict(batch, ids=ids, space=asked)
        if progress is not None:
            progress(len(found), len(clips))
    return found


def judge_all(
    chosen: Task,
    voice: VoiceRecogniser,
    clips: Sequence[Clip],
    *,
    asked: str | None = None,
    alone: bool = False,
    data: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Prediction]:
    """Hear every recording, then judge each beside its speaker's own manner, where there are enough of the speaker.

    Args:
        chosen: The task.
        voice: The model.
        clips: The rows.
        asked: Id of the head's space; default its main one.
        alone: Whether manners do not count.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        progress: Called with (rows heard, rows in all).

    Raises:
        InputError: Rows are not recordings, or one cannot be read.
        DataError: A file is missing.
    """
    vectors: list[NDArray[np.float32] | None] = []
    for clip in clips:
        vectors.append(voice.hear_utterance(read_sound(recording_of(chosen.corpus, clip, data))))
        if progress is not None:
            progress(len(vectors), len(clips))
    speakers = [clip.speaker for clip in clips]
    manners: dict[str | None, Baseline | None] = {
        name: voice.baseline([v for v, who in zip(vectors, speakers, strict=True) if who == name and v is not None])
        for name in set(speakers)
        if name is not None and not alone
    }
    return [
        voice.judge(clip, vector, baseline=manners.get(clip.speaker), space=asked)
        for clip, vector in zip(clips, vectors, strict=True)
    ]
