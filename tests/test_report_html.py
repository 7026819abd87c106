"""The HTML report: what goes into the file, and what people can do with it in a browser."""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import itertools
import json
import os
import random
import re
import subprocess
import sys
from collections import Counter
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from browser import browser_test, until

from affekt.core.errors import InputError, OutputError
from affekt.core.row import EvidenceRow, Row, WindowRow
from affekt.report import html
from affekt.report.html import ModelFacts, ReportFacts, write_report
from affekt.report.page import payload

# Labels and groups of GoEmotions (Demszky et al. 2020, doi:10.18653/v1/2020.acl-main.372), `ekman_mapping.json`.
GROUPS = {
    "joy": ["admiration", "amusement", "approval", "caring", "desire", "excitement", "gratitude", "joy", "love",
            "optimism", "pride", "relief"],
    "sadness": ["disappointment", "embarrassment", "grief", "remorse", "sadness"],
    "anger": ["anger", "annoyance", "disapproval"],
    "surprise": ["confusion", "curiosity", "realization", "surprise"],
    "fear": ["fear", "nervousness"],
    "disgust": ["disgust"],
    "neutral": ["neutral"],
}  # fmt: skip
LABELS = (*sorted(label for members in GROUPS.values() for label in members if label != "neutral"), "neutral")
# For the generator alone: where rows of a label lie (valence, arousal), how common they are, and how they sound.
VOICES: dict[str, tuple[float, float, int, str]] = {
    "admiration": (3.7, 3.2, 13, "The {thing} is {brilliant}, whoever made it knows the craft"),
    "amusement": (3.7, 3.4, 8, "I {laughed} out loud when the {thing} did that, twice"),
    "approval": (3.4, 3.0, 10, "They {agreed} to change the {thing} and that was the {right} call"),
    "caring": (3.5, 3.0, 4, "Please {take care} of yourself, the {thing} can wait"),
    "desire": (3.4, 3.2, 3, "I really {want} a {thing} like that for my sister"),
    "excitement": (3.9, 3.8, 4, "The new {thing} arrives tomorrow and I {can't wait}"),
    "gratitude": (3.8, 3.1, 10, "{Thank you} for sorting out the {thing} on a Sunday"),
    "joy": (4.0, 3.5, 6, "We are so {happy} with the {thing}, it made our week"),
    "love": (4.0, 3.4, 7, "I {love} this {thing} and I will keep it for years"),
    "optimism": (3.6, 3.1, 5, "I {hope} the next {thing} will be even better"),
    "pride": (3.8, 3.2, 1, "I built the {thing} myself and I am {proud} of it"),
    "relief": (3.5, 2.8, 2, "{Finally} the {thing} works again, what a {weight off} my mind"),
    "disappointment": (2.4, 2.9, 6, "I {expected more} from a {thing} at this price"),
    "embarrassment": (2.5, 3.1, 1, "I had to {apologise} to everyone because the {thing} failed"),
    "grief": (1.9, 2.9, 1, "The {thing} was my father's and {losing} it still hurts"),
    "remorse": (2.3, 2.9, 2, "I am {sorry} that I was rude about the {thing}"),
    "sadness": (2.2, 2.7, 5, "It makes me {sad} that the {thing} is gone"),
    "anger": (2.0, 3.7, 6, "This is {outrageous}, nobody answers about the {thing}"),
    "annoyance": (2.4, 3.3, 9, "The {thing} beeps at night and it is so {annoying}"),
    "disapproval": (2.5, 3.1, 7, "I do {not} think that the {thing} should be {allowed}"),
    "confusion": (2.8, 3.1, 5, "I {don't understand} what the {thing} is meant to do"),
    "curiosity": (3.1, 3.2, 7, "{How} does the {thing} know where I am, I {wonder}"),
    "realization": (3.0, 3.0, 3, "I {just noticed} that the {thing} was upside down"),
    "surprise": (3.2, 3.7, 4, "{Wow}, I did not see the {thing} coming"),
    "fear": (2.1, 3.7, 3, "I was {scared} that the {thing} would catch fire"),
    "nervousness": (2.5, 3.5, 2, "I am {nervous} about the {thing} they promised"),
    "disgust": (2.1, 3.3, 3, "The {thing} smelled {disgusting} when it came out of the box"),
    "neutral": (3.0, 2.7, 40, "The {thing} was delivered on the third of the month"),
}
THINGS = (
    "kettle", "bicycle", "update", "refund", "garden", "concert", "meeting", "menu", "radio", "train", "cake",
    "letter", "ticket", "jacket", "app", "museum", "bridge", "lesson", "headset", "invoice", "sofa", "tram",
    "festival", "printer", "orchard", "clinic", "novel", "window", "ferry", "playlist",
)  # fmt: skip
SPEAKERS = ("Amira", "Jonas", "Priya", "Mateo", "Sanne", "يوسف")
ELSEWHERE = (
    "שלום, אני כל כך שמח היום עם הגינה החדשה שלנו",
    "أنا سعيد جدا بهذا الكتاب وأشكركم على المساعدة",
    "Das war leider überhaupt nicht, was ich bestellt hatte",
)


def generate_rows(n: int, *, seed: int = 7, documents: int = 3) -> list[Row]:
    """Rows as a run over mail to a shop might give them; the same ones for the same arguments."""
    rng = random.Random(seed)
    start = datetime(2023, 2, 1, tzinfo=UTC)
    common = [VOICES[label][2] for label in LABELS]
    rows = []
    for i in range(n):
        when = start + timedelta(minutes=round(i * 790_000 / max(n, 1)) + rng.randrange(600))
        label = rng.choices(LABELS, common)[0]
        # A bad spring: complaints grow for two months.
        if 14 <= when.month + 12 * (when.year - 2023) <= 16 and rng.random() < 0.35:
            label = rng.choice(["anger", "annoyance", "disappointment", "disapproval"])
        rows.append(_row(rng, i, label, when))
    for k in range(min(documents, n)):
        at = (k * 7919 + 11) % n
        rows[at] = _document(rng, rows[at], 14 + 9 * k)
    return rows


