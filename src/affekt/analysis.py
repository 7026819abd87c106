"""Reading emotion in texts from wherever they come: in memory, as a stream, or from file to file.

`analyze` gives a list, or writes a file when it is told `out`; `stream` gives one reading after the other and
keeps none. Both read in blocks, so that memory does not grow with the input. Recordings go the same way, through
`affekt.listening`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, overload

from affekt.conversing import Conversing
from affekt.core.clip import Clip
from affekt.core.errors import InputError, UnknownNameError
from affekt.core.prediction import Prediction
from affekt.core.protocols import Recogniser
from affekt.core.row import OWN, Row, make_row
from affekt.core.space import Dimension, LabelSpace
from affekt.media.chats.threads import in_context
from affekt.media.text import Read, ReadOptions
from affekt.models.card import spec_of
from affekt.models.choice import Choice, Chooser, Licence, Way, check_licence, ways_of
from affekt.opening import Input, Source, open_input, refuse_bad

if TYPE_CHECKING:
    from affekt.models.causes import CauseRecogniser
    from affekt.models.voice import VoiceRecogniser
    from affekt.writing import Summary

__all__ = [
    "Analyzer",
    "Block",
    "Input",
    "Policy",
    "Reading",
    "analyze",
    "analyzer_for",
    "followed",
    "open_input",
    "stream",
]

Model: TypeAlias = "str | PathLike[str] | Recogniser | VoiceRecogniser | None"

# Rows in a block: small at first, so that the first answers come at once, then as many as sorting by length
# gains from. Explaining costs many passes a row. Fixed by the number of the block alone: a run that resumes at
# a block's start puts the same rows together as an undisturbed one.
_FIRST_BLOCK, _BLOCK, _BLOCK_EXPLAINED = 512, 4096, 256
_BLOCK_CHARACTERS = 1_000_000


@dataclass(frozen=True, slots=True)
class Policy:
    """When to give no answer.

    Attributes:
        min_confidence: A reading whose confidence is below this is withheld; `None` takes what the model's card
            recommends, 0 withholds none.
        languages: `card` refuses texts that are not in a language of a model's card, `any` reads all.
    """

    min_confidence: float | None = None
    languages: Literal["card", "any"] = "card"

    def __post_init__(self) -> None:
        if self.min_confidence is not None and not 0.0 <= self.min_confidence <= 1.0:
            raise InputError(f"min_confidence is {self.min_confidence}, not between 0 and 1")
        if self.languages not in ("card", "any"):
            raise UnknownNameError("language policy", self.languages, ("card", "any"))


class Reading(NamedTuple):
    """A clip and what was read in it."""

    clip: Clip
    prediction: Prediction

    @property
    def row(self) -> Row:
        """Both as the published row."""
        return make_row(self.clip, self.prediction)


@dataclass(frozen=True, slots=True)
class Block:
    """Rows that are read together. `choices` says of each which model reads it, or why none does.

    `heard` are the seconds of recordings that have been heard so far, where that is what is read; `talk` follows the
    turns of conversations.
    """

    reads: list[Read]
    choices: list[Choice]
    fraction: float | None
    heard: float | None = None
    talk: Conversing | None = None


class Analyzer:
    """One model or several with all that is asked of them; checks the names before anything is read.

    Args:
        model: Name of a model, its folder, or a recogniser; default the bundled one that covers the language of the
            text.
        space: Id of a label space that the model has a head for, or that a map leads to.
        explain: Whether to find the words that moved each reading.
        policy: When to give no answer.
        jobs: Number of threads; default all cores.
        language: Language of all texts that name none; default what each is found to be in.
        licence: `permissive` takes only weights that neither their licence nor their data keep from any use.
        conversation: Whether turns of conversations are read, which a bundled model of these reads where there is one.

    Attributes:
        ways: The models with their way to the label space, the first at home. They are loaded when they are needed.
        language: Code of the language that all texts are said to be in, `None` where it is found out.
        asked_space: The space that was asked for; `None` where each model answers in its main one.

    Raises:
        UnknownNameError: There is no such model, space, language or kind of licence.
        InputError: No map leads to the space.
        ModelError: The model's folder is broken, it may not be used, or it cannot be explained.
    """

    def __init__(
        self,
        *,
        model: Model = None,
        space: str | None = None,
        explain: bool = False,
        policy: Policy | None = None,
        jobs: int | None = None,
        language: str | None = None,
        licence: Licence = "any",
        conversation: bool = False,
    ) -> None:
        if jobs is not None and jobs < 1:
            raise InputError(f"jobs is {jobs}, not at least 1")
        if language is not None:
            from affekt.catalog.languages import language_code

            language = language_code(language)
        named = model if isinstance(model, str) or not isinstance(model, PathLike) else Path(fspath(model))
        self.policy = policy or Policy()
        self.explain = explain
        self.language = language
        self._conversation = conversation
        self._licence, self._jobs = licence, jobs
        self.ways: list[Way] = self._find_ways(named, space=space, licence=licence, jobs=jobs)
        self.asked_space = space
        self._choose = Chooser(self.ways, every=self.policy.languages == "any", language=language)

    def _find_ways(
        self,
        model: Recogniser | VoiceRecogniser | Path | str | None,
        *,
        space: str | None,
        licence: Licence,
        jobs: int | None,
    ) -> list[Way]:
        return ways_of(model, space=space, licence=licence, jobs=jobs, conversation=self._conversation)

    @property
    def context(self) -> int:
        """The most turns before a turn that a model reads with it; 0 where each is read alone."""
        return max(int(way.card.get("context") or 0) for way in self.ways)

    @property
    def space(self) -> LabelSpace:
        """The label space of the readings: the one that was asked for, else the main one of the first model."""
        return self._home.space

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels that readings can have: those of `space`, then what other models add."""
        spaces = [self.space, *(way.space for way in self.ways if way.refused is None)]
        return tuple(dict.fromkeys(label for space in spaces for label in space.labels))

    @property
    def dimensions(self) -> tuple[str, ...]:
        """What readings can give beside labels and beside valence, arousal and dominance."""
        ways = [way for way in self.ways if way.refused is None]
        asked = (d.name for way in ways if way.card.get("asks") for d in way.space.dimensions)
        given = (*(name for way in ways for name in way.spec.dimensions), *asked)
        return tuple(name for name in dict.fromkeys(given) if name not in OWN)

    def ranges(self, ways: Iterable[Way]) -> list[Dimension]:
        """The dimensions that readings of these models may have, with the ranges that they have there."""
        return [d for way in ways for d in way.ranges]

    @property
    def _home(self) -> Way:
        """The first way that may be used."""
        return next(way for way in self.ways if way.refused is None)

    def min_confidence(self, way: Way) -> float:
        """A reading of a model whose confidence is below this is withheld."""
        recommended: float = way.card.get("policy", {}).get("min_confidence", 0.0)
        asked = self.policy.min_confidence
        return recommended if asked is None else asked

    def _read(self, way: Way, clips: Sequence[Clip]) -> list[Prediction]:
        """Read clips with one model: labels, evidence, the asked space, and the confidence that the policy wants."""
        predictions = [self._sure(way, p) for p in way.recogniser.predict(clips, space=way.head)]
        if self.explain:
            from affekt.explain.attribution import explain

            at = [i for i, p in enumerate(predictions) if p.abstained is None]
            explained = explain(way.recogniser, [clips[i] for i in at], [predictions[i] for i in at])
            for i, p in zip(at, explained, strict=True):
                predictions[i] = p
        if way.map is not None:
            predictions = [p.to(way.map) for p in predictions]
        return [self._told(p) for p in predictions]

    def _told(self, p: Prediction) -> Prediction:
        """The reading with its explanation, where that is asked for."""
        if not self.explain or not p.evidence:
            return p
        from affekt.explain.rationale import explain_channels

        return replace(p, explanation=explain_channels(p))

    def _sure(self, way: Way, p: Prediction) -> Prediction:
        """The reading, withheld where the policy wants more confidence."""
        least = self.min_confidence(way)
        if p.abstained is None and p.confidence is not None and p.confidence < least:
            return p.abstain(f"low confidence: {p.confidence:.3f}, the policy asks for {least:.3f}")
        return p

    def _choice(self, read: Read) -> Choice:
        reason = read.problem or read.aside
        return Choice(reason=reason) if reason is not None else self._choose(read.clip)

    def blocks(
        self,
        source: Input,
        *,
        strict: bool = False,
        done: int = 0,
        number: int = 0,
        earlier: Iterable[Row] = (),
    ) -> Iterator[Block]:
        """Group rows into blocks; of a file, the next one is read in a thread meanwhile.

        Args:
            source: The rows.
            strict: Whether the first row that cannot be read is an error.
            done: Number of rows to pass over.
            number: Number of blocks that these rows made.
            earlier: The rows that are passed over, as they were written; turns after them are compared with them.
        """
        pending = in_context(refuse_bad(source.reads) if strict else source.reads, turns=self.context)
        talk = self._following(source)
        talk.resume(earlier)

        def gather(number: int) -> Block:
            nonlocal done
            # Here and not above, so that this too happens in the thread.
            for _ in islice(pending, done):
                pass
            done = 0
            size = _BLOCK_EXPLAINED if self.explain else _BLOCK if number else _FIRST_BLOCK
            taken: list[Read] = []
            characters = 0
            for read in islice(pending, size):
                taken.append(read)
                characters += len(read.clip.text or "")
                if characters >= _BLOCK_CHARACTERS:
                    break
            return Block(taken, [self._choice(read) for read in taken], source.fraction, talk=talk)

        if not source.ahead:
            while (block := gather(number)).reads:
                number += 1
                yield block
            return
        with ThreadPoolExecutor(1, thread_name_prefix="affekt-read") as reader:
            future = reader.submit(gather, number)
            while (block := future.result()).reads:
                number += 1
                future = reader.submit(gather, number)
                yield block

    def answer(self, block: Block) -> list[Reading]:
        """Read a block, each row with its model. Rows that none reads get an abstention and cost no inference."""
        out: list[Reading | None] = [None] * len(block.reads)
        by_way: list[list[int]] = [[] for _ in self.ways]
        for i, (read, choice) in enumerate(zip(block.reads, block.choices, strict=True)):
            if choice.reason is None:
                by_way[choice.way].append(i)
            else:
                out[i] = Reading(read.clip, self._refused(read, choice))
        for way, at in zip(self.ways, by_way, strict=True):
            if not at:
                continue
            clips = [block.reads[i].clip for i in at]
            told = clips
            if way.by_language:
                told = [replace(clip, language=block.choices[i].language) for i, clip in zip(at, clips, strict=True)]
            for i, clip, prediction in zip(at, clips, self._read(way, told), strict=True):
                _, _, language, probability = block.choices[i]
                if language is not None:
                    prediction = replace(prediction, language=language, language_probability=probability)
                out[i] = Reading(clip, prediction)
        return followed([reading for reading in out if reading is not None], block.talk)

    def _following(self, source: Input) -> Conversing:
        """What follows the turns of a source; the model of causes is loaded where one is bundled and turns are read."""
        return Conversing(self._causes() if source.conversation else None)

    def _causes(self) -> CauseRecogniser | None:
        from affekt.models.registry import CAUSES, bundled, load_causes

        if CAUSES not in bundled():
            return None
        model = load_causes(jobs=self._jobs)
        return None if check_licence(spec_of(model.card), self._licence) else model

    def _refused(self, read: Read, choice: Choice) -> Prediction:
        way = self._home
        return Prediction(
            read.clip.id,
            way.space.id,
            abstained=choice.reason,
            model=way.spec.name,
            language=choice.language,
            language_probability=choice.probability,
        )


