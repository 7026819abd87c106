from __future__ import annotations

import io
import re
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from affekt.catalog.spaces import space
from affekt.core.clip import Clip
from affekt.core.prediction import Evidence, Prediction, Window
from affekt.core.space import Dimension
from affekt.report.terminal import render

GO = space("goemotions")
TEXT = "Thank you, that was not what I feared at all."


def reading(text: str | None = TEXT, id: str = "r1", **changes: object) -> tuple[Clip, Prediction]:
    said: dict[str, object] = {
        "scores": dict.fromkeys(GO.labels, 0.001) | {"gratitude": 0.97, "relief": 0.5, "fear": 0.04},
        "labels": ("gratitude", "relief"),
        "dimensions": {"valence": 4.0, "arousal": 3.0, "dominance": 1.5},
        "intervals": {"valence": (3.0, 5.0)},
        "confidence": 0.93,
        "model": "text-en@1.0",
    }
    return Clip(id, text), Prediction(id, "goemotions", **(said | changes))  # type: ignore[arg-type]


def show(*readings: tuple[Clip, Prediction], width: int = 80, encoding: str = "utf-8", **options: object) -> str:
    """What reaches a pipe of a given width and encoding."""
    raw = io.BytesIO()
    console = Console(file=io.TextIOWrapper(raw, encoding=encoding), width=width)
    assert render(readings, console=console, space=GO, **options) == len(readings)  # type: ignore[arg-type]
    console.file.flush()
    return raw.getvalue().decode(encoding)


def paint(*readings: tuple[Clip, Prediction], **options: object) -> str:
    """What reaches a terminal, with its escape sequences."""
    console = Console(file=io.StringIO(), force_terminal=True, width=80, color_system="standard", **options)  # type: ignore[arg-type]
    render(readings, console=console, space=GO)
    said: str = console.file.getvalue()  # type: ignore[attr-defined]
    return said


