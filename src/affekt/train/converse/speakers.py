"""Who says the next turn of a conversation that is made."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np

from affekt.catalog.dialogues import Domain, talk
from affekt.core.errors import DataError, ModelError, UnknownNameError
from affekt.corpora.read import read
from affekt.extras import need
from affekt.models.llm import Backend, open_backend

__all__ = ["Asked", "Counts", "Said", "Speaker", "Templates", "content_words", "open_speaker"]

_WORD = re.compile(r"[^\W\d_]{4,}")
_LONGEST = 25  # words of a turn
_COMMON = 150
_ECHO = 0.2
_MOST_CHARACTERS = 300


@dataclass(frozen=True)
class Said:
    """What a turn is to be, and what came before it.

    Attributes:
        domain: What is spoken of.
        emotion: Emotion of the turn.
        before: Texts of the turns before, the first one first.
    """

    domain: Domain
    emotion: str
    before: Sequence[str]


class Speaker(Protocol):
    """Anybody who says a turn."""

    @property
    def name(self) -> str:
        """What it is called in rows."""
        ...

    def say(self, said: Said, rng: np.random.Generator) -> str:
        """The next turn."""
        ...


def content_words(text: str) -> list[str]:
    """Words of four letters or more, in lower case and without a final s: what a turn may be about."""
    return [word.removesuffix("s") for word in _WORD.findall(text.lower())]


class Templates:
    """A speaker with sentences of ours (`catalog/dialogues.toml`).

    Args:
        name: Its name there.

    Raises:
        UnknownNameError: There is no such speaker.
    """

    def __init__(self, name: str) -> None:
        speakers = talk().speakers
        if name not in speakers:
            raise UnknownNameError("speaker", name, speakers)
        self.name, self._entry = name, speakers[name]

    def say(self, said: Said, rng: np.random.Generator) -> str:
        """A sentence of the emotion about what was last spoken of, or about another thing of the domain."""
        last = said.before[-1].lower() if said.before else ""
        there = [thing for thing in said.domain.things if thing in last]
        stays = there and rng.random() < self._entry.keeps
        thing = rng.choice(there if stays else said.domain.things)
        return str(rng.choice(self._entry.says[said.emotion])).format(thing=thing)


class Counts:
    """A machine that learned from a corpus how words follow words, in turns of each emotion.

    A rare word that it would say is, one time in five, a word that was just said, or one of the domain: a memory of
    one turn (a cache, Kuhn and De Mori 1990).

    Args:
        corpus: Id of a corpus of turns with the course's labels.
        data: Folder of the corpora; default `AFFEKT_DATA`.

    Raises:
        DataError: The corpus is missing, or its labels are not those of the course.
        MissingExtraError: The `train` extra is not installed.
    """

    def __init__(self, corpus: str, *, data: str | Path | None = None) -> None:
        need("torch", extra="train")  # for the other machine of that room
        from affekt.train.imitate.ngram import NGram
        from affekt.train.imitate.words import END, words

        self._end = END
        self.name = f"n-gram:{corpus}"
        turns: dict[str, list[list[str]]] = {label: [] for label in talk().course.labels}
        for clip, gold in read(corpus, split="train", data=data):
            if gold.labels[0] not in turns:
                raise DataError(
                    f"The corpus {corpus} has other emotions than {', '.join(turns)}", hint="meld has them."
                )
            turns[gold.labels[0]].append([*words(clip.text or ""), END])
        self._machines = {label: NGram(own) for label, own in turns.items()}
        often = Counter(word for own in turns.values() for turn in own for word in turn)
        self._common = {word for word, _ in often.most_common(_COMMON)}

    def say(self, said: Said, rng: np.random.Generator) -> str:
        """Words one after another, up to where a turn ends."""
        near = content_words(said.before[-1]) if said.before else []
        near = near or list(said.domain.things)
        out: list[str] = []
        writing = self._machines[said.emotion].write(rng)
        while not out:
            for word in islice(writing, _LONGEST):
                if word == self._end:
                    break
                echoed = word not in self._common and word.isalpha() and rng.random() < _ECHO
                out.append(str(rng.choice(near)) if echoed else word)
        return re.sub(r"\s+([^\w\s])", r"\1", " ".join(out))


class Asked:
    """A language model that is asked for the next turn.

    Args:
        backend: The model.
    """

    def __init__(self, backend: Backend) -> None:
        self.name, self._backend = backend.name, backend

    def say(self, said: Said, rng: np.random.Generator) -> str:
        """The first line of its answer.

        Raises:
            ModelError: It says nothing.
        """
        asked = (
            f"Two people talk about these things: {', '.join(said.domain.things)}. Say what the next one says, in one "
            f"short spoken sentence that shows this emotion: {said.emotion}. Give the sentence alone."
        )
        talked = "\n".join(f"{'AB'[k % 2]}: {text}" for k, text in enumerate(said.before)) or "(nobody has spoken yet)"
        answer = self._backend.complete([{"role": "system", "content": asked}, {"role": "user", "content": talked}])
        lines = [line.strip() for line in answer.splitlines() if line.strip()]
        if not lines:
            raise ModelError("The language model said nothing", where=self.name, hint="Try another model.")
        return lines[0][:_MOST_CHARACTERS]


def open_speaker(name: str, *, data: str | Path | None = None) -> Speaker:
    """A speaker by name.

    Args:
        name: A speaker of the catalogue (`steady`, `lively`); `n-gram:CORPUS`, which learns from that corpus; or a
            language model, as a folder or an address (`affekt.models.llm.open_backend`).
        data: Folder of the corpora; default `AFFEKT_DATA`.

    Raises:
        UnknownNameError: There is no such speaker.
        ModelError: The folder holds no such model.
        DataError: The corpus is missing.
    """
    if name.startswith("n-gram:"):
        return Counts(name.removeprefix("n-gram:"), data=data)
    if name.startswith(("http://", "https://")) or Path(name).is_dir():
        return Asked(open_backend(name, most=60))
    return Templates(name)