def _row(rng: random.Random, i: int, label: str, when: datetime) -> Row:
    valence, arousal, _, template = VOICES[label]
    thing = rng.choice(THINGS)
    cues = re.findall(r"{([^}]+)}", template.replace("{thing}", thing))
    text = template.replace("{thing}", thing)
    if rng.random() < 0.12:
        text = rng.choice(["🎉 ", "😅 ", "👩‍👩‍👧 ", "… "]) + text
    evidence = []
    for cue in cues:
        at = text.index("{" + cue + "}")
        text = text.replace("{" + cue + "}", cue)
        sign = -1 if cue == "not" else 1
        evidence.append(EvidenceRow("text", cue, at, at + len(cue), round(sign * rng.uniform(0.08, 0.5), 4), label))
    if rng.random() < 0.5:
        text += rng.choice([".", "!", ", and I told them so.", " :)", "..."])
    scores = {name: round(rng.betavariate(0.5, 30), 6) for name in LABELS}
    scores[label] = round(rng.betavariate(6, 3), 6)
    labels = [label] if scores[label] >= 0.3 else []
    if rng.random() < 0.15:
        other = rng.choice(LABELS[:-1])
        scores[other] = round(rng.uniform(0.3, 0.6), 6)
        labels = sorted({*labels, other}, key=lambda name: -scores[name])
    v, a, d = rng.gauss(valence, 0.28), rng.gauss(arousal, 0.24), rng.gauss(3.0 + (valence - 3) * 0.4, 0.2)
    row = Row(
        id=f"m{i:05d}",
        text=text,
        source=f"mail.csv row {i + 2}",
        start=None,
        end=None,
        speaker=SPEAKERS[min(int(rng.expovariate(0.7)), len(SPEAKERS) - 1)],
        time=when.isoformat(timespec="minutes"),
        space="goemotions",
        scores=scores,
        labels=labels,
        valence=round(v, 6),
        arousal=round(a, 6),
        dominance=round(d, 6),
        intervals={
            name: (round(x - 0.6, 6), round(x + 0.62, 6))
            for name, x in (("valence", v), ("arousal", a), ("dominance", d))
        },
        confidence=round(min(0.99, scores[label] * 0.9 + 0.08), 6),
        abstained=None,
        evidence=evidence,
        trajectory=None,
        model="affekt-text@1.0",
    )
    draw = rng.random()
    if row.confidence is not None and row.confidence < 0.42:
        return replace(row, labels=[], abstained="low confidence")
    if draw < 0.012:
        return _silent(row, rng.choice(ELSEWHERE), "language not covered by the model")
    if draw < 0.018:
        return _silent(row, rng.choice(["🙂🙂", "!!!", "👍"]), "no language content")
    if draw < 0.021:
        return _silent(row, "", "empty")
    return row


def _silent(row: Row, text: str, reason: str) -> Row:
    return replace(
        row, text=text, scores=None, labels=[], valence=None, arousal=None, dominance=None,
        intervals=None, confidence=None, abstained=reason, evidence=[],
    )  # fmt: skip


def _document(rng: random.Random, row: Row, windows: int) -> Row:
    """A letter whose mood turns: calm, then a fall, then a slow recovery."""
    steps, text, evidence = [], "", []
    for k in range(windows):
        share = k / windows
        label = (
            "neutral"
            if share < 0.2
            else "grief"
            if share < 0.35
            else "sadness"
            if share < 0.6
            else "optimism"
            if share < 0.8
            else "gratitude"
        )
        part = _row(rng, k, label, datetime(2024, 1, 1, tzinfo=UTC))
        while not part.text or part.scores is None:
            part = _row(rng, k, label, datetime(2024, 1, 1, tzinfo=UTC))
        begin = len(text)
        evidence += [replace(e, start=e.start + begin, end=e.end + begin) for e in part.evidence]
        text += part.text.rstrip(".!") + ". "
        steps.append(WindowRow(begin, len(text), part.scores, part.valence, part.arousal, part.dominance))
    scores = {label: round(max(s.scores[label] for s in steps) * 0.8, 6) for label in LABELS}
    return replace(row, text=text, scores=scores, labels=["sadness", "gratitude"], evidence=evidence, trajectory=steps,
                   confidence=0.71, abstained=None, valence=2.9, arousal=2.9, dominance=2.9,
                   intervals={"valence": (2.2, 3.6), "arousal": (2.3, 3.5), "dominance": (2.3, 3.4)})  # fmt: skip


MODEL = ModelFacts(
    name="affekt-text",
    version="1.0",
    licence="Apache-2.0",
    languages=("en",),
    size=23_400_000,
    space="goemotions",
    space_title="GoEmotions",
    thresholds=dict.fromkeys(LABELS, 0.3),
    risk_note="Rows below a confidence of .42 get no answer. Of such a rule a card would say here how many texts it "
    "answers, and for how many of these the top label is among those that annotators gave.",
)
FACTS = ReportFacts(
    title="Mail to the shop, February 2023 to July 2024",
    input_name="mail.csv",
    created="2025-05-02T09:30:00+00:00",
    models=(MODEL,),
    labels=LABELS,
    neutral="neutral",
    groups=GROUPS,
    ranges={"valence": (1, 5), "arousal": (1, 5), "dominance": (1, 5)},
    not_for=(
        "Decisions about people: hiring, insurance, credit, policing, schooling.",
        "Judging somebody's health or state of mind.",
        "Languages and registers that it was not measured on.",
    ),
    affekt_version="0.1.0",
    command="affekt analyze mail.csv --column body --explain --out report.html",
)


# --- Reading a page back -------------------------------------------------------------------------------


