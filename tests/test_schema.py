from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from affekt.cli.schema import command
from affekt.core.channel import Channel, Conflict, FaceBox, Statement
from affekt.core.clip import Clip
from affekt.core.errors import UnknownNameError
from affekt.core.prediction import Evidence, Prediction, Window
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
    make_row,
)
from affekt.core.shift import Change, Shift
from affekt.report.schema import row_schema

SNAPSHOT = Path(__file__).parent.parent / "docs" / "row.schema.json"
# Fields that rows of version 1.0 lack.
LATER = {
    Row: (
        *("language", "language_probability", "dimensions", "measures", "dialogue", "turn", "shift", "causes"),
        *("person", "faces", "channels", "conflict", "explanation"),
    ),
    WindowRow: ("dimensions",),
    EvidenceRow: ("name", "direction", "z"),
    ShiftRow: (),
    ChangeRow: (),
    CauseRow: (),
    ChannelRow: (),
    ConflictRow: (),
    StatementRow: (),
    FaceRow: (),
}
VALIDATOR = jsonschema.Draft202012Validator(row_schema())

text = st.text(max_size=20)
optional_text = st.none() | text
shares = st.floats(0, 1)
places = st.integers(0, 1000)
scores = st.dictionaries(st.text(min_size=1, max_size=8), shares, max_size=4)
values = st.floats(-100, 100)
dimensions = st.dictionaries(st.sampled_from(["valence", "arousal", "dominance"]), values)
evidence = st.builds(
    Evidence,
    modality=st.sampled_from(["text", "voice", "face", "scene", "music"]),
    cue=text,
    start=st.floats(0, 1e5),
    end=st.floats(0, 1e5),
    weight=st.floats(-1, 1),
    label=optional_text,
    name=optional_text,
    direction=st.sampled_from([None, "above", "below"]),
    z=st.none() | st.floats(-50, 50),
)
clips = st.builds(
    Clip,
    id=text,
    text=optional_text,
    start=st.none() | st.floats(0, 10),
    end=st.none() | st.floats(10, 20),
    speaker=optional_text,
    source=optional_text,
    time=optional_text,
    dialogue=optional_text,
    turn=st.none() | places,
    person=optional_text,
    faces=st.lists(st.builds(FaceBox, *[st.floats(0, 5000)] * 5), max_size=2).map(tuple),
)
changes = st.builds(Change, places, optional_text, st.none() | st.booleans(), dimensions)
predictions = st.builds(
    Prediction,
    clip_id=text,
    space=text,
    scores=scores,
    labels=st.lists(text, max_size=3).map(tuple),
    dimensions=dimensions,
    intervals=st.dictionaries(st.sampled_from(["valence", "arousal"]), st.tuples(values, values)),
    confidence=st.none() | shares,
    abstained=optional_text,
    evidence=st.lists(evidence, max_size=2).map(tuple),
    trajectory=st.lists(st.builds(Window, places, places, scores, dimensions), max_size=2).map(tuple),
    model=text,
    language=optional_text,
    language_probability=st.none() | shares,
    shift=st.none() | st.builds(Shift, st.none() | changes, st.none() | changes),
    channels=st.dictionaries(st.sampled_from(["text", "voice", "face"]), st.builds(Channel, scores, shares)),
    conflict=st.none() | st.builds(Conflict, shares, st.tuples(text, text)),
    explanation=st.lists(
        st.builds(Statement, text, st.lists(places, min_size=1, max_size=3).map(tuple)), max_size=2
    ).map(tuple),
)


def written(clip: Clip, prediction: Prediction) -> dict[str, object]:
    """The row as a reader of the JSON Lines finds it."""
    row: dict[str, object] = json.loads(msgspec.json.encode(make_row(clip, prediction)))
    return row


