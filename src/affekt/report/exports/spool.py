"""Where a run keeps its rows until it is done, so that a broken-off one goes on and a finished one is whole.

Beside the output `OUT` lie `OUT.part`, the rows so far as JSON Lines, and `OUT.part.json`, which says what run
they are of and how many bytes of them count. Rows are written and synced block by block; the journal moves
forward only after that, in one step. So what a killed run, a full disk or a power cut leaves behind a journal's
mark is cut off, and the rows before it stand.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from io import FileIO
from pathlib import Path
from types import ModuleType

import msgspec

from affekt.core.errors import InputError, OutputError
from affekt.core.row import Row
from affekt.report.exports import jsonl

__all__ = ["Spool", "cannot_write"]

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def cannot_write(path: Path | str, err: OSError, *, kept: str = "") -> OutputError:
    """An `OutputError` that says why nothing can be written to `path`, and what was kept."""
    full = err.errno in _FULL
    what = "The disk is full" if full else f"It cannot be written: {(err.strerror or type(err).__name__).lower()}"
    hint = "Free space or write to another place." if full else "Write to another place."
    return OutputError(what, where=str(path), hint=f"{hint} {kept}".strip())


class _Journal(msgspec.Struct, forbid_unknown_fields=True):
    run: dict[str, str]
    rows: int = 0
    bytes: int = 0
    blocks: int = 0
    complete: bool = False
    notes: dict[str, int] = {}
    places: list[str] = []


class Spool:
    """The rows of one run, kept on disk.

    Args:
        out: Where the result will lie.
        run: What decides the result: inputs, options, model. `None` where the input cannot be read again;
            such a run starts anew each time.
        restart: Throw away what an earlier run left.

    Raises:
        InputError: An earlier run with another input or other options left rows here.
        OutputError: It cannot be written, or another run is writing it.
    """

    def __init__(self, out: Path, *, run: Mapping[str, str] | None, restart: bool = False) -> None:
        self.out = out
        self.part = out.with_name(f"{out.name}.part")
        self._journal_path = out.with_name(f"{out.name}.part.json")
        self._journal_new = out.with_name(f"{out.name}.part.json.new")
        self._journal = _Journal(run=dict(run or {}))
        if not out.parent.is_dir():
            raise OutputError("There is no such folder", where=str(out.parent), hint="Make it, or write elsewhere.")
        try:
            self._file = self._open()
            if run is not None and not restart:
                self._journal = self._left_behind() or self._journal
            self._file.truncate(self._journal.bytes)
            self._journal_new.unlink(missing_ok=True)
        except OSError as err:
            raise cannot_write(self.part, err) from err

    @property
    def rows(self) -> int:
        """Number of rows that are safe."""
        return self._journal.rows

    @property
    def blocks(self) -> int:
        """Number of blocks that are safe."""
        return self._journal.blocks

    @property
    def complete(self) -> bool:
        """Whether all rows are there."""
        return self._journal.complete

    @property
    def notes(self) -> dict[str, int]:
        """Counts over the rows so far; kept with the next block."""
        return self._journal.notes

    @property
    def places(self) -> list[str]:
        """Places of the first bad rows; kept with the next block."""
        return self._journal.places

    def add(self, rows: Sequence[Row]) -> None:
        """Keep a block of rows; when this returns, they survive a kill.

        Raises:
            OutputError: The disk is full, or the file cannot be written.
        """
        view = memoryview(jsonl.encode(rows))
        size = len(view)
        try:
            while view:
                view = view[self._file.write(view) or 0 :]
            os.fsync(self._file.fileno())
            self._move(rows=self.rows + len(rows), bytes=self._journal.bytes + size, blocks=self.blocks + 1)
        except OSError as err:
            raise cannot_write(self.part, err, kept=self.kept) from err

    def finish(self) -> None:
        """Say that all rows are there."""
        try:
            self._move(complete=True)
        except OSError as err:
            raise cannot_write(self.part, err, kept=self.kept) from err

    def read(self) -> Iterator[Row]:
        """All rows kept, from disk."""
        return jsonl.read(self.part)

    @property
    def kept(self) -> str:
        """A sentence on what is kept, for messages."""
        if not self._journal.run or not self.rows:
            return ""
        return f"{self.rows:,} rows are kept in {self.part.name}; run the same command again to go on."

    def close(self) -> None:
        """Let go of the files; they stay."""
        self._file.close()

    def hand_over(self, out: Path) -> None:
        """Move the rows to `out` as they are, and remove the journal."""
        # The journal goes first: without it, rows that are left are those of no run, and are written anew.
        self._journal_path.unlink(missing_ok=True)
        self.part.replace(out)
        self._file.close()

    def remove(self) -> None:
        """Remove the files."""
        self._file.close()
        self._journal_path.unlink(missing_ok=True)
        self.part.unlink(missing_ok=True)

    def _move(self, **changes: int) -> None:
        journal = msgspec.structs.replace(self._journal, **changes)
        new = self._journal_new
        try:
            with new.open("wb", buffering=0) as file:
                data = msgspec.json.encode(journal)
                if file.write(data) != len(data):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file.fileno())
            new.replace(self._journal_path)
        except OSError:
            with contextlib.suppress(OSError):
                new.unlink()
            raise
        self._journal = journal

    def _left_behind(self) -> _Journal | None:
        try:
            left = msgspec.json.decode(self._journal_path.read_bytes(), type=_Journal)
            size = os.fstat(self._file.fileno()).st_size
        except (OSError, msgspec.DecodeError):
            return None
        if size < left.bytes:
            return None
        if left.run != self._journal.run:
            changed = [k for k in {**left.run, **self._journal.run} if left.run.get(k) != self._journal.run.get(k)]
            self._file.close()
            raise InputError(
                f"An earlier run with another {' and '.join(changed)} left {left.rows:,} rows here",
                where=str(self.part),
                hint="Run that command again to finish it, or begin anew with --restart (restart=True in Python).",
            )
        return left

    def _open(self) -> FileIO:
        """Open the rows for appending, locked. A run that ends meanwhile moves its file away: then once more."""
        while True:
            # Unbuffered: what a failing write leaves pending would be tried again, and fail again, on closing.
            file = self.part.open("ab", buffering=0)
            try:
                if fcntl is not None:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as err:
                file.close()
                raise OutputError("Another run is writing it", where=str(self.out), hint="Wait for its end.") from err
            except OSError as err:
                if err.errno not in (errno.ENOTSUP, errno.ENOSYS, errno.ENOLCK):
                    file.close()
                    raise
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(file.fileno()), self.part.stat()):
                    return file
            file.close()
