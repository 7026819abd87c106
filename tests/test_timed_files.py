"""WebVTT, SRT, TextGrid, EAF and RTTM: opened by other people's parsers, and read back."""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import string
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
import srt as their_srt
import webvtt as their_webvtt
from hypothesis import given, settings
from hypothesis import strategies as st
from praatio import textgrid as their_textgrid
from pympi import Elan

from affekt.core.errors import InputError
from affekt.core.timeline import Segment, Timeline
from affekt.media import timed
from affekt.media.timed import eaf, rttm, srt, textgrid, webvtt
from affekt.media.timed.tiers import tier_of_name
from affekt.report.exports import export, format_of

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
LABELS = ("joy", "quiet sadness", "anger (short)", "überrascht")
FORMATS = tuple(timed.EXTENSIONS.values())

often = settings(deadline=None, max_examples=60)

TALK = Timeline(
    (
        Segment(
            0.0,
            1.5,
            ("joy",),
            "Anna",
            'I am <so> "glad" & -->\n\nyou?',
            {"joy": 0.9},
            {"valence": 4.1},
            {"valence": (3.5, 4.6)},
            "row 1",
        ),
        Segment(1.2, 2.0004, ("anger (short)", "quiet sadness"), "Bo", "[no] way: go", id="NOTE"),
        Segment(1.3, 2.2, (), "Anna", "hm", id="row 1"),
        Segment(3.0, 3.0002, ("überrascht",), "Anna & Bo", dimensions={"valence": -1.25, "arousal": 0.5}),
        Segment(3600.25, 3601.0, ("joy",), None, "at last"),
    ),
    duration=3700.5,
    source="/rec/long talk.wav",
)

words = st.text(alphabet=string.ascii_letters + "äß語 0!?'\"&<>[](){}:;-.,/\\#%\n", max_size=20)
names = st.text(alphabet=string.ascii_letters + "ä語 '&<>\"", min_size=1, max_size=8).filter(lambda s: s.strip())


@st.composite
def talks(draw, *, texts=words) -> Timeline:
    """Segments of whole milliseconds and at least one, of speakers whose names are no format's signs."""
    speakers = draw(st.lists(names.map(lambda s: " ".join(s.split())), max_size=2, unique=True)) or [None]
    out = []
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, 7_200_000))
        labels = tuple(draw(st.lists(st.sampled_from(LABELS), max_size=2, unique=True)))
        values = draw(st.dictionaries(st.sampled_from(["valence", "arousal"]), st.integers(-5000, 5000), max_size=2))
        out.append(
            Segment(
                start / 1000,
                (start + draw(st.integers(1, 60_000))) / 1000,
                labels,
                draw(st.sampled_from(speakers)),
                " ".join(draw(texts).split()) or None,
                dimensions={name: value / 1000 for name, value in values.items()},
            )
        )
    return Timeline(tuple(out), source="talk.wav")


def told(timeline: Timeline, *, text: bool = True, dimensions: bool = True) -> list[tuple]:
    """What a format can keep, in an order that does not depend on it."""
    return sorted(
        (
            round(s.start * 1000),
            max(round(s.end * 1000), round(s.start * 1000) + 1),
            s.labels,
            s.speaker or "",
            " ".join((s.text or "").split()) if text else "",
            tuple(sorted(s.dimensions.items())) if dimensions else (),
        )
        for s in timeline
    )


def something(timeline: Timeline) -> Timeline:
    """Without segments that say nothing, which tiers cannot show."""
    return replace(timeline, segments=tuple(s for s in timeline if s.labels or s.text or s.dimensions))


def without_doubles(timeline: Timeline) -> Timeline:
    """One segment for each stretch of each speaker: what RTTM cannot tell apart."""
    return replace(timeline, segments=tuple({(s.start, s.end, s.speaker): s for s in timeline}.values()))


# --- there and back


