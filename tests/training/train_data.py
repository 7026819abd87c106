"""Generated rows in the layouts of the corpora that the bundled recipe trains on."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from affekt.catalog.corpora import corpus
from affekt.catalog.spaces import space


def make_corpora(data: Path) -> Path:
    """A few hundred rows of each; words and labels have nothing to do with each other."""
    rng = np.random.default_rng(0)
    say = ["the rain", "my friend", "that film", "dinner", "nobody"]
    feel = ["made me laugh 😂", "scared me", "was fine", "hurt", "came again"]

    def text(i):
        return f"{say[rng.integers(5)]} {feel[rng.integers(5)]} {i}"

    labels = corpus("goemotions").label_ids
    (data / "goemotions/original").mkdir(parents=True)
    (data / "goemotions/original/labels.txt").write_text("\n".join(labels) + "\n")
    for split, n in (("train", 200), ("dev", 120)):
        lines = [f"{text(i)}\t{i % 28}\t{split}{i}" for i in range(n)]
        (data / f"goemotions/original/{split}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (data / "emobank").mkdir()
    ids = [(f"e{i}", "train" if i < 100 else "dev") for i in range(140)]
    with (data / "emobank/emobank.csv").open("w", newline="", encoding="utf-8") as f:
        w = csv.writer(f)
        w.writerow(["id", "split", "V", "A", "D", "text"])
        for i, split in ids:
            w.writerow([i, split, *rng.uniform(2, 4, 3).round(2), text(i)])
    for side in ("reader", "writer"):
        with (data / f"emobank/individual_{side}_ratings.csv").open("w", newline="") as f:
            w = csv.writer(f)
            w.writerow(["id", "V", "A", "D"])
            w.writerows([i, *rng.integers(2, 5, 3)] for i, _ in ids for _ in range(3))
    (data / "xed/AnnotatedData").mkdir(parents=True)
    (data / "xed/AnnotatedData/en-annotated.tsv").write_text(
        "".join(f"{text(i)}\t{i % 8 + 1}\n" for i in range(200)), "utf-8"
    )
    (data / "xed/AnnotatedData/neu_en.txt").write_text("".join(f"9\t{text(i)}\n" for i in range(300, 330)), "utf-8")
    rated = data / "vader_lexicon/additional_resources/hutto_ICWSM_2014"
    rated.mkdir(parents=True)
    for part in corpus("vader").files:
        (data / "vader_lexicon" / part.path).write_text(
            "".join(f"{i}\t{i % 5 - 2}\t{text(i)}\n" for i in range(20)), "utf-8"
        )

    return data


def rainy_emobank(folder: Path) -> None:
    """EmoBank rows of rain, which are unpleasant, and of sun, which are pleasant."""
    lines = ["id,split,V,A,D,text"]
    for i in range(300):
        wet = i % 3 > 0
        split = ("train", "train", "train", "dev", "test")[i % 5]
        lines.append(f"e{i},{split},{2.0 if wet else 4.0},{2 + i % 3 * 0.5},3,{'rain' if wet else 'sun'} again {i % 7}")
    (folder / "emobank/emobank.csv").write_text("\n".join(lines) + "\n", "utf-8")


def rainy_goemotions(folder: Path, *, train: int, dev: int, test: int) -> None:
    """GoEmotions rows of rain, which are sad, and of sun, which are joyful; so many of each split."""
    labels = corpus("goemotions").label_ids
    sad, joy = labels.index("sadness"), labels.index("joy")
    for split, n in (("train", train), ("dev", dev), ("test", test)):
        rows = [f"{'rain' if i % 3 else 'sun'} again {i % 7}\t{sad if i % 3 else joy}\t{split}{i}" for i in range(n)]
        (folder / f"goemotions/original/{split}.tsv").write_text("\n".join(rows) + "\n", "utf-8")


def talks_of_two(data: Path, *, names: str = "AB", **splits: int) -> Path:
    """Dialogues in the layout of MELD; a plain line feels as the line before if the same person speaks.

    Args:
        data: Folder of the corpora.
        names: Who may speak, a letter each.
        splits: Number of dialogues of each.
    """
    said = {"joy": "I am so happy about this!", "sadness": "I feel so sad and lonely.", "anger": "You make me furious!"}
    columns = "Utterance Speaker Emotion Sentiment Dialogue_ID Utterance_ID Season Episode StartTime EndTime"
    rng, folder = np.random.default_rng(0), data / "meld" / "MELD"
    folder.mkdir(parents=True)
    for split, count in splits.items():
        with (folder / f"{split}_sent_emo.csv").open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(columns.split())
            for dialogue in range(count):
                for k in range(0, 8, 2):
                    feels, who, then = str(rng.choice(list(said))), *rng.choice(list(names), 2)
                    tail = ("neutral", dialogue, k, 1, 1, "00:00:00,000", "00:00:01,000")
                    rows.writerow((said[feels], who, feels, *tail))
                    after = feels if then == who else "neutral"
                    rows.writerow(("The table is over there.", then, after, "neutral", dialogue, k + 1, *tail[3:]))
    return data


def empathetic_talks(data: Path, *, each: int = 3) -> Path:
    """Dialogues in the layout of EmpatheticDialogues: who felt it, who listens, and again who felt it.

    Args:
        data: Folder of the corpora.
        each: Dialogues of each emotion.
    """
    folder = data / "empathetic_intents"
    texts = folder / "datasets/empatheticdialogues_unannotated"
    texts.mkdir(parents=True)
    split = ["Dialog_ID,emotion,split"]
    for emotion in space("empatheticdialogues").labels:
        lines = ["Dialog_ID,Type,Actor,Text"]
        for k in range(each):
            name = f"{emotion}-{k}"
            split.append(f"{name},{emotion},train")
            lines.append(f"{name},situation,none,Once I felt {emotion}")
            for actor, said in (("speaker", "I was"), ("listener", "And then?"), ("speaker", "So I was again")):
                lines.append(f"{name},utterance,{actor},{said}{' ' + emotion if actor == 'speaker' else ''} {k}")
        (texts / f"{emotion}.csv").write_text("\n".join(lines) + "\n", "utf-8")
    (folder / "derived_official_split.csv").write_text("\n".join(split) + "\n", "utf-8")
    return data
