"""Finding a corpus on this computer, reading its files line by line, and naming what is wrong with them."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from affekt.catalog.corpora import Corpus
from affekt.core.errors import DataError

__all__ = ["DATA_VARIABLE", "checksum", "csv_rows", "data_folder", "file_of", "lines"]

DATA_VARIABLE = "AFFEKT_DATA"

# Annotated texts are at most paragraphs; a longer "line" means that the file is something else.
_LONGEST = 1_000_000


def data_folder(data: str | Path | None = None) -> Path:
    """The folder that holds the corpora.

    Args:
        data: The folder; default the one that the environment variable `AFFEKT_DATA` names.

    Raises:
        DataError: It is not set, or is no folder.
    """
    given = data if data is not None else os.environ.get(DATA_VARIABLE)
    if not given:
        raise DataError(
            "It is not known where the corpora are",
            hint=f"Set {DATA_VARIABLE} to the folder that holds them, or pass --data DIR.",
        )
    folder = Path(given)
    if not folder.is_dir():
        source = DATA_VARIABLE if data is None else "--data"
        raise DataError(
            "The folder of the corpora does not exist",
            where=str(folder),
            hint=f"Correct {source}; it must name the folder that holds one folder a corpus.",
        )
    return folder


def _corpus_folder(corpus: Corpus, data: str | Path | None) -> Path:
    root = data_folder(data)
    if (root / corpus.folder).is_dir():
        return root / corpus.folder
    if (root / corpus.files[0].path).is_file():  # the corpus folder itself was named
        return root
    raise DataError(
        f"The data folder has no {corpus.title}",
        where=str(root / corpus.folder),
        hint=f"Get it from {corpus.home} and put it there.",
    )


def file_of(corpus: Corpus, path: str, data: str | Path | None = None) -> Path:
    """Full path of a file of the release.

    Raises:
        DataError: The data folder, the corpus folder or the file is missing.
    """
    file = _corpus_folder(corpus, data) / path
    if not file.is_file():
        raise DataError(
            f"A file of {corpus.title} is missing",
            where=str(file),
            hint=f"The release at {corpus.home} has it; the entry describes {corpus.release}.",
        )
    return file


def checksum(file: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _decoded(file: Path) -> Iterator[tuple[int, str]]:
    try:
        with file.open("rb") as stream:
            number = 0
            while raw := stream.readline(_LONGEST):
                number += 1
                if len(raw) == _LONGEST:
                    raise DataError(
                        "A line is longer than a million bytes",
                        where=f"{file}, line {number}",
                        hint="This is not the file that the corpus entry describes.",
                    )
                try:
                    text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as err:
                    raise DataError(
                        f"Not UTF-8: byte {err.start + 1} of the line cannot be decoded",
                        where=f"{file}, line {number}",
                        hint="Get the file again from the release, or convert it to UTF-8.",
                    ) from err
                yield number, text
    except OSError as err:
        raise DataError(f"The file cannot be read: {err.strerror}", where=str(file)) from err


def lines(file: Path) -> Iterator[tuple[int, str]]:
    """Stream (line number from 1, line without its end).

    Raises:
        DataError: The file cannot be read or is not UTF-8.
    """
    for number, text in _decoded(file):
        yield number, text.rstrip("\r\n")


def csv_rows(file: Path, required: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Stream (number of the row's last line, column -> cell) of a CSV file with a header.

    Args:
        file: The file.
        required: Columns that must be there.

    Raises:
        DataError: The file cannot be read, has no header or not the right one, or a row has more or fewer
            cells than the header.
    """
    reader = csv.reader((text for _, text in _decoded(file)), strict=True)
    header: list[str] | None = None
    try:
        for row in reader:
            if header is None:
                header = row
                if missing := [name for name in required if name not in header]:
                    raise DataError(
                        f"The header lacks {', '.join(repr(m) for m in missing)}",
                        where=f"{file}, line 1",
                        hint=f"It has: {', '.join(header[:12])}.",
                    )
                continue
            if not row:
                continue
            if len(row) != len(header):
                raise DataError(
                    f"A row has {len(row)} cells where the header has {len(header)}",
                    where=f"{file}, line {reader.line_num}",
                    hint="Get the file again from the release, or mend the row.",
                )
            yield reader.line_num, dict(zip(header, row, strict=True))
    except csv.Error as err:
        raise DataError(f"Not valid CSV: {err}", where=f"{file}, line {reader.line_num}") from err
    if header is None:
        raise DataError("The file is empty", where=str(file), hint="Get it again from the release.")