def read_page(path: Path) -> tuple[dict, dict, dict[str, np.ndarray]]:
    """The facts, the header and the columns of a page, decoded independently of its own script."""
    page = path.read_text(encoding="utf-8")
    facts = json.loads(re.search(r'<script type="application/json" id="facts">(.*?)</script>', page, re.S)[1])
    raw = gzip.decompress(base64.b64decode(re.search(r'id="data">([^<]*)</script>', page)[1]))
    length = int.from_bytes(raw[:4], "little")
    head = json.loads(raw[4 : 4 + length])
    body = raw[4 + length :]
    arrays = {
        name: np.frombuffer(body, dtype="<" + kind, count=size, offset=at)
        for name, (kind, at, size) in head["columns"].items()
    }
    return facts, head, arrays


def strings(arrays: dict[str, np.ndarray], name: str) -> list[str]:
    ends, blob = arrays[name + ".to"], arrays[name].tobytes()
    return [blob[a:b].decode() for a, b in itertools.pairwise(ends)]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return generate_rows(20_000)


@pytest.fixture(scope="module")
def big(rows: list[Row], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "big.html"
    write_report(iter(rows), path, facts=FACTS)
    return path


def write(tmp_path: Path, some: list, facts: ReportFacts = FACTS) -> Path:
    path = tmp_path / "report.html"
    write_report(some, path, facts=facts)
    return path


def plain(text: str | None, **changes) -> Row:
    """A row with nothing but a text, and what a test adds."""
    base = Row(
        id="1", text=text, source=None, start=None, end=None, speaker=None, time=None, space="goemotions",
        scores={"joy": 0.9, "anger": 0.1}, labels=["joy"], valence=None, arousal=None, dominance=None, intervals=None,
        confidence=0.9, abstained=None, evidence=[], trajectory=None, model="m@1",
    )  # fmt: skip
    return replace(base, **changes)


# --- The file ----------------------------------------------------------------------------------------------


def test_rows_come_back_as_they_went_in(rows, big):
    facts, head, arrays = read_page(big)
    n = len(rows)
    assert head["n"] == n == facts["stats"]["n"]
    assert strings(arrays, "text") == [r.text for r in rows]
    assert strings(arrays, "id") == [r.id for r in rows]
    scores = arrays["scores"].reshape(len(LABELS), n)
    for i in range(0, n, 97):
        r = rows[i]
        if r.scores is None:
            assert (scores[:, i] == 65535).all()
        else:
            assert scores[:, i] / 1000 == pytest.approx([r.scores[label] for label in LABELS], abs=0.00051)
        a, b = arrays["labels.to"][i : i + 2]
        assert [LABELS[k] for k in arrays["labels"][a:b]] == r.labels
        assert head["speakers"][arrays["speaker"][i]] == r.speaker
        assert head["reasons"][arrays["abstained"][i]] == (r.abstained or "")
        for name in ("valence", "arousal", "dominance"):
            value = getattr(r, name)
            found = [arrays[name + part][i] for part in ("", ".low", ".high")]
            if value is None:
                assert found == [-(2**31)] * 3
            else:
                assert np.array(found) / 1000 == pytest.approx([value, *r.intervals[name]], abs=0.00051)


def appraised(folder):
    """A page of rows that have dimensions of their own, and no labels."""
    path = folder / "appraisals.html"
    bare = {"scores": None, "labels": [], "confidence": None}
    some = [plain("so it went", id=str(i), dimensions={"control": i / 4, "effort": 0.5}, **bare) for i in range(5)]
    facts = ReportFacts(dimensions=("control", "effort"), ranges={"control": (0.0, 1.0), "effort": (0.0, 1.0)})
    write_report(some, path, facts=facts)
    return path


def test_dimensions_of_other_names_come_along(tmp_path):
    facts, head, arrays = read_page(appraised(tmp_path))
    assert head["dimensions"] == ["valence", "arousal", "dominance", "control", "effort"]
    assert (arrays["control"] / 1000).tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert facts["stats"]["dims"]["control"] == {"n": 5, "mean": 0.5, "sd": 0.3536, "width": None}


def test_counts_are_those_of_the_rows(rows, big):
    stats = read_page(big)[0]["stats"]
    said = [r for r in rows if r.abstained is None]
    assert stats["answered"] == len(said)
    assert stats["abstained"] == dict(Counter(r.abstained for r in rows if r.abstained))
    assert stats["labels"] == dict(Counter(label for r in said for label in r.labels))
    assert stats["unlabelled"] == sum(not r.labels for r in said)
    for name in ("valence", "arousal", "dominance"):
        values = np.array([getattr(r, name) for r in said if getattr(r, name) is not None])
        assert stats["dims"][name]["mean"] == pytest.approx(values.mean(), abs=1e-4)
        assert stats["dims"][name]["sd"] == pytest.approx(values.std(), abs=1e-4)
    confidence = [r.confidence for r in said if r.confidence is not None]
    assert sum(stats["confidence"][0]) == len(confidence)
    assert stats["confidenceMean"] == pytest.approx(np.mean(confidence), abs=1e-4)


def test_only_the_pages_own_script_and_style_may_run(big):
    page = big.read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    for tag in ("script", "style"):
        content = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.S)
        assert len(content) == 1
        digest = base64.b64encode(hashlib.sha256(content[0].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not re.search(r"""(?:src|href|action)=["'](?!#)""", page)
    assert not re.search(r"@import|url\(|\bfetch\(|XMLHttpRequest|innerHTML|\beval\(", page)


def test_mappings_give_the_same_page_as_rows(tmp_path):
    some = generate_rows(300)
    a, b = tmp_path / "a.html", tmp_path / "b.html"
    write_report(some, a, facts=FACTS)
    write_report((json.loads(json.dumps(asdict(r))) for r in some), b, facts=FACTS)
    assert a.read_bytes() == b.read_bytes()


def test_a_mapping_that_is_no_row_is_named_without_its_text(tmp_path):
    with pytest.raises(InputError, match="row 2") as info:
        write_report(
            [{"id": "1", "text": "fine"}, {"id": "2", "text": {"secret": "words"}}], tmp_path / "r.html", facts=FACTS
        )
    assert "secret" not in str(info.value) and "words" not in str(info.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("field", ["text", "speaker", "id", "source", "time", "abstained", "model", "label", "title"])
def test_nothing_in_the_data_becomes_markup(tmp_path, field):
    evil = "</script><script>window.hacked = 1</script><img src=x onerror='hacked=1'>\u2028\u2029<!--&amp;"
    row = plain("calm")
    facts = FACTS
    if field == "label":
        row = replace(row, labels=[evil], scores={evil: 0.9})
    elif field == "title":
        facts = replace(
            FACTS,
            title=evil,
            input_name=evil,
            command=evil,
            models=(replace(MODEL, risk_note=evil, licence_note=evil),),
            not_for=(evil,),
            groups={evil: ["joy"]},
        )
    else:
        row = replace(row, **{field: evil})
    page = write(tmp_path, [row], facts).read_text(encoding="utf-8")
    assert page.count("<script") == 3 and page.count("</script>") == 3
    assert "<img" not in page
    script = re.search(r'id="facts">(.*?)</script>', page, re.S)[1]
    assert "\u2028" not in script and "<" not in script


@pytest.mark.parametrize(
    "text", ["plain words here", "🎉 so happy 🎉 today", "👩‍👩‍👧 شكرا جزيلا 🙂", "a𝄞b", "é\u0301🇳🇱x"]
)
def test_evidence_is_counted_in_the_units_of_the_page(tmp_path, text):
    spans = [(a, b) for a in range(len(text)) for b in range(a + 1, len(text) + 1)]
    evidence = [EvidenceRow("text", text[a:b], a, b, 0.1, "joy") for a, b in spans]
    _, _, arrays = read_page(write(tmp_path, [plain("before"), plain(text, evidence=evidence)]))
    units = text.encode("utf-16-le")
    for k, (a, b) in enumerate(spans):
        start, end = int(arrays["evidence.start"][k]), int(arrays["evidence.end"][k])
        assert units[2 * start : 2 * end].decode("utf-16-le") == text[a:b]


def test_odd_values_neither_stop_the_page_nor_become_numbers(tmp_path):
    nan, inf = float("nan"), float("inf")
    odd = plain(
        "half a pair \ud83d here", valence=nan, arousal=inf, confidence=nan, intervals={"valence": (nan, inf)},
        evidence=[
            EvidenceRow("text", "beyond", 500, 900, 0.2, None),
            EvidenceRow("voice", "pitch", 1.5, 2.25, -0.2, "anger"),
        ],
    )  # fmt: skip
    facts, head, arrays = read_page(write(tmp_path, [odd, plain(None)]))
    assert strings(arrays, "text") == ["half a pair \ufffd here", ""]
    assert arrays["valence"][0] == arrays["arousal"][0] == -(2**31) and arrays["confidence"][0] == 65535
    assert facts["stats"]["dims"] == {}
    assert [head["modalities"][m] for m in arrays["evidence.modality"]] == ["text", "voice"]


def test_a_long_text_keeps_its_start_and_its_whole_course(tmp_path):
    text = "word " * 10_000
    steps = [WindowRow(i * 50, i * 50 + 50, {"joy": i / 1000}, i / 250, None, None) for i in range(1000)]
    _, _, arrays = read_page(write(tmp_path, [plain(text, trajectory=steps)]))
    assert strings(arrays, "text") == [text[: html.MAX_TEXT]] and arrays["length"].tolist() == [50_000]
    assert len(arrays["windows.start"]) == html.MAX_WINDOWS
    assert arrays["windows.start"][0] == 0 and arrays["windows.end"][-1] == 50_000
    assert (arrays["windows.valence"] / 1000).mean() == pytest.approx(np.mean([s.valence for s in steps]), abs=0.01)


# --- More rows than the page holds ----------------------------------------------------------------------


def test_beyond_the_cap_counts_are_exact_and_the_sample_is_uniform(tmp_path, monkeypatch):
    monkeypatch.setattr(payload, "MAX_ROWS", 2_000)
    n = 20_000
    many = [plain(f"text {i}", id=str(i), labels=["joy"] if i % 3 else ["anger"]) for i in range(n)]
    path = write(tmp_path, many)
    facts, head, arrays = read_page(path)
    assert facts["stats"]["n"] == n and facts["stats"]["labels"] == {"anger": 6667, "joy": 13333}
    assert head["n"] == facts["held"] == 2_000
    index = arrays["index"]
    assert (np.diff(index.astype(int)) > 0).all()
    tenths = np.bincount(index // 2_000, minlength=10)
    # Chi-square with 9 degrees of freedom; 27.9 is passed once in a thousand uniform samples.
    assert ((tenths - 200) ** 2 / 200).sum() < 27.9
    first = path.read_bytes()
    assert write(tmp_path, many).read_bytes() == first
    assert "A sample is shown" in path.read_text(encoding="utf-8")


def test_the_cap_on_bytes_holds_too(tmp_path, monkeypatch):
    monkeypatch.setattr(payload, "MAX_BYTES", 300_000)
    facts, head, arrays = read_page(write(tmp_path, [plain("x" * 5_000) for _ in range(400)]))
    assert facts["stats"]["n"] == 400 and 50 <= head["n"] < 60
    assert len(arrays["text"]) < 300_000


# --- Writing -------------------------------------------------------------------------------------------------


def test_where_it_cannot_write_it_says_so(tmp_path):
    with pytest.raises(OutputError, match="nowhere"):
        write_report([plain("x")], tmp_path / "nowhere" / "r.html", facts=FACTS)
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(OutputError):
        write_report([plain("x")], folder, facts=FACTS)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="limits the size of files with setrlimit")
def test_a_full_disk_leaves_the_old_report_and_no_rest(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("the old one")
    code = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from affekt.core.errors import OutputError\n"
        "from affekt.report.html import ReportFacts, write_report\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "try:\n    write_report([{'id': '1', 'text': 'x'}], Path(sys.argv[1]), facts=ReportFacts())\n"
        "except OutputError as err:\n    print(err); sys.exit(err.exit_code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=False)
    assert done.returncode == OutputError.exit_code, done.stderr
    assert "cannot be written" in done.stdout
    assert path.read_text() == "the old one" and [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_rows_that_break_off_leave_the_old_report(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("the old one")

    def broken():
        yield plain("x")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_report(broken(), path, facts=FACTS)
    assert path.read_text() == "the old one" and len(list(tmp_path.iterdir())) == 1


def test_facts_refuse_what_the_page_cannot_use():
    with pytest.raises(ValueError, match="#rrggbb"):
        ReportFacts(colours={"joy": "red; background: url(x)"})
    with pytest.raises(ValueError, match="not below"):
        ReportFacts(ranges={"valence": (5, 1)})


# --- The time axis -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("times", "kind", "positions"),
    [
        (["2024-01-01", "2024-01-02T12:00", None], "date", [1704067200000, 1704196800000, None]),
        (["2024-01-01T00:00:00Z", "2024-01-01T00:00:00-01:00"], "date", [1704067200000, 1704070800000]),
        (["5.3.2024", "06.03.2024 08:30"], "date", [1709596800000, 1709713800000]),
        (["2024-01", "2024-02"], "date", [1704067200000, 1706745600000]),
        (["1", "2.5", "-3"], "number", [1, 2.5, -3]),
        (["20240101", "20240102"], "number", [20240101, 20240102]),
        (["0:30", "1:02:03.5"], "number", [30, 3723.5]),
        (["1", "2", "3", "4", "n/a"], "number", [1, 2, 3, 4, None]),
        (["morning", "noon", "1"], "order", [1, 2, 3]),
        (["2024-01-01", "2024-01-01"], "order", [1, 2]),
        ([None, None], "order", [1, 2]),
        (["nan", "inf"], "order", [1, 2]),
    ],
)
def test_time_columns(tmp_path, times, kind, positions):
    _, head, arrays = read_page(write(tmp_path, [plain("x", time=t) for t in times]))
    assert head["axis"] == kind
    assert arrays["axis"].tolist() == pytest.approx([float("nan") if p is None else p for p in positions], nan_ok=True)


def test_recordings_run_along_their_seconds(tmp_path):
    _, head, arrays = read_page(write(tmp_path, [plain("x", start=float(i), end=i + 1.0) for i in range(4)]))
    assert head["axis"] == "seconds" and arrays["axis"].tolist() == [0, 1, 2, 3]


# --- Colours -------------------------------------------------------------------------------------------------


def themes() -> dict[str, dict[str, str]]:
    style = (Path(html.__file__).parent / "page" / "style.css").read_text(encoding="utf-8")
    light, dark = (
        dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", re.search(re.escape(s) + r" {(.*?)\n}", style, re.S)[1]))
        for s in (":root", '[data-theme="dark"]')
    )
    return {"light": light, "dark": dark}


def linear(colour: str) -> np.ndarray:
    c = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def contrast(a: str, b: str) -> float:
    """Contrast ratio of WCAG 2."""
    dark, light = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (a, b))
    return (light + 0.05) / (dark + 0.05)


# Full deuteranopia, protanopia and tritanopia in linear RGB (Machado, Oliveira & Fernandes 2009, severity 1.0).
SIGHT = {
    "usual": np.eye(3),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
    ),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "tritan": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]]
    ),
}