def analyzer_for(source: Input, **asked: Any) -> Analyzer:
    """What reads a source: an `Analyzer` of texts, of recordings a `Listener`, of videos and pictures a `Watcher`.

    Args:
        source: What is read.
        asked: The arguments of `Analyzer`.

    Raises:
        MissingExtraError: Pictures are to be read, and OpenCV is not installed.
        ModelError: They are, and there is no model of faces; see also `Analyzer`.
    """
    if source.watched:
        from affekt.watching import watcher_for

        return watcher_for(source, **asked)
    if source.recorded:
        from affekt.listening import Listener

        return Listener(**asked)
    return Analyzer(**asked, conversation=source.conversation)


def followed(readings: list[Reading], talk: Conversing | None) -> list[Reading]:
    """Readings with what their turns are beside those before them; what is no turn stays as it is."""
    if talk is None:
        return readings
    return [Reading(clip, p) for (clip, _), p in zip(readings, talk.follow(readings), strict=True)]


def _with_column(options: ReadOptions | None, column: str | None) -> ReadOptions:
    options = options or ReadOptions()
    return options if column is None else replace(options, columns=replace(options.columns, text=column))


def stream(
    source: Source,
    *,
    column: str | None = None,
    space: str | None = None,
    model: Model = None,
    explain: bool = False,
    policy: Policy | None = None,
    jobs: int | None = None,
    language: str | None = None,
    licence: Licence = "any",
    strict: bool = False,
    options: ReadOptions | None = None,
) -> Iterator[Reading]:
    """Read texts, or stretches of recordings, one after the other and keep none.

    Arguments and errors are those of `analyze`. Names and the head of a file are checked at once, rows when they
    are taken.

    Example:
        >>> for clip, prediction in stream(["Thank you so much!"]):
        ...     print(clip.id, prediction.top)
        1 gratitude
    """
    opened = open_input(source, _with_column(options, column))
    analyzer = analyzer_for(
        opened,
        model=model,
        space=space,
        explain=explain,
        policy=policy,
        jobs=jobs,
        language=language,
        licence=licence,
    )
    return (reading for block in analyzer.blocks(opened, strict=strict) for reading in analyzer.answer(block))