@often
@given(talks())
def test_webvtt_comes_back(talk):
    assert told(webvtt.parse(webvtt.encode(talk))) == told(talk)


@often
@given(talks(texts=words.map(lambda s: s.replace("-->", "->"))))
def test_srt_comes_back_where_the_labels_are_said(talk):
    assert told(srt.parse(srt.encode(talk), labels=LABELS)) == told(talk)


@often
@given(talks())
def test_textgrid_comes_back(talk):
    found = textgrid.parse(textgrid.encode(talk))
    assert told(found) == told(something(talk))
    assert found.duration == pytest.approx(talk.duration, abs=0.0005)


@often
@given(talks())
def test_eaf_comes_back(talk):
    assert told(eaf.parse(eaf.encode(talk))) == told(something(talk))


@often
@given(talks())
def test_rttm_comes_back(talk):
    talk = without_doubles(talk)
    talk = talk.mapped(lambda s: replace(s, speaker=s.speaker and "_".join(s.speaker.split())))
    (found,) = rttm.parse(rttm.encode([talk]), labels=LABELS) or [Timeline()]
    kept = replace(talk, segments=tuple(s for s in talk if s.labels or s.speaker))
    if talk.speakers != (None,):
        # Only the alphabet of labels tells that a `_` was a blank.
        assert told(found, text=False) == told(kept, text=False, dimensions=False)
    else:
        assert told(found) == told(kept, text=False, dimensions=False)


@pytest.mark.parametrize("format", FORMATS)
def test_the_exported_file_is_read_back(format, tmp_path):
    rows = TALK.rows(space="ekman", model="m@1")
    (suffix,) = (s for s, f in timed.EXTENSIONS.items() if f == format)
    path = tmp_path / f"talk{suffix}"
    export(rows, path, format=format_of(path), labels=())
    (found,) = timed.read(path, labels=LABELS)
    has_text, has_dimensions = format != "rttm", format != "rttm"
    expected = told(TALK, text=has_text, dimensions=has_dimensions)
    if format == "srt":
        expected = [(*row[:4], row[4].replace("-->", "->"), row[5]) for row in expected]
    if format == "rttm":
        expected = [(*row[:3], row[3].replace(" ", "_"), *row[4:]) for row in expected]
    assert told(found) == expected
    assert found.source == ("long_talk" if format == "rttm" else None)


def test_intervals_come_back_from_tiers():
    for module in (textgrid, eaf):
        (first, *_) = module.parse(module.encode(TALK)).lane("Anna")
        assert first.intervals == {"valence": (3.5, 4.6)}


def test_probabilities_come_back_from_rttm():
    (found,) = rttm.parse(rttm.encode([TALK]))
    assert found.lane("Anna").segments[0].scores == {"joy": 0.9}


# --- by other people's parsers


def test_webvtt_by_webvtt_py():
    captions = their_webvtt.from_buffer(io.StringIO(webvtt.encode(TALK)))
    assert [(c.start_in_seconds, c.end_in_seconds) for c in captions] == [(0, 1), (1, 2), (1, 2), (3, 3), (3600, 3601)]
    assert [c.start for c in captions][:2] == ["00:00:00.000", "00:00:01.200"]
    assert [c.end for c in captions][3:] == ["00:00:03.001", "01:00:01.000"]
    assert [c.voice for c in captions] == ["Anna", "Bo", "Anna", "Anna &amp; Bo", None]
    names = [c.identifier for c in captions]
    assert len(set(names)) == len(names)
    assert all("-->" not in name for name in names)
    assert captions[1].text == "[anger (short); quiet sadness] [no] way: go"


