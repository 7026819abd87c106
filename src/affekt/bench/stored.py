"""Tables of answers on disk: there whole or not at all, and read back as what they were."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from affekt.core.errors import DataError, OutputError

__all__ = ["read_rows", "write_table"]

_Made = TypeVar("_Made")


def write_table(table: Any, file: Path) -> None:
    """Write a table of pyarrow as Parquet, in place of what was there.

    Raises:
        OutputError: It cannot be written.
    """
    from pyarrow import parquet

    part = file.with_name(file.name + ".part")
    try:
        parquet.write_table(table, part, compression="zstd")
        part.replace(file)
    except OSError as err:
        part.unlink(missing_ok=True)
        raise OutputError(
            f"The predictions cannot be written: {err.strerror or err}",
            where=str(file),
            hint="Free space or choose another folder.",
        ) from err


def read_rows(file: Path, make: Callable[[list[dict[str, Any]]], _Made], *, what: str) -> _Made:
    """What is made of the rows of a stored table.

    Args:
        file: The table.
        make: Rows -> what they hold.
        what: How messages call that.

    Raises:
        DataError: The file is missing, or does not hold such rows.
    """
    import pyarrow as pa
    from pyarrow import parquet

    if not file.is_file():
        raise DataError("The run has no predictions", where=str(file), hint="Score the file of answers again.")
    try:
        return make(parquet.read_table(file).to_pylist())
    except (pa.ArrowInvalid, KeyError, TypeError, ValueError, OSError) as err:
        raise DataError(
            f"These are not the {what} of a run", where=str(file), hint="Score the file of answers again."
        ) from err
