"""Which model reads a text: the one that was named, or that of the bundled ones which covers its language."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast, get_args

from affekt.core.clip import Clip
from affekt.core.errors import InputError, ModelError, UnknownNameError
from affekt.core.protocols import Recogniser
from affekt.core.space import Dimension, LabelSpace, SpaceMap
from affekt.media.language import REASON, close_to, identify

if TYPE_CHECKING:
    from affekt.core.protocols import RecogniserSpec
    from affekt.models.voice import VoiceRecogniser

__all__ = ["Choice", "Chooser", "Licence", "Way", "check_licence", "ways_of"]

Licence = Literal["any", "permissive"]

# Parts of SPDX expressions that keep from commercial use or from changing the weights.
_RESTRICTING = ("-NC", "-ND", "research", "LicenseRef")


def check_licence(spec: RecogniserSpec, licence: Licence) -> str | None:
    """Why a model may not be used where only weights that are free for every use are wanted; `None` where it may."""
    if licence == "any":
        return None
    if spec.licence_note:
        return f"{spec.licence}; {spec.licence_note}"
    return spec.licence if any(part in spec.licence for part in _RESTRICTING) else None


class Way:
    """A model on its way to a label space: its head for that, or its main head and a map.

    Args:
        model: The recogniser, or the folder of one, which is loaded when it is first needed.
        space: Id of the label space that was asked for, `None` for the model's main one.
        jobs: Threads.

    Attributes:
        spec: What the model is.
        card: Its card; empty for a recogniser that has none.
        space: The label space of its readings.
        head: Its head that was asked for by name, `None` for its main one.
        map: The map from the main head, where there is no head.
        refused: Why it may not be used all the same; `None` where it may.

    Raises:
        UnknownNameError: There is no such space.
        InputError: No map leads to the space.
        ModelError: The model's folder is broken.
    """

    def __init__(self, model: Recogniser | VoiceRecogniser | Path, *, space: str | None, jobs: int | None) -> None:
        self._model = model
        self._jobs = jobs
        self.refused: str | None = None
        self.card: Mapping[str, Any]
        if isinstance(model, Path):
            import msgspec

            from affekt.models.card import read_card, spec_of

            card = read_card(model)
            self.spec, self.card = spec_of(card), msgspec.to_builtins(card)
        else:
            self.spec, self.card = model.spec, _mapping(getattr(model, "card", {}))
        self.head = space if space in self.spec.spaces else None
        self.map: SpaceMap | None = None
        if space is not None and self.card.get("asks"):
            self.head = space  # what is asked by name has an answer in every space
        if space is None or space == self.head:
            self.space = self._own_space(space or self.spec.space)
        else:
            from affekt.catalog.maps import space_map

            self.map = space_map(self.spec.space, space)
            self.space = self.map.target

    @cached_property
    def recogniser(self) -> Recogniser:
        """The model of texts; loaded now, if it was not yet.

        Raises:
            ModelError: It cannot be loaded, or reads no texts.
        """
        if isinstance(self._model, Path):
            from affekt.models.registry import load

            return load(self._model, jobs=self._jobs)
        if not isinstance(self._model, Recogniser):
            raise ModelError(f"{self.spec.id} reads voices, not texts", hint="Give it a recording.")
        return self._model

    @cached_property
    def voice(self) -> VoiceRecogniser:
        """The model of voices; loaded now, if it was not yet.

        Raises:
            ModelError: It cannot be loaded, or reads no voices.
        """
        if isinstance(self._model, Path):
            from affekt.models.registry import load_voice

            return load_voice(self._model, jobs=self._jobs)
        if not hasattr(self._model, "hear"):
            raise ModelError(f"{self.spec.id} does not read voices", hint="Leave the model out for the bundled one.")
        return cast("VoiceRecogniser", self._model)

    @property
    def by_language(self) -> bool:
        """Whether the reading depends on the language of the text."""
        return bool(self.card.get("thresholds_by_language"))

    @property
    def ranges(self) -> tuple[Dimension, ...]:
        """The dimensions that its readings may have, with their native ranges."""
        measured = (self.card.get("dimensions") or {}).get("space") or (self.card.get("voice") or {}).get("places")
        if self.space.dimensions or not measured:
            return self.space.dimensions
        from affekt.catalog.spaces import space

        return space(measured).dimensions

    def _own_space(self, id: str) -> LabelSpace:
        """A head's label space: a model may bring one that the catalogue does not hold."""
        if not isinstance(self._model, Path) and callable(find := getattr(self._model, "space", None)):
            found = find(id)
            if isinstance(found, LabelSpace):
                return found
        from affekt.catalog.spaces import space

        return space(id)


def _mapping(card: object) -> Mapping[str, Any]:
    """A card that a model carries, as plain data."""
    if isinstance(card, Mapping):
        return card
    import msgspec

    plain: dict[str, Any] = msgspec.to_builtins(card)
    return plain