@often
@given(talks())
def test_every_webvtt_has_the_cues_that_webvtt_py_finds(talk):
    captions = list(their_webvtt.from_buffer(io.StringIO(webvtt.encode(talk))))
    assert [(c.start, c.end) for c in captions] == [
        tuple(f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}" for ms in ends)
        for ends in ((round(s.start * 1000), round(s.end * 1000)) for s in talk)
    ]


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_webvtt_by_a_browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    load = """text => new Promise((done, fail) => {
        const video = document.body.appendChild(document.createElement("video"))
        const track = video.appendChild(document.createElement("track"))
        track.onerror = () => fail("the track cannot be read")
        track.onload = () => done([...track.track.cues].map(cue => {
            const part = cue.getCueAsHTML()
            return [cue.id, cue.startTime, cue.endTime, part.textContent, part.firstChild.title || null,
                part.querySelector(".emotion")?.textContent || null]
        }))
        track.src = URL.createObjectURL(new Blob([text], {type: "text/vtt"}))
        track.track.mode = "hidden"
    })"""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        cues = browser.new_page().evaluate(load, webvtt.encode(TALK))
        browser.close()
    assert [(round(start * 1000), round(end * 1000)) for _, start, end, *_ in cues] == [
        *((0, 1500), (1200, 2000), (1300, 2200)),
        *((3000, 3001), (3600250, 3601000)),
    ]
    surprised = "[überrascht (valence -1.250, arousal 0.500)]"
    assert [tuple(rest) for _, _, _, *rest in cues] == [
        ('[joy (valence 4.100)] I am <so> "glad" & --> you?', "Anna", "[joy (valence 4.100)]"),
        ("[anger (short); quiet sadness] [no] way: go", "Bo", "[anger (short); quiet sadness]"),
        ("hm", "Anna", None),
        (surprised, "Anna & Bo", surprised),
        ("[joy] at last", None, "[joy]"),
    ]
    assert [name for name, *_ in cues] == ["row 1", "cue NOTE", "row 1'", "4", "5"]


@often
@given(talks())
def test_every_srt_is_what_the_srt_package_reads(talk):
    found = list(their_srt.parse(srt.encode(talk)))
    assert [c.index for c in found] == list(range(1, len(talk) + 1))
    assert [(c.start.total_seconds(), c.end.total_seconds()) for c in found] == [
        (pytest.approx(s.start), pytest.approx(s.end)) for s in talk
    ]
    assert found[0].content == srt.encode(talk).split("\n")[2]


@settings(deadline=None, max_examples=25)
@given(talks=talks())
def test_every_textgrid_is_what_praatio_reads(talks, tmp_path_factory):
    path = tmp_path_factory.mktemp("grid") / "a.TextGrid"
    path.write_text(textgrid.encode(talks), encoding="utf-8")
    grid = their_textgrid.openTextgrid(str(path), includeEmptyIntervals=True, reportingMode="error")
    for tier in (grid.getTier(name) for name in grid.tierNames):
        entries = tier.entries
        assert (tier.minTimestamp, tier.maxTimestamp) == (0, pytest.approx(talks.duration))
        assert entries[0].start == 0
        assert entries[-1].end == pytest.approx(talks.duration)
        assert all(a.end == b.start and a.start < a.end for a, b in pairwise(entries))
    said = [e for n in grid.tierNames if n.startswith("emotion") for e in grid.getTier(n).entries if e.label]
    assert sorted((round(e.start * 1000), round(e.end * 1000), e.label) for e in said) == sorted(
        (round(s.start * 1000), round(s.end * 1000), "; ".join(s.labels)) for s in talks if s.labels
    )


def test_the_tiers_of_a_textgrid_are_named_by_what_and_who(tmp_path):
    path = tmp_path / "a.TextGrid"
    path.write_text(textgrid.encode(TALK), encoding="utf-8")
    grid = their_textgrid.openTextgrid(str(path), includeEmptyIntervals=False)
    assert grid.tierNames == (
        *("emotion: Anna", "text: Anna", "valence: Anna", "emotion: Anna #2", "text: Anna #2"),
        *("emotion: Bo", "text: Bo", "emotion: Anna & Bo", "valence: Anna & Bo", "arousal: Anna & Bo"),
        *("emotion", "text"),
    )
    (valence,) = grid.getTier("valence: Anna").entries
    assert valence.label == "4.100000 [3.500000, 4.600000]"
    assert grid.maxTimestamp == 3700.5


