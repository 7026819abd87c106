from __future__ import annotations

import math
import re
import tracemalloc
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from affekt.catalog.spaces import space, spaces
from affekt.core.errors import InputError, UnknownNameError
from affekt.core.row import EvidenceRow, Row, WindowRow
from affekt.core.space import Dimension
from affekt.report.exports.emotionml import NAMESPACE, read, write

EMO = f"{{{NAMESPACE}}}"
W3C = "http://www.w3.org/TR/emotion-voc/xml#"
DESCRIPTIONS = ("category", "dimension", "appraisal", "action-tendency")
W3C_ITEMS = {name: set(space(name).labels) for name in spaces() if space(name).emotionml} | {
    # As in the W3C's file of vocabularies.
    "big6": {"anger", "disgust", "fear", "happiness", "sadness", "surprise"},
    "pad-dimensions": {"pleasure", "arousal", "dominance"},
}


def check(path: Path) -> ElementTree.Element:
    """Assertions of the W3C's implementation report (numbers beside them) that concern what we write."""
    root = ElementTree.parse(path).getroot()
    assert root.tag == EMO + "emotionml" and root.get("version") == "1.0"  # 101, 102, 110, 111
    ids = [e.get("id") for e in root.iter() if e.tag.startswith(EMO) and e.get("id") is not None]
    assert len(set(ids)) == len(ids)  # 174, 605
    assert all(re.fullmatch(r"[^\W\d][\w.·-]*", name) for name in ids)
    assert [e.tag for e in root].count(EMO + "info") <= 1  # 105
    vocabularies = {}
    for element in root:
        assert element.tag in {EMO + "info", EMO + "vocabulary", EMO + "emotion"}
    for vocabulary in root.iter(EMO + "vocabulary"):
        assert vocabulary.get("type") in DESCRIPTIONS  # 602, 603
        names = [item.attrib["name"] for item in vocabulary.iter(EMO + "item")]
        assert names and len(set(names)) == len(names)  # 600, 607, 608
        assert all(re.fullmatch(r"[\w.·:-]+", name) for name in names)  # xs:NMTOKEN
        vocabularies["#" + vocabulary.attrib["id"]] = (vocabulary.get("type"), set(names))
    for emotion in root.iter(EMO + "emotion"):
        children = [child.tag.removeprefix(EMO) for child in emotion]
        order = ["info", *DESCRIPTIONS, "reference"]
        assert children == sorted(children, key=lambda name: order.index(name))  # sequence of the schema
        assert children.count("info") <= 1 and set(children) & set(DESCRIPTIONS)  # 155, 156
        for info in emotion.iter(EMO + "info"):
            assert not [e for e in info.iter() if e is not info and e.tag.startswith(EMO)]  # 304
        for kind in DESCRIPTIONS:
            found = emotion.findall(EMO + kind)
            if not found:
                continue
            address = emotion.get(f"{kind}-set") or root.attrib[f"{kind}-set"]  # 210, 220
            if address.startswith("#"):
                of, items = vocabularies[address]
                assert of == kind  # 161, 164
            else:
                items = W3C_ITEMS[address.removeprefix(W3C)]
            names = [e.attrib["name"] for e in found]
            assert set(names) <= items and len(set(names)) == len(names)  # 212, 213, 222, 223
            for e in found:
                assert kind != "dimension" or e.get("value") is not None  # 224
                for scale in ("value", "confidence"):
                    if e.get(scale) is not None:
                        assert 0.0 <= float(e.attrib[scale]) <= 1.0  # 300, 500
        for reference in emotion.iter(EMO + "reference"):
            assert re.fullmatch(r"[!-~]*", reference.attrib["uri"])  # 410, 411
        for name in ("start", "end", "duration"):
            assert re.fullmatch(r"\d+", emotion.get(name, "0"))  # 420 to 422
        assert re.fullmatch(r"-?\d+", emotion.get("offset-to-start", "0"))  # 425
        assert re.fullmatch(r"[\w .-]+", emotion.get("expressed-through", "text"))  # 301
    return root


