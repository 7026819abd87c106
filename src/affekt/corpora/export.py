"""Corpora for other tools: Parquet that Hugging Face `datasets` loads, CSV tables as audformat has them, JSON lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from affekt.catalog.corpora import Corpus, corpus
from affekt.catalog.spaces import space as load_space
from affekt.core.clip import Clip
from affekt.core.errors import OutputError
from affekt.core.space import LabelSpace
from affekt.corpora.gold import Target
from affekt.corpora.read import read

__all__ = ["FORMATS", "Format", "export"]

Format = Literal["parquet", "csv", "jsonl"]
FORMATS: tuple[Format, ...] = ("parquet", "csv", "jsonl")

_BATCH = 4096


def export(
    name: str | Corpus,
    *,
    out: str | Path,
    to: Format = "parquet",
    data: str | Path | None = None,
) -> dict[str, int]:
    """Write a corpus, one file a split and a card, a batch of rows at a time.

    Columns: `id`, `text`, `context`, `context_speakers`, `dialogue`, `turn`, `speaker`, `target`, `language`,
    `start`, `end`, `source`, a column `field_NAME` for each further text and `fact_NAME` for each fact, and the gold:
    `label` (one a row) or `labels` (a list), `intensities` where there are strengths or shares, a column for each
    dimension. In Parquet, labels are the numbers of the space, with names in the metadata that
    `datasets.load_dataset(FOLDER)` reads. In CSV the index comes first as audformat has it: `file`, `start`, `end`
    for rows of recordings, `id` for texts; lists are JSON.

    Args:
        name: Id of the corpus, of a view or a part, or its entry.
        out: Folder to write into; made if it is not there. Files of the same names are replaced.
        to: `parquet`, `csv` or `jsonl`.
        data: Folder that holds the corpora; default `AFFEKT_DATA`.

    Returns:
        Split -> number of rows.

    Raises:
        DataError: The corpus is not here or does not have its layout.
        OutputError: The folder or a file cannot be written.
    """
    entry = corpus(name) if isinstance(name, str) else name
    space = load_space(entry.space) if entry.space else None
    folder = Path(out)
    write = {"parquet": _parquet, "csv": _csv, "jsonl": _jsonl}[to]
    written = {}
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for split in entry.splits:
            file = folder / f"{split}.{to}"
            part = file.with_name(file.name + ".part")
            written[split] = write(part, entry, space, read(entry, split=split, data=data))
            part.replace(file)
        (folder / "README.md").write_text(_card(entry, to, written), encoding="utf-8")
    return written


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as err:
        raise OutputError(
            f"The export cannot be written: {err.strerror}", where=str(folder), hint="Choose another folder with --out."
        ) from err


def _fields(entry: Corpus) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for part in entry.parts for name in part.columns.fields))


def _facts(entry: Corpus) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for part in entry.parts for name in part.columns.facts))


def _row(entry: Corpus, space: LabelSpace | None, clip: Clip, target: Target) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": clip.id,
        "text": clip.text,
        "context": list(clip.context),
        "context_speakers": list(clip.context_speakers),
        "dialogue": clip.dialogue,
        "turn": clip.turn,
        "speaker": clip.speaker,
        "target": clip.target,
        "language": clip.language,
        "start": clip.start,
        "end": clip.end,
        "source": clip.source,
        **{f"field_{name}": clip.fields.get(name) for name in _fields(entry)},
        **{f"fact_{name}": clip.facts.get(name) for name in _facts(entry)},
    }
    if space is None:
        return row
    if space.kind == "single":
        row["label"] = target.labels[0] if target.labels else None
    elif space.labels:
        row["labels"] = list(target.labels)
    if space.labels:
        row["intensities"] = {label: target.intensities.get(label) for label in space.labels}
        row["unrated"] = list(target.unrated)
    return row | {d.name: target.dimensions.get(d.name) for d in space.dimensions}


def _parquet(file: Path, entry: Corpus, space: LabelSpace | None, rows: Iterator[tuple[Clip, Target]]) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    text, number = pa.string(), pa.float64()
    fields = [
        *((name, text) for name in ("id", "text")),
        ("context", pa.list_(text)),
        ("context_speakers", pa.list_(text)),
        ("dialogue", text),
        ("turn", pa.int64()),
        *((name, text) for name in ("speaker", "target", "language")),
        *((name, number) for name in ("start", "end")),
        ("source", text),
        *((f"field_{name}", text) for name in _fields(entry)),
        *((f"fact_{name}", text) for name in _facts(entry)),
    ]
    numbered: dict[str, Callable[[Any], Any]] = {}
    if space is not None and space.labels:
        index = {label: i for i, label in enumerate(space.labels)}
        if space.kind == "single":
            fields.append(("label", pa.int64()))
            numbered["label"] = lambda label: None if label is None else index[label]
        else:
            fields.append(("labels", pa.list_(pa.int64())))
            numbered["labels"] = lambda labels: [index[label] for label in labels]
        fields.append(("intensities", pa.struct([(label, number) for label in space.labels])))
        fields.append(("unrated", pa.list_(text)))
    if space is not None:
        fields += [(d.name, number) for d in space.dimensions]
    schema = pa.schema(
        fields, metadata={"huggingface": json.dumps({"info": {"features": _features(schema_of=fields, space=space)}})}
    )
    count = 0
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        while batch := [_row(entry, space, clip, target) for clip, target in islice(rows, _BATCH)]:
            for row in batch:
                for column, convert in numbered.items():
                    row[column] = convert(row[column])
            writer.write_batch(pa.RecordBatch.from_pylist(batch, schema=schema))
            count += len(batch)
    return count


def _features(*, schema_of: list[tuple[str, Any]], space: LabelSpace | None) -> dict[str, Any]:
    """The features as Hugging Face `datasets` writes them into Parquet."""

    def value(dtype: str) -> dict[str, Any]:
        return {"dtype": dtype, "_type": "Value"}

    simple = {"string": value("string"), "int64": value("int64"), "double": value("float64")}
    features: dict[str, Any] = {}
    for name, kind in schema_of:
        if name == "label" and space is not None:
            features[name] = {"names": list(space.labels), "_type": "ClassLabel"}
        elif name == "labels" and space is not None:
            features[name] = {"feature": {"names": list(space.labels), "_type": "ClassLabel"}, "_type": "Sequence"}
        elif name == "intensities" and space is not None:
            features[name] = {label: value("float64") for label in space.labels}
        elif name in ("context", "context_speakers", "unrated"):
            features[name] = {"feature": value("string"), "_type": "Sequence"}
        else:
            features[name] = simple[str(kind)]
    return features


def _csv(file: Path, entry: Corpus, space: LabelSpace | None, rows: Iterator[tuple[Clip, Target]]) -> int:
    count = 0
    writer = None
    with file.open("w", encoding="utf-8", newline="") as stream:
        for clip, target in rows:
            row = _row(entry, space, clip, target)
            # audformat: the index comes first; segments of recordings have times, texts have their id.
            recording = clip.facts.get("file") or (clip.id if clip.text is None else None)
            index = {"file": recording, "start": row.pop("start"), "end": row.pop("end")} if recording else {}
            for key, value in row.pop("intensities", {}).items():
                row[f"intensity_{key}"] = value
            flat = {k: json.dumps(v, ensure_ascii=False) if isinstance(v, list) else v for k, v in row.items()}
            given = {**index, **flat}
            if writer is None:
                writer = csv.DictWriter(stream, list(given))
                writer.writeheader()
            writer.writerow(given)
            count += 1
    return count


def _jsonl(file: Path, entry: Corpus, space: LabelSpace | None, rows: Iterator[tuple[Clip, Target]]) -> int:
    count = 0
    with file.open("w", encoding="utf-8") as stream:
        for clip, target in rows:
            row = {k: v for k, v in _row(entry, space, clip, target).items() if v not in (None, [], {})}
            if "intensities" in row:
                row["intensities"] = {k: v for k, v in row["intensities"].items() if v is not None}
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count


def _card(entry: Corpus, to: Format, written: dict[str, int]) -> str:
    files = "\n".join(f"  - split: {split}\n    path: {split}.{to}" for split in written)
    languages = "\n".join(f"- {code}" for code in entry.languages)
    defects = "\n".join(f"- {defect}" for defect in (*entry.defects, *entry.missing))
    sizes = ", ".join(f"{split} {rows:,}" for split, rows in written.items())
    return f"""\
---
pretty_name: {json.dumps(entry.title)}
language:
{languages}
configs:
- config_name: default
  data_files:
{files}
---

# {entry.title}

{entry.description.strip()}

- Rows: {sizes}
- Label space: {entry.space or "none"}
- Licence as stated at the source: {entry.licence}. Commercial use: {entry.commercial}. {entry.commercial_note}
- From: {entry.home}, {entry.release}
- Cite: {entry.citation.authors} ({entry.citation.year}): {entry.citation.title}. {entry.citation.url}

Known defects and gaps:

{defects or "- none known"}
"""