@settings(deadline=None, max_examples=25)
@given(talks=talks())
def test_every_eaf_is_what_pympi_reads(talks, tmp_path_factory):
    path = tmp_path_factory.mktemp("eaf") / "a.eaf"
    path.write_text(eaf.encode(talks), encoding="utf-8")
    document = Elan.Eaf(str(path))
    found = []
    for name in document.get_tier_names():
        if document.get_parameters_for_tier(name)["LINGUISTIC_TYPE_REF"] == "emotion":
            who = document.get_parameters_for_tier(name).get("PARTICIPANT")
            found += [(a, b, value, who or "") for a, b, value in document.get_annotation_data_for_tier(name)]
    assert sorted(found) == sorted(
        (round(s.start * 1000), round(s.end * 1000), "; ".join(s.labels), s.speaker or "") for s in talks if s.labels
    )


def test_eaf_has_the_structure_of_its_schema():
    root = ElementTree.fromstring(eaf.encode(TALK))
    order = [
        *("LICENSE", "HEADER", "TIME_ORDER", "TIER", "LINGUISTIC_TYPE", "LOCALE", "LANGUAGE", "CONSTRAINT"),
        *("CONTROLLED_VOCABULARY", "LEXICON_REF", "REF_LINK_SET", "EXTERNAL_REF"),
    ]
    places = [order.index(child.tag) for child in root]
    assert places == sorted(places)
    assert {"AUTHOR", "DATE", "VERSION", "FORMAT"} <= set(root.attrib)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", root.attrib["DATE"])
    (medium,) = root.findall("HEADER/MEDIA_DESCRIPTOR")
    assert medium.attrib == {
        "MEDIA_URL": "file:///rec/long%20talk.wav",
        "MIME_TYPE": "audio/x-wav",
        "RELATIVE_MEDIA_URL": "./long%20talk.wav",
    }
    slots = {slot.get("TIME_SLOT_ID"): int(slot.get("TIME_VALUE", "")) for slot in root.iter("TIME_SLOT")}
    assert list(slots.values()) == sorted(slots.values())
    types = {t.get("LINGUISTIC_TYPE_ID"): t for t in root.iter("LINGUISTIC_TYPE")}
    terms = {
        (cv.get("CV_ID"), e.get("CVE_ID")): e.findtext("CVE_VALUE")
        for cv in root.iter("CONTROLLED_VOCABULARY")
        for e in cv.iter("CV_ENTRY_ML")
    }
    languages = {e.get("LANG_ID") for e in root.iter("LANGUAGE")}
    assert {e.get("LANG_REF") for e in root.iter() if e.get("LANG_REF")} <= languages
    ids = [a.get("ANNOTATION_ID") for a in root.iter("ALIGNABLE_ANNOTATION")]
    assert len(set(ids)) == len(ids)
    assert len({tier.get("TIER_ID") for tier in root.iter("TIER")}) == len(root.findall("TIER"))
    for tier in root.iter("TIER"):
        kind = types[tier.get("LINGUISTIC_TYPE_REF")]
        reached = 0
        for a in tier.iter("ALIGNABLE_ANNOTATION"):
            start, end = slots[a.get("TIME_SLOT_REF1")], slots[a.get("TIME_SLOT_REF2")]
            assert reached <= start < end
            reached = end
            vocabulary = kind.get("CONTROLLED_VOCABULARY_REF")
            if vocabulary is not None:
                assert terms[vocabulary, a.get("CVE_REF")] == a.findtext("ANNOTATION_VALUE")