def make(**changes: object) -> Row:
    row = Row(
        id="r1",
        text="I am so glad",
        source=None,
        start=None,
        end=None,
        speaker=None,
        time=None,
        space="ekman",
        scores=dict(zip(space("ekman").labels, (0.02, 0.01, 0.03, 0.9, 0.04, 0.0), strict=True)),
        labels=["joy"],
        valence=4.2,
        arousal=3.0,
        dominance=2.0,
        intervals={"valence": (3.5, 4.9)},
        confidence=0.87,
        abstained=None,
        evidence=[EvidenceRow("text", "glad", 8, 12, 0.4, "joy")],
        trajectory=None,
        model="text-en@1.0",
    )
    return replace(row, **changes)  # type: ignore[arg-type]


def foreign(tmp_path: Path, body: str, head: str = 'version="1.0"') -> Path:
    path = tmp_path / "foreign.xml"
    path.write_text(f'<emotionml xmlns="{NAMESPACE}" {head}>{body}</emotionml>', encoding="utf-8")
    return path


def emotion(tmp_path: Path, *rows: Row, **options: object) -> ElementTree.Element:
    path = tmp_path / "out.xml"
    write(rows, path, **options)  # type: ignore[arg-type]
    found = check(path).find(EMO + "emotion")
    assert found is not None
    return found


