"""Reading emotion in texts from wherever they come: in memory, as a stream, or from file to file.

`analyze` gives a list, or writes a file when it is told `out`; `stream` gives one reading after the other and
keeps none. Both read in blocks, so that memory does not grow with the input.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, overload

from affekt.core.clip import Clip
from affekt.core.errors import InputError, UnknownNameError
from affekt.core.prediction import Prediction
from affekt.core.protocols import Recogniser
from affekt.core.row import Row, make_row
from affekt.core.space import LabelSpace, SpaceMap
from affekt.media.language import REASON as _UNCOVERED
from affekt.media.language import foreign
from affekt.media.text import FileSource, Read, ReadOptions, read_items

if TYPE_CHECKING:
    from affekt.models.registry import TextRecogniser
    from affekt.writing import Summary

__all__ = ["Analyzer", "Block", "Input", "Policy", "Reading", "analyze", "open_input", "stream"]

Model = str | PathLike[str] | Recogniser | None
Source = str | PathLike[str] | FileSource | Iterable[object]

# Rows in a block: small at first, so that the first answers come at once, then as many as sorting by length
# gains from. Explaining costs many passes a row. Fixed by the number of the block alone: a run that resumes at
# a block's start puts the same rows together as an undisturbed one.
_FIRST_BLOCK, _BLOCK, _BLOCK_EXPLAINED = 512, 4096, 256
_BLOCK_CHARACTERS = 1_000_000
_PLACES = 5


@dataclass(frozen=True, slots=True)
class Policy:
    """When to give no answer.

    Attributes:
        min_confidence: A reading whose confidence is below this is withheld; `None` takes what the model's card
            recommends, 0 withholds none.
        languages: `card` refuses texts that are not in a language of the model's card, `any` reads all.
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
    """Rows that are read together. `foreign` says of each why its language is not covered."""

    reads: list[Read]
    foreign: list[str | None]
    fraction: float | None


