"""Recordings through `analyze`: stretches, transcripts, each speaker's own manner, and what is written.

The model is a stand-in that hears loudness, so that it is known what has to come out; sound is made, decoding, voice
activity, transcripts and writing are the real ones.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import sys
import wave
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sounds import conversation, voice
from tiny import TinyRecogniser

from affekt.analysis import Analyzer, Policy, analyze, analyzer_for, open_input, stream
from affekt.catalog.spaces import space
from affekt.cli.main import main
from affekt.core.clip import Clip
from affekt.core.errors import InputError, MissingExtraError, ModelError
from affekt.core.prediction import Prediction
from affekt.core.protocols import RecogniserSpec
from affekt.listening import Listener
from affekt.media import timed
from affekt.media.recording import RecordingSource, _cut, _parts
from affekt.media.sound import Sound, read_sound
from affekt.media.speech import SpeechOptions, speech
from affekt.media.text import ReadOptions
from affekt.models.choice import ways_of
from affekt.models.voice import Baseline
from affekt.writing import Progress, write

RATE = 16_000
LABELS = space("ravdess").labels


class LoudVoice:
    """Angry is what is louder than the speaker's mean, by twice as much as that speaker's levels spread."""

    longest = 5.0
    cut = SpeechOptions()

    def __init__(self, note: str = "") -> None:
        self.note = note
        self.card = {"policy": {"min_confidence": 0.0}}
        self.heard: list[tuple[float, float]] = []

    @property
    def spec(self) -> RecogniserSpec:
        return RecogniserSpec("loud", "1", "ravdess", ("ravdess",), (), ("en",), "Apache-2.0", self.note)

    def hear(self, sound: Sound) -> NDArray[np.float32] | None:
        assert sound.rate == RATE
        assert 0 < sound.duration <= self.longest + 1e-3
        self.heard.append((sound.start, sound.end))
        if sound.duration < 0.2:
            return None
        return np.array([20 * np.log10(np.sqrt(np.mean(sound.samples**2)) + 1e-9)], np.float32)

    def baseline(self, vectors: Sequence[NDArray[np.float32]]) -> Baseline | None:
        table = np.stack(vectors)
        return Baseline(table.mean(0), table.std(0) + 1e-6, len(table)) if len(table) > 2 else None

    def judge(
        self,
        clip: Clip,
        vector: NDArray[np.float32] | None,
        *,
        baseline: Baseline | None = None,
        space: str | None = None,
    ) -> Prediction:
        if vector is None:
            return Prediction(clip.id, "ravdess", abstained="no speech: too short or silent", model=self.spec.name)
        apart = 0.0 if baseline is None else float(baseline.apart(vector)[0])
        angry = float(1 / (1 + np.exp(-4 * (apart - 1))))
        scores = dict.fromkeys(LABELS, 0.0) | {"angry": angry, "neutral": 1 - angry}
        top = max(scores, key=scores.__getitem__)
        return Prediction(clip.id, "ravdess", scores, (top,), confidence=scores[top], model=self.spec.name)


def save(path: Path, samples: NDArray[np.floating]) -> Path:
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, RATE, 0, "NONE", ""))
        out.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2"))
    return path


# Start, end, speaker, words, level: Ann is always loud; Ben is soft, but for once.
TURNS = (
    (0.0, 1.0, "Ann", "Hello, how are you?", 0.5),
    (1.0, 2.0, "Ben", "Fine.", 0.02),
    (2.0, 3.0, "Ann", "Did you find it?", 0.5),
    (3.0, 4.0, "Ben", "Not yet.", 0.02),
    (4.0, 5.0, "Ann", "It has to be there.", 0.5),
    (5.0, 6.0, "Ben", "I told you it is not!", 0.3),
    (6.0, 7.0, "Ben", "Sorry.", 0.02),
    (7.0, 8.0, "Ben", "I am tired.", 0.02),
)


@pytest.fixture
def call(tmp_path: Path) -> Path:
    """Eight turns of the same made speech at levels that are known, and their transcript beside them."""
    line = np.concatenate([level * 2.5 * voice(b - a) for a, b, _, _, level in TURNS])
    cues = [f"00:{a:06.3f} --> 00:{b:06.3f}\n<v {who}>{said}" for a, b, who, said, _ in TURNS]
    (tmp_path / "call.vtt").write_text("WEBVTT\n\n" + "\n\n".join(cues) + "\n")
    return save(tmp_path / "call.wav", line)


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("talk") / "talk.wav", conversation())


def rows_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


# --- rows -------------------------------------------------------------------------------------------------------------


def test_stretches_of_speech_become_rows_with_their_times(talk: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    done = analyze(talk, model=LoudVoice(), out=out)
    expected = list(speech(read_sound(talk), options=SpeechOptions(longest=5.0)))
    rows = rows_of(out)
    assert len(expected) > 1
    assert done.rows == len(rows) == len(expected)
    assert np.allclose([(r["start"], r["end"]) for r in rows], expected, atol=6e-4)
    assert {r["source"] for r in rows} == {str(talk)}
    assert {r["space"] for r in rows} == {"ravdess"}
    assert [r["id"] for r in rows] == [str(n) for n in range(1, len(rows) + 1)]
    assert done.models == {"loud@1": len(rows)}


class TurningVoice(LoudVoice):
    """Hears another expression a third and two thirds into all that is longer than two seconds."""

    def changes(self, sound: Sound) -> list[float]:
        return [sound.start + k * sound.duration / 3 for k in (1, 2)] if sound.duration > 2 else []


def test_stretches_are_cut_where_the_expression_changes(talk: Path, call: Path, tmp_path: Path) -> None:
    whole = [clip for clip, _ in stream(talk, model=LoudVoice())]
    model = TurningVoice()
    parts = [clip for clip, _ in stream(talk, model=model, options=ReadOptions(changes=True))]
    assert [c.id for c in parts] == [str(n) for n in range(1, len(parts) + 1)] and len(parts) > len(whole)
    assert np.allclose(model.heard, [(c.start, c.end) for c in parts], atol=2e-3)
    for clip in whole:
        inside = [c for c in parts if clip.start <= c.start < clip.end]
        assert len(inside) == (3 if clip.end - clip.start > 2 else 1)
        assert [c.end for c in inside[:-1]] == [c.start for c in inside[1:]]
        assert (inside[0].start, inside[-1].end) == (clip.start, clip.end)
    transcript = tmp_path / "turns.vtt"
    transcript.write_text(
        "WEBVTT\n\n00:00.000 --> 00:03.000\n<v Ann>Hello there\n\n00:03.000 --> 00:04.000\n<v Ben>Hi\n"
    )
    options = ReadOptions(transcript=transcript, changes=True)
    turns = [clip for clip, _ in stream(call, model=TurningVoice(), options=options)]
    assert [(c.speaker, c.text) for c in turns] == [("Ann", "Hello there"), ("Ann", None), ("Ann", None), ("Ben", "Hi")]


def test_changes_are_of_voices(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Hello\n")
    with pytest.raises(InputError, match="What changes is a voice"):
        list(stream(tmp_path / "a.txt", options=ReadOptions(changes=True)))


def test_each_speaker_is_judged_beside_their_own_manner(call: Path) -> None:
    readings = list(stream(call, model=LoudVoice()))
    assert [(c.start, c.end, c.speaker, c.text) for c, _ in readings] == [t[:4] for t in TURNS]
    # Ann is as loud as Ben's outburst and louder, but she always is.
    assert [c.text for c, p in readings if p.labels == ("angry",)] == ["I told you it is not!"]


def test_without_a_transcript_all_is_one_speaker_and_found_by_ear(call: Path) -> None:
    voice = LoudVoice()
    analyze(call, model=voice, options=ReadOptions(transcript=False))
    assert (0.0, 1.0) not in voice.heard


def test_a_transcript_that_is_named_goes_before_one_that_lies_there(call: Path, tmp_path: Path) -> None:
    other = tmp_path / "by-hand.srt"
    other.write_text("1\n00:00:00,500 --> 00:00:02,500\nANN: Hello\n")
    ((clip, _),) = stream(call, model=LoudVoice(), options=ReadOptions(transcript=other))
    assert (clip.start, clip.end, clip.speaker, clip.text) == (0.5, 2.5, "ANN", "Hello")


def test_of_an_rttm_of_several_recordings_its_own_turns_are_taken(call: Path, tmp_path: Path) -> None:
    rttm = tmp_path / "all.rttm"
    lines = (("other", 0.0, "X"), ("call", 1.0, "Y"), ("call", 3.0, "Z"))
    rttm.write_text("".join(f"SPEAKER {n} 1 {s} 1.0 <NA> <NA> {w} <NA> <NA>\n" for n, s, w in lines))
    found = [c for c, _ in stream(call, model=LoudVoice(), options=ReadOptions(transcript=rttm))]
    assert [(c.start, c.speaker) for c in found] == [(1.0, "Y"), (3.0, "Z")]


def test_turns_that_overlap_and_long_ones_hear_their_own_sound(call: Path, tmp_path: Path) -> None:
    srt = tmp_path / "by-hand.srt"
    spans = (("00:00:00,000", "00:00:08,000"), ("00:00:01,000", "00:00:02,000"), ("00:00:07,500", "00:00:08,000"))
    srt.write_text("\n".join(f"{n}\n{a} --> {b}\nwords {n}\n" for n, (a, b) in enumerate(spans, 1)))
    voice = LoudVoice()
    readings = list(stream(call, model=voice, options=ReadOptions(transcript=srt)))
    expected = [(0.0, 4.0, "words 1"), (4.0, 8.0, None), (1.0, 2.0, "words 2"), (7.5, 8.0, "words 3")]
    assert sorted((c.start, c.end, c.text or "") for c, _ in readings) == sorted(
        (a, b, t or "") for a, b, t in expected
    )
    assert sorted(voice.heard) == sorted((a, b) for a, b, _ in expected)


def test_a_turn_that_is_not_in_the_recording_says_so(call: Path, tmp_path: Path) -> None:
    srt = tmp_path / "by-hand.srt"
    srt.write_text(
        "1\n00:00:07,000 --> 00:00:09,000\nhalf\n\n2\n00:00:08,100 --> 00:00:09,000\nbeyond\n\n"
        "3\n00:00:09,000 --> 00:00:09,000\nnothing\n"
    )
    out = tmp_path / "rows.jsonl"
    done = analyze(call, model=LoudVoice(), options=ReadOptions(transcript=srt), out=out)
    first, *rest = rows_of(out)
    assert first["abstained"] is None
    assert [r["abstained"] for r in rest] == ["outside the recording: it ends at 0:08"] * 2
    assert done.bad == {"outside the recording": 2}
    with pytest.raises(InputError, match="outside the recording"):
        analyze(call, model=LoudVoice(), options=ReadOptions(transcript=srt), strict=True)


@given(start=st.floats(0, 1e4), length=st.floats(0, 500), longest=st.floats(1, 60))
def test_parts_of_a_turn_cover_it_and_none_is_too_long(start: float, length: float, longest: float) -> None:
    parts = list(_parts([Clip("1", "words", start, start + length)], longest))
    assert parts[0].start == round(start, 3)
    assert parts[-1].end == round(start + length, 3)
    assert all(a.end == b.start for a, b in itertools.pairwise(parts))
    assert all(p.end - p.start <= longest + 0.0011 for p in parts)  # times are whole milliseconds
    assert [p.text for p in parts] == ["words", *[None] * (len(parts) - 1)]


def test_no_more_sound_is_held_than_the_turn_that_is_due_needs() -> None:
    """Ten hours, a turn each two seconds."""
    alive = most = 0

    def gone() -> None:
        nonlocal alive
        alive -= 1

    def blocks() -> Iterator[Sound]:
        nonlocal alive, most
        for n in range(3600):
            samples = np.zeros(10 * 100, np.float32)
            weakref.finalize(samples, gone)
            alive += 1
            most = max(most, alive)
            yield Sound(samples, 100, start=10.0 * n)
            del samples

    turns = [Clip(str(n), start=2.0 * n, end=2.0 * n + 3.0) for n in range(17_990)]
    heard = [s.sound.duration for s in _cut(turns, blocks(), "x.wav") if s.sound is not None]
    assert len(heard) == len(turns)
    assert np.allclose(heard, 3.0)
    assert most <= 4


# --- no answer, no sound ----------------------------------------------------------------------------------------------


def test_where_nobody_speaks_one_row_says_so(tmp_path: Path) -> None:
    quiet = save(tmp_path / "quiet.wav", np.zeros(3 * RATE))
    ((clip, prediction),) = stream(quiet, model=LoudVoice())
    assert (clip.start, clip.end) == (0.0, 3.0)
    assert prediction.abstained == "no speech: nobody speaks in the recording"


def test_the_policy_and_the_space_are_those_of_texts(call: Path) -> None:
    kept = analyze(call, model=LoudVoice(), policy=Policy(min_confidence=0.99))
    assert {p.abstained is None for p in kept} == {True, False}
    assert all(p.abstained.startswith("low confidence") for p in kept if p.abstained)
    carried = analyze(call, model=LoudVoice(), space="ekman-neutral")
    assert {p.space for p in carried} == {"ekman-neutral"}
    assert carried[5].labels == ("anger",)
    with pytest.raises(InputError, match="Unknown"):
        analyze(call, model=LoudVoice(), space="ekman-neutrl")


def test_a_language_that_is_said_and_not_covered_is_not_read(call: Path) -> None:
    assert {p.abstained is None for p in analyze(call, model=LoudVoice(), language="en")} == {True}
    assert {p.abstained is None for p in analyze(call, model=LoudVoice(), language="yo")} == {False}
    policy = Policy(languages="any")
    assert {p.abstained is None for p in analyze(call, model=LoudVoice(), language="yo", policy=policy)} == {True}


def test_models_and_licences_that_do_not_fit(call: Path) -> None:
    with pytest.raises(ModelError, match=r"restricts its use.*research only"):
        analyze(call, model=LoudVoice("research only"), licence="permissive")
    assert analyze(call, model=LoudVoice(), licence="permissive")
    with pytest.raises(ModelError, match="tiny does not read voices"):
        analyze(call, model=TinyRecogniser())
    with pytest.raises(ModelError, match="loud reads voices, not texts"):
        analyze("A text.", model=LoudVoice())
    with pytest.raises(ModelError, match="text-en reads no voices"):
        analyze(call, model="text-en")


def test_without_the_decoder_the_extra_is_named(call: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "b.wav", np.zeros(RATE))
    monkeypatch.setitem(sys.modules, "av", None)
    for source in (call, tmp_path):
        with pytest.raises(MissingExtraError, match=r"affekt\[speech\]"):
            analyze(source, model=LoudVoice())


def test_broken_files_and_wrong_names(call: Path, tmp_path: Path) -> None:
    text = tmp_path / "renamed.wav"
    text.write_text("This is no sound.\n" * 100)
    with pytest.raises(InputError, match=r"not sound but text.*renamed\.wav"):
        analyze(text, model=LoudVoice())
    with pytest.raises(InputError, match=r"no such file.*Did you mean.*call\.wav"):
        analyze(tmp_path / "cal.wav", model=LoudVoice())
    with pytest.raises(InputError, match="no such file"):
        analyze(call, model=LoudVoice(), options=ReadOptions(transcript=tmp_path / "none.srt"))
    with pytest.raises(InputError, match="no columns"):
        analyze(call, model=LoudVoice(), column="text")
    (tmp_path / "bad.json").write_text("[1, 2")
    bad = save(tmp_path / "bad.wav", np.zeros(RATE))
    with pytest.raises(InputError, match=r"bad\.json.*--no-transcript"):
        analyze(bad, model=LoudVoice())


# --- several recordings -----------------------------------------------------------------------------------------------


def test_a_folder_is_read_and_what_is_broken_in_it_stays_with_its_reason(call: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.mp3").write_bytes(b"ID3" + bytes(500))
    save(tmp_path / "quiet.wav", np.zeros(RATE))
    (tmp_path / ".hidden.wav").write_bytes(b"x")
    out = tmp_path / "rows.csv"
    done = analyze(tmp_path, model=LoudVoice(), out=out)
    assert done.rows == 1 + len(TURNS) + 1
    assert done.bad == {"cannot be read": 1}
    assert done.places[0].startswith(f"{tmp_path / 'broken.mp3'}: cannot be read: ")
    ids = [clip.id for clip, _ in stream(tmp_path, model=LoudVoice())]
    assert len(set(ids)) == len(ids)
    with pytest.raises(InputError, match=r"broken\.mp3"):
        analyze(tmp_path, model=LoudVoice(), strict=True)
    with pytest.raises(InputError, match="holds one recording, and there are 3"):
        analyze(tmp_path, model=LoudVoice(), out=tmp_path / "rows.vtt")
    with pytest.raises(InputError, match="One transcript was named"):
        analyze(tmp_path, model=LoudVoice(), options=ReadOptions(transcript=tmp_path / "call.vtt"))
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="neither a recording, a picture nor a text lies in it"):
        analyze(empty, model=LoudVoice())


def test_a_run_that_was_broken_off_goes_on_with_the_next_recording(call: Path, tmp_path: Path) -> None:
    save(tmp_path / "quiet.wav", np.zeros(RATE))
    expected, out = tmp_path / "expected.jsonl", tmp_path / "out.jsonl"
    analyze(tmp_path, model=LoudVoice(), out=expected)

    class Stop(Exception):
        pass

    def stop(_: Progress) -> None:
        raise Stop

    source = open_input(tmp_path)
    with pytest.raises(Stop):
        write(source, out, analyzer_for(source, model=LoudVoice()), progress=stop)
    voice = LoudVoice()
    done = analyze(tmp_path, model=voice, out=out)
    assert (done.resumed, done.rows) == (len(TURNS), len(TURNS) + 1)
    assert voice.heard == []  # nobody speaks in the second
    assert out.read_bytes() == expected.read_bytes()


def test_progress_is_told_in_seconds(tmp_path: Path) -> None:
    path = save(tmp_path / "long.wav", np.tile(0.1 * np.random.RandomState(0).uniform(-1, 1, RATE), 100))
    turns = "\n".join(f"SPEAKER long 1 {n} 1.0 <NA> <NA> A <NA> <NA>" for n in range(100))
    (tmp_path / "long.rttm").write_text(turns + "\n")
    source, told = open_input(path), []
    done = write(source, tmp_path / "o.jsonl", analyzer_for(source, model=LoudVoice()), progress=told.append)
    assert done.rows == 100
    assert [p.rows for p in told] == [*[0] * (len(told) - 1), 100]
    heard = [p.heard for p in told]
    assert heard == sorted(heard)
    assert heard[-1] == pytest.approx(100.0)
    assert len(told) >= 3
    assert all(p.fraction == pytest.approx(p.heard / 100.0, abs=0.02) for p in told if p.fraction is not None)


# --- what is written --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["vtt", "srt", "TextGrid", "eaf", "rttm"])
def test_formats_with_times_give_back_what_was_written(call: Path, tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"call.emotion.{ending}"
    analyze(call, model=LoudVoice(), out=out)
    (found,) = timed.read(out, labels=LABELS)
    said = sorted((s.start, s.end, s.labels) for s in found if s.labels)
    assert said == [(a, b, ("angry",) if "told" in t else ("neutral",)) for a, b, _, t, _ in TURNS]


def test_the_transcript_is_never_overwritten(call: Path) -> None:
    before = call.with_suffix(".vtt").read_bytes()
    with pytest.raises(InputError, match=r"the transcript of .*call\.emotion\.vtt"):
        analyze(call, model=LoudVoice(), out=call.with_suffix(".vtt"))
    with pytest.raises(InputError, match="The output is the input"):
        write(open_input(call), call, Listener(model=LoudVoice()), format="jsonl")
    assert call.with_suffix(".vtt").read_bytes() == before


def test_the_report_speaks_of_voices_and_the_xml_has_times(call: Path, tmp_path: Path) -> None:
    analyze(call, model=LoudVoice(), out=tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text()
    assert "What the voices sound like" in page
    assert "8</b> stretches of speech" in page
    assert "people who hear the stretch" in page
    analyze(call, model=LoudVoice(), out=tmp_path / "r.xml")
    assert 'start="5000"' in (tmp_path / "r.xml").read_text()


# --- the command ------------------------------------------------------------------------------------------------------


def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: object) -> tuple:
    """The command with the stand-in as its bundled model of voices."""
    monkeypatch.setattr("affekt.listening.ways_of", lambda model, **more: ways_of(model or LoudVoice(), **more))
    monkeypatch.setattr(sys, "argv", ["affekt", "analyze", *map(str, arguments)])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    with pytest.raises(SystemExit) as ended:
        main()
    return (ended.value.code or 0, *capsys.readouterr())


def test_the_command_writes_rows_and_says_what_it_took(
    call: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "rows.jsonl"
    code, _, err = command(capsys, monkeypatch, call, "--out", out)
    assert code == 0
    assert [r["speaker"] for r in rows_of(out)] == [t[2] for t in TURNS]
    assert f"{call}: turns from {call.with_suffix('.vtt')}" in err
    assert "8 rows in" in err
    assert "Read by loud@1, licence of the weights: Apache-2.0" in err
    code, _, err = command(capsys, monkeypatch, call, "--no-transcript", "--out", out)
    assert code == 0
    assert "turns from" not in err
    notes = tmp_path / "notes.txt"
    notes.write_text("words\n")
    for arguments, said in (
        ((call, notes), "Read them in two runs"),
        ((notes, "--transcript", call.with_suffix(".vtt")), "belongs to a recording"),
        (("--text", "words", "--transcript", call.with_suffix(".vtt")), "belongs to a recording"),
        ((call, "--transcript", notes, "--no-transcript"), "Give one of them"),
        ((call, "--transcript", notes), "Unknown kind of transcript '.txt'"),
        (("-", "--input-format", "sound"), "Nothing came in"),
    ):
        code, _, err = command(capsys, monkeypatch, *arguments)
        assert code == 2
        assert said in err, err


def test_texts_stay_with_their_own_models(tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("I am so angry about this\n")
    assert type(analyzer_for(open_input(notes), model=TinyRecogniser())) is Analyzer
    assert isinstance(
        analyzer_for(open_input(RecordingSource(save(tmp_path / "a.wav", np.zeros(9)))), model=LoudVoice()), Listener
    )


# --- the bundled model on real speech ---------------------------------------------------------------------------------


@pytest.mark.data
@pytest.mark.skipif("AFFEKT_DATA" not in os.environ, reason="AFFEKT_DATA is not set")
def test_real_speech_goes_from_flac_to_rows(tmp_path: Path) -> None:
    folder = Path(os.environ["AFFEKT_DATA"]) / "ravdess" / "Actor_01"
    out = tmp_path / "rows.jsonl"
    done = analyze(folder, out=out)
    rows = rows_of(out)
    assert done.bad == {}
    assert len({r["source"] for r in rows}) == len([*folder.glob("*.flac"), *folder.glob("*.wav")])
    assert all(0 <= r["start"] < r["end"] < 8 for r in rows)
    assert {r["model"].partition("@")[0] for r in rows} == {"voice"}
