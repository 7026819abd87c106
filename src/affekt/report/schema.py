"""The JSON Schema of the published output row."""

from __future__ import annotations

from typing import Any

import msgspec

from affekt.core.errors import UnknownNameError
from affekt.core.row import (
    ROW_VERSION,
    CauseRow,
    ChangeRow,
    ChannelRow,
    ConflictRow,
    EvidenceRow,
    FaceRow,
    Row,
    ShiftRow,
    StatementRow,
    WindowRow,
)

__all__ = ["row_schema", "versions"]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

# What a field means, and what its values keep to beyond their type.
_FIELDS: dict[type, dict[str, tuple[str, dict[str, Any]]]] = {
    Row: {
        "id": ("Name of the clip, unique in its run.", {}),
        "text": ("What was written or said; null where there are no words.", {}),
        "source": ("File and row that the clip came from; null where it came from neither.", {}),
        "start": ("Start in seconds within a recording; null for plain text.", {}),
        "end": ("End in seconds within a recording; null for plain text.", {}),
        "speaker": ("Who wrote or said it; null where that is not known.", {}),
        "time": ("Value of the table's time column, as it stood there; null where there is none.", {}),
        "space": ("Id of the label space of `scores` and `labels`.", {}),
        "scores": (
            "Label -> calibrated probability, for every label of the space in its order; null where nothing was read.",
            {"minimum": 0, "maximum": 1},
        ),
        "labels": ("Labels at or above their thresholds, most probable first; empty where there are none.", {}),
        "valence": ("Valence on the model's native range; null where the model gives none.", {}),
        "arousal": ("Arousal on the model's native range; null where the model gives none.", {}),
        "dominance": ("Dominance on the model's native range; null where the model gives none.", {}),
        "intervals": (
            "Dimension -> [low, high], where single annotators' ratings are expected to lie, on the native range; of a "
            "voice, how far apart the labels lie that its scores leave open; null where there are none.",
            {},
        ),
        "confidence": (
            "Estimated probability that the top label is among those that annotators would give; null where unknown.",
            {"minimum": 0, "maximum": 1},
        ),
        "abstained": ("Why no answer is given; null where one is.", {}),
        "evidence": (
            "What moved the reading, and how a voice or a face departs from what is usual for it; empty where it was "
            "not asked for.",
            {},
        ),
        "trajectory": ("Windows of a long text, in order; null for a text that was read in one piece.", {}),
        "model": ("Name and version of the recogniser.", {}),
        "language": (
            "Language that the text was taken to be in: its ISO 639-1 code, of ISO 639-3 where it has none; null where "
            "that was not asked or cannot be told. Since 1.1.",
            {},
        ),
        "language_probability": (
            "What the language detector gives that language; null where it was said beforehand, or told by the script "
            "or by common words. Since 1.1.",
            {"minimum": 0, "maximum": 1},
        ),
        "dimensions": (
            "Dimension -> value on the native range, for what the model gives beside valence, arousal and dominance: "
            "appraisals, empathy and the like; null where there are none. Since 1.2.",
            {},
        ),
        "measures": (
            "Name -> what was measured in the sound beside the reading; null where nothing was. Since 1.3.",
            {},
        ),
        "dialogue": ("Name of the conversation that it is a turn of; null where it is none. Since 1.3.", {}),
        "turn": ("Its place there, counted from 0; null where it is no turn. Since 1.3.", {"minimum": 0}),
        "shift": (
            "What changed since earlier turns of the conversation; null where it is no turn, or was not read. "
            "Since 1.3.",
            {},
        ),
        "causes": (
            "What in the conversation caused its emotion; empty where nothing was found, null where that was not "
            "asked. Since 1.3.",
            {},
        ),
        "person": ("Whose face is read, by a name unique in its video; null where no face is. Since 1.4.", {}),
        "faces": ("Where that face stands over time; null where no face is read. Since 1.4.", {}),
        "channels": (
            "Channel (`text`, `voice`, `face`) -> what it says by itself and its share in `scores`; null where only "
            "one was read. Since 1.4.",
            {},
        ),
        "conflict": ("How much the channels disagree; null where fewer than two were read. Since 1.4.", {}),
        "explanation": ("Why, in sentences that rest on `evidence`; null where that was not asked. Since 1.4.", {}),
    },
    ChannelRow: {
        "scores": ("Label -> calibrated probability, in the space of the row.", {"minimum": 0, "maximum": 1}),
        "weight": ("Its share in the reading; those of all channels sum to 1.", {"minimum": 0, "maximum": 1}),
    },
    ConflictRow: {
        "score": ("Probability that the channels do not carry the same emotion.", {"minimum": 0, "maximum": 1}),
        "between": ("The two channels that are furthest apart.", {}),
    },
    StatementRow: {
        "sentence": ("The sentence.", {}),
        "evidence": ("Places in `evidence` of what it rests on, counted from 0.", {"minItems": 1}),
    },
    FaceRow: {
        "time": ("When, in seconds; 0 in a picture.", {"minimum": 0}),
        "x": ("Left edge in pixels of the upright frame.", {}),
        "y": ("Upper edge in pixels.", {}),
        "width": ("Width in pixels.", {"minimum": 0}),
        "height": ("Height in pixels.", {"minimum": 0}),
    },
    ChangeRow: {
        "turn": ("The earlier turn's place in the dialogue, counted from 0.", {"minimum": 0}),
        "label": ("Its most probable label; null where it has none.", {}),
        "changed": ("Whether this turn's most probable label is another one; null where either has none.", {}),
        "valence": ("This turn's valence minus that one's, on the native range; null where either has none.", {}),
        "arousal": ("Likewise for arousal.", {}),
        "dominance": ("Likewise for dominance.", {}),
        "dimensions": ("Likewise for further dimensions; null where there are none.", {}),
    },
    ShiftRow: {
        "own": (
            "From the same speaker's last turn that was read; null where there is none or who speaks is unknown.",
            {},
        ),
        "other": ("From the last turn of another speaker that was read; null likewise.", {}),
    },
    CauseRow: {
        "turn": ("The turn that the words stand in: its place in the dialogue, counted from 0.", {"minimum": 0}),
        "start": ("Their first character in the text of that turn.", {"minimum": 0}),
        "end": ("The character after their last one.", {"minimum": 0}),
        "score": ("Probability that the turn holds a cause.", {"minimum": 0, "maximum": 1}),
    },
    EvidenceRow: {
        "modality": ("Channel that it was found in.", {"enum": ["text", "voice", "face", "scene", "music"]}),
        "cue": ("What was seen or heard: a word or a short description.", {}),
        "start": ("Where it starts: characters in text, seconds in sound and video.", {"minimum": 0}),
        "end": ("Where it ends; exclusive for characters.", {"minimum": 0}),
        "weight": (
            "How much it moved the probability of `label`; negative where it spoke against it, 0 where it is only said "
            "how a voice or a face departs from what is usual for it.",
            {},
        ),
        "label": ("The label that it speaks for or against; null where it is about the reading as a whole.", {}),
        "name": (
            "Property in which a voice or a face departs from what is usual for it, such as `pitch`; null for all "
            "else. Since 1.3.",
            {},
        ),
        "direction": ("Side to which it departs; null for all else. Since 1.3.", {"enum": ["above", "below"]}),
        "z": (
            "How far it departs, in standard deviations: of a voice from the median of the speaker's other stretches, "
            "of a face from that of the person's frames, or, with few of them, of neutral faces; null for all else. "
            "Since 1.3.",
            {},
        ),
    },
    WindowRow: {
        "start": ("First character of the window.", {"minimum": 0}),
        "end": ("Character after its last one.", {"minimum": 0}),
        "scores": ("Label -> calibrated probability.", {"minimum": 0, "maximum": 1}),
        "valence": ("Valence on the model's native range; null where the model gives none.", {}),
        "arousal": ("Arousal on the model's native range; null where the model gives none.", {}),
        "dominance": ("Dominance on the model's native range; null where the model gives none.", {}),
        "dimensions": ("As for the row. Since 1.2.", {}),
    },
}