def test_rttm_has_the_fields_of_its_definition():
    lines = [line.split(" ") for line in rttm.encode([TALK]).splitlines()]
    assert all(len(fields) == 10 for fields in lines)
    assert {(f[0], f[1], f[2]) for f in lines} == {("SPEAKER", "long_talk", "1"), ("EMOTION", "long_talk", "1")}
    turns = [(float(f[3]), float(f[4]), f[7]) for f in lines if f[0] == "SPEAKER"]
    assert turns == [
        *((0.0, 1.5, "Anna"), (1.2, 0.8, "Bo"), (1.3, 0.9, "Anna")),
        (3.0, 0.001, "Anna_&_Bo"),
    ]
    lone = Timeline((Segment(0.5, 1.75, ("joy",)),), source="a/b c.wav")
    assert rttm.encode([lone]) == "SPEAKER b_c 1 0.500 1.250 <NA> <NA> joy <NA> <NA>\n"
    two = [lone, replace(lone, source="x/b c.mp3")]
    with pytest.raises(InputError, match="both be called 'b_c'"):
        rttm.encode(two)


# --- files of others


def test_a_transcript_in_webvtt():
    text = (
        "\ufeffWEBVTT - made elsewhere\r\nKind: captions\r\n\r\nSTYLE\r\n::cue { color: red }\r\n\r\n"
        "NOTE\r\nno cue\r\n\r\nintro\r\n00:01.000 --> 00:02.500 align:start position:10%\r\n"
        "<v.loud Roger Bingham>We are in <i>New York</i> &amp; <v Neil>I see\r\n\r\n"
        "00:03.000 --> 100:00:04.000\r\n[music]\r\nand more\r\n"
    )
    found = webvtt.parse(text)
    assert [(s.start, s.end, s.speaker, s.text, s.labels, s.id) for s in found] == [
        (1, 2.5, "Roger Bingham", "We are in New York &", (), "intro"),
        (1, 2.5, "Neil", "I see", (), "intro"),
        (3, 360004, None, "[music] and more", (), None),
    ]


def test_a_transcript_in_srt():
    text = (
        "\ufeff1\r\n00:00:01,000 --> 00:00:02,500\r\n<i>Who's</i> there?\r\n- {\\an8}Me.\r\n\r\n\r\n"
        "2\r\n0:00:03.5 --> 00:00:04,000\r\n[joy] hello\r\n"
    )
    found = srt.parse(text)
    assert [(s.start, s.end, s.text) for s in found] == [(1, 2.5, "Who's there? - Me."), (3.5, 4, "[joy] hello")]
    assert not found.labels
    assert srt.parse(text, labels=["joy"]).labels == ("joy",)
    assert srt.parse(text, labels=["anger"]).segments[1].text == "[joy] hello"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("form", ["short_textgrid", "long_textgrid"])
def test_a_textgrid_of_both_forms_and_encodings(form, encoding, tmp_path):
    path = tmp_path / "a.TextGrid"
    grid = their_textgrid.Textgrid(0, 4)
    entries = [(0.5, 1.25, 'she said "é"'), (2, 3.5, "yes")]
    grid.addTier(their_textgrid.IntervalTier("Anna", entries, 0, 4))
    grid.addTier(their_textgrid.PointTier("clicks", [(2.25, "x")], 0, 4))
    grid.save(str(path), format=form, includeBlankSpaces=True)
    path.write_text(path.read_text(encoding="utf-8"), encoding=encoding)
    (found,) = timed.read(path)
    assert [(s.start, s.end, s.speaker, s.text) for s in found] == [
        (0.5, 1.25, "Anna", 'she said "é"'),
        (2, 3.5, "Anna", "yes"),
        (2.25, 2.25, "clicks", "x"),
    ]
    assert found.duration == 4