@overload
def analyze(
    source: Source,
    *,
    column: str | None = ...,
    space: str | None = ...,
    model: Model = ...,
    explain: bool = ...,
    policy: Policy | None = ...,
    jobs: int | None = ...,
    language: str | None = ...,
    licence: Licence = ...,
    strict: bool = ...,
    options: ReadOptions | None = ...,
    out: None = ...,
    restart: bool = ...,
) -> list[Prediction]: ...


@overload
def analyze(
    source: Source,
    *,
    column: str | None = ...,
    space: str | None = ...,
    model: Model = ...,
    explain: bool = ...,
    policy: Policy | None = ...,
    jobs: int | None = ...,
    language: str | None = ...,
    licence: Licence = ...,
    strict: bool = ...,
    options: ReadOptions | None = ...,
    out: str | PathLike[str],
    restart: bool = ...,
) -> Summary: ...


def analyze(
    source: Source,
    *,
    column: str | None = None,
    space: str | None = None,
    model: Model = None,
    explain: bool = False,
    policy: Policy | None = None,
    jobs: int | None = None,
    language: str | None = None,
    licence: Licence = "any",
    strict: bool = False,
    options: ReadOptions | None = None,
    out: str | PathLike[str] | None = None,
    restart: bool = False,
) -> list[Prediction] | Summary:
    """Read emotion in texts, recordings, videos and pictures.

    A row that cannot be read (empty, missing, broken) becomes an abstention with its reason; none is dropped.

    Args:
        source: A string is the text itself. A path (`pathlib.Path`) is a `.txt`, `.csv`, `.tsv`, `.jsonl` or
            `.parquet` file; see `affekt.media.text` for what a row is. Or it is a recording (`.wav`, `.mp3`, `.mp4`
            and others, or a folder of them), in which each stretch of speech is a row; `stream` gives their times.
            Videos (`.mp4`, `.mov` and others) and pictures (`.jpg`, `.png` and others) are looked at: each face of each
            segment is a row. A `Sound`, or blocks of it, are a recording too, and blocks from an iterator one that
            comes in live. Anything else is iterated over: strings, clips, or mappings.
        column: Column of the text; default a well-known name, or the only column of strings.
        space: Id of the label space to answer in; default the main one of the model that reads the text. Where a
            model has no head for it, a map leads there.
        model: Name of a model, its folder, or a recogniser; default the bundled one that covers the language of the
            text: `text-en` for English.
        explain: Whether to find the words that moved each reading.
        policy: When to give no answer; default the advice of the model's card.
        jobs: Number of threads; default all cores.
        language: Language of all texts, by a code (`de`, `deu`, `pt-BR`) or an English name; what a clip or a column
            says of a row goes before it. Default: found out for each text.
        licence: `permissive` takes only weights that neither their licence nor their data keep from any use.
        strict: Whether the first row that cannot be read is an error.
        options: Further ways to read: other columns, encoding, whole documents, the transcript of a recording.
        out: File to write (`.jsonl`, `.csv`, `.parquet`, `.html`, `.xml`, of recordings also `.vtt`, `.srt`,
            `.TextGrid`, `.eaf`, `.rttm`); see `affekt.writing.write`, which can also resume a run that was broken off.
        restart: With `out`, begin anew where a broken-off run with other options left rows.

    Returns:
        The readings in the order of the input; with `out`, a summary of what was written.

    Raises:
        UnknownNameError: An unknown column, space, model or language; the nearest name is given.
        InputError: The source cannot be read, or no map leads to the space.
        OutputError: The output cannot be written; the rows so far are kept.
        ModelError: The model is broken.
    """
    if out is None:
        readings = stream(
            source,
            column=column,
            space=space,
            model=model,
            explain=explain,
            policy=policy,
            jobs=jobs,
            language=language,
            licence=licence,
            strict=strict,
            options=options,
        )
        return [reading.prediction for reading in readings]
    from affekt.writing import write

    opened = open_input(source, _with_column(options, column))
    analyzer = analyzer_for(
        opened,
        model=model,
        space=space,
        explain=explain,
        policy=policy,
        jobs=jobs,
        language=language,
        licence=licence,
    )
    return write(opened, Path(fspath(out)), analyzer, strict=strict, restart=restart)