def oklab(rgb: np.ndarray) -> np.ndarray:
    """Björn Ottosson's Oklab of linear RGB; a distance of .02 is about one that can just be told."""
    lms = np.array([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                    [0.0883024619, 0.2817188376, 0.6299787005]]) @ np.clip(rgb, 0, 1)  # fmt: skip
    return np.array([[0.2104542553, 0.793617785, -0.0040720468], [1.9779984951, -2.428592205, 0.4505937099],
                     [0.0259040371, 0.7827717662, -0.808675766]]) @ np.cbrt(lms)  # fmt: skip


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_contrast_is_enough(theme):
    c = themes()[theme]
    for ground in ("paper", "raised", "wash"):
        assert contrast(c["ink"], c[ground]) >= 7
        assert contrast(c["soft"], c[ground]) >= 4.5
    assert contrast(c["accent"], c["paper"]) >= 4.5 and contrast(c["on-accent"], c["accent"]) >= 4.5
    for mark in ("for", "against"):
        assert contrast(c["ink"], c[mark]) >= 4.5
        assert contrast(c[mark + "-line"], c["raised"]) >= 3
    for k in range(8):
        assert contrast(c[f"g{k}"], c["paper"]) >= 3, f"g{k}"


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_group_colours_differ_for_every_eye(theme, sight):
    c = themes()[theme]
    seen = [oklab(SIGHT[sight] @ linear(c[f"g{k}"])) for k in range(8)]
    least, pair = min(
        (float(np.linalg.norm(seen[a] - seen[b])), (a, b)) for a, b in itertools.combinations(range(8), 2)
    )
    assert least >= 0.06, f"g{pair[0]} and g{pair[1]}"


