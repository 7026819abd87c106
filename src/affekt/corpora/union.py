"""Several corpora of recordings as one table: one schema, one set of names for emotions, every file looked at."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from affekt.catalog.corpora import Corpus, corpus
from affekt.catalog.maps import space_map
from affekt.core.clip import Clip
from affekt.core.errors import CatalogError, DataError, InputError, OutputError
from affekt.core.works import implements
from affekt.corpora.files import checksum, corpus_folder
from affekt.corpora.gold import Target
from affekt.corpora.read import read

__all__ = ["Recording", "Union", "union"]

_BATCH = 256
_Row: TypeAlias = tuple[Corpus, str, Clip, Target]


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording of the table.

    Attributes:
        id: Corpus and name of the row there, `ravdess/03-01-01-01-01-01-01`.
        corpus: Id of the corpus.
        split: Its split there.
        file: Path below the data folder; `None` where the corpus names no file.
        speaker: Who speaks, with the corpus in front; `None` where it is not said.
        language: Language spoken.
        text: What is said, where the corpus has it.
        label: Emotion by the corpus' own name.
        emotion: Emotion by the name that all share; `None` where the label has no place there.
        duration: Seconds; `None` where the file is not here or cannot be read.
        rate: Samples a second in the file.
        channels: Channels in the file.
        sha256: Checksum of the file.
        licence: Licence of the corpus as stated at its source.
        commercial: Whether that allows commercial use: `yes`, `no`, `unclear`.
        problem: Why the sound is not usable: `missing: ...` or `cannot be read: ...`; `None` where it is.
    """

    id: str
    corpus: str
    split: str
    file: str | None
    speaker: str | None
    language: str | None
    text: str | None
    label: str | None
    emotion: str | None
    duration: float | None
    rate: int | None
    channels: int | None
    sha256: str | None
    licence: str
    commercial: str
    problem: str | None


@dataclass(slots=True)
class Union:
    """What is in the table, and what is wrong with it.

    Attributes:
        rows: Corpus -> recordings.
        seconds: Corpus -> seconds of sound.
        emotions: Corpus -> emotion -> recordings; `(none)`: those whose label has no place in the space.
        languages: Language -> recordings.
        rates: Samples a second -> recordings.
        lacking: Corpus -> field -> recordings in which it is not said: `file`, `speaker`, `label`, `text`.
        problems: Corpus -> kind of problem -> recordings whose sound cannot be used.
        unmapped: Corpus -> labels that have no place in the space.
        twice: Ids that have the very same file, of each such file.
        shared: Speakers in several splits of a corpus, `(corpus, speaker)` -> splits.
    """

    rows: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    emotions: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    languages: Counter[str] = field(default_factory=Counter)
    rates: Counter[int] = field(default_factory=Counter)
    lacking: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    problems: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    unmapped: dict[str, tuple[str, ...]] = field(default_factory=dict)
    twice: list[tuple[str, ...]] = field(default_factory=list)
    shared: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    def add(self, row: Recording) -> None:
        """Count a recording."""
        self.rows[row.corpus] += 1
        self.seconds[row.corpus] += row.duration or 0.0  # type: ignore[assignment]
        self.emotions[row.corpus][row.emotion or "(none)"] += 1
        self.languages[row.language or "?"] += 1
        if row.rate is not None:
            self.rates[row.rate] += 1
        for name in ("file", "speaker", "label", "text"):
            self.lacking[row.corpus][name] += getattr(row, name) is None
        if row.problem is not None:
            self.problems[row.corpus][row.problem.partition(":")[0]] += 1


