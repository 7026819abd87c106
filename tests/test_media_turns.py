"""Turns: from transcripts of every kind, and from the sound itself."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sounds import voice

from affekt.core.clip import Clip
from affekt.core.errors import InputError, UnknownNameError
from affekt.media.sound import Sound, sound_of
from affekt.media.speech import SpeechOptions, spoken
from affekt.media.transcript import beside, read_transcript
from affekt.media.turns import speakers_of, transcribed, turns_of, ward

Said = tuple[float | None, float | None, str | None, str | None]
TALK: list[Said] = [(0.0, 1.5, "A", "Are you there?"), (1.75, 3.0, "B", "I am.")]


def said(clips: list[Clip]) -> list[Said]:
    return [(c.start, c.end, c.speaker, c.text) for c in clips]


def seconds(*names: str, unit: float = 1.0, **renamed: str) -> list[dict]:
    """The talk as dictionaries, with other names for its parts."""
    return [
        {
            renamed.get("start", "start"): start * unit if unit != 1 else start,
            renamed.get("end", "end"): end * unit if unit != 1 else end,
            renamed.get("speaker", "speaker"): who,
            renamed.get("text", "text"): words,
        }
        for start, end, who, words in TALK
    ]


def words_of(name: str) -> list[dict]:
    return [
        {"start": 0.0, "end": 0.4, "speaker": "A", name: "Are"},
        {"start": 0.4, "end": 0.8, "speaker": "A", name: "you"},
        {"start": 0.9, "end": 1.5, "speaker": "A", name: "there?"},
        {"start": 1.75, "end": 2.0, "speaker": "B", name: "I"},
        {"start": 2.1, "end": 3.0, "speaker": "B", name: "am."},
    ]


JSON = {
    "a list": seconds(),
    "WhisperX": {"segments": [{**s, "words": []} for s in seconds()], "language": "en"},
    "Deepgram": {"results": {"utterances": seconds(text="transcript"), "channels": []}},
    "Deepgram's words": {"results": {"channels": [{"alternatives": [{"words": words_of("punctuated_word")}]}]}},
    "AssemblyAI": {"utterances": [{**s, "start": int(s["start"]), "end": int(s["end"])} for s in seconds(unit=1000)]},
    "Amazon Transcribe": {
        "results": {
            "audio_segments": [
                {"start_time": str(a), "end_time": str(b), "speaker_label": who, "transcript": words}
                for a, b, who, words in TALK
            ]
        }
    },
    "Vosk": {"result": words_of("word"), "text": "..."},
}
NAMELESS = {
    "Whisper": {"text": "...", "segments": [{"id": 0, "start": a, "end": b, "text": f" {w}"} for a, b, _, w in TALK]},
    "Transformers": {"chunks": [{"timestamp": [a, b], "text": w} for a, b, _, w in TALK]},
    "whisper.cpp": {
        "transcription": [{"offsets": {"from": int(a * 1000), "to": int(b * 1000)}, "text": w} for a, b, _, w in TALK]
    },
}


@pytest.mark.parametrize("name", [*JSON, *NAMELESS])
def test_json_of_recognisers(tmp_path: Path, name: str) -> None:
    file = tmp_path / "call.json"
    file.write_text(json.dumps({**JSON, **NAMELESS}[name]), encoding="utf-8")
    clips = read_transcript(file)
    assert said(clips) == [(a, b, None if name in NAMELESS else who, words) for a, b, who, words in TALK]
    assert [(c.id, c.turn, c.dialogue, c.source) for c in clips] == [
        ("1", 0, "call", str(file)),
        ("2", 1, "call", str(file)),
    ]


def test_speakers_without_words(tmp_path: Path) -> None:
    file = tmp_path / "call.json"
    diarization = [{"start": a, "end": b, "speaker": who} for a, b, who, _ in TALK]
    for document in ({"diarization": diarization}, {"output": {"diarization": diarization}}):
        file.write_text(json.dumps(document), encoding="utf-8")
        assert said(read_transcript(file)) == [(a, b, who, None) for a, b, who, _ in TALK]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "no complete JSON"),
        ("[" * 100_000, "no complete JSON"),
        ('{"a": 1}', "No turns with times .*Read are: .*Whisper"),
        ('[{"start": 2, "end": 1, "text": "x"}]', "Turn 1 goes from 2 to 1"),
        ('[{"start": -2, "end": 1, "text": "x"}]', "Turn 1 goes from -2 to 1"),
        ('[{"start": NaN, "end": 1, "text": "x"}]', "Turn 1 goes from nan"),
        ('[{"start": 0, "end": 1}, {"start": 1, "end": "soon"}]', "Turn 2 has no start or no end"),
    ],
)
def test_broken_json_is_refused(tmp_path: Path, document: str, message: str) -> None:
    file = tmp_path / "call.json"
    file.write_text(document, encoding="utf-8")
    with pytest.raises(InputError, match=message) as caught:
        read_transcript(file)
    assert str(file) in str(caught.value)


def test_a_recognition_of_nothing_has_no_turns(tmp_path: Path) -> None:
    file = tmp_path / "call.json"
    file.write_text('{"text": "", "segments": [], "language": "en"}', encoding="utf-8")
    assert read_transcript(file) == []


def test_subtitles_with_speakers(tmp_path: Path) -> None:
    srt = tmp_path / "call.srt"
    srt.write_text(
        "1\n00:00:00,000 --> 00:00:01,500\n[A]: <i>Are you</i>\nthere?\n\n2\n00:00:01,750 --> 00:00:03,000\n"
        "[B]: I am.\n\n3\n00:00:04,000 --> 00:00:05,000\nDR. NO: Well.\n\n4\n00:00:06,000 --> 00:00:07,000\n"
        "Note: nobody said this.\n\n5\n00:00:08,000 --> 00:00:09,000\n12:30: too late.\n",
        encoding="utf-16",
    )
    assert said(read_transcript(srt)) == [
        *TALK,
        (4.0, 5.0, "DR. NO", "Well."),
        (6.0, 7.0, None, "Note: nobody said this."),
        (8.0, 9.0, None, "12:30: too late."),
    ]
    vtt = tmp_path / "call.vtt"
    vtt.write_text(
        "WEBVTT\n\nNOTE made by hand\n\n00:00.000 --> 00:01.500 align:start\n<v A>Are you there?</v>\n\n"
        "b\n00:01.750 --> 00:03.000\n<v B>I am.\n",
        encoding="utf-8",
    )
    assert said(read_transcript(vtt)) == TALK


def test_tiers_are_speakers(tmp_path: Path) -> None:
    from praatio import textgrid
    from praatio.utilities.constants import Interval

    for names in ({"A": "A", "B": "B"}, {"A": "A - words", "B": "B - words"}):
        grid = textgrid.Textgrid()
        for start, end, who, words in TALK:
            grid.addTier(textgrid.IntervalTier(names[str(who)], [Interval(start, end, words)], 0, 4.0))
        grid.addTier(textgrid.IntervalTier("A - phones", [Interval(0.0, 0.1, "ɑ")], 0, 4.0))
        for form in ("long_textgrid", "short_textgrid"):
            file = tmp_path / "call.TextGrid"
            grid.save(str(file), format=form, includeBlankSpaces=True)
            assert said(read_transcript(file)) == TALK
            file.write_text(file.read_text(encoding="utf-8"), encoding="utf-16")
            assert said(read_transcript(file)) == TALK


def test_elan(tmp_path: Path) -> None:
    from pympi import Elan

    document = Elan.Eaf()
    document.remove_tier("default")
    for start, end, who, words in TALK:
        document.add_tier(f"tier of {who}", part=who)
        document.add_annotation(f"tier of {who}", int((start or 0) * 1000), int((end or 0) * 1000), words)
    document.to_file(str(tmp_path / "call.eaf"))
    assert said(read_transcript(tmp_path / "call.eaf")) == TALK


def test_rttm_of_several_recordings(tmp_path: Path) -> None:
    file = tmp_path / "all.rttm"
    line = "SPEAKER {} 1 {} 1.000 <NA> <NA> {} <NA> <NA>\n"
    file.write_text(line.format("one", 0.5, "A") + line.format("two", 1.5, "B"), encoding="utf-8")
    with pytest.raises(InputError, match=r"about 2 recordings \(one, two\)"):
        read_transcript(file)
    assert said(read_transcript(file, recording="two")) == [(1.5, 2.5, "B", None)]
    with pytest.raises(UnknownNameError, match="Did you mean 'two'"):
        read_transcript(file, recording="twoo")


def test_what_is_no_transcript(tmp_path: Path) -> None:
    for name, content, message in [
        ("none.srt", None, "no such file"),
        ("empty.srt", b"", "nothing in it"),
        ("sound.srt", b"RIFF\x00\x00\x00\x00WAVEfmt " + bytes(200), "not text"),
        ("words.json", "Grüße".encode("latin-1") * 9, "not UTF-8"),
    ]:
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=message):
            read_transcript(tmp_path / name)
    with pytest.raises(UnknownNameError, match=r"'\.strt'.*'\.srt'"):
        read_transcript(tmp_path / "call.strt")


def test_transcripts_beside_a_recording(tmp_path: Path) -> None:
    for name in ("call.wav", "call.rttm", "call.TextGrid", "call.srt", "other.srt", "call.txt"):
        (tmp_path / name).touch()
    assert [p.name for p in beside(tmp_path / "call.wav")] == ["call.TextGrid", "call.srt", "call.rttm"]
    assert beside(tmp_path / "nowhere" / "call.wav") == []


# --- without a transcript ------------------------------------------------------------------------------------


def spectrum(sound: Sound) -> np.ndarray:
    """Cepstrum of the mean log spectrum: coarse shape (the vocal tract), and the pitch as its later peak."""
    frames = np.lib.stride_tricks.sliding_window_view(sound.samples, 1024)[::512] * np.hanning(1024)
    logs = np.log(np.abs(np.fft.rfft(frames)) ** 2 + 1e-6).mean(axis=0)
    cepstrum = np.fft.irfft(logs)
    return np.concatenate([cepstrum[1:13] * 0.2, [40.0 + np.argmax(cepstrum[40:200])] * 3])


def test_two_voices_are_told_apart() -> None:
    pauses = np.zeros(16_000, np.float32)
    order = [0, 0, 1, 0, 1, 1, 0]
    who = ({"pitch": 95.0, "longer": 1.15}, {"pitch": 230.0, "longer": 0.85})
    line = np.concatenate([x for k, s in enumerate(order) for x in (voice(2.0, seed=k, **who[s]), pauses)])
    sound = sound_of(line, rate=16_000)
    options = SpeechOptions(longest=30.0, least_silence=0.5)
    clips = turns_of(spoken(sound, options=options), describe=spectrum, pause=0.5)
    assert [c.speaker for c in clips] == [f"speaker {s + 1}" for s in order]
    assert all(abs((c.start or 0) - 3.0 * k) < 0.3 for k, c in enumerate(clips))
    # Neighbours of one speaker are one turn where the pause is short enough.
    joined = turns_of(spoken(sound, options=options), describe=spectrum, speakers=2, pause=1.5)
    assert [c.speaker for c in joined] == [f"speaker {s}" for s in (1, 2, 1, 2, 1)]
    # One voice alone is one speaker.
    alone = sound_of(np.concatenate([x for k in range(5) for x in (voice(2.0, seed=k), pauses)]), rate=16_000)
    assert {c.speaker for c in turns_of(spoken(alone, options=options), describe=spectrum)} == {"speaker 1"}
    # Without a vector nobody is told apart.
    assert [c.speaker for c in turns_of(spoken(sound, options=options))] == [None] * 7


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 25), st.integers(0, 10_000))
def test_clustering_is_that_of_scipy(n: int, seed: int) -> None:
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import pdist, squareform

    points = np.random.RandomState(seed).randn(n, 3)
    tree = linkage(points, "ward")
    for k, groups in ward(squareform(pdist(points)), most=6).items():
        theirs = fcluster(tree, k, criterion="maxclust")
        pairs = np.equal.outer(groups, groups)
        assert np.array_equal(pairs, np.equal.outer(theirs, theirs)), k
        assert list(dict.fromkeys(groups)) == list(range(k))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 4), st.integers(0, 10_000))
def test_clear_groups_are_found_in_any_order(kinds: int, seed: int) -> None:
    random = np.random.RandomState(seed)
    groups = np.concatenate([np.arange(kinds), random.randint(kinds, size=12)])
    values = np.eye(kinds)[groups] * 30 + random.randn(len(groups), kinds) * 0.1
    names = {group: number for number, group in enumerate(dict.fromkeys(groups.tolist()))}
    wanted = [names[g] for g in groups.tolist()]
    assert speakers_of(values, speakers=kinds) == wanted
    if kinds > 1:
        assert speakers_of(values) == wanted


def test_the_edges_of_clustering() -> None:
    assert speakers_of(np.zeros((0, 3))) == []
    assert speakers_of(np.zeros((1, 3))) == [0]
    assert speakers_of(np.zeros((5, 3))) == [0] * 5
    assert speakers_of(np.full((4, 2), np.nan)) == [0] * 4
    assert speakers_of([[0.0], [9.0]], speakers=5) == [0, 1]
    assert turns_of([], describe=spectrum) == []
    with pytest.raises(ValueError, match="0 speakers"):
        speakers_of([[1.0]], speakers=0)
    with pytest.raises(ValueError, match="shape"):
        speakers_of([1.0, 2.0])
    lengths = iter((2, 3))
    sounds = [Sound(np.zeros(160, np.float32), 16_000, start=float(k)) for k in range(2)]
    with pytest.raises(ValueError, match="one length"):
        turns_of(sounds, describe=lambda _: np.zeros(next(lengths)))


def test_a_transcriber_gives_turns_with_places_in_the_recording() -> None:
    sounds = [Sound(np.zeros(32_000, np.float32), 16_000, start=10.0, source="call.wav"),
              Sound(np.zeros(16_000, np.float32), 16_000, start=20.0, source="call.wav")]  # fmt: skip

    def heard(sound: Sound) -> list[tuple[float, float, str]]:
        return [(0.5, 1.2, " so \n it "), (1.2, 2.3, "is")] if sound.start == 10.0 else [(0.0, 0.0, " ")]

    clips = list(transcribed(sounds, heard))
    assert said(clips) == [(10.5, 11.2, None, "so it"), (11.2, 12.0, None, "is")]
    assert [(c.id, c.turn, c.source) for c in clips] == [("1", 0, "call.wav"), ("2", 1, "call.wav")]
    with pytest.raises(InputError, match=r"words from 10 s to 11 s of a stretch of 2\.00 s \(call\.wav\)"):
        list(transcribed(sounds, lambda _: [(10, 11, "x")]))