class TestWriting:
    def test_ekman_is_big6_and_joy_is_happiness(self, tmp_path):
        e = emotion(tmp_path, make())
        assert e.get("category-set") == W3C + "big6"
        said = {c.get("name"): float(c.get("confidence")) for c in e.findall(EMO + "category")}
        assert said["happiness"] == 0.9 and "joy" not in said
        assert all(c.get("value") is None for c in e.findall(EMO + "category"))

    def test_dimensions_are_carried_from_their_range(self, tmp_path):
        e = emotion(tmp_path, make())
        assert e.get("dimension-set") == W3C + "pad-dimensions"
        said = {d.get("name"): float(d.get("value")) for d in e.findall(EMO + "dimension")}
        assert said == {"pleasure": pytest.approx(0.8), "arousal": 0.5, "dominance": 0.25}
        wide = [Dimension(name, -100, 100) for name in ("valence", "arousal", "dominance")]
        e = emotion(tmp_path, make(valence=50.0, arousal=-100.0, dominance=None), dimensions=wide)
        assert [float(d.get("value")) for d in e.findall(EMO + "dimension")] == [0.75, 0.0]
        assert read(tmp_path / "out.xml")[0].valence == 50.0

    def test_a_space_of_its_own_is_defined_in_the_document(self, tmp_path):
        labels = dict.fromkeys(space("goemotions").labels, 0.1)
        path = tmp_path / "out.xml"
        write([make(space="goemotions", scores=labels), make(space="goemotions", scores=labels)], path)
        root = check(path)
        (vocabulary,) = root.findall(EMO + "vocabulary")
        assert [item.get("name") for item in vocabulary.iter(EMO + "item")] == list(labels)
        assert {e.get("category-set") for e in root.iter(EMO + "emotion")} == {"#" + vocabulary.get("id")}

    def test_every_space_of_the_catalogue_can_be_written(self, tmp_path):
        rows = []
        for name in spaces():
            labels = space(name).labels
            rows.append(make(id=name, space=name, scores=dict.fromkeys(labels, 0.5) or None, labels=list(labels[:1])))
        path = tmp_path / "out.xml"
        write(rows, path)
        check(path)
        assert read(path) == rows

    def test_place_in_a_recording_is_relative_and_an_instant_absolute(self, tmp_path):
        row = make(source="talks/day 1.wav", start=1.5, end=2.25, time="2024-05-01T10:00:00+02:00")
        e = emotion(tmp_path, row)
        assert (e.get("offset-to-start"), e.get("duration")) == ("1500", "750")
        assert e.get("time-ref-uri") == "talks/day%201.wav"
        assert e.find(EMO + "reference").get("uri") == "talks/day%201.wav#t=1.500,2.250"
        assert e.get("start") == "1714550400000"
        assert emotion(tmp_path, make(time="yesterday")).get("start") is None
        assert emotion(tmp_path, make(time="2024-05-01T10:00:00")).get("start") is None  # nobody knows where

    def test_an_abstention_cannot_be_taken_for_an_answer(self, tmp_path):
        row = make(labels=[], abstained="low confidence", trajectory=[WindowRow(0, 4, {"joy": 0.4}, 3.0, None, None)])
        path = tmp_path / "out.xml"
        write([row, make(id="r2", text="", scores=None, labels=[], valence=None, arousal=None, dominance=None)], path)
        root = check(path)
        names = {c.get("name") for c in root.iter(EMO + "category")}
        assert names == {"no-answer"} and not list(root.iter(EMO + "dimension"))
        assert read(path)[0] == row

    def test_windows_follow_their_text(self, tmp_path):
        window = WindowRow(0, 4, dict(make().scores), 3.25, None, 2.0)
        rows = [make(trajectory=[window, replace(window, start=4, end=12)]), make(id="r2")]
        path = tmp_path / "out.xml"
        write(rows, path)
        assert [e.get("id") for e in check(path).iter(EMO + "emotion")] == ["e1", "e1-w1", "e1-w2", "e2"]
        assert read(path) == rows

    def test_characters_that_xml_cannot_hold_keep_their_place(self, tmp_path):
        row = make(text="a\x00b\x1bc\ud800d\ufffee\r\n\t<&]]>\u2028😀", id="\x07", speaker="\"'\n")
        path = tmp_path / "out.xml"
        write([row], path)
        check(path)
        (back,) = read(path)
        assert back.text == "a\ufffdb\ufffdc\ufffdd\ufffde\r\n\t<&]]>\u2028😀"
        assert (back.id, back.speaker) == ("\ufffd", "\"'\n")

    def test_labels_that_are_no_names(self, tmp_path):
        row = make(space="own", scores={"a b": 0.5, "a/b": 0.25, "불평/불만": 1.0, "!": 0.0, "": 0.1}, labels=["a/b"])
        path = tmp_path / "out.xml"
        write([row], path)
        check(path)
        assert read(path) == [row]

    def test_a_score_that_is_none_is_refused(self, tmp_path):
        for wrong in (1.5, -0.1, math.nan):
            with pytest.raises(ValueError, match="not a probability"):
                write([make(scores={"joy": wrong})], tmp_path / "out.xml")

    def test_memory_does_not_grow_with_the_rows(self, tmp_path):
        def peak(n: int) -> int:
            tracemalloc.start()
            write((make(id=str(i)) for i in range(n)), tmp_path / "out.xml")
            _, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            return most

        peak(10)
        assert peak(600) < 1.3 * peak(100) + 50_000

    def test_no_rows_are_a_document(self, tmp_path):
        write([], tmp_path / "out.xml")
        check(tmp_path / "out.xml")
        assert read(tmp_path / "out.xml") == []


legal = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="\ufffe\uffff"), max_size=12)
share = st.floats(0, 1).map(lambda x: round(x, 6))
label = st.sampled_from(["joy", "anger", "a b", "a-b", "ängstlich", "불평/불만"])
scores = st.dictionaries(label, share, min_size=1)
on_scale = st.none() | st.floats(0.5, 5.5).map(lambda x: round(x, 6))
seconds = st.floats(0, 1e5)
others = st.none() | st.dictionaries(st.sampled_from(["control", "distress", "wie es ist"]), seconds, min_size=1)
windows = st.builds(WindowRow, st.integers(0, 99), st.integers(0, 99), scores, *[on_scale] * 3, others)
rows = st.builds(
    Row,
    id=legal,
    text=st.none() | legal,
    source=st.none() | legal,
    start=st.none() | seconds,
    end=st.none() | seconds,
    speaker=st.none() | legal,
    time=st.none() | legal,
    space=st.sampled_from(["ekman", "own", "x y"]),
    scores=st.none() | scores,
    labels=st.lists(label, unique=True),
    valence=on_scale,
    arousal=on_scale,
    dominance=on_scale,
    intervals=st.none() | st.dictionaries(legal, st.tuples(seconds, seconds), min_size=1),
    confidence=st.none() | share,
    abstained=st.none() | legal,
    evidence=st.lists(st.builds(EvidenceRow, legal, legal, seconds, seconds, seconds, st.none() | legal), max_size=2),
    trajectory=st.none() | st.lists(windows, min_size=1, max_size=2),
    model=legal,
    dimensions=others,
)


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.lists(rows, max_size=3))
def test_what_is_written_comes_back(tmp_path, some):
    path = tmp_path / "out.xml"
    # Labels of an abstention are withheld, so only rows that a recogniser can make are compared.
    some = [replace(row, labels=[]) if row.abstained is not None else row for row in some]
    write(some, path)
    check(path)
    assert read(path) == some


