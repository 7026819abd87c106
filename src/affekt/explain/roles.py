"""Semantic roles of an emotion in a text: who feels it, at whom or what, and why; by rule, for English and French.

After Cortal et al. (2022), "Natural Language Processing for Cognitive Analysis of Emotions", who mark these in accounts
of an emotional scene. Words of emotion come from the catalogue with the way in which each takes its roles (one is
afraid *of* something, something *annoys* one); the rest is order, prepositions and connectives, without a parser. What
is said between the lines is not found, and neither is a word that the catalogue does not hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from affekt.catalog.roles import Forms, Grammar, grammar
from affekt.core.works import implements

__all__ = ["EmotionRoles", "Span", "made", "role_graph", "roles"]

_SENTENCE = re.compile(r"[^.!?;\n]+")
_MOST = 20_000  # characters of a text that are read
_WORDS = 4  # most words of a noun phrase whose end no rule finds


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the text.

    Attributes:
        text: Its words.
        start: Its first character.
        end: The character after its last.
    """

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class EmotionRoles:
    """A word of emotion with its roles; `None` where the words do not tell one.

    Attributes:
        emotion: The word.
        label: Which emotion: anger, sadness, fear, joy, disgust, surprise, shame, envy, boredom.
        experiencer: Who feels it.
        target: At whom or what.
        cause: Why: a clause, or what was done.
        negated: Whether the text says that it is not felt.
    """

    emotion: Span
    label: str
    experiencer: Span | None = None
    target: Span | None = None
    cause: Span | None = None
    negated: bool = False


def _any(patterns: Sequence[str]) -> str:
    """One of the patterns as whole words, the longest first."""
    each = (p if p.endswith("'") else rf"{p}(?!\w)" for p in sorted(patterns, key=len, reverse=True))
    return r"(?<!\w)(?:" + "|".join(each) + ")"


@dataclass(frozen=True)
class _Rules:
    """The patterns of a language, compiled."""

    words: tuple[tuple[str, str, re.Pattern[str]], ...]  # kind, emotion, pattern
    subordinate: re.Pattern[str]
    leading: re.Pattern[str]
    target: re.Pattern[str]
    verbs: re.Pattern[str]
    light: re.Pattern[str]
    negators: re.Pattern[str]
    perfect: re.Pattern[str]
    clitic: re.Pattern[str] | None
    possessive: re.Pattern[str]
    determiner: re.Pattern[str]
    object: re.Pattern[str]
    finite: re.Pattern[str]
    trailing: re.Pattern[str]
    conjunction: re.Pattern[str]
    lent: re.Pattern[str] | None
    reflexives: frozenset[str]


@cache
def _rules(language: str) -> _Rules:
    g: Grammar = grammar(language)

    def of(forms: Forms, kind: str) -> list[tuple[str, str, re.Pattern[str]]]:
        return [(kind, name, re.compile(_any(patterns), re.IGNORECASE)) for name, patterns in forms.items()]

    def whole(patterns: Sequence[str]) -> re.Pattern[str]:
        return re.compile(_any(patterns), re.IGNORECASE)

    words = [*of(g.states, "state"), *of(g.moves, "moves"), *of(g.feels, "feels"), *of(g.nouns, "noun")]
    return _Rules(
        words=tuple(words),
        subordinate=whole(g.subordinate),
        leading=re.compile(rf"\s*{_any(g.leading)}", re.IGNORECASE),
        target=re.compile(rf"\s*{_any(g.target)}", re.IGNORECASE),
        verbs=whole(g.chain),
        light=re.compile(rf"(?:{_any((*g.light, *g.chain))})\s*$", re.IGNORECASE),
        negators=whole(g.negators),
        perfect=re.compile(rf"{_any(g.perfect)}\s+$", re.IGNORECASE),
        clitic=re.compile(rf"{_any((*g.clitics, *g.reflexives))}\s*$", re.IGNORECASE) if g.clitics else None,
        possessive=re.compile(rf"{_any(g.possessives)}\s+(?:\w+\s+)?$", re.IGNORECASE),
        determiner=re.compile(rf"\s*{_any(g.determiners)}\s*", re.IGNORECASE),
        object=re.compile(rf"\s+(?:(?i:{_any((*g.determiners, *g.persons))})|[^\W\d_a-zà-ÿ])"),
        finite=re.compile(rf"(?:{_any(g.finite)})", re.IGNORECASE),
        trailing=re.compile(rf"[\s,]*{_any(g.trailing)}\s*$", re.IGNORECASE),
        conjunction=re.compile(rf"^\s*{_any(g.conjunctions)}\s+", re.IGNORECASE),
        lent=re.compile(_any(g.to_experiencer), re.IGNORECASE) if g.to_experiencer else None,
        reflexives=frozenset(g.reflexives),
    )