def ways_of(
    model: Recogniser | VoiceRecogniser | Path | str | None,
    *,
    space: str | None,
    licence: Licence,
    jobs: int | None,
    voice: bool = False,
    conversation: bool = False,
) -> list[Way]:
    """The models to choose from: the one that was named, else all bundled ones, the default one first.

    With `voice`, models of voices are meant, of which one is bundled; else models of texts, with `conversation` first
    that of turns, where one is bundled.

    Of several, one that may not be used or that has no way to the space stays, with the reason in `refused`: the
    rows that would need it say so.

    Raises:
        UnknownNameError: There is no such model, space or kind of licence.
        InputError: No map leads from any model to the space.
        ModelError: The model's folder is broken, or no model may be used.
    """
    from affekt.models.registry import TALK, VOICE, automatic, model_folder

    if licence not in get_args(Licence):
        raise UnknownNameError("kind of licence", licence, get_args(Licence))
    if model is None and voice:
        model = VOICE
    if model is not None:
        way = Way(model_folder(model) if isinstance(model, str | Path) else model, space=space, jobs=jobs)
        if (why := check_licence(way.spec, licence)) is not None:
            raise ModelError(
                f"The licence of {way.spec.name} restricts its use: {why}",
                hint="Take another model (`affekt models list`), or leave --licence out (licence= in Python).",
            )
        _ = way.voice if voice else way.recogniser  # a folder that is named and broken is an error at once
        return [way]
    ways: list[Way] = []
    first: InputError | None = None
    for folder in automatic(conversation=conversation):
        try:
            way = Way(folder, space=space, jobs=jobs)
        except UnknownNameError:
            raise
        except InputError as err:  # no map from this one; another may have a way
            first = first or err
            way = Way(folder, space=None, jobs=jobs)
            way.refused = f"no way to the label space {space} in this language: {way.spec.name} reads {way.spec.space}"
        if (why := check_licence(way.spec, licence)) is not None:
            way.refused = f"licence of the model restricts its use: {way.spec.name}, {why}"
        ways.append(way)
    if conversation and ways[0].refused and not all(way.refused for way in ways):
        ways = [way for way in ways if way is not ways[0] or way.spec.id != TALK]  # another reads its language too
    if all(way.refused for way in ways):
        raise first or ModelError(ways[0].refused or "No model", hint="Leave --licence out (licence= in Python).")
    return ways


class Choice(NamedTuple):
    """What reads a text.

    Attributes:
        way: Number of the way.
        reason: Why none reads it; `None` where one does.
        language: The language that the text was taken to be in, where that is known.
        probability: What the detector gives it.
    """

    way: int = 0
    reason: str | None = None
    language: str | None = None
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class _Answers:
    """Which way reads which language; the first that covers it."""

    by_language: Mapping[str, int]
    home: frozenset[str]
    covered: frozenset[str]
    widest: int


class Chooser:
    """Chooses the way of each text by its language.

    A text counts as being in a language of the first way unless another is plainly more probable.

    Args:
        ways: The ways, the first at home.
        every: Whether to read texts in languages that no way covers, with the way that covers most.
        language: Language of all texts that name none, by its code.
    """

    def __init__(self, ways: Sequence[Way], *, every: bool = False, language: str | None = None) -> None:
        self._ways = ways
        self._every = every
        self._language = language
        by_language: dict[str, int] = {}
        for i, way in enumerate(ways):
            for code in way.spec.languages:
                by_language.setdefault(code, i)
        widest = max(range(len(ways)), key=lambda i: (len(ways[i].spec.languages), -i))
        self._answers = _Answers(by_language, frozenset(ways[0].spec.languages), frozenset(by_language), widest)

    def __call__(self, clip: Clip) -> Choice:
        """Choose for a clip that holds text."""
        named = clip.language or self._language
        choice = self._said(named) if named is not None else self._seen(clip.text or "")
        refused = self._ways[choice.way].refused
        return choice if refused is None or choice.reason is not None else choice._replace(reason=refused)

    def _said(self, named: str) -> Choice:
        from affekt.catalog.languages import language_code

        try:
            language = language_code(named)
        except UnknownNameError:
            # What stands in a column may be anything, also what nobody else is to see.
            return Choice(reason="unknown language: the row names none by a code or an English name")
        covered: Collection[str] = self._answers.by_language
        read_as = close_to(language, covered)
        if read_as is not None:
            return Choice(self._answers.by_language[read_as], None, language)
        if self._every:
            return Choice(self._answers.widest, None, language)
        return Choice(0, f"{REASON}: {language} (given)", language)

    def _seen(self, text: str) -> Choice:
        answers = self._answers
        if self._every and len(self._ways) == 1 and not self._ways[0].by_language:
            return _FIRST
        found = identify(text, home=answers.home, covered=answers.covered)
        if found.read_as is not None:
            return Choice(answers.by_language[found.read_as], None, found.language, found.probability)
        if found.reason is None:
            return _FIRST
        if self._every:
            return Choice(answers.widest, None, found.language, found.probability)
        return Choice(0, found.reason, found.language, found.probability)


_FIRST = Choice()