def test_an_eaf_of_pympi_with_annotations_that_refer_to_others(tmp_path):
    path = tmp_path / "a.eaf"
    document = Elan.Eaf(author="")
    document.remove_tier("default")
    document.add_linguistic_type("utterance")
    document.add_linguistic_type("note", "Symbolic_Association")
    document.add_tier("K-Spch", ling="utterance", part="Kim")
    document.add_tier("K-Note", ling="note", parent="K-Spch")
    document.add_annotation("K-Spch", 500, 1250, "hello")
    document.add_ref_annotation("K-Note", "K-Spch", 600, "a greeting")
    document.to_file(str(path))
    (found,) = timed.read(path)
    assert [(s.start, s.end, s.speaker, s.text) for s in found] == [
        (0.5, 1.25, "Kim", "hello"),
        (0.5, 1.25, "K-Note", "a greeting"),
    ]


def test_no_annotation_of_an_eaf_hides_another(tmp_path):
    path = tmp_path / "a.eaf"
    document = Elan.Eaf(author="")
    document.remove_tier("default")
    document.add_linguistic_type("free")
    document.add_linguistic_type("word", "Symbolic_Subdivision")
    for tier in ("speech", "gesture"):
        document.add_tier(tier, ling="free", part="Kim")
    document.add_tier("words", ling="word", parent="speech", part="Kim")
    document.add_annotation("speech", 500, 1250, "oh hello")
    document.add_annotation("gesture", 500, 1250, "waves")
    document.add_ref_annotation("words", "speech", 600, "oh")
    document.add_ref_annotation("words", "speech", 600, "hello", prev="a3")
    document.to_file(str(path))
    (found,) = timed.read(path)
    assert {(s.start, s.end, s.speaker, s.text) for s in found} == {
        (0.5, 1.25, "speech", "oh hello"),
        (0.5, 1.25, "gesture", "waves"),
        (0.5, 1.25, "words", "oh hello"),
    }


def test_time_slots_without_a_time_lie_between_the_others():
    text = eaf.encode(Timeline((Segment(1, 2, text="a"), Segment(2, 4, text="b"))))
    found = eaf.parse(text.replace('TIME_SLOT_ID="ts2" TIME_VALUE="2000"', 'TIME_SLOT_ID="ts2"'))
    assert [(s.start, s.end, s.text) for s in found] == [(1, 2.5, "a"), (2.5, 4, "b")]


def test_an_rttm_of_others():
    text = (
        ";; by hand\nSPKR-INFO talk 1 <NA> <NA> <NA> unknown A <NA> <NA>\n"
        "SPEAKER talk 1 0.5 1.25 <NA> <NA> A <NA>\nSPEAKER other 1 0 2 <NA> <NA> happy 0.75 <NA>\n"
    )
    talk, other = rttm.parse(text, labels=["happy"])
    assert [(s.start, s.end, s.speaker, s.labels) for s in talk] == [(0.5, 1.75, "A", ())]
    assert [(s.speaker, s.labels, s.scores) for s in other] == [(None, ("happy",), {"happy": 0.75})]


BROKEN = [
    ("a.vtt", "00:00.000 --> 00:01.000\nhi\n", "does not begin with WEBVTT"),
    ("a.vtt", "WEBVTT\n\n00:00.000 -> 00:01.000\nhi\n", "A cue has no times .*a.vtt:3"),
    ("a.vtt", "WEBVTT\n\n00:61.000 --> 00:01.000\nhi\n", "times of a cue cannot be read .*a.vtt:3"),
    ("a.vtt", "WEBVTT\n\nx\n00:02.000 --> 00:01.000\nhi\n", "ends before it starts .*a.vtt:4"),
    ("a.srt", "hello\n", "no line with times"),
    ("a.srt", "1\n00:00:01,000 --> 1 s\nx\n", "times of a caption cannot be read .*a.srt:2"),
    ("a.srt", "1\n00:00:02,000 --> 00:00:01,000\nx\n", "ends before it starts"),
    ("a.TextGrid", "hello", "breaks off where a text"),
    ("a.TextGrid", 'File type = "ooTextFile"\nObject class = "Sound"\n', "not a TextGrid"),
    ("a.TextGrid", "ooBinaryFile\x08TextGrid", "is binary"),
    ("a.eaf", "<a/>", "not an EAF document"),
    ("a.eaf", "<a>", "not well-formed XML"),
    ("a.eaf", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "document type"),
    ("a.rttm", "SPEAKER a 1 0.0\n", "has 4 fields .*a.rttm:1"),
    ("a.rttm", "SPEAKER a 1 0.0 x <NA> <NA> b <NA>\n", "not two numbers .*a.rttm:1"),
    ("a.ogg", "OggS", "No format of times has the ending"),
]