# --- In the browser ------------------------------------------------------------------------------------------


def count(page) -> int:
    return int(re.match(r"[\d,]+", page.inner_text("#count"))[0].replace(",", ""))


def visible_rows(page, n: int = 10) -> list[int]:
    """Numbers, in the input, of the first rows that the table shows."""
    return page.evaluate(
        "n => [...document.querySelectorAll('.t-row')].map(r => [+r.dataset.at, +r.dataset.row])"
        ".sort((a, b) => a[0] - b[0]).slice(0, n).map(r => r[1])",
        n,
    )


@browser_test
@pytest.mark.browser
def test_the_page_says_what_was_read(rows, big, show):
    page = show(big)
    lead = page.inner_text(".lead")
    assert "20,000 texts from mail.csv" in lead and "affekt-text 1.0" in lead and "2 May 2025" in lead
    answered = sum(r.abstained is None for r in rows)
    assert f"{answered:,} got an answer" in lead
    assert count(page) == 20_000
    reasons = Counter(r.abstained for r in rows if r.abstained)
    shown = page.inner_text("#reasons")
    for reason, n in reasons.items():
        assert reason in shown and f"{n:,}" in shown
    for word in ("Apache-2.0", "23.4 MB", "Decisions about people", "affekt analyze mail.csv"):
        assert word in page.inner_text("#s-facts")