@implements(works=["cameo"])
def union(
    names: Sequence[str | Corpus],
    *,
    out: str | Path,
    space: str = "ekman-neutral",
    data: str | Path | None = None,
    jobs: int = 2,
    progress: Callable[[int], None] | None = None,
) -> Union:
    """Write recordings of several corpora as one Parquet table; each file is decoded once to see what it holds.

    A file that is missing or broken stays in the table with its problem.

    Args:
        names: Ids of corpora, views or parts, or their entries.
        out: The table.
        space: Label space of `emotion`; a map has to lead there from the space of each corpus. A label that is shared
            out among several goes where its largest share goes.
        data: Folder that holds the corpora; default `AFFEKT_DATA`.
        jobs: Files that are decoded at once.
        progress: Called with the number of recordings done.

    Raises:
        InputError: No map leads to the space, or a corpus is named twice.
        DataError: A corpus is not here, or does not have its layout.
        CatalogError: The rows of a corpus are not recordings with one label each.
        OutputError: The table cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    entries = [corpus(name) if isinstance(name, str) else name for name in names]
    if len({entry.id for entry in entries}) < len(entries):
        raise InputError("A corpus is named twice", hint="Name each once.")
    found = Union()
    carried = {entry.id: _carrier(entry, space, found) for entry in entries}
    text, number, whole = pa.string(), pa.float64(), pa.int64()
    kinds = {"duration": number, "rate": whole, "channels": whole}
    schema = pa.schema([(name, kinds.get(name, text)) for name in Recording.__dataclass_fields__])
    file = Path(out)
    made = file.with_name(file.name + ".part")
    same: dict[str, list[str]] = defaultdict(list)
    heard: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    try:
        with pq.ParquetWriter(made, schema, compression="zstd") as writer, ThreadPoolExecutor(jobs) as pool:
            for batch in _batches(entries, data):
                rows = list(pool.map(lambda each: _looked_at(each, carried[each[0].id], data), batch))
                for row in rows:
                    found.add(row)
                    if row.sha256 is not None:
                        same[row.sha256].append(row.id)
                    if row.speaker is not None:
                        heard[row.corpus, row.speaker][row.split] = None
                writer.write_batch(pa.RecordBatch.from_pylist([asdict(row) for row in rows], schema=schema))
                if progress:
                    progress(len(rows))
        made.replace(file)
    except OSError as err:
        raise OutputError(f"It cannot be written: {err.strerror}", where=str(out), hint="Name another place.") from err
    finally:
        made.unlink(missing_ok=True)
    found.twice = [tuple(ids) for ids in same.values() if len(ids) > 1]
    found.shared = {who: tuple(splits) for who, splits in heard.items() if len(splits) > 1}
    return found


def _carrier(entry: Corpus, space: str, found: Union) -> dict[str, str]:
    """Label of a corpus -> emotion; labels without a place are noted."""
    from affekt.catalog.spaces import space as load_space

    own = load_space(entry.space) if entry.space else None
    if own is None or own.kind != "single":
        raise CatalogError(f"The corpus {entry.id} does not give each recording one emotion", hint="Leave it out.")
    if own.id == space:
        return {label: label for label in own.labels}
    weights = space_map(own.id, space).weights
    carried = {label: max(row, key=lambda to: row[to]) for label, row in weights.items() if row}
    if lost := tuple(label for label in own.labels if label not in carried):
        found.unmapped[entry.id] = lost
    return carried


def _batches(entries: Sequence[Corpus], data: str | Path | None) -> Iterator[list[_Row]]:
    batch: list[_Row] = []
    for entry in entries:
        for split in entry.splits:
            for clip, target in read(entry, split=split, data=data):
                batch.append((entry, split, clip, target))
                if len(batch) == _BATCH:
                    yield batch
                    batch = []
    if batch:
        yield batch


def _looked_at(row: _Row, carried: dict[str, str], data: str | Path | None) -> Recording:
    entry, split, clip, target = row
    named = clip.facts.get("file")
    facts: dict[str, Any] = dict.fromkeys(("duration", "rate", "channels", "sha256"))
    problem: str | None = "missing: the corpus names no file"
    if named is not None:
        problem = _measure(corpus_folder(entry, data) / named, facts)
    label = target.labels[0] if target.labels else None
    return Recording(
        id=f"{entry.id}/{clip.id}",
        corpus=entry.id,
        split=split,
        file=None if named is None else f"{entry.folder}/{named}",
        speaker=None if clip.speaker is None else f"{entry.id} {clip.speaker}",
        language=clip.language or (entry.languages[0] if len(entry.languages) == 1 else None),
        text=clip.text,
        label=label,
        emotion=None if label is None else carried.get(label),
        licence=entry.licence,
        commercial=entry.commercial,
        problem=problem,
        **facts,
    )


def _measure(file: Path, facts: dict[str, Any]) -> str | None:
    """Fill in what a file holds, or say what is wrong with it."""
    from affekt.media.sound import stream_sound

    if not file.is_file():
        return "missing: the file is not here"
    try:
        facts["sha256"] = checksum(file)
        end = 0.0
        for block in stream_sound(file, seconds=60.0):
            end = block.end
            facts["rate"], facts["channels"] = block.original_rate, block.channels
    except (InputError, DataError) as err:
        return f"cannot be read: {err.what}"
    except OSError as err:
        return f"cannot be read: {err.strerror}"
    facts["duration"] = round(end, 3)
    return None