class TestOne:
    def test_everything_is_there(self):
        evidence = (Evidence("text", "Thank", 0, 5, 0.4, "gratitude"), Evidence("text", "feared", 31, 37, -0.1, "fear"))
        assert show(reading(evidence=evidence)) == (
            "  *Thank* you, that was not what I ~feared~ at all.\n"
            "\n"
            "  gratitude  ━━━━━━━━━━━━━━━━━━━━━━━╸  97%\n"
            "  relief     ━━━━━━━━━━━━              50%\n"
            "  fear       ━                          4%  below threshold\n"
            "\n"
            "  valence    1 ────────────━━━━━●━━━━━━ 5  4.00  3.0 to 5.0\n"
            "  arousal    1 ────────────●─────────── 5  3.00\n"
            "  dominance  1 ───●──────────────────── 5  1.50\n"
            "\n"
            "  Thank   +0.40 gratitude\n"
            "  feared  -0.10 fear\n"
            "\n"
            "  confidence 93% · text-en@1.0\n"
        )

    def test_it_fits_sixty_columns_in_ascii(self):
        said = show(reading(TEXT * 3), width=60, encoding="ascii")
        assert said.isascii() and all(len(line) <= 60 for line in said.splitlines())
        assert "gratitude  #######" in said and "---o---" in said and "confidence 93%, text-en@1.0" in said

    def test_evidence_is_styled_where_there_is_colour_and_marked_where_there_is_none(self):
        one = reading(evidence=(Evidence("text", "Thank", 0, 5, 0.4, "gratitude"),))
        assert "\x1b[1;4mThank\x1b[0m you" in paint(one)
        assert "*Thank* you" in paint(one, no_color=True)

    def test_no_color_and_a_dumb_terminal_are_honoured(self, monkeypatch):
        assert "\x1b[1;32m" in paint(reading())  # gratitude is green, being positive
        monkeypatch.setenv("NO_COLOR", "1")
        assert not re.search(r"\x1b\[[\d;]*3\d", paint(reading()))
        monkeypatch.delenv("NO_COLOR")
        monkeypatch.setenv("TERM", "dumb")
        console = Console(file=io.StringIO(), force_terminal=True, width=80)
        render([reading()], console=console, space=GO)
        said = console.file.getvalue()
        assert "\x1b" not in said and said.isascii() and "#####" in said

    def test_all_that_is_present_is_shown_and_all_when_wide(self):
        many = reading(labels=tuple(GO.labels[:6]), scores=dict.fromkeys(GO.labels, 0.5))
        assert all(label in show(many) for label in GO.labels[:6])
        assert "neutral" not in show(many) and "neutral" in show(many, wide=True)
        assert show(reading(), top=1).count("%") == 3  # two labels and the confidence

    def test_an_abstention_says_why_and_gives_no_label_weight(self):
        said = show((lambda c, p: (c, p.abstain("low confidence: 0.21")))(*reading()))
        assert "No answer: low confidence: 0.21" in said
        assert "not to be relied on" in said and "below threshold" not in said
        nothing = show((Clip("r1", ""), Prediction("r1", "goemotions", abstained="empty text")))
        assert nothing == "  No answer: empty text\n"

    def test_the_course_of_a_long_text(self):
        text = "".join(f"{i:04d} words and more words. " for i in range(200))
        windows = tuple(
            Window(i * 27, i * 27 + 27, {}, {"valence": 1 + 4 * i / 199, "arousal": 3.0}) for i in range(200)
        )
        said = show(reading(text, trajectory=windows))
        course = next(line for line in said.splitlines() if "▁" in line)
        drawn = course.split()[1]
        assert course.startswith("  valence") and list(drawn) == sorted(drawn) and len(drawn) == 64
        assert set(drawn) == set("▁▂▃▄▅▆▇█")
        assert "200 windows" in said
        assert "lowest valence 1.00    0000 words" in said and "highest valence 5.00   0199 words" in said
        assert f"({len(text):,} characters)" in said and "0100 words" not in said
        assert "0100 words" in show(reading(text), wide=True)

    def test_a_gap_in_the_course_is_blank(self):
        windows = tuple(Window(i, i + 1, {}, {} if i == 2 else {"valence": 5.0}) for i in range(5))
        assert "  valence    ██ ██\n" in show(reading(trajectory=windows))

    def test_a_native_range_of_its_own(self):
        said = show(reading(dimensions={"valence": 0.0}, intervals={}), dimensions=[Dimension("valence", -1, 1)])
        assert re.search(r"valence  -1 ─{11,12}●─{11,12} 1  0\.00", said)

    def test_nothing_at_all(self):
        assert show() == "Nothing to show.\n"