@browser_test
@pytest.mark.browser
def test_a_page_without_labels_shows_the_scales(tmp_path, show):
    page = show(appraised(tmp_path))
    assert "Control" in page.inner_text("#dims") and not page.is_visible("#s-labels")
    page.click("[role=row][aria-rowindex='2']")
    assert "scale 0 to 1" in page.inner_text("#panel")


@browser_test
@pytest.mark.browser
def test_a_recording_has_a_lane_for_each_speaker(tmp_path, show):
    def spoken(k, **more):
        row = plain("", start=60.0 * k, end=60.0 * k + 30.25, speaker=("Ann", "Ben")[k % 2], source="call.wav")
        return replace(row, id=str(k), text=None, **more)

    rows = [spoken(k) for k in range(3)]
    page = show(write(tmp_path, rows))
    page.focus("#over")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#stage-says").startswith("1:00 to 1:30: Ben: ")
    page.keyboard.press("Enter")
    assert "1:00 to 1:30 (60.00 to 90.25 s)" in page.inner_text("#panel")
    assert page.inner_text("[role=row][aria-rowindex='4'] .c-time") == "2:00 to 2:30"
    assert "not with this page" in page.inner_text("#absent") and not page.is_visible("#play")
    assert not page.is_visible("#stage-pick")
    alone = [plain("", start=1.0, end=2.0, source="call.wav")]
    assert not show(write(tmp_path, alone)).is_visible("#s-stage")
    assert not show(write(tmp_path, [plain("a text") for _ in range(3)])).is_visible("#s-stage")


@browser_test
@pytest.mark.browser
def test_a_press_on_a_bar_filters_everything(rows, big, show):
    page = show(big)
    page.click("#bars button:has-text('gratitude')")
    wanted = [i for i, r in enumerate(rows) if r.abstained is None and "gratitude" in r.labels]
    assert count(page) == len(wanted)
    assert visible_rows(page) == wanted[:10]
    assert page.get_attribute("#bars button:has-text('gratitude')", "aria-pressed") == "true"
    assert "gratitude" in page.inner_text("#examples-note")
    page.select_option("#f-speaker", label="Priya")
    assert count(page) == sum(rows[i].speaker == "Priya" for i in wanted)
    page.click("#clear")
    assert count(page) == 20_000
    page.select_option("#f-state", value="r:low confidence")
    assert count(page) == sum(r.abstained == "low confidence" for r in rows)
    page.click("#clear")
    page.click("#spectrum button:has-text('sadness')")
    assert count(page) == sum(r.abstained is None and bool(set(r.labels) & set(GROUPS["sadness"])) for r in rows)


@browser_test
@pytest.mark.browser
def test_headings_sort_and_say_so(rows, big, show):
    page = show(big)
    header = page.locator("[role=columnheader][data-col=valence]")
    header.locator("button").click()
    assert header.get_attribute("aria-sort") == "descending"
    # The page holds thousandths, and keeps the order of the input among equals.
    key = {i: round(r.valence * 1000) / 1000 for i, r in enumerate(rows) if r.valence is not None}
    assert visible_rows(page, 12) == sorted(key, key=lambda i: (-key[i], i))[:12]
    header.locator("button").click()
    assert header.get_attribute("aria-sort") == "ascending"
    assert visible_rows(page, 12) == sorted(key, key=lambda i: (key[i], i))[:12]
    page.click("[data-col=time] button")
    assert visible_rows(page, 12) == sorted(range(len(rows)), key=lambda i: (rows[i].time, i))[:12]
    assert header.get_attribute("aria-sort") == "none"
    page.click("[data-col=text] button")
    first = [rows[i].text for i in visible_rows(page, 12)]
    assert first == sorted(first) and all(first)


@browser_test
@pytest.mark.browser
def test_twenty_thousand_rows_sort_within_a_second(big, show):
    page = show(big)
    for name in page.eval_on_selector_all("[role=columnheader]", "cells => cells.map(c => c.dataset.col)"):
        page.click(f"[data-col={name}] button")
        page.click(f"[data-col={name}] button")
    times = page.evaluate("performance.getEntriesByName('affekt:sort').map(e => e.duration)")
    assert len(times) >= 16 and max(times) < 1000


@browser_test
@pytest.mark.browser
def test_search_finds_words_and_phrases(rows, big, show):
    page = show(big)
    page.keyboard.press("/")
    page.keyboard.type("Refund sunday")
    wanted = sum("refund" in r.text.lower() and "sunday" in r.text.lower() for r in rows)
    until(page, f"document.getElementById('count').textContent.startsWith('{wanted:,} of')")
    page.fill("#q", '"the refund is"')
    wanted = sum("the refund is" in r.text.lower() for r in rows)
    until(page, f"document.getElementById('count').textContent.startsWith('{wanted:,} of')")
    page.fill("#q", "no such words anywhere")
    until(page, "document.getElementById('count').textContent.startsWith('0 of')")
    assert page.is_visible("text=No row fits these filters.")
    assert page.is_disabled("#export")


