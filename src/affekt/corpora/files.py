"""Finding a corpus on this computer, opening its files, and naming what is wrong with them."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from msgspec.structs import replace

from affekt.catalog.corpora import Corpus, CorpusFile
from affekt.core.clip import Clip
from affekt.core.errors import DataError, InputError

__all__ = [
    "DATA_VARIABLE",
    "checksum",
    "corpus_folder",
    "data_folder",
    "file_of",
    "files_of",
    "joined_file",
    "lines",
    "opened",
    "recording_of",
]

DATA_VARIABLE = "AFFEKT_DATA"

# Annotated texts are at most pages; a longer "line" means that the file is something else.
_LONGEST = 10_000_000


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


def corpus_folder(corpus: Corpus, data: str | Path | None = None) -> Path:
    """The folder of a corpus: below the data folder, or the data folder itself where that is it.

    Raises:
        DataError: The data folder or the corpus folder is missing.
    """
    root = data_folder(data)
    if (root / corpus.folder).is_dir():
        return root / corpus.folder
    if "*" not in corpus.files[0].path and (root / corpus.files[0].path).is_file():
        return root
    raise DataError(
        f"The data folder has no {corpus.title}",
        where=str(root / corpus.folder),
        hint=f"Make it: `{corpus.made_by}`." if corpus.made_by else f"Get it from {corpus.home} and put it there.",
    )


def recording_of(corpus: Corpus, clip: Clip, data: str | Path | None = None) -> Path:
    """The recording that a row of a corpus is.

    Raises:
        InputError: Rows of the corpus are not recordings.
        DataError: The data folder, the corpus folder or the file is missing.
    """
    if "file" not in clip.facts:
        raise InputError(f"Rows of {corpus.title} are not recordings", where=corpus.id, hint="See `affekt bench list`.")
    return file_of(corpus, clip.facts["file"], data)


def file_of(corpus: Corpus, path: str, data: str | Path | None = None) -> Path:
    """Full path of a file of the release.

    Raises:
        DataError: The data folder, the corpus folder or the file is missing.
    """
    file = corpus_folder(corpus, data) / path
    if not file.is_file():
        raise DataError(
            f"A file of {corpus.title} is missing",
            where=str(file),
            hint=f"The release at {corpus.home} has it; the entry describes {corpus.release}.",
        )
    return file


def joined_file(corpus: Corpus, data: str | Path | None = None) -> Path:
    """Full path of the table that gives the rows of a corpus further columns.

    Raises:
        DataError: The data folder, the folder or the file is missing.
    """
    assert corpus.joined is not None
    return file_of(replace(corpus, folder=corpus.joined.folder or corpus.folder), corpus.joined.path, data)


def files_of(corpus: Corpus, part: CorpusFile, data: str | Path | None = None) -> list[Path]:
    """Full paths of what `part` names, sorted by name.

    Raises:
        DataError: A file is missing, or there are fewer or more than the release has.
    """
    if "*" not in part.path:
        return [file_of(corpus, part.path, data)]
    folder = corpus_folder(corpus, data)
    found = sorted(f for f in folder.glob(part.path) if f.is_file())
    if len(found) != part.count if part.count else not found:
        raise DataError(
            f"{corpus.title} has {len(found)} files {part.path} where the release has {part.count or 'some'}",
            where=str(folder),
            hint=f"Get it again from {corpus.home}; the entry describes {corpus.release}.",
        )
    return found


def checksum(file: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def opened(file: Path) -> IO[bytes]:
    """The bytes of a file; of a zip archive, those of the one file in it.

    Raises:
        DataError: The file cannot be read, or is an archive of none or several files.
    """
    try:
        if file.suffix != ".zip":
            return file.open("rb")
        with zipfile.ZipFile(file) as archive:
            # macOS adds a folder of its own to what it packs.
            inside = [n for n in archive.namelist() if not n.endswith("/") and not n.startswith("__MACOSX")]
            if len(inside) != 1:
                raise DataError(f"The archive holds {len(inside)} files where one is expected", where=str(file))
            return io.BytesIO(archive.read(inside[0]))
    except OSError as err:
        raise DataError(f"The file cannot be read: {err.strerror}", where=str(file)) from err
    except zipfile.BadZipFile as err:
        raise DataError("This is not a zip archive", where=str(file), hint="Get the file again.") from err


def lines(file: Path, *, encoding: str = "utf-8") -> Iterator[tuple[int, str]]:
    """Stream (line number from 1, line with its end).

    Raises:
        DataError: The file cannot be read, or not be decoded.
    """
    first = "utf-8-sig" if encoding == "utf-8" else encoding
    with opened(file) as stream:
        number = 0
        while raw := stream.readline(_LONGEST):
            number += 1
            if len(raw) == _LONGEST:
                raise DataError(
                    "A line is longer than ten million bytes",
                    where=f"{file}, line {number}",
                    hint="This is not the file that the corpus entry describes.",
                )
            try:
                text = raw.decode(first if number == 1 else encoding)
            except UnicodeDecodeError as err:
                raise DataError(
                    f"Not {encoding.upper()}: byte {err.start + 1} of the line cannot be decoded",
                    where=f"{file}, line {number}",
                    hint=f"Get the file again from the release, or convert it to {encoding.upper()}.",
                ) from err
            yield number, text
