"""Checkpoints: tensors and what they are of, in one file that is there whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affekt.extras import need

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["mark_of", "read", "write"]

_FILE = "last.safetensors"


def write(folder: Path, state: Mapping[str, Tensor], mark: Mapping[str, Any]) -> None:
    """Write a checkpoint in place of the one before.

    Args:
        folder: Where; made if it is missing.
        state: Tensors by name.
        mark: What they are of, as JSON.
    """
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f"{_FILE}.new"
    # The mark travels inside the file, so that the two cannot be of different moments.
    metadata = {"mark": json.dumps(mark)}
    save = need("safetensors.torch", extra="train").save_file
    save({k: v.contiguous() for k, v in state.items()}, temporary, metadata=metadata)
    temporary.replace(folder / _FILE)


def _opened(folder: Path) -> Any:
    return need("safetensors", extra="train").safe_open(folder / _FILE, framework="pt")


def read(folder: Path) -> dict[str, Tensor]:
    """The tensors of the last checkpoint."""
    with _opened(folder) as file:
        return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118


def mark_of(folder: Path) -> dict[str, Any]:
    """What the last checkpoint says of itself, without its tensors; empty where there is none."""
    if not (folder / _FILE).exists():
        return {}
    with _opened(folder) as file:
        found: dict[str, Any] = json.loads(file.metadata()["mark"])
        return found
