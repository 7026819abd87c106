"""Stand-ins for releases that are not at hand: made rows, in the files and the layout of the release.

A mirror lets a reader, a rule of votes and a method be tried where the release may not be passed on. Everything in it
follows from the seed; no line of a release is in it, and no figure on it says anything about the release.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from affekt.catalog.spaces import space
from affekt.core.errors import InputError, UnknownNameError
from affekt.core.works import implements
from affekt.corpora.generated import ANY, FEELINGS, PEOPLE, THINGS

__all__ = ["MIRRORS", "mirror"]

_WORKERS = 5

# --- EmotionLines

_LINES = {
    "neutral": FEELINGS["no emotion"],
    "joy": FEELINGS["happiness"],
    "sadness": FEELINGS["sadness"],
    "fear": FEELINGS["fear"],
    "anger": FEELINGS["anger"],
    "surprise": (
        "what, the {}, since when",
        "I never saw that coming with the {}",
        "wait, who told you of the {}",
        "no way, the {} is here already",
        "the {} did what now",
        "I cannot believe that is the {}",
    ),
    "disgust": (
        "the {} smells like old fish",
        "I feel sick when I look at the {}",
        "somebody wipe the slime off the {}",
        "I would not touch that {} with gloves",
        "the {} makes my stomach turn",
        "there are worms in the {}",
    ),
}
_OFTEN = {"neutral": 0.34, "joy": 0.16, "surprise": 0.14, "anger": 0.12, "sadness": 0.1, "disgust": 0.07, "fear": 0.07}
_SCENES = {"train": 240, "dev": 60, "test": 160}
_STAYS = 0.75
# How often the words of a line tell its emotion, where that is new and where it goes on.
_TELLS_NEW, _TELLS_OLD = 0.85, 0.4
# How often a worker reads the emotion of a line, by whether its words tell it.
_READ_TOLD, _READ_SILENT = 0.8, 0.6


@implements(works=["emotionlines"])
def _emotionlines(out: Path, rng: np.random.Generator) -> dict[str, int]:
    """Scenes of two to four people, whose emotion mostly goes on from one line to the next, whoever speaks.

    Many lines could be said with any emotion, so that only what was said before tells. Five workers vote; the label is
    what three or more of them chose, and non-neutral where there is none.
    """
    order = [label for label in space("emotionlines").labels if label != "non-neutral"]
    prior = np.array([_OFTEN[label] for label in order])
    counted = {}
    for split, scenes in _SCENES.items():
        document = [list(_scene(rng, order, prior)) for _ in range(scenes)]
        _write_json(out / f"friends_{split}.json", document)
        counted[split] = sum(map(len, document))
    return counted


def _scene(rng: np.random.Generator, order: list[str], prior: np.ndarray) -> Iterator[dict[str, str]]:
    people = rng.choice(PEOPLE, int(rng.integers(2, 5)), replace=False)
    emotion, new = int(rng.choice(len(order), p=prior)), True
    for turn in range(int(rng.integers(6, 17))):
        if turn and (new := bool(rng.random() >= _STAYS)):
            emotion = int(rng.choice(len(order), p=prior))
        told = bool(rng.random() < (_TELLS_NEW if new else _TELLS_OLD))
        text = str(rng.choice(_LINES[order[emotion]] if told else ANY)).format(rng.choice(THINGS))
        votes = _votes(rng, emotion, len(order), _READ_TOLD if told else _READ_SILENT)
        most = int(votes.argmax())
        yield {
            "speaker": str(rng.choice(people)),
            "utterance": f"{text[0].upper()}{text[1:]}.",
            "emotion": order[most] if votes[most] > _WORKERS / 2 else "non-neutral",
            "annotation": "".join(map(str, votes)),
        }


def _votes(rng: np.random.Generator, emotion: int, labels: int, reads: float) -> np.ndarray:
    """How many workers chose each label; the first is neutral, which half of those choose who do not read it."""
    astray = np.where(rng.random(_WORKERS) < 0.5, 0, rng.integers(0, labels, _WORKERS))
    return np.bincount(np.where(rng.random(_WORKERS) < reads, emotion, astray), minlength=labels)


# --- EmotionTalk

_TALKED = {
    "neutral": ("我把东西放在桌上了。", "他们九点到。", "今天是星期三。", "我们现在去车站。"),
    "angry": ("你怎么能这样做？", "我真的受够了！", "别再骗我了！", "这太过分了！"),
    "happy": ("太好了，我们赢了！", "我今天特别开心。", "这个礼物我好喜欢！", "终于放假啦！"),
    "sad": ("我一个人哭了很久。", "他再也不会回来了。", "我心里很难受。", "一切都结束了。"),
    "surprised": ("什么？你什么时候来的？", "真没想到是你！", "居然是真的？", "天哪，怎么会这样？"),
    "disgusted": ("这味道太恶心了。", "我看了就想吐。", "别让我碰它。", "真让人反感。"),
    "fearful": ("我不敢一个人走。", "那边有什么声音？", "我的手一直在抖。", "要是塌了怎么办？"),
}
_GROUPS = tuple(f"G{number:05d}" for number in range(1, 16))
_TALKS, _TURNS = 3, 8
# Modality -> how often it shows what is felt, and how often an annotator sees what it shows; the rest are drawn.
_MODALITIES = {"Text": (0.55, 0.8), "Audio": (0.75, 0.8), "Video": (0.75, 0.8), "Multimodal": (1.0, 0.85)}
_TABLES = {"Text": ("transcription", ""), "Audio": ("audio", ".wav"), "Video": ("video", ".mp4")} | {
    "Multimodal": ("mm", ".mp4")
}


@implements(works=["emotiontalk"])
def _emotiontalk(out: Path, rng: np.random.Generator) -> dict[str, int]:
    """Dialogues of two whose turns are labelled by five annotators each from text, sound, picture, and all of these.

    A channel shows what is felt, or something else; all who have only that channel then see the same.
    """
    labels = list(_TALKED)
    tables: dict[str, list[tuple[str, ...]]] = {modality: [] for modality in _MODALITIES}
    for group in _GROUPS:
        for talk in range(_TALKS):
            name = f"{group}_{group[-2:]}_{talk + 1:02d}"
            emotion = int(rng.integers(len(labels)))
            for turn in range(_TURNS):
                if rng.random() >= _STAYS:
                    emotion = int(rng.integers(len(labels)))
                clip = f"{group}/{group}_{group[-2:]}/{name}/{name}_{turn + 1:03d}"
                shown = {
                    modality: emotion if rng.random() < shows else int(rng.integers(len(labels)))
                    for modality, (shows, _) in _MODALITIES.items()
                }
                text = str(rng.choice(_TALKED[labels[shown["Text"]]]))
                for modality, (_, sees) in _MODALITIES.items():
                    given = _annotators(rng, shown[modality], len(labels), sees)
                    label = labels[int(np.bincount(given).argmax())]
                    table, end = _TABLES[modality]
                    tables[modality].append((clip + end, label, *((text,) if modality == "Text" else ())))
                    record = {
                        "data": [{"emotion_result": labels[k]} for k in given],
                        "emotion_result": label,
                        "speaker_id": f"{group}_{'AB'[turn % 2]}",
                        "file_name": clip + (end or ".txt"),
                        **({"content": text} if modality in ("Text", "Audio") else {}),
                    }
                    _write_json(out / modality / "json" / f"{clip}.json", record)
    for modality, rows in tables.items():
        table, _ = _TABLES[modality]
        file = out / "dataset" / "mm-process" / f"{table}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w", newline="", encoding="utf-8") as stream:
            writing = csv.writer(stream)
            writing.writerow(("name", "emotion", "chinese") if modality == "Text" else ("file_name", "emotion"))
            writing.writerows(rows)
    return {modality: len(rows) for modality, rows in tables.items()}


def _annotators(rng: np.random.Generator, shown: int, labels: int, sees: float) -> np.ndarray:
    return np.where(rng.random(_WORKERS) < sees, shown, rng.integers(0, labels, _WORKERS))


# --- both


def _write_json(file: Path, document: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


MIRRORS: dict[str, Callable[[Path, np.random.Generator], dict[str, int]]] = {
    "emotionlines": _emotionlines,
    "emotiontalk": _emotiontalk,
}
"""Corpus -> what writes its mirror, and says how many rows of which kind there are."""


def mirror(name: str, out: Path, *, seed: int = 1) -> dict[str, int]:
    """Write the mirror of a corpus.

    Args:
        name: Id of the corpus; one of `MIRRORS`.
        out: Folder to write; it must be empty or not there. With the name of the corpus' folder, what is above it can
            be given as the data folder.
        seed: Seed of everything in it.

    Returns:
        Split or modality -> rows.

    Raises:
        UnknownNameError: There is no such mirror.
        InputError: The folder is not empty.
    """
    if name not in MIRRORS:
        raise UnknownNameError("mirror", name, MIRRORS)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError("The folder is not empty", where=str(out), hint="Name another one.")
    return MIRRORS[name](out, np.random.default_rng(seed))