class Analyzer:
    """A model with all that is asked of it; checks the names before anything is read.

    Args:
        model: Name of a model, its folder, or a recogniser; default the bundled one.
        space: Id of a label space that the model has a head for, or that a map leads to.
        explain: Whether to find the words that moved each reading.
        policy: When to give no answer.
        jobs: Number of threads; default all cores.

    Attributes:
        recogniser: The model.
        space: The label space of the readings.
        head: The model's head that was asked for by name, `None` for its main one.
        min_confidence: A reading whose confidence is below this is withheld.

    Raises:
        UnknownNameError: There is no such model or space.
        InputError: No map leads to the space.
        ModelError: The model's folder is broken, or it cannot be explained.
    """

    def __init__(
        self,
        *,
        model: Model = None,
        space: str | None = None,
        explain: bool = False,
        policy: Policy | None = None,
        jobs: int | None = None,
    ) -> None:
        if jobs is not None and jobs < 1:
            raise InputError(f"jobs is {jobs}, not at least 1")
        self.recogniser: Recogniser = model if isinstance(model, Recogniser) else _load(model, jobs)
        self.policy = policy or Policy()
        self.explain = explain
        spec = self.recogniser.spec
        self.head = space if space in spec.spaces else None
        self._map: SpaceMap | None = None
        if space is None or space in spec.spaces:
            self.space = _own_space(self.recogniser, space or spec.space)
        else:
            from affekt.catalog.maps import space_map

            self._map = space_map(spec.space, space)
            self.space = self._map.target
        card = getattr(self.recogniser, "card", {})
        recommended = card.get("policy", {}).get("min_confidence", 0.0)
        asked = self.policy.min_confidence
        self.min_confidence: float = recommended if asked is None else asked

    @property
    def mapped(self) -> bool:
        """Whether the readings come from a head of another space, over a map."""
        return self._map is not None

    def read(self, clips: Sequence[Clip]) -> list[Prediction]:
        """Read clips that hold text: labels, evidence, the asked space, and the confidence that the policy wants."""
        predictions = self.recogniser.predict(clips, space=self.head)
        least = self.min_confidence
        for i, p in enumerate(predictions):
            if p.abstained is None and p.confidence is not None and p.confidence < least:
                predictions[i] = p.abstain(f"low confidence: {p.confidence:.3f}, the policy asks for {least:.3f}")
        if self.explain:
            from affekt.explain.attribution import explain

            at = [i for i, p in enumerate(predictions) if p.abstained is None]
            explained = explain(self.recogniser, [clips[i] for i in at], [predictions[i] for i in at])
            for i, p in zip(at, explained, strict=True):
                predictions[i] = p
        if self._map is not None:
            predictions = [p.to(self._map) for p in predictions]
        return predictions

    def _screen(self, read: Read) -> str | None:
        if read.problem is not None or self.policy.languages == "any":
            return None
        clip, covered = read.clip, self.recogniser.spec.languages
        if clip.language is not None:
            return None if clip.language in covered else f"{_UNCOVERED}: {clip.language} (given)"
        return foreign(clip.text or "", covered)

    def blocks(self, source: Input, *, strict: bool = False, done: int = 0, number: int = 0) -> Iterator[Block]:
        """Group rows into blocks; of a file, the next one is read in a thread meanwhile.

        Args:
            source: The rows.
            strict: Whether the first row that cannot be read is an error.
            done: Number of rows to pass over.
            number: Number of blocks that these rows made.
        """
        pending = iter(refuse_bad(source.reads) if strict else source.reads)

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
            return Block(taken, [self._screen(read) for read in taken], source.fraction)

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
        """Read a block. Rows with a problem or in another language get an abstention and cost no inference."""
        spec = self.recogniser.spec
        at, clips = [], []
        out: list[Reading | None] = [None] * len(block.reads)
        for i, (read, uncovered) in enumerate(zip(block.reads, block.foreign, strict=True)):
            reason = read.problem or uncovered
            if reason is None:
                at.append(i)
                clips.append(read.clip)
            else:
                refused = Prediction(read.clip.id, self.space.id, abstained=reason, model=spec.name)
                out[i] = Reading(read.clip, refused)
        for i, clip, prediction in zip(at, clips, self.read(clips) if clips else (), strict=True):
            out[i] = Reading(clip, prediction)
        return [reading for reading in out if reading is not None]


def _load(model: str | PathLike[str] | None, jobs: int | None) -> TextRecogniser:
    from affekt.models.registry import load

    return load(model if model is None or isinstance(model, str) else Path(fspath(model)), jobs=jobs)


def _own_space(recogniser: Recogniser, id: str) -> LabelSpace:
    """A head's label space: a model may bring one that the catalogue does not hold."""
    if callable(find := getattr(recogniser, "space", None)):
        found = find(id)
        if isinstance(found, LabelSpace):
            return found
    from affekt.catalog.spaces import space

    return space(id)


@dataclass(frozen=True, slots=True)
class Input:
    """Opened sources as one run of rows.

    Attributes:
        reads: The rows, once.
        files: The files that they come from; empty for Python objects.
    """

    reads: Iterable[Read]
    files: tuple[FileSource, ...] = ()

    @property
    def fraction(self) -> float | None:
        """Share of the files that has been read, by their sizes; `None` where these are not known."""
        sizes = [f.path.stat().st_size if f.path else 0 for f in self.files]
        parts = [f.fraction for f in self.files]
        if not sum(sizes) or None in parts:
            return None
        return sum(size * (part or 0.0) for size, part in zip(sizes, parts, strict=True)) / sum(sizes)

    @property
    def ahead(self) -> bool:
        """Whether to read ahead in a thread: a pipe may block it, and a caller's iterator may mind the thread."""
        return bool(self.files) and all(f.path is not None and f.path.is_file() for f in self.files)