@pytest.mark.parametrize(("name", "content", "message"), BROKEN)
def test_what_is_broken_is_refused_with_its_place(name, content, message, tmp_path):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        timed.read(path)


def test_a_layer_of_thousands_of_digits_is_part_of_a_name():
    name = f"emotion: Anna #{'9' * 5000}"
    assert tier_of_name(name, []).speaker == name.removeprefix("emotion: ")
    assert tier_of_name("emotion: Anna #12", []).layer == 12


@pytest.mark.parametrize("format", FORMATS)
@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused_and_nothing_else(format, data):
    text = timed.encode([TALK], format=format)
    pieces = st.text(max_size=3) | st.sampled_from(
        ["9" * 5000, "1e999", "-1", '"', "<", "-->", "\n\n", "٣", "\0", "nan"]
    )
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = min(start + data.draw(st.integers(0, 40)), len(text))
        text = text[:start] + data.draw(pieces) + text[end:]
    readers = {
        "webvtt": webvtt.parse,
        "srt": srt.parse,
        "textgrid": textgrid.parse,
        "eaf": eaf.parse,
        "rttm": rttm.parse,
    }
    with contextlib.suppress(InputError):
        readers[format](text)


def test_a_textgrid_that_breaks_off_is_refused_wherever_it_does():
    whole = textgrid.encode(TALK)
    last = whole.rindex('"')
    for length in range(0, last, 97):
        with pytest.raises(InputError):
            textgrid.parse(whole[:length])


def test_a_file_that_is_too_large_or_no_text_is_refused(tmp_path):
    path: Path = tmp_path / "a.srt"
    path.write_bytes(b"1\n" * 600)
    with pytest.raises(InputError, match="larger than 1,000 bytes"):
        timed.read(path, max_bytes=1000)
    path.write_bytes(b"1\n00:00:01,000 --> 00:00:02,000\ncaf\xe9\n")
    with pytest.raises(InputError, match="not utf-8 from byte 35 on"):
        timed.read(path)
    path.write_bytes(b"RIFF\x00\x00\x00\x00WAVEfmt ")
    with pytest.raises(InputError, match="sound or video"):
        timed.read(path)


# --- as outputs of an analysis


@pytest.mark.parametrize("suffix", [".vtt", ".srt", ".TextGrid", ".eaf", ".rttm"])
def test_a_text_without_times_cannot_be_written_as_a_recording(suffix, tmp_path):
    from click.testing import CliRunner

    from affekt.cli.analyze import command

    out = tmp_path / f"out{suffix}"
    (tmp_path / "in.txt").write_text("What a day\n", encoding="utf-8")
    result = CliRunner().invoke(command, [str(tmp_path / "in.txt"), "--out", str(out)])
    assert isinstance(result.exception, InputError)
    assert "has no start and end" in str(result.exception)
    assert [p.name for p in tmp_path.iterdir()] == ["in.txt"]


@pytest.mark.parametrize("format", [f for f in FORMATS if f != "rttm"])
def test_two_recordings_go_to_two_files(format, tmp_path):
    rows = [row for source in ("a.wav", "b.wav") for row in replace(TALK, source=source).rows(space="x", model="m")]
    with pytest.raises(InputError, match="holds one recording, and there are 2"):
        export(rows, tmp_path / "out", format=format, labels=())
    export(rows, tmp_path / "out.rttm", format="rttm", labels=())
    assert [t.source for t in timed.read(tmp_path / "out.rttm")] == ["a", "b"]