def full() -> dict[str, object]:
    prediction = Prediction(
        "a",
        "ekman",
        scores={"joy": 0.75, "fear": 0.25},
        labels=("joy",),
        dimensions={"valence": 4.0},
        intervals={"valence": (3.0, 5.0)},
        confidence=0.75,
        evidence=(Evidence("text", "glad", 0, 4, 0.5, "joy"),),
        trajectory=(Window(0, 4, {"joy": 1.0}, {}),),
        model="m@1",
    )
    return written(Clip("a", "glad"), prediction)


def test_the_snapshot_is_what_the_command_prints():
    result = CliRunner().invoke(command)
    assert result.exit_code == 0
    assert result.output == SNAPSHOT.read_text(encoding="utf-8"), "affekt schema > docs/row.schema.json"
    assert json.loads(result.output) == row_schema()


def test_the_schema_itself_is_valid_and_names_its_version():
    jsonschema.Draft202012Validator.check_schema(row_schema())
    assert row_schema()["$id"].endswith(ROW_VERSION)
    assert row_schema("1") == row_schema()


def test_an_unknown_version_is_refused_with_those_there_are():
    result = CliRunner().invoke(command, ["--version", "7"])
    assert isinstance(result.exception, UnknownNameError)
    assert "Known: 1" in str(result.exception)


@pytest.mark.parametrize("kind", list(LATER))
def test_every_field_is_required_and_described(kind):
    definition = row_schema()["$defs"][kind.__name__]
    fields = list(kind.__dataclass_fields__)
    assert list(definition["properties"]) == fields
    assert definition["required"] == [name for name in fields if name not in LATER[kind]]
    assert not definition["additionalProperties"]
    assert all(field["description"] for field in definition["properties"].values())


@settings(deadline=None, max_examples=40)
@given(clips, predictions)
def test_every_row_that_is_made_validates(clip, prediction):
    VALIDATOR.validate(written(clip, prediction))


def test_rows_of_version_1_0_still_validate_and_are_still_read():
    row = full()
    for field in LATER[Row]:
        del row[field]
    for window in row["trajectory"]:
        del window["dimensions"]
    for evidence in row["evidence"]:
        for field in LATER[EvidenceRow]:
            del evidence[field]
    VALIDATOR.validate(row)
    assert msgspec.convert(row, Row).language is None


@pytest.mark.parametrize("field", [name for name in Row.__dataclass_fields__ if name not in LATER[Row]])
def test_a_missing_field_does_not_validate(field):
    row = full()
    VALIDATOR.validate(row)
    del row[field]
    with pytest.raises(jsonschema.ValidationError, match="is a required property"):
        VALIDATOR.validate(row)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", 3),
        ("id", None),
        ("text", 3),
        ("start", "0:03"),
        ("scores", {"joy": 1.5}),
        ("scores", {"joy": "high"}),
        ("scores", [0.5]),
        ("labels", None),
        ("labels", "joy"),
        ("valence", "good"),
        ("intervals", {"valence": [1.0]}),
        ("intervals", {"valence": [1.0, 2.0, 3.0]}),
        ("confidence", -0.1),
        ("abstained", True),
        ("language", 3),
        ("language_probability", 1.5),
        ("evidence", None),
        ("evidence", [{"cue": "glad"}]),
        ("trajectory", [{"start": 0.5}]),
        ("mood", "fine"),
    ],
)
def test_a_wrong_or_unknown_field_does_not_validate(field, value):
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(full() | {field: value})


@pytest.mark.parametrize(("inside", "at"), [("evidence", 0), ("trajectory", 0)])
def test_nested_objects_are_as_strict(inside, at):
    for change in ({"more": 1}, {"start": -1}, {"end": None}):
        row = full()
        row[inside][at].update(change)
        with pytest.raises(jsonschema.ValidationError):
            VALIDATOR.validate(row)
    row = full()
    del row[inside][at]["end"]
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(row)


def test_absent_things_are_null():
    row = written(Clip("a"), Prediction("a", "ekman").abstain("empty text"))
    VALIDATOR.validate(row)
    assert {k for k, v in row.items() if v is not None} == {"id", "space", "labels", "abstained", "evidence", "model"}
