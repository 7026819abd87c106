"""Conversations: chats as they are exported and written down, turns in their context, and what changes at them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import affekt
from affekt.cli.analyze import command
from affekt.conversing import Conversing
from affekt.core.cause import Cause
from affekt.core.clip import Clip, Dialogue
from affekt.core.errors import InputError, UnknownNameError
from affekt.core.prediction import Prediction
from affekt.core.protocols import RecogniserSpec
from affekt.core.row import CauseRow, make_row
from affekt.core.shift import Shifts
from affekt.media.chats.lines import chat_in
from affekt.media.chats.objects import decoded, read_objects
from affekt.media.chats.threads import OPEN, in_context
from affekt.media.text import FileSource, Read, ReadOptions
from affekt.opening import open_files, open_input

LRM = "\u200e"


def opened(path: Path, content: str | bytes, **options: object) -> FileSource:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return FileSource(path, ReadOptions(**options))


def turns(source: FileSource) -> list[tuple[str | None, str | None, str | None]]:
    """Speaker, text, and why there is nothing to read."""
    return [(r.clip.speaker, r.clip.text, r.problem or r.aside) for r in source]


# --- Texts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "when"),
    [
        ("[31.12.23, 21:05:33] Anna: hi", "2023-12-31T21:05:33"),
        (f"{LRM}[2023-12-31, 9:05:33\u202fPM] Anna: hi", "2023-12-31T21:05:33"),
        ("12/31/23, 9:05 PM - Anna: hi", "2023-12-31T21:05:00"),
        ("31/12/2023 21:05 - Anna: hi", "2023-12-31T21:05:00"),
        ("31/12/23, 9:05 p. m. - Anna: hi", "2023-12-31T21:05:00"),
        ("31.12.2023, 21.05 - Anna: hi", "2023-12-31T21:05:00"),
        ("12/31/23, 12:05 AM - Anna: hi", "2023-12-31T00:05:00"),
        ("1/2/23, 21:05 - Anna: hi", "1/2/23 21:05"),  # day or month: nobody can tell
        ("99/99/23, 21:05 - Anna: hi", "99/99/23 21:05"),
    ],
)
def test_whatsapp_dates_of_many_countries(tmp_path, first, when):
    source = opened(tmp_path / "c.txt", f"{first}\nand more\n\n{first.replace('Anna: hi', 'Ben: so: what?')}\n")
    assert source.conversation == "a WhatsApp export"
    reads = list(source)
    assert [(r.clip.speaker, r.clip.text) for r in reads] == [("Anna", "hi\nand more"), ("Ben", "so: what?")]
    assert [r.clip.time for r in reads] == [when, when]
    assert reads[1].clip.source == f"{tmp_path / 'c.txt'}:4"


def test_a_later_date_tells_day_from_month_for_all(tmp_path):
    source = opened(tmp_path / "c.txt", "1/2/23, 21:05 - Anna: hi\n1/13/23, 21:05 - Anna: hi\n")
    assert [r.clip.time for r in source] == ["2023-01-02T21:05:00", "2023-01-13T21:05:00"]


def test_whatsapp_says_what_is_nobodys_words(tmp_path):
    chat = (
        "31.12.23, 21:05 - Messages are end-to-end encrypted.\n"
        "31.12.23, 21:05 - Anna: <Medien ausgeschlossen>\n"
        "31.12.23, 21:05 - Anna: IMG-20231231.jpg (file attached)\n"
        f"31.12.23, 21:05 - Anna: {LRM}image omitted\n"
        "31.12.23, 21:06 - +49 151 123: This message was deleted\n"
        "31.12.23, 21:06 - Anna:\n"
        "31.12.23, 21:07 - Ben: look <here> (now)\n"
    )
    found = turns(opened(tmp_path / "c.txt", chat))
    kinds = [why and why.partition(":")[0] for _, _, why in found]
    assert kinds == ["system message", "no words", "no words", "no words", "no words", "empty", None]
    assert found[0][0] is None
    assert found[4][0] == "+49 151 123"


def test_lines_with_names_are_turns(tmp_path):
    chat = "\ufeffAnna: Hi!\nstill me\nBen K.: Yes: what?\n\n[00:01:02] Anna: late\nBen K.:\n"
    assert opened(tmp_path / "c.txt", chat).conversation is None, "one line in five has no name: it may be anything"
    asked = opened(tmp_path / "c.txt", chat, conversation=True)
    reads = list(asked)
    assert [(r.clip.speaker, r.clip.text, r.problem) for r in reads] == [
        ("Anna", "Hi!\nstill me", None),
        ("Ben K.", "Yes: what?", None),
        ("Anna", "late", None),
        ("Ben K.", "", "empty"),
    ]
    assert reads[2].clip.start == 62.0


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Anna: Hi!\nBen: Hello.\n", "names"),
        ("[SPEAKER_00]: Hi!\n[SPEAKER_01]: Hello.\n", "names"),
        ("therapist: How are you?\nclient: Bad.\n", "names"),
        ("Anna: Hi!\n", None),  # one line may be anything
        ("I bought two: one broke\nnever: again\n", None),
        ("https://example.org\nhttps://example.com\n", None),
        ("Great phone.\nAnna: Hi!\n", None),
        ("Alpha: x\nBeta: y\nGamma: z\nDelta: q\n", None),  # a list of terms: nobody comes back
        ("12:30: lunch\n13:30: sleep\n", None),
        ("", None),
    ],
)
def test_only_unmistakable_texts_are_taken_for_conversations(text, kind):
    assert chat_in(text) == kind


def test_a_text_is_a_conversation_or_not_as_it_is_said(tmp_path):
    path = tmp_path / "c.txt"
    assert [t[1] for t in turns(opened(path, "Anna: Hi!\nBen: Hello.\n", conversation=False))] == [
        "Anna: Hi!",
        "Ben: Hello.",
    ]
    assert turns(opened(path, "Anna: Hi!\n", conversation=True)) == [("Anna", "Hi!", None)]
    plain = opened(path, "Hi!\nHello.\n", conversation=True)
    assert [(r.clip.text, r.clip.dialogue) for r in plain] == [("Hi!", str(path)), ("Hello.", str(path))]


def test_a_turn_that_is_too_long_is_told_and_the_next_is_read(tmp_path):
    found = turns(opened(tmp_path / "c.txt", f"A: x\nB: {'y' * 90}\nA: z\n", conversation=True, max_characters=50))
    assert found[0] == ("A", "x", None)
    assert found[1][1] is None and "too long" in str(found[1][2])
    assert found[2] == ("A", "z", None)
    joined = turns(
        opened(tmp_path / "c.txt", f"A: x\n{'y ' * 20}\n{'y ' * 20}\nA: z\n", conversation=True, max_characters=50)
    )
    assert [why and why[:8] for _, _, why in joined] == ["too long", None]


# --- JSON -------------------------------------------------------------------------------------------------

TELEGRAM = {
    "name": "Bob",
    "type": "personal_chat",
    "messages": [
        {"id": 1, "type": "service", "date": "2024-01-01T10:00:00", "actor": "Bob", "action": "phone_call", "text": ""},
        {"id": 2, "type": "message", "date": "2024-01-01T10:01:00", "from": "Bob", "from_id": "user1",
         "text": ["hi ", {"type": "bold", "text": "you"}]},
        {"id": 3, "type": "message", "date": "2024-01-01T10:02:00", "from": "Eve", "photo": "p.jpg", "text": ""},
    ],
}  # fmt: skip
SLACK = [
    {"type": "message", "user": "U1", "text": "see <https://example.org|this> <@U2> &lt;3", "ts": "1704103200.000100"},
    {"type": "message", "subtype": "channel_join", "user": "U2", "text": "<@U2> has joined", "ts": "1704103201.0"},
    {"type": "message", "user": "U2", "text": "", "files": [{}], "ts": "1704103202.0",
     "user_profile": {"display_name": "eve"}},
]  # fmt: skip
DISCORD = {
    "guild": {"name": "g"},
    "channel": {"id": "9", "name": "general"},
    "messages": [
        {"id": "1", "type": "Default", "timestamp": "2024-01-01T10:00:00+00:00", "content": "hi", "attachments": [],
         "author": {"id": "7", "name": "bob", "nickname": "Bobby"}},
        {"id": "2", "type": "RecipientAdd", "timestamp": "t", "content": "Added x.", "author": {"name": "eve"}},
        {"id": "3", "type": "Reply", "timestamp": "t", "content": "", "attachments": [{}], "author": {"name": "eve"}},
    ],
}  # fmt: skip
MESSENGER = {
    "participants": [{"name": "Zoë"}],
    "messages": [
        {"sender_name": "Bob", "timestamp_ms": 1704103202000, "photos": [{}]},
        {"sender_name": "ZoÃ«", "timestamp_ms": 1704103201000, "content": "schÃ¶n"},
    ],
}


@pytest.mark.parametrize(
    ("value", "told", "expected"),
    [
        (TELEGRAM, "a Telegram export", [("Bob", "", "system message: phone call"), ("Bob", "hi you", None),
                                         ("Eve", "", "no words: photo")]),
        ({"chats": {"list": [TELEGRAM, {**TELEGRAM, "name": "Eve"}]}}, "a Telegram export", None),
        (SLACK, "a Slack export", [("U1", "see this @U2 <3", None), ("U2", "@U2 has joined",
                                   "system message: channel join"), ("eve", "", "no words: file")]),
        (DISCORD, "a Discord export", [("Bobby", "hi", None), ("eve", "Added x.", "system message: RecipientAdd"),
                                       ("eve", "", "no words: attachment")]),
        (MESSENGER, "a Messenger export", [("Zoë", "schön", None), ("Bob", None, "no words: photos")]),
        ([{"speaker": "A", "text": "hi"}, {"speaker": "B", "text": None}, 3], "a list of turns",
         [("A", "hi", None), ("B", None, "NaN or missing"), (None, None, "not a turn: int")]),
        ({"turns": ["hi", "you"]}, "a list of turns", [(None, "hi", None), (None, "you", None)]),
        ({"conversation": [["A", "hi"], ["B", "you"]]}, "a list of turns", [("A", "hi", None), ("B", "you", None)]),
        ({"messages": [{"role": "system", "content": "Be nice."}, {"role": "user", "content": "hi"}]},
         "a list of turns", [("system", "Be nice.", "system message"), ("user", "hi", None)]),
        ({"id": "x", "conversations": [{"from": "human", "value": "hi"}]}, "a list of turns", [("human", "hi", None)]),
        ([{"speaker": {"name": "A"}, "text": ""}], "a list of turns", [("A", "", "empty")]),
    ],
)  # fmt: skip
def test_exports_and_lists_of_turns_in_json(tmp_path, value, told, expected):
    source = opened(tmp_path / "c.json", json.dumps(value))
    assert source.conversation == told
    found = turns(source)
    if expected is not None:
        assert found == expected
    else:
        assert len(found) == 6


def test_times_ids_and_dialogues_of_json_turns(tmp_path):
    talks = {
        "a": [{"speaker": "A", "text": "hi", "start": 1, "end": 2.5, "id": 7}, {"speaker": "B", "text": "x", "id": 7}],
        "b": [[{"speaker": "A", "utterance": "hi", "start": "00:01:02,5", "end": "1"}]],
    }
    source = opened(tmp_path / "c.json", json.dumps(talks))
    clips = [r.clip for r in source]
    assert [(c.dialogue, c.id, c.start, c.end) for c in clips] == [
        ("a", "7", 1.0, 2.5),
        ("a", "a:7", None, None),
        ("b.0", "3", 62.5, None),
    ]
    assert clips[2].source == f"{tmp_path / 'c.json'}:b[0][0]"
    assert source.notes == ("1 turns end before they start; their end is left out",)


@pytest.mark.parametrize(
    ("content", "where", "what"),
    [
        ('[{"speaker": "A",\n  "text": hi}]', ":2", "expecting value at column 11"),
        ('[{"speaker": "A", "text": "hi"}', ":1", "column 32"),
        ("[]", "", "no list of turns in it, but nothing"),
        ('{"a": 1}', "", "an object with a"),
        ('{"turns": []}', "", "no list of turns"),
        ("[" * 3000, "", "(nested too deep|not JSON)"),
        (b'[{"speaker": "A", "text": "\xff"}]', "", "not UTF-8 from byte 27"),
        ("", "", "nothing in it"),
    ],
)
def test_broken_json_is_refused_with_its_place(tmp_path, content, where, what):
    with pytest.raises(InputError, match=what) as err:
        opened(tmp_path / "c.json", content)
    assert str(err.value.where).endswith(f"c.json{where}")


def test_json_in_utf16_and_with_a_byte_order_mark_and_nan(tmp_path):
    text = '[{"speaker": "Zoë", "text": "schön", "score": NaN}]'
    for raw in (b"\xef\xbb\xbf" + text.encode(), text.encode("utf-16")):
        assert turns(opened(tmp_path / "c.json", raw)) == [("Zoë", "schön", None)]


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
                    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(
                        ["text", "speaker", "turns", "messages", "id", "start", "from_id", "author", "content", "ts",
                         "type", "chats", "list", "sender_name", "timestamp_ms", "channel"]), inner, max_size=5),
                    max_leaves=25))  # fmt: skip
def test_any_json_gives_turns_or_says_why_not(value):
    try:
        _, found = read_objects(decoded(json.dumps(value).encode(), "x"), "x")
    except InputError:
        return
    assert all(turn.place for turn in found)


# --- Tables, transcripts, folders --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "told", "chosen"),
    [
        ("speaker,text", "column 'speaker'", {"speaker": "speaker", "text": "text"}),
        ("Speaker,Utterance,Dialogue_ID", "column 'Dialogue_ID'", {"dialogue": "Dialogue_ID"}),
        (
            "speaker,text,conversation_id,start,end",
            "column 'speaker'",
            {"dialogue": "conversation_id", "start": "start"},
        ),
        ("AuthorID,Author,Date,Content,Attachments", "the columns of a Discord export", {"speaker": "Author"}),
        ("author,text", None, {"speaker": "author"}),
        ("author,text,conversation_id", None, {}),
    ],
)
def test_which_tables_are_conversations(tmp_path, header, told, chosen):
    names = header.split(",")
    cells = {"start": "1.5", "end": "2"}
    source = opened(tmp_path / "c.csv", f"{header}\n{','.join(cells.get(n, f'the {n}') for n in names)}\n")
    assert source.conversation == told
    assert source.chosen.items() >= chosen.items()
    (read,) = source
    assert (read.clip.dialogue is None) == (told is None)
    if "start" in names:
        assert (read.clip.start, read.clip.end) == (1.5, 2.0)
    table = pa.table({name: [cells.get(name, f"the {name}")] for name in names})
    pq.write_table(table, tmp_path / "c.parquet")
    assert FileSource(tmp_path / "c.parquet").conversation == told
    (tmp_path / "c.jsonl").write_text(json.dumps(dict.fromkeys(names, "x")))
    assert FileSource(tmp_path / "c.jsonl").conversation == told


def test_a_column_of_speakers_that_is_empty_tells_nothing(tmp_path):
    rows = [{"speaker": None, "text": "a"}, {"speaker": None, "text": "b"}]
    source = opened(tmp_path / "c.jsonl", "\n".join(json.dumps(row) for row in rows))
    assert source.conversation is None
    forced = opened(tmp_path / "c.jsonl", "\n".join(json.dumps(row) for row in rows), conversation=True)
    assert [r.clip.dialogue for r in forced] == [str(tmp_path / "c.jsonl")] * 2


def test_a_line_that_is_no_json_is_a_row_with_its_column(tmp_path):
    source = opened(tmp_path / "c.jsonl", '{"speaker": "A", "text": "hi"}\n{"speaker": "B", text}\n')
    assert turns(source)[1] == (None, None, "not JSON: expecting property name enclosed in double quotes at column 18")


def test_json_lines_may_hold_a_dialogue_each(tmp_path):
    lines = [
        {"id": "x", "dialog": [{"speaker": "usr", "text": "hi"}, {"speaker": "sys", "text": "you"}]},
        {"dialog": []},
    ]
    source = opened(
        tmp_path / "c.jsonl", "\n".join(json.dumps(line) for line in lines) + '\n{"dialog": [["A", "so"]]}\n{'
    )
    assert source.conversation == "a dialogue a line"
    reads = list(source)
    assert [(r.clip.dialogue, r.clip.speaker, r.clip.text) for r in reads] == [
        *(("x", "usr", "hi"), ("x", "sys", "you"), ("2", None, None), ("3", "A", "so"), ("4", None, None)),
    ]
    assert [r.problem and r.problem.partition(":")[0] for r in reads] == [
        None,
        None,
        "no list of turns",
        None,
        "not JSON",
    ]
    assert reads[3].clip.source == f"{tmp_path / 'c.jsonl'}:3:dialog[0]"


def test_subtitles_are_turns_also_where_they_overlap(tmp_path):
    vtt = (
        "WEBVTT\n\n00:05.000 --> 00:07.000\n<v Ben>I know.\n\n00:01.000 --> 00:06.000\n<v Anna>It is over.\n\n"
        "00:06.500 --> 00:08.000\n[SPEAKER_02]: Who said that?\n\n00:09.000 --> 00:10.000\nNobody.\n"
    )
    source = opened(tmp_path / "c.vtt", vtt)
    reads = [r for r in in_context(source, turns=2)]
    assert [(r.clip.speaker, r.clip.turn, r.clip.context_speakers) for r in reads] == [
        ("Anna", 0, ()),
        ("Ben", 1, ("Anna",)),
        ("SPEAKER_02", 2, ("Anna", "Ben")),
        (None, 3, ("Ben", "SPEAKER_02")),
    ]
    assert reads[3].clip.context == ("I know.", "Who said that?")


def test_a_folder_of_a_slack_export_gives_its_channels_with_names(tmp_path):
    (tmp_path / "general").mkdir()
    (tmp_path / "users.json").write_text(json.dumps([{"id": "U1", "profile": {"display_name": "Bob"}}]))
    (tmp_path / "channels.json").write_text("[]")
    for day in ("2024-01-02", "2024-01-01"):
        (tmp_path / "general" / f"{day}.json").write_text(json.dumps(SLACK[:1]))
    source = open_input(tmp_path)
    reads = list(in_context(source.reads, turns=3))
    assert [(r.clip.speaker, r.clip.dialogue, r.clip.turn) for r in reads] == [
        ("Bob", "general", 0),
        ("Bob", "general", 1),
    ]
    assert "2024-01-01" in str(reads[0].clip.source)
    assert len({r.clip.id for r in reads}) == 2


def test_a_folder_of_chats_keeps_them_apart(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.jsonl").write_text('{"speaker": "A", "text": "hi", "dialogue_id": "1"}\n' * 2)
    source = open_input(open_files([tmp_path]))
    assert source.conversation
    found = [(r.clip.dialogue, r.clip.turn, len(r.clip.context)) for r in in_context(source.reads, turns=5)]
    a, b = f"{tmp_path / 'a.jsonl'}:1", f"{tmp_path / 'b.jsonl'}:1"
    assert found == [(a, 0, 0), (a, 1, 1), (b, 0, 0), (b, 1, 1)]


# --- Context ------------------------------------------------------------------------------------------------


def said(*rows: tuple[str, str | None, str]) -> list[Read]:
    return [Read(Clip(str(i), text, speaker=who, dialogue=d)) for i, (d, who, text) in enumerate(rows)]


def test_turns_get_what_was_said_before_in_their_dialogue():
    rows = said(("x", "A", "1"), ("y", "C", "2"), ("x", None, "3"), ("x", "A", "4"), ("y", "C", "5"))
    found = [(r.clip.turn, r.clip.context, r.clip.context_speakers) for r in in_context(rows, turns=1)]
    assert found == [(0, (), ()), (0, (), ()), (1, ("1",), ("A",)), (2, ("3",), ()), (1, ("2",), ("C",))]


def test_what_is_nobodys_words_is_not_said_before_others():
    rows = said(("x", "A", "1"), ("x", "A", "joined"), ("x", "A", "2"))
    rows[1] = Read(rows[1].clip, aside="system message")
    found = [r.clip for r in in_context(rows, turns=5)]
    assert [c.turn for c in found] == [0, 1, 2]
    assert found[2].context == ("1",)


def test_rows_without_a_dialogue_and_turns_with_a_context_stay():
    alone, own = Clip("1", "a"), Clip("2", "b", dialogue="x", turn=4, context=("z",))
    assert [r.clip for r in in_context([Read(alone), Read(own)], turns=3)] == [alone, own]


def test_a_dialogue_is_let_go_after_many_others():
    rows = said(("x", "A", "1"), *((f"d{i}", "A", "-") for i in range(OPEN)), ("x", "A", "2"))
    assert list(in_context(rows, turns=3))[-1].clip.turn == 0


# --- Shifts -------------------------------------------------------------------------------------------------


def test_shifts_are_from_the_own_and_from_the_others_last_turn():
    shifts = Shifts()
    see = shifts.see
    first = see("x", 0, "A", label="joy", dimensions={"valence": 4.0})
    second = see("x", 1, "B", label="joy", dimensions={"valence": 3.0, "arousal": 1.0})
    third = see("x", 3, "A", label="anger", dimensions={"valence": 2.0})
    assert (first.own, first.other) == (None, None)
    assert second.own is None and second.other is not None
    assert (second.other.turn, second.other.changed, dict(second.other.dimensions)) == (0, False, {"valence": -1.0})
    assert third.own is not None and third.other is not None
    assert (third.own.turn, third.own.label, third.own.changed, dict(third.own.dimensions)) == (
        *(0, "joy", True),
        {"valence": -2.0},
    )
    assert third.other.turn == 1
    unknown = see("x", 4, None, label="joy", dimensions={})
    assert (unknown.own, unknown.other) == (None, None)
    assert see("y", 0, "A", label=None, dimensions={}).own is None


@given(st.lists(st.tuples(st.sampled_from("xy"), st.sampled_from("ABC"), st.floats(1, 5)), max_size=30))
def test_shifts_agree_with_a_search_through_all_turns(rows):
    shifts = Shifts()
    for i, (dialogue, speaker, value) in enumerate(rows):
        found = shifts.see(dialogue, i, speaker, label=None, dimensions={"valence": value})
        before = [j for j in range(i) if rows[j][0] == dialogue]
        own = [j for j in before if rows[j][1] == speaker]
        other = [j for j in before if rows[j][1] != speaker]
        assert (found.own and found.own.turn) == (own[-1] if own else None)
        assert (found.other and found.other.turn) == (other[-1] if other else None)
        if found.own:
            assert found.own.dimensions["valence"] == value - rows[own[-1]][2]


# --- The whole way ------------------------------------------------------------------------------------------


class Remembering:
    """A recogniser that gives the number of turns that it is told were before."""

    card = {"context": 3}  # noqa: RUF012

    @property
    def spec(self) -> RecogniserSpec:
        return RecogniserSpec("remembering", "1", "sentiment", ("sentiment",), ("valence",), ("en",), "CC0-1.0")

    def predict(self, clips, *, space=None):
        return [
            Prediction(c.id, "sentiment", scores={"positive": 1.0}, dimensions={"valence": float(len(c.context))})
            for c in clips
        ]


def chat(count: int) -> list[dict[str, str]]:
    words = ("I am so happy today.", "That makes me furious.", "Why?", "I miss you so much.")
    return [{"speaker": "AB"[i % 2], "text": words[i % 4]} for i in range(count)]


def test_dialogues_in_python():
    talk = Dialogue("d", tuple(Clip("", t["text"], speaker=t["speaker"]) for t in chat(3)))
    found = list(affekt.stream([talk, Dialogue("e", talk.turns)], model=Remembering(), language="en"))
    assert [(c.id, c.dialogue, c.turn, p.dimensions["valence"]) for c, p in found] == [
        *(("d:0", "d", 0, 0.0), ("d:1", "d", 1, 1.0), ("d:2", "d", 2, 2.0)),
        *(("e:0", "e", 0, 0.0), ("e:1", "e", 1, 1.0), ("e:2", "e", 2, 2.0)),
    ]
    assert found[2].prediction.shift.own.dimensions == {"valence": 2.0}
    assert found[2].row.shift.other.turn == 1
    (alone,) = affekt.analyze(Dialogue("d", talk.turns[:1]))
    assert alone.shift is not None and alone.shift.own is None and alone.shift.other is None
    assert affekt.analyze(Dialogue("d", ())) == []
    with pytest.raises(InputError, match="A dialogue stands beside str"):
        affekt.analyze([talk, "x"])
    assert affekt.analyze("hi")[0].shift is None


def test_a_run_that_was_broken_off_goes_on_with_its_context(tmp_path, monkeypatch):
    import affekt.analysis as analysis

    path = tmp_path / "c.jsonl"
    path.write_text("\n".join(json.dumps(t) for t in chat(40)))
    monkeypatch.setattr(analysis, "_FIRST_BLOCK", 8)
    monkeypatch.setattr(analysis, "_BLOCK", 8)
    whole, broken = tmp_path / "whole.jsonl", tmp_path / "broken.jsonl"
    affekt.analyze(path, model=Remembering(), language="en", out=whole)

    class Failing(Remembering):
        calls = 0

        def predict(self, clips, *, space=None):
            Failing.calls += 1
            if Failing.calls == 3:
                raise KeyboardInterrupt
            return super().predict(clips)

    with pytest.raises(KeyboardInterrupt):
        affekt.analyze(path, model=Failing(), language="en", out=broken)
    summary = affekt.analyze(path, model=Remembering(), language="en", out=broken)
    assert 0 < summary.resumed < 40
    assert broken.read_text() == whole.read_text()
    last = json.loads(whole.read_text().splitlines()[-1])
    assert last["shift"]["own"]["turn"] == 37 and last["valence"] == 3.0


def run(*args: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(command, [*args, "--json"])
    if isinstance(result.exception, Exception):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_the_command_says_how_turns_were_told_and_read(tmp_path):
    path = tmp_path / "c.jsonl"
    path.write_text("\n".join(json.dumps(t) for t in chat(4)))
    code, out, err = run(str(path))
    assert code == 0
    rows = [json.loads(line) for line in out.splitlines()]
    assert [(r["dialogue"], r["turn"]) for r in rows] == [(str(path), i) for i in range(4)]
    assert rows[2]["shift"]["own"]["turn"] == 0
    assert all(c["turn"] <= row["turn"] for row in rows for c in row["causes"] or ())
    assert "turns of a conversation (column 'speaker')" in err
    assert "Each turn is read" in err
    _, out, err = run(str(path), "--no-conversation")
    assert json.loads(out.splitlines()[2])["shift"] is None
    assert "conversation" not in err
    with pytest.raises(UnknownNameError, match="dialog"):
        run(str(path), "--dialogue-column", "dialog")


def test_mixed_languages_are_each_read_by_their_model(tmp_path):
    path = tmp_path / "c.txt"
    path.write_text("Anna: I am so happy that you are finally here with us!\n"
                    "Ben: Ich bin so traurig, dass du morgen schon wieder gehen musst.\nAnna: …\n")  # fmt: skip
    rows = [json.loads(line) for line in run(str(path))[1].splitlines()]
    assert [r["language"] for r in rows[:2]] == ["en", "de"]
    assert rows[2]["abstained"]


def test_system_messages_are_no_errors_under_strict(tmp_path):
    path = tmp_path / "c.json"
    path.write_text(json.dumps(TELEGRAM))
    code, out, _ = run(str(path), "--strict")
    assert code == 0
    assert json.loads(out.splitlines()[0])["abstained"] == "system message: phone call"


def test_tables_hold_what_changed(tmp_path):
    path = tmp_path / "c.jsonl"
    path.write_text("\n".join(json.dumps(t) for t in chat(3)))
    for name in ("o.parquet", "o.csv", "o.jsonl"):
        affekt.analyze(path, model=Remembering(), language="en", out=tmp_path / name)
    table = pq.read_table(tmp_path / "o.parquet").to_pylist()
    rows = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    with (tmp_path / "o.csv").open(newline="") as stream:
        cells = list(csv.DictReader(stream))
    for in_table, in_csv, row in zip(table, cells, rows, strict=True):
        assert (
            (in_table["dialogue"], in_table["turn"])
            == (row["dialogue"], row["turn"])
            == (str(path), int(in_csv["turn"]))
        )
        assert in_table["shift"] == row["shift"] == json.loads(in_csv["shift"])
        assert in_table["causes"] == row["causes"] == json.loads(in_csv["causes"])
    assert rows[2]["shift"]["own"]["valence"] == 2.0


class Blaming:
    """A model of causes that blames the whole turn before the one asked about, as far as it is given it."""

    class card:
        languages = ("en",)

    class facts:
        back = 2

    def __init__(self) -> None:
        self.most = 0

    def read(self, turns, emotions):
        self.most = max(self.most, len(turns))
        return {i: [Cause(i - 1, 0, len(turns[i - 1].text or ""), 0.9)] if i else [] for i in emotions}

    def chosen(self, reading):
        return reading


def emotional(*rows: tuple[str, str, str | None]) -> list[tuple[Clip, Prediction]]:
    """Turns of dialogues: name, words, emotion (`None`: nothing was read)."""
    places: dict[str, int] = {}
    out = []
    for i, (dialogue, words, label) in enumerate(rows):
        place = places[dialogue] = places.get(dialogue, -1) + 1
        read = (
            Prediction(str(i), "ekman", {label: 1.0}, (label,)) if label else Prediction(str(i), "ekman", abstained="x")
        )
        out.append((Clip(str(i), words, speaker="A", dialogue=dialogue, turn=place), read))
    return out


def test_causes_are_looked_for_across_blocks_within_the_dialogue():
    rows = emotional(
        *(("x", "one", "neutral"), ("x", "two", "joy"), ("y", "other", "joy"), ("x", "", None)),
        *(("x", "four!", "anger"), ("y", "last", "fear")),
    )
    expected = [(), ((0, 3),), (), None, ((2, 0),), ((0, 5),)]
    for size in (1, 2, 6):
        model = Blaming()
        talk = Conversing(model)
        found = [p for at in range(0, 6, size) for p in talk.follow(rows[at : at + size])]
        assert [p.causes if p.causes is None else tuple((c.turn, c.end) for c in p.causes) for p in found] == expected
    later = Conversing(model)
    later.resume([make_row(c, p) for c, p in rows[:4]])
    assert [p.causes[0].turn for p in later.follow(rows[4:])] == [2, 0]
    assert make_row(rows[1][0], found[1]).causes == [CauseRow(0, 0, 3, 0.9)]
    assert [p.causes for p in Conversing().follow(rows)] == [None] * 6
    assert Blaming.facts.back == 2
