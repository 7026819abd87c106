"""A language model as a recogniser of emotions: a prompt with cues and examples, and the answer read strictly.

What people said stands between signs that it cannot close, and the model is told not to follow it. An answer that names
none of the labels, or more than one, is no answer: the turn is abstained on, with the reason.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from affekt.catalog.prompts import Prompt
from affekt.catalog.prompts import prompt as look_up
from affekt.catalog.spaces import space as catalogue_space
from affekt.core.clip import Clip
from affekt.core.errors import InputError
from affekt.core.prediction import Prediction
from affekt.core.protocols import Recogniser, RecogniserSpec
from affekt.core.works import implements
from affekt.models.demonstrations import Demonstrations
from affekt.models.llm import Backend, Message

__all__ = ["UNREADABLE", "PromptWriter", "PromptedRecogniser", "answer_in"]

UNREADABLE = "the answer names no label"

_SURE = 0.15  # from this probability on a label is among the explicit cues
_MOST_CUES = 3
_LONGEST = 600  # characters of a turn that are shown


def _quoted(text: str) -> str:
    """What somebody said, so that it cannot end the part of the prompt that it stands in."""
    cut = text if len(text) <= _LONGEST else text[:_LONGEST] + " ..."
    return " ".join(cut.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").split())


@implements(works=["prc-emo"])
class PromptWriter:
    """Writes what a language model is asked about a turn.

    Args:
        prompt: Name of a prompt of the catalogue, or a prompt.
        space: Label space of the answers; one of single labels.
        reader: What reads words for the cues; without it there are none.
        held: Where labelled examples are searched; without it there are none.

    Raises:
        UnknownNameError: There is no such prompt or space.
        InputError: The space has no labels of which one is given, or the examples have other labels.
    """

    def __init__(
        self,
        prompt: str | Prompt,
        *,
        space: str,
        reader: Recogniser | None = None,
        held: Demonstrations | None = None,
    ) -> None:
        self.prompt = look_up(prompt) if isinstance(prompt, str) else prompt
        self.space = catalogue_space(space)
        if self.space.kind != "single":
            raise InputError(f"Of {space!r} a turn has any number of labels, and a prompt asks for one")
        if held is not None and held.facts.space != space:
            raise InputError(f"The examples have labels of {held.facts.space!r}, and {space!r} is asked for")
        self._reader, self._held = reader, held

    def write(self, clips: Sequence[Clip]) -> list[list[Message]]:
        """The messages about each turn.

        Args:
            clips: Turns with the turns before them.
        """
        some = [self._shortened(clip) for clip in clips]
        cues = self._cues(some)
        shown: list[str] = [""] * len(some)
        if self._held is not None and self.prompt.examples and self.prompt.example:
            found = self._held.search(clips, most=self.prompt.examples)
            # The nearest stands last, right before what is asked.
            shown = ["\n\n".join(self._example(f.demonstration) for f in reversed(one)) for one in found]
        out: list[list[Message]] = []
        for clip, own, examples in zip(some, cues, shown, strict=True):
            fields = {
                "labels": ", ".join(self.space.labels),
                "examples": examples,
                "conversation": _conversation(clip.context, clip.context_speakers),
                "speaker": _quoted(clip.speaker or "somebody"),
                "turn": _quoted(clip.text or ""),
                **own,
            }
            parts = [_filled(part, fields) for part in self.prompt.parts]
            asked = "\n\n".join(part for part in parts if part)
            told = self.prompt.system.format(**fields)
            out.append([{"role": "system", "content": told}, {"role": "user", "content": asked}])
        return out

    def _shortened(self, clip: Clip) -> Clip:
        before = self.prompt.before
        context = clip.context[-before:] if before else ()
        who = clip.context_speakers[-before:] if before and clip.context_speakers else (None,) * len(context)
        return replace(clip, context=context, context_speakers=tuple(who))

    def _example(self, d: object) -> str:
        from affekt.models.demonstrations import Demonstration

        assert isinstance(d, Demonstration)
        return self.prompt.example.format(
            conversation=_conversation(d.before, d.before_speakers),
            speaker=_quoted(d.speaker or "somebody"),
            turn=_quoted(d.text),
            answer=d.labels[0],
        )

    def _cues(self, clips: Sequence[Clip]) -> list[dict[str, str]]:
        """Explicit cues, what has changed, and how the speaker has been, of each turn."""
        if self._reader is None:
            return [{"explicit": "", "shift": "", "profile": ""} for _ in clips]
        # Every text once, however often it stands before others.
        texts = list(dict.fromkeys(t for clip in clips for t in (*clip.context, clip.text or "")))
        given = self._reader.predict([Clip(str(i), text) for i, text in enumerate(texts)])
        read = dict(zip(texts, given, strict=True))
        return [_cues_of(clip, read) for clip in clips]


def _filled(template: str, fields: Mapping[str, str]) -> str:
    """A part, or nothing where a field of it is empty."""
    from affekt.catalog.prompts import fields_of

    return "" if any(not fields[name] for name in fields_of(template)) else template.format(**fields)


def _conversation(texts: Sequence[str], speakers: Sequence[str | None]) -> str:
    who = speakers or (None,) * len(texts)
    return "\n".join(f"{_quoted(name or 'somebody')}: {_quoted(text)}" for text, name in zip(texts, who, strict=True))


def _cues_of(clip: Clip, read: Mapping[str, Prediction]) -> dict[str, str]:
    own = read[clip.text or ""]
    explicit = _seen(own)
    before = list(zip(clip.context, clip.context_speakers or (None,) * len(clip.context), strict=True))
    mine = [read[text] for text, who in before if clip.speaker is not None and who == clip.speaker]
    others = [read[text] for text, who in before if who != clip.speaker or clip.speaker is None]
    told = []
    for name, earlier in (("the speaker's own last turn", mine), ("the last turn of somebody else", others)):
        if earlier and own.top and earlier[-1].top:
            told.append(
                f"against {name}, which reads as {earlier[-1].top}, this one "
                + ("reads the same" if earlier[-1].top == own.top else f"reads as {own.top}")
                + _moved(earlier[-1], own)
            )
    profile = ""
    if mine:
        often = Counter(p.top for p in mine if p.top).most_common(2)
        named = ", ".join(f"{label} in {n}" for label, n in often)
        profile = f"{len(mine)} {'turn' if len(mine) == 1 else 'turns'} before, reading as {named}"
        values = [p.dimensions["valence"] for p in mine if "valence" in p.dimensions]
        if values:
            profile += f"; valence {sum(values) / len(values):.1f} on average"
    return {"explicit": explicit, "shift": "; ".join(told), "profile": profile}


def _seen(p: Prediction) -> str:
    if p.abstained or not p.scores:
        return ""
    top = sorted(p.scores, key=lambda label: -p.scores[label])[:_MOST_CUES]
    named = ", ".join(f"{label} {p.scores[label]:.0%}" for label in top if p.scores[label] >= _SURE)
    tone = f"valence {p.dimensions['valence']:.1f}" if "valence" in p.dimensions else ""
    return "; ".join(part for part in (named, tone) if part)


def _moved(before: Prediction, now: Prediction) -> str:
    if "valence" not in before.dimensions or "valence" not in now.dimensions:
        return ""
    change = now.dimensions["valence"] - before.dimensions["valence"]
    return f" (valence {change:+.1f})"


def answer_in(said: str, labels: Sequence[str]) -> str | None:
    """The one label that an answer names; `None` where it names none, or several.

    Whole words count, in any case, with `-` and `_` as spaces; a name within a longer one (`fear` in `no fear`, where
    that is a label) does not. What comes after the first line that holds words is not read.

    Args:
        said: The answer.
        labels: The labels.
    """
    line = next((part for part in said.splitlines() if re.search(r"\w", part)), "")
    text = _spaced(line)
    found = []
    for label in sorted(labels, key=len, reverse=True):
        pattern = rf"(?<!\w){re.escape(_spaced(label))}(?!\w)"
        if re.search(pattern, text):
            found.append(label)
            text = re.sub(pattern, " ", text)
    return found[0] if len(found) == 1 else None


def _spaced(text: str) -> str:
    return re.sub(r"[\s_-]+", " ", text.casefold()).strip()


class PromptedRecogniser:
    """Reads turns by asking a language model.

    Args:
        backend: The model.
        writer: What it is asked.
    """

    def __init__(self, backend: Backend, writer: PromptWriter) -> None:
        self.backend, self.writer = backend, writer
        self.spec = RecogniserSpec(
            id=backend.name,
            version="prompted",
            space=writer.space.id,
            spaces=(writer.space.id,),
            dimensions=(),
            languages=(),
            licence="",
        )

    def predict(self, clips: Sequence[Clip], *, space: str | None = None) -> list[Prediction]:
        """Read each clip; see `Recogniser.predict`. The label that is named has probability 1.

        Raises:
            ModelError: The model cannot be asked.
        """
        labels, own = self.writer.space.labels, self.writer.space.id
        out = []
        for clip, messages in zip(clips, self.writer.write(clips), strict=True):
            if not (clip.text or "").strip():
                out.append(Prediction(clip.id, own, abstained="empty", model=self.spec.name))
                continue
            label = answer_in(self.backend.complete(messages), labels)
            if label is None:
                out.append(Prediction(clip.id, own, abstained=UNREADABLE, model=self.spec.name))
                continue
            scores = {name: float(name == label) for name in labels}
            out.append(Prediction(clip.id, own, scores=scores, labels=(label,), model=self.spec.name))
        return out