class TestReadingOthers:
    def test_a_plain_annotation(self, tmp_path):
        body = f"""
          <emotion id="x1" category-set="{W3C}everyday-categories" dimension-set="{W3C}fsre-dimensions"
                   time-ref-uri="http://example.org/tape" offset-to-start="2500" duration="1000">
            <category name="satisfied"/><category name="happy" confidence="0.7"/>
            <dimension name="valence" value="0.9"/><dimension name="potency" value="0.1"/>
            Well done!
          </emotion>"""
        (row,) = read(foreign(tmp_path, body))
        assert (row.id, row.space, row.labels) == ("x1", "everyday-categories", ["satisfied", "happy"])
        assert row.scores == {"happy": 0.7} and row.text == "Well done!"
        assert (row.valence, row.arousal, row.dominance) == (0.9, None, None)
        assert (row.source, row.start, row.end) == ("http://example.org/tape", 2.5, 3.5)
        native = [Dimension("valence", 1, 5)]
        assert read(foreign(tmp_path, body), dimensions=native)[0].valence == pytest.approx(4.6)

    def test_sets_of_the_root_and_vocabularies_behind_their_use(self, tmp_path):
        body = """<emotion start="1714550400000"><category name="calm"/><reference uri="a%20b.wav#t=1,2.5"/></emotion>
          <emotion><category name="tense" confidence="1"/></emotion>
          <vocabulary type="category" id="mood"><item name="calm"/><item name="tense"/></vocabulary>"""
        first, second = read(foreign(tmp_path, body, 'version="1.0" category-set="#mood"'))
        assert (first.id, first.space, first.labels, first.text) == ("1", "mood", ["calm"], None)
        assert (first.source, first.start, first.end) == ("a b.wav", 1.0, 2.5)
        assert first.time == "2024-05-01T08:00:00+00:00"
        assert second.scores == {"tense": 1.0}

    def test_any_prefix_and_encoding(self, tmp_path):
        path = tmp_path / "other.xml"
        said = (
            f'<?xml version="1.0" encoding="UTF-16"?><e:emotionml xmlns:e="{NAMESPACE}" version="1.0">'
            f'<!-- as said --><e:emotion category-set="{W3C}big6"><e:category name="fear"/>é</e:emotion></e:emotionml>'
        )
        path.write_bytes(said.encode("utf-16"))
        (row,) = read(path)
        assert (row.labels, row.text) == (["fear"], "é")

    def test_an_unknown_vocabulary_is_named_with_those_known(self, tmp_path):
        body = f'<emotion category-set="{W3C}big7"><category name="fear"/></emotion>'
        with pytest.raises(UnknownNameError, match="big6") as err:
            read(foreign(tmp_path, body))
        assert err.value.where.endswith("foreign.xml:1")

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ('<emotion><category name="fear"/></emotion>', "no category-set"),
            (f'<emotion category-set="{W3C}big6"><category name="joy"/></emotion>', "'joy' is not in"),
            (f'<emotion category-set="{W3C}big6"><category name="fear"/><category name="fear"/></emotion>', "twice"),
            (f'<emotion category-set="{W3C}big6"><category name="fear" confidence="1.1"/></emotion>', r"0\.\.1"),
            (f'<emotion category-set="{W3C}big6"><category name="fear" value="high"/></emotion>', r"0\.\.1"),
            (f'<emotion category-set="{W3C}big6"><category name="fear" confidence="nan"/></emotion>', r"0\.\.1"),
            (f'<emotion category-set="{W3C}pad-dimensions"><category name="arousal"/></emotion>', "Unknown"),
            (f'<emotion dimension-set="{W3C}pad-dimensions"><dimension name="power" value="1"/></emotion>', "'power'"),
            ('<vocabulary id="x"><item name="a"/></vocabulary>', "lacks"),
            ('<vocabulary id="x" type="category"/>', "lacks"),
            ('<vocabulary id="x" type="category"><item name="a"/><item name="a"/></vocabulary>', "another"),
            (f'<emotion start="9e99" category-set="{W3C}big6"><category name="fear"/></emotion>', "calendar"),
            (
                f'<emotion category-set="{W3C}big6"><info><w:window xmlns:w="urn:affekt:emotionml:1" of="e9" start="0" '
                'end="1"/></info><category name="fear"/></emotion>',
                "window",
            ),
        ],
    )
    def test_what_breaks_the_rules_is_refused_with_its_line(self, tmp_path, body, message):
        with pytest.raises(InputError, match=message) as err:
            read(foreign(tmp_path, "\n" + body))
        assert err.value.where.endswith(":2")

    def test_what_is_not_emotionml(self, tmp_path):
        with pytest.raises(InputError, match=r"version 1\.0"):
            read(foreign(tmp_path, "", 'version="2.0"'))
        path = tmp_path / "other.xml"
        for said, message in (
            (b"<html/>", "root element"),
            (b"", "not well-formed"),
            (b"{}", "not well-formed"),
            (f'<emotionml xmlns="{NAMESPACE}" version="1.0"><emotion>'.encode(), "not well-formed"),
            (b'<?xml version="1.0" encoding="klingon"?><a/>', "encoding"),
            (b'<?xml version="1.0" encoding="utf-8"?><a>\xff</a>', "root element|not well-formed"),
        ):
            path.write_bytes(said)
            with pytest.raises(InputError, match=message):
                read(path)