@browser_test
@pytest.mark.browser
def test_the_keyboard_is_enough(rows, big, show):
    page = show(big)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.focus("[data-col=order] button")
    for _ in range(page.locator("[role=columnheader]").count()):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.dataset.at") == "0"
    for _ in range(30):
        page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.dataset.at") == "30"
    box, table = page.locator("#row-30").bounding_box(), page.locator(".t-body").bounding_box()
    assert table["y"] <= box["y"] and box["y"] + box["height"] <= table["y"] + table["height"] + 1
    assert box["y"] + box["height"] <= 901
    page.keyboard.press("Enter")
    assert page.is_visible("#panel") and page.evaluate("document.activeElement.id") == "panel"
    assert page.inner_text("#panel-title") == "Row 31"
    assert page.inner_text("#panel .p-text").strip() == rows[30].text.strip()
    page.keyboard.press("Escape")
    assert not page.is_visible("#panel")
    assert page.evaluate("document.activeElement.dataset.at") == "30"
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.dataset.at") == "19999"
    page.focus("#plane")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#plane-says")
    page.keyboard.press("Enter")
    assert page.is_visible("#panel")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "plane"


@browser_test
@pytest.mark.browser
def test_languages_and_several_models(tmp_path, show):
    second = ModelFacts(
        name="text-multi", version="2", licence="CC-BY-4.0", licence_note="research only", space="ekman"
    )
    some = [plain("gut", id="a", language="de", model="text-multi@2"), plain("good", id="b", language="en"), plain("?")]
    path = write(tmp_path, some, replace(FACTS, models=(MODEL, second)))
    _, head, arrays = read_page(path)
    assert [head["languages"][k] for k in arrays["language"]] == ["de", "en", ""]
    text = path.read_text(encoding="utf-8")
    assert "read by affekt-text 1.0 and text-multi 2" in text
    assert "<dd>CC-BY-4.0. research only</dd>" in text
    assert "each in its own labels" in text and "each in its own labels" not in write(tmp_path, some, FACTS).read_text(
        encoding="utf-8"
    )
    page = show(write(tmp_path, some, replace(FACTS, models=(MODEL, second))))
    page.click(".t-row >> nth=0")
    assert "Language\nde" in page.inner_text("#panel")


@pytest.mark.browser
def test_the_panel_shows_the_whole_row(rows, big, show):
    page = show(big)
    i = next(
        i for i, r in enumerate(rows) if r.labels and len(r.evidence) == 2 and r.trajectory is None and "🎉" in r.text
    )
    row = rows[i]
    page.fill("#q", row.id)
    until(page, "document.querySelectorAll('.t-row').length === 1")
    page.click(".t-row")
    assert page.eval_on_selector_all("#panel .p-text mark", "marks => marks.map(m => m.textContent)") == [
        e.cue for e in row.evidence
    ]
    scores = page.eval_on_selector_all("#panel .scores button", "rows => rows.map(r => r.textContent)")
    assert len(scores) == len(LABELS) and scores[0].startswith(row.labels[0])
    text = page.inner_text("#panel")
    for name in ("valence", "arousal", "dominance"):
        low, high = row.intervals[name]
        assert f"{getattr(row, name):.2f}, ratings expected from {low:.2f} to {high:.2f}" in text
    assert row.speaker in text and row.source in text
    page.hover("#panel .p-text mark >> nth=0")
    assert f"+{row.evidence[0].weight:.2f} for {row.evidence[0].label}" in page.inner_text("#tip")


@browser_test
@pytest.mark.browser
def test_colours_follow_the_system_and_the_button(big, show):
    ground = "getComputedStyle(document.body).backgroundColor"
    light, dark = ("rgb({}, {}, {})".format(*bytes.fromhex(themes()[t]["paper"][1:])) for t in ("light", "dark"))
    page = show(big, color_scheme="light")
    assert page.evaluate(ground) == light
    page.click("#theme")
    assert page.evaluate(ground) == dark
    page.click("#theme")
    assert page.evaluate(ground) == light
    assert show(big, color_scheme="dark").evaluate(ground) == dark


@browser_test
@pytest.mark.browser
def test_points_and_bins_lead_to_rows(rows, big, show):
    page = show(big)
    page.locator("#plane").scroll_into_view_if_needed()
    box = page.locator("#plane").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert page.is_visible("#tip") and " V " in page.inner_text("#tip")
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert page.is_visible("#panel")
    until(page, "document.getElementById('plane-note').textContent.includes('intervals')")
    page.keyboard.press("Escape")
    page.focus("#time")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    until(page, "document.getElementById('time-says').textContent.length > 0")
    page.keyboard.press("Enter")
    # Bins are weeks from Monday on; the third begins on 13 February 2023.
    week = [r for r in rows if "2023-02-13" <= r.time < "2023-02-20"]
    assert count(page) == len(week)
    assert page.is_visible("#f-range")
    page.click("#f-range")
    assert count(page) == 20_000


@browser_test
@pytest.mark.browser
def test_the_filtered_rows_can_be_saved(tmp_path, show):
    some = generate_rows(200)
    some[3] = replace(some[3], text='=HYPERLINK("x"), "quoted"\nand a second line', labels=["joy"], abstained=None)
    page = show(write(tmp_path, some))
    page.click("#bars button:has-text('joy')")
    with page.expect_download() as download:
        page.click("#export")
    target = tmp_path / "saved.csv"
    download.value.save_as(target)
    assert download.value.suggested_filename == "mail-rows.csv"
    with target.open(encoding="utf-8-sig", newline="") as file:
        saved = list(csv.DictReader(file))
    wanted = [r for r in some if r.abstained is None and "joy" in r.labels]
    assert [s["id"] for s in saved] == [r.id for r in wanted]
    assert [s["text"] for s in saved] == ["'" + r.text if r.text.startswith("=") else r.text for r in wanted]
    for s, r in zip(saved, wanted, strict=True):
        assert float(s["score_joy"]) == pytest.approx(r.scores["joy"], abs=0.00051)
        assert float(s["valence"]) == pytest.approx(r.valence, abs=0.00051)


