"""JSON Lines: one row a line, exactly the published row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import msgspec

from affekt.core.errors import InputError
from affekt.core.row import Row

__all__ = ["encode", "read", "write"]

_ENCODER = msgspec.json.Encoder()
_CHUNK = 1024


def encode(rows: Iterable[Row]) -> bytes:
    """Rows as bytes, each with its newline."""
    return _ENCODER.encode_lines(rows)


def write(rows: Iterable[Row], path: Path) -> None:
    """Write rows to a file, which is overwritten."""
    pending = iter(rows)
    with path.open("wb") as file:
        while chunk := list(islice(pending, _CHUNK)):
            file.write(encode(chunk))


def read(path: Path) -> Iterator[Row]:
    """Rows of a file that was written by `write`, one after the other.

    Raises:
        InputError: A line does not hold a row.
    """
    decoder = msgspec.json.Decoder(Row)
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                yield decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as err:
                raise InputError("This line is not an Affekt row", where=f"{path}:{number}") from err