def open_input(source: Source | Sequence[FileSource], options: ReadOptions | None = None) -> Input:
    """Open a source, or several files that are read one after the other.

    Rows of several files are named by file and line, since their numbers alone would repeat.

    Raises:
        InputError: It cannot be read; see `affekt.media.text.FileSource`.
    """
    options = options or ReadOptions()
    if isinstance(source, str):
        return Input(read_items([source], max_characters=options.max_characters))
    if isinstance(source, PathLike):
        source = FileSource(Path(fspath(source)), options)
    if isinstance(source, FileSource):
        return Input(source, (source,))
    if isinstance(source, Clip):
        source = [source]
    if isinstance(source, Sequence) and source and all(isinstance(part, FileSource) for part in source):
        files = tuple(part for part in source if isinstance(part, FileSource))
        return Input(files[0] if len(files) == 1 else _chain(files), files)
    return Input(read_items(source, options.columns, max_characters=options.max_characters))


def _chain(files: Sequence[FileSource]) -> Iterator[Read]:
    for file in files:
        own_ids = "id" in file.chosen
        for read in file:
            clip = read.clip if own_ids else replace(read.clip, id=read.clip.source or read.clip.id)
            yield Read(clip, read.problem)


def refuse_bad(reads: Iterable[Read]) -> Iterator[Read]:
    for read in reads:
        if read.problem is not None:
            place = read.clip.source or f"id {read.clip.id}"
            raise InputError(
                f"A row cannot be read: {read.problem}",
                where=place,
                hint="Without --strict (strict=True) it is kept as an abstention.",
            )
        yield read


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
    strict: bool = False,
    options: ReadOptions | None = None,
) -> Iterator[Reading]:
    """Read texts one after the other and keep none.

    Arguments and errors are those of `analyze`. Names and the head of a file are checked at once, rows when they
    are taken.

    Example:
        >>> for clip, prediction in stream(["Thank you so much!"]):
        ...     print(clip.id, prediction.top)
        1 gratitude
    """
    opened = open_input(source, _with_column(options, column))
    analyzer = Analyzer(model=model, space=space, explain=explain, policy=policy, jobs=jobs)
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
    strict: bool = False,
    options: ReadOptions | None = None,
    out: str | PathLike[str] | None = None,
    restart: bool = False,
) -> list[Prediction] | Summary:
    """Read emotion in texts.

    A row that cannot be read (empty, missing, broken) becomes an abstention with its reason; none is dropped.

    Args:
        source: A string is the text itself. A path (`pathlib.Path`) is a `.txt`, `.csv`, `.tsv`, `.jsonl` or
            `.parquet` file; see `affekt.media.text` for what a row is. Anything else is iterated over: strings,
            clips, or mappings.
        column: Column of the text; default a well-known name, or the only column of strings.
        space: Id of the label space to answer in; default the model's main one. Where the model has no head for
            it, a map leads there.
        model: Name of a model, its folder, or a recogniser; default the bundled one.
        explain: Whether to find the words that moved each reading.
        policy: When to give no answer; default the advice of the model's card.
        jobs: Number of threads; default all cores.
        strict: Whether the first row that cannot be read is an error.
        options: Further ways to read: other columns, encoding, whole documents.
        out: File to write (`.jsonl`, `.csv`, `.parquet`, `.html`, `.xml`); see `affekt.writing.write`, which can
            also resume a run that was broken off.
        restart: With `out`, begin anew where a broken-off run with other options left rows.

    Returns:
        The readings in the order of the input; with `out`, a summary of what was written.

    Raises:
        UnknownNameError: An unknown column, space or model; the nearest name is given.
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
            strict=strict,
            options=options,
        )
        return [reading.prediction for reading in readings]
    from affekt.writing import write

    opened = open_input(source, _with_column(options, column))
    analyzer = Analyzer(model=model, space=space, explain=explain, policy=policy, jobs=jobs)
    return write(opened, Path(fspath(out)), analyzer, strict=strict, restart=restart)