def versions() -> tuple[str, ...]:
    """Major versions of the row that there is a schema for."""
    return (ROW_VERSION.partition(".")[0],)


def row_schema(version: str | None = None) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of one output row.

    No other field is allowed, and every field is always present, except that rows of an earlier minor version lack
    the fields that came later. So a row with a missing, misspelt or wrongly typed field does not validate.

    Args:
        version: Major version, as in `1`. Default: the present one.

    Raises:
        UnknownNameError: There is no such version.
    """
    if version is not None and version not in versions():
        raise UnknownNameError("row version", version, versions())
    (root,), definitions = msgspec.json.schema_components([Row], ref_template="#/$defs/{name}")
    for kind, fields in _FIELDS.items():
        definition = definitions[kind.__name__]
        definition["additionalProperties"] = False
        for name, (description, limits) in fields.items():
            schema = definition["properties"][name]
            _values(schema).update(limits)
            definition["properties"][name] = {"description": description, **schema}
    return {
        "$schema": _DIALECT,
        "$id": f"urn:affekt:row:{ROW_VERSION}",
        "title": f"Affekt output row {ROW_VERSION}",
        **root,
        "$defs": definitions,
    }


def _values(schema: dict[str, Any]) -> dict[str, Any]:
    """The part of a field's schema that describes its values: not null, and inside a mapping."""
    present: dict[str, Any] = next((s for s in schema.get("anyOf", ()) if s != {"type": "null"}), schema)
    inside: dict[str, Any] = present.get("additionalProperties", present)
    return inside