@browser_test
@pytest.mark.browser
def test_markup_in_the_data_is_shown_as_text(tmp_path, show):
    evil = "</script><img src=x onerror=\"window.hacked=1\"><b>bold</b>\u2028 <svg onload='hacked=1'>"
    row = plain(
        evil, speaker=evil, source=evil, time=evil, id=evil, labels=[evil, "joy"], scores={evil: 0.9, "joy": 0.8},
        evidence=[EvidenceRow("text", evil[:9], 0, 9, 0.4, evil), EvidenceRow("voice", evil, 0, 1, -0.4, None)],
    )  # fmt: skip
    facts = replace(
        FACTS,
        labels=(),
        groups={evil: [evil]},
        title=evil,
        input_name=evil,
        command=evil,
        models=(replace(MODEL, thresholds={evil: 0.3}),),
    )
    page = show(write(tmp_path, [row, replace(row, labels=[], abstained=evil)], facts))
    page.click(".t-row >> nth=0")
    page.hover("#panel mark >> nth=0")
    assert page.inner_text("#panel .p-text") == evil
    page.click(".t-row >> nth=1")
    assert page.evaluate("window.hacked") is None
    assert page.locator("img, svg, b:has-text('bold')").count() == 0
    assert page.locator("script").count() == 2  # the data element is taken out once it is read


@browser_test
@pytest.mark.browser
def test_browsers_without_decompression_unpack_by_hand(rows, big, show):
    page = show(big, setup="delete window.DecompressionStream; delete Uint8Array.fromBase64;")
    assert page.evaluate("typeof DecompressionStream") == "undefined"
    assert count(page) == 20_000
    page.focus("[role=row][data-at='0']")
    page.keyboard.press("End")
    assert rows[-1].text[:20] in page.inner_text("#row-19999")


@browser_test
@pytest.mark.browser
def test_a_damaged_file_is_owned_up_to(tmp_path, chromium):
    path = write(tmp_path, generate_rows(50))
    page_text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r'(id="data">[^<]{400})[^<]*', r"\1", page_text), encoding="utf-8")
    page = chromium.new_page()
    page.goto(path.as_uri())
    page.wait_for_selector("#failure:not([hidden])")
    assert "cannot be shown" in page.inner_text("#failure")
    page.close()


@browser_test
@pytest.mark.browser
def test_a_narrow_screen_keeps_everything_in_reach(big, show):
    page = show(big, width=360, height=740)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    outside = page.evaluate(
        "[...document.querySelectorAll('main *')]"
        ".filter(e => e.getBoundingClientRect().right > 361).map(e => e.outerHTML.slice(0, 80))"
    )
    assert outside == []
    page.select_option("#sort-by", label="Confidence")
    page.click("#sort-turn")
    page.click(".t-row >> nth=0")
    panel = page.locator("#panel").bounding_box()
    assert panel["x"] == 0 and panel["width"] == 360
    page.click("#panel [data-keep=close]")
    assert not page.is_visible("#panel")


@browser_test
@pytest.mark.browser
def test_pages_with_little_in_them_stay_sensible(tmp_path, show):
    some = [r for r in generate_rows(40, documents=0) if r.abstained is None]
    absent = {"valence": None, "arousal": None, "dominance": None, "intervals": None, "confidence": None, "time": None}
    page = show(write(tmp_path, []))
    assert "held no rows" in page.inner_text(".lead")
    assert not page.is_visible("#s-labels") and not page.is_visible("#rows") and page.is_visible("#s-facts")
    page = show(write(tmp_path, [_silent(r, r.text, "language not covered by the model") for r in some]))
    assert "None got an answer" in page.inner_text(".lead")
    assert not page.is_visible("#s-plane") and not page.is_visible("#s-examples")
    assert page.locator(".t-row").count() > 5
    bare = [replace(r, evidence=[], **absent) for r in some]
    page = show(write(tmp_path, bare, ReportFacts()))
    assert (
        not page.is_visible("#s-plane")
        and not page.is_visible("#sure-hist")
        and not page.is_visible("[data-col=valence]")
    )
    assert page.is_visible("#s-time") and page.is_visible("#bars")
    page = show(write(tmp_path, some[:1]))
    assert "1 text from" in page.inner_text(".lead") and page.is_visible("#s-plane")


@browser_test
@pytest.mark.browser
def test_text_runs_in_its_own_direction(tmp_path, show):
    page = show(write(tmp_path, [plain(t) for t in ELSEWHERE]))
    sides = page.eval_on_selector_all(".t-row .c-text", "cells => cells.map(c => getComputedStyle(c).direction)")
    assert sides == ["rtl", "rtl", "ltr"]


@browser_test
@pytest.mark.browser
def test_a_long_text_can_be_walked_through(tmp_path, show):
    letter = next(r for r in generate_rows(60) if r.trajectory)
    page = show(write(tmp_path, [letter]))
    page.focus("#doc")
    page.keyboard.press("ArrowRight")
    second = letter.trajectory[1]
    units = letter.text[second.start : second.end].strip()
    until(page, f"document.getElementById('doc-says').textContent.includes({json.dumps(units)})")


@browser_test
@pytest.mark.browser
def test_a_sample_is_called_one(tmp_path, show, monkeypatch):
    monkeypatch.setattr(payload, "MAX_ROWS", 500)
    many = generate_rows(2_000)
    page = show(write(tmp_path, many))
    assert "A sample is shown" in page.inner_text("#sampled") and "500 of 2,000 rows held" in page.inner_text("#count")
    joy = sum("joy" in r.labels for r in many if r.abstained is None)
    bar = page.locator("#bars button:has(span:text-is('joy')) .b-n b")
    assert bar.inner_text() == f"{joy:,}"


@browser_test
@pytest.mark.browser
def test_paper_gets_the_first_rows_in_full(big, show):
    page = show(big, color_scheme="dark")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator(".t-row").count() == 60 and page.get_attribute("html", "data-theme") == "light"
    assert not page.is_visible("#bar")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator(".t-row").count() < 60 and page.get_attribute("html", "data-theme") == "dark"
