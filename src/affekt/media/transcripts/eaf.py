"""ELAN's annotation files (`.eaf`, https://www.mpi.nl/tools/elan/EAF_Annotation_Format_3.0_and_ELAN.pdf)."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np

from affekt.core.errors import InputError
from affekt.media.transcripts.turn import Turn, checked

__all__ = ["eaf"]


def eaf(text: str, where: str) -> list[Turn]:
    """Turns of the tiers that stand on the time line; the participant is the speaker, else the tier's name.

    Tiers that depend on another (translations, glosses) are left out. A time slot without a time lies evenly between
    its neighbours, as in ELAN.
    """
    if re.search(r"<!(?:DOCTYPE|ENTITY)", text):
        raise InputError("An .eaf has no document type", where=where, hint="Save it again in ELAN.")
    try:
        root = ElementTree.fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", text, count=1))  # noqa: S314 - no entities
    except ElementTree.ParseError as err:
        raise InputError(f"This is no complete XML: {err}", where=where, hint="Save it again in ELAN.") from err
    if root.tag != "ANNOTATION_DOCUMENT":
        raise InputError(f"This is no ELAN file but {root.tag[:40]!r}", where=where)
    slots = _slots(root, where)
    turns = []
    for tier in root.iter("TIER"):
        if tier.get("PARENT_REF"):
            continue
        name = tier.get("TIER_ID", "")
        place = f"{where}, tier {name!r}"
        for annotation in tier.iter("ALIGNABLE_ANNOTATION"):
            ends = [annotation.get("TIME_SLOT_REF1", ""), annotation.get("TIME_SLOT_REF2", "")]
            if missing := [slot for slot in ends if slot not in slots]:
                raise InputError(f"There is no time slot {missing[0]!r}", where=place, hint="Save it again in ELAN.")
            said = " ".join((annotation.findtext("ANNOTATION_VALUE") or "").split())
            if said:
                speaker = tier.get("PARTICIPANT") or name or None
                turns.append(checked(Turn(slots[ends[0]], slots[ends[1]], speaker, said), place))
    return turns


def _slots(root: ElementTree.Element, where: str) -> dict[str, float]:
    """Time slot -> seconds."""
    names, times = [], []
    for slot in root.iter("TIME_SLOT"):
        names.append(slot.get("TIME_SLOT_ID", ""))
        try:
            times.append(float(slot.get("TIME_VALUE", "nan")) / 1000)
        except ValueError as err:
            raise InputError(f"The time of slot {names[-1]!r} is no number", where=where) from err
    values = np.array(times)
    known = np.flatnonzero(~np.isnan(values))
    if len(values) and not len(known):
        raise InputError("No time slot has a time", where=where, hint="Save it again in ELAN.")
    if len(known):
        values = np.interp(np.arange(len(values)), known, values[known])
    return dict(zip(names, values.tolist(), strict=True))