def test_tables_carry_start_end_and_speaker(tmp_path):
    import csv

    from pyarrow import parquet

    from affekt.report.exports import jsonl

    rows = TALK.rows(space="ekman", model="m@1")
    for name in ("t.jsonl", "t.csv", "t.parquet"):
        export(rows, tmp_path / name, format=format_of(tmp_path / name), labels=("joy",), dimensions=())
    expected = [(s.start, s.end, s.speaker) for s in TALK]
    assert [(r.start, r.end, r.speaker) for r in jsonl.read(tmp_path / "t.jsonl")] == expected
    table = parquet.read_table(tmp_path / "t.parquet")
    assert list(zip(*(table[c].to_pylist() for c in ("start", "end", "speaker")), strict=True)) == expected
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as file:
        cells = [(float(r["start"]), float(r["end"]), r["speaker"] or None) for r in csv.DictReader(file)]
    assert cells == expected


def test_emotionml_says_where_in_the_recording(tmp_path):
    from affekt.report.exports import emotionml

    rows = TALK.rows(space="ekman", model="m@1")
    path = tmp_path / "t.xml"
    export(rows, path, format="emotionml", labels=())
    space = f"{{{emotionml.NAMESPACE}}}"
    found = ElementTree.parse(path).getroot().findall(f"{space}emotion")
    assert [(int(e.get("offset-to-start", "")), int(e.get("duration", ""))) for e in found] == [
        (round(s.start * 1000), round(s.end * 1000) - round(s.start * 1000)) for s in TALK
    ]
    assert {e.get("time-ref-uri") for e in found} == {"/rec/long%20talk.wav"}
    assert found[0].find(f"{space}reference").get("uri") == "/rec/long%20talk.wav#t=0.000,1.500"
    back = emotionml.read(path)
    assert [(r.start, r.end, r.speaker) for r in back] == [(s.start, s.end, s.speaker) for s in TALK]


def test_a_row_without_an_answer_says_nothing(tmp_path):
    (row,) = Timeline((Segment(0, 1, ("joy",), "Anna", "so", {"joy": 0.4}, {"valence": 3.0}),)).rows(
        space="x", model="m"
    )
    path = tmp_path / "a.vtt"
    export([replace(row, abstained="low confidence")], path, format="webvtt", labels=())
    assert path.read_text(encoding="utf-8").splitlines()[-1] == "<v Anna>so"


# --- transcripts as inputs


@pytest.mark.parametrize("format", [f for f in FORMATS if f != "rttm"])
def test_a_transcript_is_read_as_texts_with_times_and_speakers(format, tmp_path):
    from affekt.media.text import FileSource

    (suffix,) = (s for s, f in timed.EXTENSIONS.items() if f == format)
    path = tmp_path / f"visit{suffix}"
    # SRT has no speakers of its own; what is said of them stands in the text.
    plain = TALK.mapped(lambda s: Segment(s.start, s.end, speaker=None if format == "srt" else s.speaker, text=s.text))
    path.write_text(timed.encode([plain], format=format), encoding="utf-8")
    source = FileSource(path)
    reads = list(source)
    arrow = "->" if format == "srt" else "-->"
    assert [(r.clip.start, r.clip.end, r.clip.speaker, r.clip.text) for r in reads if r.problem is None] == [
        (s.start, round(s.end, 3), s.speaker, " ".join(s.text.split()).replace("-->", arrow)) for s in plain if s.text
    ]
    assert len({r.clip.id for r in reads}) == len(reads) == source.total
    assert {r.clip.source for r in reads} == {str(path)}
    assert {r.problem for r in reads} <= {None, "empty"}
