"""Affekt reads emotion, shows the evidence, and says when it does not know.

Example:
    >>> import affekt
    >>> affekt.analyze("I can't believe you did this for me, thank you!")[0].top
    'gratitude'
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from affekt._version import __version__

if TYPE_CHECKING:
    from affekt.analysis import Policy, analyze, stream
    from affekt.catalog.maps import space_map
    from affekt.catalog.spaces import space, spaces
    from affekt.core.clip import Clip, Dialogue
    from affekt.core.prediction import Evidence, Prediction
    from affekt.core.ratings import Gold, Ratings
    from affekt.core.space import LabelSpace, SpaceMap
    from affekt.models.registry import load

__all__ = [
    "Clip",
    "Dialogue",
    "Evidence",
    "Gold",
    "LabelSpace",
    "Policy",
    "Prediction",
    "Ratings",
    "SpaceMap",
    "__version__",
    "analyze",
    "load",
    "space",
    "space_map",
    "spaces",
    "stream",
]

# Where each public name lives; it is imported when it is first asked for, which keeps `import affekt` light.
_HOMES = {
    "Clip": "affekt.core.clip",
    "Dialogue": "affekt.core.clip",
    "Evidence": "affekt.core.prediction",
    "Gold": "affekt.core.ratings",
    "LabelSpace": "affekt.core.space",
    "Policy": "affekt.analysis",
    "Prediction": "affekt.core.prediction",
    "Ratings": "affekt.core.ratings",
    "SpaceMap": "affekt.core.space",
    "analyze": "affekt.analysis",
    "load": "affekt.models.registry",
    "space": "affekt.catalog.spaces",
    "space_map": "affekt.catalog.maps",
    "spaces": "affekt.catalog.spaces",
    "stream": "affekt.analysis",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'affekt' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
