"""Opening a graph of a model's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from affekt.core.errors import ModelError

__all__ = ["open_graph"]


def open_graph(file: Path, *, threads: int) -> Any:
    """A graph that can be run.

    Args:
        file: Its file.
        threads: Threads that one call takes.

    Raises:
        ModelError: It is missing or damaged.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as err:  # onnxruntime raises classes of its own for each kind of damage
        raise ModelError("The model's graph cannot be loaded", where=str(file), hint="Install it again.") from err