@implements(works=["cognitive-emotion-fr"])
def roles(text: str, *, language: str = "en") -> list[EmotionRoles]:
    """The words of emotion of a text with who feels what, at whom, and why.

    Args:
        text: A text; what comes after 20,000 characters is not read.
        language: `en` or `fr`.

    Raises:
        UnknownNameError: There are no rules of that language.

    Example:
        >>> [found] = roles("Anna was furious with her brother because he broke the vase.")
        >>> found.label, found.experiencer.text, found.target.text, found.cause.text
        ('anger', 'Anna', 'her brother', 'he broke the vase')
    """
    rules = _rules(language)
    # One letter for another, so that places stay what they are.
    plain = text[:_MOST].replace("\u2019", "'")
    return [found for s in _SENTENCE.finditer(plain) for found in _sentence(plain, s.start(), s.end(), rules)]


def _sentence(text: str, begin: int, end: int, rules: _Rules) -> Iterator[EmotionRoles]:
    found: list[tuple[int, int, str, str]] = []
    for kind, label, pattern in rules.words:
        for m in pattern.finditer(text, begin, end):
            kind_here = _kind(kind, text, begin, m, end, rules)
            if kind_here and not any(a < m.end() and m.start() < b for a, b, *_ in found):
                found.append((m.start(), m.end(), kind_here, label))
    found.sort()
    for i, (start, stop, kind, label) in enumerate(found):
        left = found[i - 1][1] if i else begin
        right = found[i + 1][0] if i + 1 < len(found) else end
        if found[i + 1 :] and (cut := _between(text, stop, right)) is not None:
            right = cut
        yield _roles(text, left if _apart(text, left, start, rules) else begin, start, stop, right, kind, label, rules)


def _between(text: str, start: int, end: int) -> int | None:
    """Where one clause ends before the next word of emotion: at the last comma or `and`."""
    cuts = list(re.finditer(r",|\b(?:and|but|et|mais)\b", text[start:end]))
    return start + cuts[-1].start() if cuts else None


def _apart(text: str, left: int, start: int, rules: _Rules) -> bool:
    return bool(re.search(r",|\b(?:and|but|et|mais)\b", text[left:start]))


def _kind(kind: str, text: str, begin: int, word: re.Match[str], end: int, rules: _Rules) -> str:
    """How a word is used here; empty where it is no emotion, as an adjective without a verb before it."""
    before = text[begin : word.start()]
    if kind == "state" and not rules.verbs.search(before):
        return ""
    if kind == "state" and rules.perfect.search(before):
        # "a ravi" is what somebody did; "est ravi" is a state.
        return "moves" if any(k == "moves" and p.fullmatch(word.group()) for k, _, p in rules.words) else kind
    # A participle after "was" is a state: "I was surprised", but not "that surprised me".
    last = rules.light.search(before)
    if kind == "moves" and last and rules.clitic is None and _is_state(last.group(), rules):
        return "state"
    # Without anybody who is moved, it is no emotion: "my friends moved away".
    if kind == "moves" and not rules.object.match(text, word.end(), end):
        return kind if rules.clitic is not None and _clitic_before(before, rules) else ""
    return kind


def _clitic_before(before: str, rules: _Rules) -> bool:
    part = before.rstrip()
    while part and (cut := rules.light.search(part)):
        part = part[: cut.start()].rstrip()
    return rules.clitic is not None and rules.clitic.search(part) is not None


def _is_state(word: str, rules: _Rules) -> bool:
    return bool(
        re.fullmatch(r"(?:am|is|are|was|were|be(?:en|ing)?|felt|feels?|'m|'re|'s)", word.strip(), re.IGNORECASE)
    )


