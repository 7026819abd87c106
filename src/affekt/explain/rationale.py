"""From clues to an explanation: sentences that each point at what they rest on, and a check of them.

As in explainable emotion reasoning (EMER, Lian et al. 2023), an explanation goes from what was seen, heard and said,
each with its time and strength, over what that speaks for to the reading. Sentences come from templates, or from a
language model that is given the clues with their numbers. Models invent clues and name ones that have nothing to do
with the emotion (AVERE, 2026); so every sentence, whoever wrote it, is held against the evidence that it points at,
and is taken out where that does not bear it.

What the check can see: numbers of evidence that does not exist, words in quotation marks that were not said, a voice
or a face where none was read, a property of the voice that does not depart or to the other side, times outside of the
evidence, and emotions that the evidence does not speak for. A sentence that claims nothing of these passes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import msgspec

from affekt.catalog.emotion_words import form_of, wheel_groupings
from affekt.core.channel import Statement
from affekt.core.prediction import Evidence, Prediction
from affekt.core.works import implements
from affekt.explain.attribution import NEGATOR, word_spans
from affekt.explain.open_words import mentions
from affekt.features.cues import CUES
from affekt.features.landmarks import FACE_CUES

if TYPE_CHECKING:
    from affekt.models.llm import Backend

__all__ = ["Rationale", "check_statement", "explain_channels", "fault_rates", "rationale", "valid_share"]

_FOR, _AGAINST = 3, 2  # so many clues of one label and kind are named
_WEAK, _SMALL = 0.2, 0.05  # a clue below this share of the strongest, and below this weight, is not named beside it
_LIKELY = 0.5  # of a conflict that is told
_SLACK = 0.051  # seconds by which a time that is written with one decimal may lie outside
_QUOTED = re.compile(r"[\"“”«»„]([^\"“”«»„]+)[\"“”«»„]")
_TIMES = re.compile(r"(\d+(?:\.\d+)?)(?:\s*(?:s|seconds?))?\s*(?:to|-|–|and)\s*(\d+(?:\.\d+)?)\s*(?:s|seconds?)\b")
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*(?:s|seconds?)\b")
_NOTHING, _UNRELATED = "rests on nothing", ("speaks for ", "speaks against ")
_BRACKETS = re.compile(r"\([^()]*\)")


class _Prompt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    system: str
    user: str


class _Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sentences: dict[str, str]
    claims: dict[str, frozenset[str]]
    denials: dict[str, tuple[str, ...]]
    prompt: _Prompt


@cache
def _said() -> _Said:
    return msgspec.toml.decode((resources.files("affekt.catalog") / "rationale.toml").read_bytes(), type=_Said)


@dataclass(frozen=True, slots=True)
class Rationale:
    """An explanation, and what the check took out of it.

    Attributes:
        statements: The sentences that hold, in their order.
        removed: Sentences that do not, each with the reason.
        refused: Why the answer of the writer could not be used, so that templates stand in its place; else `None`.
    """

    statements: tuple[Statement, ...]
    removed: tuple[tuple[Statement, str], ...] = ()
    refused: str | None = None


def explain_channels(prediction: Prediction, *, writer: Backend | None = None) -> tuple[Statement, ...]:
    """The explanation of a reading: `rationale` without what was taken out of it."""
    return rationale(prediction, writer=writer).statements


@implements(works=["emer", "avere"])
def rationale(prediction: Prediction, *, writer: Backend | None = None) -> Rationale:
    """Explain a reading from its evidence.

    Args:
        prediction: A reading with evidence, of one channel or of several.
        writer: What writes the sentences; default templates. Where nothing of its answer can be read or nothing holds,
            templates stand in its place.

    Returns:
        Sentences that each point at evidence of the reading; none where there is no evidence or no answer.

    Example:
        >>> e = Evidence("text", "thanks", 0, 6, 0.41, "gratitude")
        >>> p = Prediction("1", "goemotions", {"gratitude": 0.97}, ("gratitude",), evidence=(e,))
        >>> for s in explain_channels(p):
        ...     print(s.sentence, s.evidence)
        The words "thanks" speak for gratitude (+0.41). (0,)
        Taken together, this is read as gratitude (97 %). (0,)
    """
    if prediction.abstained is not None or not prediction.evidence:
        return Rationale(())
    refused = None
    if writer is not None:
        written = _read(writer.complete(_messages(prediction)))
        kept = _checked(written, prediction)
        if kept.statements:
            return kept
        refused = "no sentence holds" if written else "the answer is not a list of sentences with evidence"
        removed = kept.removed
        return Rationale(_checked(_from_templates(prediction), prediction).statements, removed, refused)
    return _checked(_from_templates(prediction), prediction)


def _checked(statements: Sequence[Statement], prediction: Prediction) -> Rationale:
    kept, removed = [], []
    for s in statements:
        why = check_statement(s, prediction)
        if why is None:
            kept.append(s)
        else:
            removed.append((s, why))
    return Rationale(tuple(kept), tuple(removed))


@implements(works=["avere"])
def fault_rates(explained: Sequence[Rationale]) -> dict[str, float]:
    """How often the writer of explanations named a clue that is not there, or one that speaks for something else.

    Args:
        explained: Explanations with what was taken out of them.

    Returns:
        `invented` (words, sounds, looks, times or numbers that the evidence does not have), `unrelated` (clues that do
        not speak for the emotion that is named) and `unfounded` (no evidence at all), each as a share of all sentences
        that were written; NaN where there are none. Where templates stood in, their sentences do not count.
    """
    written: list[str | None] = [None for r in explained if r.refused is None for _ in r.statements]
    written += [why for r in explained for _, why in r.removed]
    kinds = ("invented", "unrelated", "unfounded")
    if not written:
        return dict.fromkeys(kinds, float("nan"))
    return {kind: sum(w is not None and _fault(w) == kind for w in written) / len(written) for kind in kinds}


def _fault(why: str) -> str:
    if why == _NOTHING:
        return "unfounded"
    return "unrelated" if why.startswith(_UNRELATED) else "invented"


def valid_share(predictions: Sequence[Prediction]) -> float:
    """Share of the statements of readings whose evidence is there and bears them; NaN where there are none."""
    found = [check_statement(s, p) is None for p in predictions for s in p.explanation]
    return sum(found) / len(found) if found else float("nan")


# --- sentences


def _labels_of(prediction: Prediction) -> tuple[str, ...]:
    return prediction.labels or ((prediction.top,) if prediction.top else ())


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _shown(prediction: Prediction, scores: Mapping[str, float], labels: Sequence[str]) -> str:
    return ", ".join(f"{label} ({_percent(scores[label])})" if label in scores else label for label in labels)


def _plainly(cue: str) -> str:
    """A cue as it can stand between quotation marks."""
    return re.sub(r"[\"“”«»„]", "'", " ".join(cue.split()))


def _from_templates(prediction: Prediction) -> list[Statement]:
    say = _said().sentences
    every = list(enumerate(prediction.evidence))
    out: list[Statement] = []

    def add(kind: str, some: Sequence[tuple[int, Evidence]], **more: str) -> None:
        weights = ", ".join(f"{e.weight:+.2f}" for _, e in some)
        at = tuple(i for i, _ in some)
        out.append(Statement(say[kind].format(weights=weights, **more), at))

    departs = [(i, e) for i, e in every if e.z is not None]
    labels = _labels_of(prediction)
    for modality, *span in dict.fromkeys((e.modality, e.start, e.end) for _, e in departs):
        some = [(i, e) for i, e in departs if (e.modality, e.start, e.end) == (modality, *span)]
        kind = "departs" if modality != "face" else "looks" if span[1] > span[0] else "looks_still"
        start, end = (f"{second:.1f}" for second in span)
        manner = ", ".join(_manner(e) for _, e in some)
        add(kind, some, start=start, end=end, manner=manner, cues="; ".join(e.cue for _, e in some))
    for label in labels:
        if listed := [(i, e) for i, e in departs if _listed(e, label)]:
            add("listed", listed, label=label, manner=", ".join(dict.fromkeys(_manner(e) for _, e in listed)))
    for label in dict.fromkeys((*labels, *(e.label for _, e in every if e.label is not None))):
        for side, most in (("for", _FOR), ("against", _AGAINST)):
            sign = 1 if side == "for" else -1
            about = [(i, e) for i, e in every if e.label == label and sign * e.weight > 0]
            about = _strongest(about)
            words = [(i, e) for i, e in about if e.modality == "text"][:most]
            if words:
                cues = ", ".join(f'"{_plainly(e.cue)}"' for _, e in words)
                add(f"{'words' if len(words) > 1 else 'word'}_{side}", words, cues=cues, label=label)
            for i, e in [(i, e) for i, e in about if e.modality != "text"][:most]:
                if e.modality == "voice":
                    add(f"part_{side}", [(i, e)], start=f"{e.start:.1f}", end=f"{e.end:.1f}", label=label)
                else:
                    add(f"other_{side}", [(i, e)], channel=e.modality, cues=_plainly(e.cue), label=label)
    for i, e in every:
        if e.z is None and e.label is None and e.modality not in ("text", "voice"):
            add("other_seen", [(i, e)], channel=e.modality, cues=_plainly(e.cue))
    if len(prediction.channels) > 1:
        for name, channel in prediction.channels.items():
            top = _first(prediction, name)
            rests = [(i, e) for i, e in every if e.modality == name]
            if rests and top is not None:
                out.append(
                    Statement(
                        say["channel"].format(channel=name, labels=_shown(prediction, channel.scores, (top,))),
                        tuple(i for i, _ in rests),
                    )
                )
    out += _conflict(prediction)
    told = [(i, prediction.evidence[i]) for i in sorted({i for s in out for i in s.evidence})]
    borne = tuple(label for label in labels if any(_bears(e, label, prediction) for _, e in told))
    rests_on = tuple(i for i, e in told if any(_bears(e, label, prediction) for label in borne))
    if borne:
        kind = "reading" if prediction.labels else "nearest"
        out.append(Statement(say[kind].format(labels=_shown(prediction, prediction.scores, borne)), rests_on))
    return out


_SAID = {(c.name, d): w for c in CUES for d, w in (("above", c.more), ("below", c.less))} | {
    (c.name, d): side.said for c in FACE_CUES for d, side in (("above", c.more), ("below", c.less))
}
"""Property and side to which it departs -> what is said of that."""


def _manner(e: Evidence) -> str:
    """A departure in a word or two."""
    return _SAID.get((e.name or "", e.direction or ""), e.cue)


def _listed(e: Evidence, label: str) -> bool:
    """Whether a departure of a face is what the table of EMFACS has for an emotion."""
    cue = next((cue for cue in FACE_CUES if e.modality == "face" and cue.name == e.name), None)
    return cue is not None and any(_same(name, label) for name in cue.side(e.direction).emotions)


def _first(prediction: Prediction, channel: str) -> str | None:
    """The label that a channel puts first."""
    said = prediction.channels.get(channel)
    return max(said.scores, key=said.scores.__getitem__, default=None) if said else None


def _conflict(prediction: Prediction) -> list[Statement]:
    """The two channels that are furthest apart, where it is likelier than not that they disagree."""
    if prediction.conflict is None or prediction.conflict.score < _LIKELY:
        return []
    names = prediction.conflict.between
    first, second = (_first(prediction, name) for name in names)
    at = tuple(i for i, e in enumerate(prediction.evidence) if e.modality in names)
    if first is None or second is None or {prediction.evidence[i].modality for i in at} != set(names):
        return []
    fields = {"one": names[0], "other": names[1], "first": first, "second": second}
    said = _said().sentences["conflict"].format(**fields, percent=_percent(prediction.conflict.score))
    return [Statement(said, at)]


def _strongest(some: list[tuple[int, Evidence]]) -> list[tuple[int, Evidence]]:
    """Clues in the order of their weights, without those that are slight beside the strongest, and bare punctuation."""
    order = sorted(some, key=lambda item: -abs(item[1].weight))
    if not order:
        return order
    least = min(_SMALL, abs(order[0][1].weight)), _WEAK * abs(order[0][1].weight)
    kept = [(i, e) for i, e in order if abs(e.weight) >= max(least)]
    return [(i, e) for i, e in kept if any(c.isalnum() for c in e.cue)] or kept[:1]


def _messages(prediction: Prediction) -> list[dict[str, str]]:
    lines = []
    for i, e in enumerate(prediction.evidence):
        place = "" if e.modality == "text" else f", {e.start:.1f} to {e.end:.1f} s"
        about = "" if e.label is None else f"; {'for' if e.weight > 0 else 'against'} {e.label}, {e.weight:+.2f}"
        cue = f'"{_plainly(e.cue)}"' if e.modality == "text" else e.cue
        lines.append(f"[{i}] {e.modality}{place}: {cue}{about}")
    prompt = _said().prompt
    labels = _shown(prediction, prediction.scores, _labels_of(prediction))
    user = prompt.user.replace("{evidence}", "\n".join(lines)).replace("{labels}", labels)
    return [{"role": "system", "content": prompt.system}, {"role": "user", "content": user}]


def _read(answer: str) -> list[Statement]:
    """The sentences of an answer: the first JSON list in it; what is no sentence with evidence is passed over."""
    start = answer.find("[")
    if start < 0:
        return []
    try:
        found, _ = json.JSONDecoder().raw_decode(answer[start:])
    except (json.JSONDecodeError, RecursionError):
        return []
    return [s for item in found if (s := _statement(item)) is not None] if isinstance(found, list) else []


def _statement(item: Any) -> Statement | None:
    if not isinstance(item, dict) or not isinstance(item.get("sentence"), str):
        return None
    at = item.get("evidence")
    numbers = at if isinstance(at, list) else []
    whole = tuple(n for n in numbers if isinstance(n, int) and not isinstance(n, bool))
    # A number that is none is no evidence; the check then finds none, or what is left of it.
    return Statement(" ".join(item["sentence"].split()), whole) if item["sentence"].strip() else None


# --- the check


@implements(works=["avere"])
def check_statement(statement: Statement, prediction: Prediction) -> str | None:
    """Why a statement is not borne by the evidence that it points at; `None` where it is.

    Args:
        statement: The statement.
        prediction: The reading that it is about.
    """
    if not statement.evidence:
        return _NOTHING
    if any(not 0 <= i < len(prediction.evidence) for i in statement.evidence):
        return "rests on evidence that does not exist"
    cited = [prediction.evidence[i] for i in statement.evidence]
    quoted = [" ".join(q.casefold().split()) for q in _QUOTED.findall(statement.sentence)]
    said = [" ".join(_plainly(e.cue).casefold().split()) for e in cited if e.modality == "text"]
    if any(not any(q in cue for cue in said) for q in quoted):
        return "quotes words that its evidence does not have"
    sentence = _QUOTED.sub(" ", statement.sentence)
    return (
        _wrong_channel(sentence, cited)
        or _wrong_property(sentence, cited)
        or _wrong_time(sentence, cited)
        or _wrong_emotion(sentence, cited, prediction)
    )


def _words(sentence: str) -> list[str]:
    return [sentence[a:b].lower() for a, b in word_spans(sentence)]


def _wrong_channel(sentence: str, cited: Sequence[Evidence]) -> str | None:
    words = set(_words(sentence))
    for modality, claims in _said().claims.items():
        if words & claims and not any(e.modality == modality for e in cited):
            return f"speaks of the {modality}, and its evidence does not"
    return None


def _wrong_property(sentence: str, cited: Sequence[Evidence]) -> str | None:
    """Properties of the voice and the face that are named must depart, and to the side that is named."""
    # Measured properties as cues say them, and counts in brackets, are the evidence's own words.
    text = f" {' '.join(_words(_BRACKETS.sub(' ', sentence)))} "
    found = {(e.name, e.direction) for e in cited if e.z is not None}
    faces = {cue.name for cue in FACE_CUES}
    for (name, direction), word in _SAID.items():
        if f" {word} " in text and (name, direction) not in found:
            return f"says {word!r} of a {'face' if name in faces else 'voice'}, and its evidence does not"
    return None


def _wrong_time(sentence: str, cited: Sequence[Evidence]) -> str | None:
    timed = [e for e in cited if e.modality != "text"]
    times = [float(t) for pair in _TIMES.findall(sentence) for t in pair] + [float(t) for t in _TIME.findall(sentence)]
    if times and not timed:
        return "names a time, and its evidence has none"
    low, high = (min(e.start for e in timed), max(e.end for e in timed)) if timed else (0.0, 0.0)
    if any(not low - _SLACK <= t <= high + _SLACK for t in times):
        return "names a time outside of its evidence"
    return None


def _wrong_emotion(sentence: str, cited: Sequence[Evidence], prediction: Prediction) -> str | None:
    """Emotions that are named must be those that evidence speaks for, and denied ones those that it speaks against."""
    for label, denied in _emotions(sentence, prediction):
        if denied:
            if not any(_same(e.label, label) and e.weight < 0 for e in cited):
                return f"speaks against {label}, and its evidence does not"
        elif not any(_bears(e, label, prediction) or _listed(e, label) for e in cited):
            return f"speaks for {label}, and its evidence does not"
    return None


def _emotions(sentence: str, prediction: Prediction) -> list[tuple[str, bool]]:
    """Labels of the reading and other emotion words that a sentence names, and whether it denies them."""
    found: list[tuple[str, bool]] = []
    rest = sentence
    labels = {*prediction.scores, *prediction.labels, *(e.label for e in prediction.evidence if e.label)}
    for label in sorted(labels, key=lambda name: -len(name)):
        for m in re.finditer(rf"(?<!\w){re.escape(label)}(?!\w)", rest, re.IGNORECASE):
            found.append((label, _denied(sentence[: m.start()])))
            rest = rest[: m.start()] + " " * (m.end() - m.start()) + rest[m.end() :]
    for mention in mentions(rest):
        found.append((mention.word, mention.negated or _denied(sentence[: mention.start])))
    return found


def _denied(before: str) -> bool:
    part = before.rsplit(".", 1)[-1].rsplit(";", 1)[-1].lower()
    last = part.split()[-4:]
    return any(NEGATOR.fullmatch(w.strip(",")) for w in last) or any(
        f" {w} " in f" {' '.join(last)} " for w in _said().denials["words"]
    )


def _bears(e: Evidence, label: str, prediction: Prediction) -> bool:
    """Whether evidence speaks for a label: by itself, or as the channel whose first label that is."""
    if _same(e.label, label):
        return e.weight > 0
    return _same(_first(prediction, e.modality), label)


@cache
def _same(one: str | None, other: str) -> bool:
    """Whether two names are one emotion: the same, forms of one word, or of one group on the middle ring of a wheel."""
    if one is None:
        return False
    a, b = one.casefold(), other.casefold()
    if a == b:
        return True
    if form_of(a) is not None and form_of(a) == form_of(b):
        return True
    return any(a in g and g[a] == g.get(b) for g in wheel_groupings(2, "mer2026"))
