"""A model of the voice on the recordings of a corpus."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from affekt.bench.tasks import Task
from affekt.catalog.corpora import corpus
from affekt.core.clip import Clip
from affekt.core.errors import InputError
from affekt.core.prediction import Prediction
from affekt.corpora.files import recording_of
from affekt.media.sound import read_sound
from affekt.models.voice import Baseline, VoiceRecogniser

__all__ = ["judge_all", "refuse_seen"]


def refuse_seen(chosen: Task, voice: VoiceRecogniser) -> None:
    """Refuse a task whose rows the model learned from.

    Raises:
        InputError: It learned from them.
    """
    for name in voice.voice.learned:
        if corpus(name).folder == chosen.corpus.folder:
            folds = (
                f"`affekt bench folds {chosen.id} --recipe RECIPE --out RUN_DIR` trains anew for each fold of speakers"
            )
            raise InputError(
                f"{voice.spec.name} learned from {name!r}: a score on rows that it has seen says nothing",
                where=chosen.id,
                hint=f"{folds}." if chosen.entry.selection == "folds" else "Train one without that corpus: --corpus.",
            )


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