def _roles(
    text: str, begin: int, start: int, stop: int, end: int, kind: str, label: str, rules: _Rules
) -> EmotionRoles:
    begin, clause = _leading(text, begin, start, rules)
    rest = end
    if clause is None and (behind := _subordinate(text, stop, end, rules)) is not None:
        rest, clause = behind
    negated = bool(rules.negators.search(text[begin:start]))
    subject = _subject(text, begin, start, rules)
    made_to = kind == "noun" and rules.lent is not None and rules.lent.fullmatch(text[start:stop]) is not None
    emotion = Span(text[start:stop], start, stop)
    told: dict[str, Any] = {"emotion": emotion, "label": label, "negated": negated}
    if made_to and re.search(r"\bf(?:ait|ont|aisait|aisaient|it|irent)\s*$", text[begin:start]):
        verb = re.search(r"\bf(?:ait|ont|aisait|aisaient|it|irent)\s*$", text[begin:start])
        assert verb is not None
        stimulus, clitic = _before_clitic(text, begin, begin + verb.start(), rules)
        who = clitic or _target(text, stop, rest, rules)
        return _stimulated(told, who, stimulus, clause)
    if kind == "moves":
        stimulus, clitic = _before_clitic(text, begin, start, rules)
        if clitic is not None and _reflexive(clitic, stimulus, rules):
            return EmotionRoles(**told, experiencer=stimulus, target=_target(text, stop, rest, rules), cause=clause)
        who = clitic or _object(text, stop, rest, rules)
        return _stimulated(told, who, stimulus, clause)
    if kind == "feels":
        stimulus, clitic = _before_clitic(text, begin, start, rules)
        if clitic is not None and not _reflexive(clitic, stimulus, rules):
            return EmotionRoles(**told, experiencer=stimulus, target=clitic, cause=clause)
        aim = _target(text, stop, rest, rules) if clitic is not None else _object(text, stop, rest, rules)
        return EmotionRoles(**told, experiencer=stimulus, target=aim, cause=clause)
    if kind == "noun" and (own := rules.possessive.search(text, begin, start)):
        who = _trimmed(text, own.start(), begin + len(text[begin:start].rstrip()), rules, possessive=True)
        aim = _target(text, stop, rest, rules, subject=True)
        return EmotionRoles(**told, experiencer=who, target=aim, cause=clause)
    return EmotionRoles(**told, experiencer=subject, target=_target(text, stop, rest, rules), cause=clause)


def _stimulated(told: dict[str, Any], who: Span | None, stimulus: Span | None, clause: Span | None) -> EmotionRoles:
    """What moves somebody is a cause where it is something done, and else that at which the emotion is."""
    if stimulus is not None and clause is None and re.match(r"\w+ing\b", stimulus.text, re.IGNORECASE):
        return EmotionRoles(**told, experiencer=who, cause=stimulus)
    return EmotionRoles(**told, experiencer=who, target=stimulus, cause=clause)


def _leading(text: str, begin: int, start: int, rules: _Rules) -> tuple[int, Span | None]:
    """A clause that says why before the emotion, up to its comma, and where the next begins."""
    opened = rules.leading.match(text, begin)
    comma = text.find(",", begin, start)
    if opened and comma > 0:
        return comma + 1, _span(text, opened.end(), comma)
    if comma > 0:
        return text.rfind(",", begin, start) + 1, None
    joined = rules.conjunction.match(text[begin:start])
    return (begin + joined.end() if joined else begin), None


def _subordinate(text: str, start: int, end: int, rules: _Rules) -> tuple[int, Span] | None:
    """A clause that says why behind the emotion, and where it is opened."""
    for m in rules.subordinate.finditer(text, start, end):
        span = _span(text, m.end(), end)
        if span is not None:
            return m.start(), span
    return None


def _subject(text: str, begin: int, start: int, rules: _Rules) -> Span | None:
    """What stands before the first verb of the chain, and what belongs to that verb."""
    verb = rules.verbs.search(text, begin, start)
    stop = verb.start() if verb else start
    return _trimmed(text, begin, stop, rules)


def _trimmed(text: str, begin: int, stop: int, rules: _Rules, *, possessive: bool = False) -> Span | None:
    """A subject without what stands between it and its verb: denials, adverbs, and objects before the verb."""
    if possessive:
        own = re.match(r"(?:\w+'s|\w+)", text[begin:stop].strip())
        word = own.group() if own else ""
        word = word.removesuffix("'s")
        at = text.find(word, begin, stop)
        return Span(word, at, at + len(word)) if word else None
    while True:
        part = text[begin:stop].rstrip()
        cut = rules.light.search(part)
        if not cut and rules.clitic is not None and len(part.split()) > 0:
            cut = rules.clitic.search(part)
            if cut and not part[: cut.start()].strip():
                cut = None  # what is left would be nothing: it is the subject itself
        if not cut or cut.end() == 0:
            break
        stop = begin + cut.start()
    return _span(text, begin, stop)


