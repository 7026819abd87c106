"""What a voice sounds like, read from how something is said and not from the words.

A stretch of speech is heard as a vector: the mean and the spread over time of a layer of a speech encoder. Two heads
read it. One reads it alone. The other reads how it departs from the speaker's own manner, the mean and spread of the
speaker's vectors over the recording, and is better by far where there are enough stretches to know that manner: a
voice that is always loud is not always angry.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from affekt.catalog.maps import centroids
from affekt.catalog.spaces import space as catalogue_space
from affekt.core.clip import Clip
from affekt.core.errors import ModelError, UnknownNameError
from affekt.core.prediction import Prediction
from affekt.core.protocols import RecogniserSpec
from affekt.features.frames import HOP
from affekt.features.functionals import functionals
from affekt.features.logmel import log_mel
from affekt.features.names import FULL, FUNCTIONALS
from affekt.features.stream import descriptors
from affekt.media.sound import RATE, Sound
from affekt.media.speech import SpeechOptions, trimmed
from affekt.models.card import Card, Voice, read_card, spec_of
from affekt.models.changes import best_path, levelled, runs, windows
from affekt.models.session import open_graph

__all__ = ["Baseline", "VoiceRecogniser"]

_SILENT = 1e-4  # root mean square below which there is nothing to hear: -80 dB of full scale


@dataclass(frozen=True, slots=True)
class Baseline:
    """A speaker's own manner.

    Attributes:
        mean: Mean of the vectors of the speaker's stretches, shape (width,).
        sd: Their standard deviation, shape (width,).
        stretches: How many they were.
    """

    mean: NDArray[np.float32]
    sd: NDArray[np.float32]
    stretches: int

    @classmethod
    def of(cls, vectors: NDArray[np.float32]) -> Baseline:
        """The manner of a speaker whose stretches have these vectors, shape (stretches, width)."""
        return cls(vectors.mean(0), vectors.std(0) + np.float32(1e-6), len(vectors))

    def apart(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        """How far a vector, or each row of a table of them, lies from it, in its standard deviations."""
        out: NDArray[np.float32] = (vector - self.mean) / self.sd
        return out


class VoiceRecogniser:
    """A recogniser of the voice in a model folder.

    Args:
        folder: Folder with `affekt.json`, `heads.onnx`, and `model.onnx` (the encoder) unless it hears functionals.
        jobs: Threads; default all cores.

    Raises:
        ModelError: The folder is not a model of the voice, or a file of it is missing or damaged.
    """

    def __init__(self, folder: Path, *, jobs: int | None = None) -> None:
        self.folder = folder
        self.card: Card = read_card(folder)
        if self.card.voice is None:
            raise ModelError(f"{self.card.id} reads no voices", where=str(folder), hint="See `affekt models list`.")
        self.voice: Voice = self.card.voice
        self._jobs = jobs or 0

    @cached_property
    def spec(self) -> RecogniserSpec:
        """What it is."""
        return spec_of(self.card)

    @property
    def longest(self) -> float:
        """Seconds of the longest stretch that is heard in one piece."""
        return self.voice.longest

    @property
    def cut(self) -> SpeechOptions:
        """How recordings are cut into stretches of speech for it."""
        return SpeechOptions(least_silence=self.voice.least_silence, padding=self.voice.padding, longest=self.longest)

    @cached_property
    def _encoder(self) -> Any:
        return open_graph(self.folder / "model.onnx", threads=self._jobs)

    @cached_property
    def _heads(self) -> Any:
        return open_graph(self.folder / "heads.onnx", threads=1)

    def hear(self, sound: Sound) -> NDArray[np.float32] | None:
        """What is kept of a stretch of speech.

        Args:
            sound: Mono at 16 kHz, at most `longest` seconds; what is longer is cut off.

        Returns:
            Its vector, shape (width,); `None` where it is shorter than the model can judge, or silent.

        Raises:
            ValueError: The sound has another rate.
        """
        samples = self._samples(sound)
        if len(samples) < self.voice.least * RATE or float(np.sqrt(np.mean(np.square(samples)))) < _SILENT:
            return None
        if self.voice.functionals:
            names = {"egemaps": FUNCTIONALS, "full": FULL}[self.voice.functionals]
            # What is undefined is 0, as openSMILE writes it: the pitch of a whisper.
            return np.nan_to_num(functionals(descriptors(samples), names=names)).astype(np.float32)
        return self._encoded(samples, "vector")

    def frames(self, sound: Sound) -> NDArray[np.float32]:
        """What the vector is the mean and the spread of: frames of the encoder, shape (frames, width), one each 20 ms.

        Args:
            sound: Mono at 16 kHz, at least 40 ms and at most `longest` seconds; what is longer is cut off.

        Raises:
            ValueError: The sound has another rate.
            ModelError: The model gives a vector alone.
        """
        if "frames" not in [out.name for out in self._encoder.get_outputs()]:
            raise ModelError(
                f"{self.card.id} gives no frames", where=str(self.folder), hint="Make it anew; models made now do."
            )
        return self._encoded(self._samples(sound), "frames")

    def changes(self, sound: Sound) -> list[float]:
        """Where the expression changes within a stretch, in seconds of the recording.

        Parts are at least as long as the shortest stretch that gets an answer.

        Args:
            sound: Mono at 16 kHz, at most `longest` seconds; nothing is said of what is longer.

        Raises:
            ValueError: The sound has another rate.
            ModelError: The model has no head for that.
        """
        moments, least = self.voice.moments, self.voice.least
        if moments is None:
            raise ModelError(
                f"{self.card.id} does not hear where the expression changes",
                where=str(self.folder),
                hint="Leave out --changes (changes=).",
            )
        if sound.duration < 2 * least:
            return []
        level = replace(sound, samples=np.clip(levelled(sound.samples), -1, 1))
        found = windows(self.frames(level), window=moments.window, hop=moments.hop)
        logits = self._heads.run([moments.output], {"vector": found})[0].astype(np.float64)
        apart = logits - logits.max(1, keepdims=True)
        path = best_path(apart - np.log(np.exp(apart).sum(1, keepdims=True)), cost=moments.cost)
        cuts: list[float] = []
        for start, _, _ in runs(path, hop=moments.hop, end=sound.duration)[1:]:
            if start - (cuts[-1] if cuts else 0.0) >= least and sound.duration - start >= least:
                cuts.append(start)
        return [sound.start + cut for cut in cuts]

    def _samples(self, sound: Sound) -> NDArray[np.float32]:
        if sound.rate != RATE:
            raise ValueError(f"a voice is heard at {RATE} samples a second, not at {sound.rate}")
        # Two frames of the spectrogram become one of the encoder.
        return sound.samples[: min(len(sound.samples), int(self.longest * RATE)) // (2 * HOP) * 2 * HOP]

    def _encoded(self, samples: NDArray[np.float32], what: str) -> NDArray[np.float32]:
        (asked,) = self._encoder.get_inputs()
        given = log_mel(samples) if asked.name == "mel" else np.asarray(samples, np.float32)
        out: NDArray[np.float32] = self._encoder.run([what], {asked.name: given[None]})[0]
        return out

    def hear_utterance(self, sound: Sound) -> NDArray[np.float32] | None:
        """What is kept of a recording of one utterance: of all from the first speech in it to the last.

        Args:
            sound: Mono at 16 kHz; all of it is heard where no speech is found.

        Returns:
            As `hear`.
        """
        return self.hear(trimmed(sound, options=replace(self.cut, longest=math.inf)))

    def baseline(self, vectors: Sequence[NDArray[np.float32]]) -> Baseline | None:
        """A speaker's own manner, from the vectors of the speaker's stretches; `None` where these are too few."""
        if len(vectors) < self.voice.stretches:
            return None
        return Baseline.of(np.stack(vectors))

    def judge(
        self,
        clip: Clip,
        vector: NDArray[np.float32] | None,
        *,
        baseline: Baseline | None = None,
        space: str | None = None,
    ) -> Prediction:
        """Read a stretch.

        Args:
            clip: Its identity, times and speaker.
            vector: What `hear` kept of it.
            baseline: The speaker's own manner, where it is known.
            space: Label space of the answer; its own or none.

        Returns:
            Scores and labels; valence, arousal and dominance as the mean of the places at which people rated the words
            for the labels, weighted by their scores, and in `intervals` how far apart the labels lie that the scores
            leave open. They say nothing that the labels do not say.

        Raises:
            UnknownNameError: It has no such space.
        """
        wanted = space or self.card.main
        if wanted not in self.card.heads:
            raise UnknownNameError("space", wanted, self.card.heads, where=self.spec.name)
        if vector is None:
            return Prediction(clip.id, wanted, abstained="no speech: too short or silent", model=self.spec.name)
        head = self.card.heads[wanted] if baseline is None else self.voice.beside
        given = vector if baseline is None else baseline.apart(vector)
        scores = head.scores(self._heads.run([head.output], {"vector": given[None]})[0])
        labels = catalogue_space(wanted).labels
        (order,) = head.reached(scores)
        named = dict(zip(labels, map(float, scores[0]), strict=True))
        places = None if self.voice.places is None else centroids(wanted, self.voice.places)
        return Prediction(
            clip_id=clip.id,
            space=wanted,
            scores=named,
            labels=tuple(labels[j] for j in order),
            dimensions=places.to_dimensions(named) if places else {},
            intervals=places.intervals(named) if places else {},
            confidence=float(head.sure(scores)[0]),
            model=self.spec.name,
        )