class TestMany:
    @pytest.mark.parametrize("width", [60, 80, 100, 140])
    def test_rows_fit_and_stand_in_columns(self, width):
        readings = [reading("短い文です。" * 20, "a" * 30), reading("line\nbreak\tand " * 30, "b"), reading("x", "c")]
        lines = show(*readings, width=width).splitlines()
        assert all(cell_len(line) <= width for line in lines)
        table = lines[:4]
        at = cell_len(table[0][: table[0].index("text")])
        for line, start in zip(table[1:], ("短", "line break and", "x"), strict=True):
            assert start in line
            assert cell_len(line[: line.index(start)]) == at
        assert ("id" in table[0].split()) == (width >= 90) and ("dom" in table[0]) == (width >= 100)

    def test_the_summary_counts(self):
        answers = [reading(id=str(i), dimensions={"valence": float(v)}) for i, v in enumerate((1, 2, 3, 4))]
        other = [reading(labels=(), dimensions={}), reading(labels=("fear",), dimensions={})]
        withheld = [(c, p.abstain(f"low confidence: 0.{i}")) for i, (c, p) in enumerate((reading(), reading()))]
        empty = (Clip("e", ""), Prediction("e", "goemotions", abstained="empty text"))
        said = show(*answers, *other, *withheld, empty)
        summary = said[said.index("9 readings") :]
        assert summary.startswith("9 readings, 6 with an answer\n")
        assert "      2  no answer: low confidence\n" in summary and "      1  no answer: empty text\n" in summary
        assert re.search(r"gratitude  ━+ +4  67%\n", summary) and re.search(r"fear       ━+╸? +1  17%\n", summary)
        assert "1 without any label" in summary
        assert re.search(r"valence  1 ─+●─+ 5  2\.50  SD 1\.12\n", summary)

    @pytest.mark.parametrize("width", [60, 80, 120])
    def test_stretches_of_recordings_have_their_place_and_speaker(self, width):
        def spoken(name, k, **more):
            clip = Clip(f"{name}:{k}", "words", 3600.0 + k, 3602.0 + k, "Ann" if k else "Ben", source=name, **more)
            return clip, reading()[1]

        lines = show(*(spoken(name, k) for name in ("a.wav", "b.wav") for k in range(2)), width=width).splitlines()
        assert lines[0].split()[0] == "when" and ("who" in lines[0]) == (width >= 90) and " id " not in lines[0]
        assert [lines[1], lines[4]] == ["a.wav", "b.wav"]
        assert lines[2].startswith("1:00:00  " if width < 90 else "1:00:00-1:00:02  Ben ")
        assert "Ben" in lines[2] and "Ann" in lines[3] and lines[3].endswith("words")
        alone = show(*((Clip(str(k), "words", k, k + 1.0), reading()[1]) for k in range(2)), width=120).splitlines()
        assert alone[1].startswith("0:00-0:01 ") and "who" not in alone[0]

    def test_an_abstention_shows_no_values(self):
        row = show(reading(), (lambda c, p: (c, p.abstain("low confidence: 0.21")))(*reading())).splitlines()[2]
        assert row.startswith("— low confidence") and "4.0" not in row and "%" not in row

    def test_beyond_the_limit_only_the_summary_counts(self):
        said = show(*(reading(f"text {i}", str(i)) for i in range(30)), limit=5)
        assert "text 4" in said and "text 5" not in said
        assert "and 25 more" in said and "30 readings" in said

    def test_it_keeps_no_readings(self):
        def peak(n: int) -> int:
            console = Console(file=io.StringIO(), width=80)
            tracemalloc.start()
            render((reading(id=str(i)) for i in range(n)), console=console, space=GO, limit=3)
            _, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            return most

        peak(10)
        assert peak(800) < 1.3 * peak(100) + 20_000


class TestHostileText:
    def test_escape_sequences_and_reordering_are_shown_not_obeyed(self):
        evil = "a\x1b[2J\x07\u202eb\x9bc\r[bold]d[/bold] :smile:"
        for said in (show(reading(evil)), show(reading(evil, "\x1b]0;x\x07"), reading(evil)), paint(reading(evil))):
            assert not re.search("\x1b(?!\\[[\\d;]*m)", said)
            assert not set(said) & set("\x07\u202e\x9b\r")
            assert "[bold]d[/bold] :smile:" in said

    def test_positions_survive(self):
        one = reading("\x1b\x1bThank you", evidence=(Evidence("text", "Thank", 2, 7, 0.4, "gratitude"),))
        assert "\ufffd\ufffd*Thank* you" in show(one)

    @settings(deadline=None, max_examples=40)
    @given(
        st.lists(st.text(max_size=60), min_size=1, max_size=3),
        st.integers(20, 120),
        st.sampled_from(["ascii", "utf-8"]),
    )
    def test_any_text_at_any_width(self, texts, width, encoding):
        said = show(*(reading(text, id=text) for text in texts), width=width, encoding=encoding)
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", said)
        assert all(cell_len(line) <= width for line in said.split("\n"))

    def test_evidence_that_overlaps_or_lies_outside(self):
        evidence = (
            Evidence("text", "Thank you", 0, 9, 0.5, "gratitude"),
            Evidence("text", "you", 6, 9, 0.2, "gratitude"),
            Evidence("text", "gone", 900, 904, 0.9, None),
            Evidence("voice", "pitch 2.8 SD above median", 0.5, 1.5, 0.3, "relief"),
        )
        said = show(reading(evidence=evidence))
        assert "*Thank you*, that" in said and "pitch 2.8 SD above median  +0.30 relief" in said
