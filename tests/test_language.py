from __future__ import annotations

import csv
import os
import time
from pathlib import Path

import pytest

from affekt.media.language import REASON, foreign, has_language, script_of

EN = ("en",)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ok",
        "lol",
        "Gotta go fast!",
        "YOU DONT SAY",
        "paahahaha no wayyyy",
        "Damn. r/murderedbywords",
        "Off her meds",
        "Oh la la",
        "I had a croissant and a café au lait and it was delicious",
        "😂😂😂",
        "!!! ??? 12.50",
        "𝓼𝓸 𝓱𝓪𝓹𝓹𝔂 right now",
        "@someone https://example.org/ein/schöner/tag",
        "Привет means hello in Russian, I think",
    ],
)
def test_informal_english_and_what_is_no_language_are_left_alone(text: str) -> None:
    assert foreign(text, EN) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Ich freue mich wirklich sehr, dass du heute gekommen bist!", "de (p=."),
        ("Je suis tellement content de te revoir, mon ami.", "fr (p=."),
        ("Estoy muy triste porque se fue mi perro", "es (p=."),
        ("Olen todella vihainen tästä kaikesta", "fi (p=."),
        ("정말 감사합니다", "Hangul script"),
        ("Спасибо большое!", "Cyrillic script"),
        ("ありがとうございます", "Kana script"),
        ("太好了，谢谢你", "Han script"),
        ("شكرا جزيلا", "Arabic script"),
        ("आप कैसे हैं", "Devanagari script"),
        ("ขอบคุณมาก", "Thai script"),
    ],
)
def test_other_languages_are_named(text: str, says: str) -> None:
    reason = foreign(text, EN)
    assert reason is not None
    assert reason.startswith(f"{REASON}: ")
    assert says in reason


def test_what_is_covered_is_the_models_matter() -> None:
    german = "Ich freue mich wirklich sehr, dass du heute gekommen bist!"
    assert foreign(german, ("de", "en")) is None
    assert foreign("정말 감사합니다", ("en", "ko")) is None
    assert foreign("I am so happy that you came today, my friend!", ("de",)) is not None


def test_long_texts_are_judged_by_their_beginning_and_middle() -> None:
    german = "Das war ein langer und schwerer Tag für uns alle. " * 2000
    began = time.perf_counter()
    assert foreign(german, EN) is not None
    assert time.perf_counter() - began < 0.5
    assert foreign("It was a long day for all of us. " * 2000, EN) is None


def test_scripts() -> None:
    assert script_of("hello") == "Latin"
    assert script_of("ΓΕΙΑ sou") == "Greek"
    assert script_of("123 🎉") is None
    assert has_language("é") and has_language("好") and not has_language("123 🎉 !")


@pytest.mark.data
def test_english_is_hardly_ever_refused_and_other_languages_mostly() -> None:
    """The bounds that the model's users can rely on; measured figures are somewhat better."""
    root = os.environ.get("AFFEKT_DATA")
    if not root:
        pytest.skip("AFFEKT_DATA is not set")
    folder = Path(root)
    with (folder / "goemotions/original/dev.tsv").open(encoding="utf-8") as file:
        english = [line.split("\t")[0] for line in file]
    assert sum(foreign(text, EN) is not None for text in english) <= 0.005 * len(english)
    for name, least in (("deu", 0.9), ("esp", 0.9), ("rus", 0.98), ("hin", 0.98), ("swe", 0.85)):
        with (folder / f"semeval2025_task11/track_a/dev/{name}.csv").open(encoding="utf-8", newline="") as file:
            texts = [row["text"] for row in csv.DictReader(file)]
        assert sum(foreign(text, EN) is not None for text in texts) >= least * len(texts), name