class TestSafety:
    @pytest.mark.parametrize(
        "doctype",
        [
            '<!DOCTYPE emotionml [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
            '<!DOCTYPE emotionml [<!ENTITY a SYSTEM "file:///etc/hostname">]>',
            '<!DOCTYPE emotionml SYSTEM "http://127.0.0.1:9/never.dtd">',
            "<!DOCTYPE emotionml>",
        ],
    )
    def test_a_document_type_is_refused_before_anything_is_expanded(self, tmp_path, doctype):
        path = tmp_path / "bad.xml"
        path.write_text(f'<?xml version="1.0"?>{doctype}<emotionml xmlns="{NAMESPACE}" version="1.0">&a;</emotionml>')
        with pytest.raises(InputError, match="DOCTYPE"):
            read(path)

    def test_entities_of_nowhere_are_refused(self, tmp_path):
        with pytest.raises(InputError, match="undefined entity"):
            read(foreign(tmp_path, f'<emotion category-set="{W3C}big6"><category name="fear"/>&lol;</emotion>'))

    def test_too_large_and_too_deep(self, tmp_path):
        path = tmp_path / "out.xml"
        write([make(id=str(i)) for i in range(20)], path)
        with pytest.raises(InputError, match="larger than 1,000 bytes"):
            read(path, max_bytes=1000)
        assert len(read(path, max_bytes=path.stat().st_size)) == 20
        with pytest.raises(InputError, match="deep"):
            read(foreign(tmp_path, "<info>" + "<a>" * 100_000))

    def test_messages_hold_no_text_of_users(self, tmp_path):
        body = f'<emotion category-set="{W3C}big6"><category name="fear" confidence="7"/>my secret</emotion>'
        with pytest.raises(InputError) as err:
            read(foreign(tmp_path, body))
        assert "secret" not in str(err.value)
