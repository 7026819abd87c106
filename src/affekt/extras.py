"""The only gate for optional imports."""

from __future__ import annotations

import importlib
from types import ModuleType

from affekt.core.errors import MissingExtraError

__all__ = ["need"]


def need(module: str, *, extra: str) -> ModuleType:
    """Import `module`, or say which extra brings it.

    Raises:
        MissingExtraError: The module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as err:
        raise MissingExtraError(
            f"This needs {module!r}, which is not installed",
            hint=f"Install it with: pip install 'affekt[{extra}]'",
        ) from err
