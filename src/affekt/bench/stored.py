"""Tables of answers on disk: there whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from affekt.core.errors import OutputError

__all__ = ["write_table"]


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
