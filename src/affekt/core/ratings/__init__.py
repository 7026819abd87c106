"""Every annotator's judgement, and what turns judgements into gold: rules, a model of annotators, filters."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from affekt.core.ratings.dawid_skene import DawidSkene, dawid_skene
from affekt.core.ratings.filters import (
    Dropped,
    Filtered,
    agreement_with_others,
    drop_annotators,
    drop_contested_items,
    drop_scattered_items,
    others_mean,
)
from affekt.core.ratings.judgements import Answer, Ratings
from affekt.core.ratings.rules import Gold, all_inclusive, ewe, majority, mean, plurality, presence, soft_label

__all__ = [
    "RULES",
    "Answer",
    "DawidSkene",
    "Dropped",
    "Filtered",
    "Gold",
    "Ratings",
    "agreement_with_others",
    "all_inclusive",
    "dawid_skene",
    "drop_annotators",
    "drop_contested_items",
    "drop_scattered_items",
    "ewe",
    "majority",
    "mean",
    "others_mean",
    "plurality",
    "presence",
    "soft_label",
]

RULES: MappingProxyType[str, Callable[[Ratings], Gold]] = MappingProxyType(
    {
        "majority": majority,
        "plurality": plurality,
        "all-inclusive": all_inclusive,
        "soft-label": soft_label,
        "presence": presence,
        "dawid-skene": lambda ratings: dawid_skene(ratings).gold,
        "mean": mean,
        "ewe": ewe,
    }
)
