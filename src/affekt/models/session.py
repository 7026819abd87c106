"""Opening a graph of a model's folder.

A graph may lie compressed, as `NAME.onnx.gz`: less to install, for a graph that opens a little later.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

from affekt.core.errors import ModelError

__all__ = ["graph_of", "has_graph", "open_graph", "read_graph"]

MOST = 1 << 30
"""Most bytes that a compressed graph may have: what a few thousand bytes can claim to be must not fill the memory."""

# The format of gzip, in the words of zlib.
_GZIP = 16 + zlib.MAX_WBITS


def _compressed(file: Path) -> Path:
    return file.with_name(f"{file.name}.gz")


def has_graph(file: Path) -> bool:
    """Whether there is a graph by that name, `NAME.onnx`, as it is or compressed beside it."""
    return file.is_file() or _compressed(file).is_file()


def read_graph(file: Path) -> bytes:
    """The content of a graph.

    Args:
        file: `NAME.onnx`. Where it is not there, `NAME.onnx.gz` beside it is read.

    Raises:
        ModelError: Neither is there, or what is compressed is damaged or has more than 1 GiB.
    """
    plain = file.is_file()
    held = file if plain else _compressed(file)
    try:
        content = held.read_bytes()
    except OSError as err:
        raise ModelError("The model's graph is not there", where=str(file), hint="Install it again.") from err
    if plain:
        return content
    stream = zlib.decompressobj(_GZIP)
    try:
        out = stream.decompress(content, MOST + 1)
    except zlib.error as err:
        raise ModelError("The model's graph is damaged", where=str(held), hint="Install it again.") from err
    if len(out) > MOST:
        raise ModelError(
            f"The model's graph has more than {MOST:,} bytes", where=str(held), hint=f"Lay it there as {file.name}."
        )
    if not stream.eof:
        raise ModelError("The model's graph ends too early", where=str(held), hint="Install it again.")
    return out


def graph_of(file: Path) -> str | bytes:
    """What onnxruntime is handed for a graph: the path of `NAME.onnx`, or the content of `NAME.onnx.gz` beside it.

    Raises:
        ModelError: As `read_graph`.
    """
    return str(file) if file.is_file() else read_graph(file)


def open_graph(file: Path, *, threads: int) -> Any:
    """A graph that can be run.

    Args:
        file: Its file, `NAME.onnx`, which may lie compressed.
        threads: Threads that one call takes.

    Raises:
        ModelError: It is missing or damaged.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    graph = graph_of(file)
    try:
        return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as err:  # onnxruntime raises classes of its own for each kind of damage
        raise ModelError("The model's graph cannot be loaded", where=str(file), hint="Install it again.") from err