def _before_clitic(text: str, begin: int, start: int, rules: _Rules) -> tuple[Span | None, Span | None]:
    """The subject of a verb, and the object that stands before the verb where there is one."""
    stop = start
    while (part := text[begin:stop].rstrip()) and (cut := rules.light.search(part)):
        stop = begin + cut.start()
    part = text[begin:stop].rstrip()
    clitic = rules.clitic.search(part) if rules.clitic is not None else None
    if clitic and part[: clitic.start()].strip():
        at = begin + clitic.start()
        return _trimmed(text, begin, at, rules), _span(text, at, begin + clitic.end())
    return _trimmed(text, begin, stop, rules), None


def _reflexive(clitic: Span, subject: Span | None, rules: _Rules) -> bool:
    word, who = clitic.text.lower(), (subject.text if subject else "").lower()
    if word not in rules.reflexives:
        return False
    return word in ("se", "s'") or who.strip("'")[:1] == word[:1] or (who in ("je", "j'") and word in ("me", "m'"))


def _target(text: str, start: int, end: int, rules: _Rules, *, subject: bool = False) -> Span | None:
    """What a preposition right behind the emotion opens."""
    opened = rules.target.match(text, start, end)
    if not opened:
        return None
    return _phrase(text, opened.end(), end, rules) if subject else _object(text, opened.end(), end, rules)


def _phrase(text: str, start: int, end: int, rules: _Rules) -> Span | None:
    """A noun phrase that a verb follows."""
    first = rules.determiner.match(text, start, end)
    at = first.end() if first else start
    words = list(re.finditer(r"[\w'-]+", text[at:end]))[:_WORDS]
    stop = next((at + w.start() for w in words[1:] if rules.finite.fullmatch(w.group())), None)
    if stop is None:
        stop = at + words[0].end() if words else end
    return _span(text, start, stop)


def _object(text: str, start: int, end: int, rules: _Rules) -> Span | None:
    """What stands behind a verb or a preposition, up to a comma, without what is said of time and degree."""
    comma = text.find(",", start, end)
    stop = comma if comma >= 0 else end
    while cut := rules.trailing.search(text[start:stop]):
        stop = start + cut.start()
    joined = re.search(
        r"\s(?:and|but|et|mais)\s+(?=(?:i|he|she|we|they|you|je|il|elle|nous|ils|elles)\b)", text[start:stop]
    )
    return _span(text, start, start + joined.start() if joined else stop)


def _span(text: str, start: int, end: int) -> Span | None:
    part = text[start:end]
    start += len(part) - len(part.lstrip(" ,'\"\t"))
    end -= len(part) - len(part.rstrip(' ,"\t'))
    return Span(text[start:end], start, end) if start < end else None


def role_graph(found: Sequence[EmotionRoles]) -> dict[str, list[dict[str, Any]]]:
    """Roles as a graph of who feels what and why, in the node-link form of networkx and d3.

    Nodes are people, emotions, and what they are about; an edge leads from whoever feels to the emotion, and from the
    emotion to its target and its cause. The same words, in any case, are one node.
    """
    nodes: dict[str, dict[str, Any]] = {}
    links: list[dict[str, Any]] = []

    def node(kind: str, words: str) -> str:
        name = f"{kind}:{words.casefold()}"
        nodes.setdefault(name, {"id": name, "kind": kind, "text": words})
        return name

    for k, each in enumerate(found):
        emotion = f"emotion:{k}"
        nodes[emotion] = {"id": emotion, "kind": "emotion", "text": each.emotion.text, "label": each.label,
                          "negated": each.negated}  # fmt: skip
        if each.experiencer is not None:
            links.append({"source": node("thing", each.experiencer.text), "target": emotion, "role": "feels"})
        for role in ("target", "cause"):
            span = getattr(each, role)
            if span is not None:
                links.append({"source": emotion, "target": node("thing", span.text), "role": role})
    return {"nodes": list(nodes.values()), "links": links}


def made(found: Sequence[EmotionRoles], *, who: str, label: str) -> list[str]:
    """What made somebody feel so: causes and targets of their emotions of that label that are not denied.

    Args:
        found: Roles.
        who: Who feels it, in any case.
        label: The emotion, such as `anger`.
    """
    own = [
        each
        for each in found
        if each.label == label and not each.negated and each.experiencer is not None
        and each.experiencer.text.casefold() == who.casefold()
    ]  # fmt: skip
    return [span.text for each in own for span in (each.cause, each.target) if span is not None]
