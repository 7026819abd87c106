"""Small corpora in their authors' layout, and a recogniser that knows a few words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from affekt.catalog.corpora import corpus
from affekt.catalog.spaces import space as load_space
from affekt.core.clip import Clip
from affekt.core.prediction import Prediction
from affekt.core.protocols import RecogniserSpec

# word -> (label, how sure), (valence, arousal, dominance) away from the middle of the scale
WORDS = {
    "love": ("love", 0.9, (1.2, 0.4, 0.2)),
    "thanks": ("gratitude", 0.95, (0.8, 0.1, 0.1)),
    "angry": ("anger", 0.8, (-1.1, 1.0, 0.3)),
    "scared": ("fear", 0.7, (-0.9, 0.9, -0.8)),
    "wow": ("surprise", 0.6, (0.3, 1.1, 0.0)),
    "hope": ("optimism", 0.5, (0.7, 0.2, 0.3)),
    "sad": ("sadness", 0.75, (-1.0, -0.4, -0.6)),
    "happy": ("joy", 0.85, (1.3, 0.6, 0.4)),
}
DIMENSIONS = ("valence", "arousal", "dominance")


class WordReader:
    """Reads clips by a list of words. A stated part of the words can be left out to make a poorer one."""

    def __init__(self, *, spaces: tuple[str, ...] = ("goemotions",), forget: Sequence[str] = (), name: str = "words"):
        self.words = {w: v for w, v in WORDS.items() if w not in forget}
        self.spaces = spaces
        self.name = name

    @property
    def spec(self) -> RecogniserSpec:
        return RecogniserSpec(self.name, "1", self.spaces[0], self.spaces, DIMENSIONS, ("en",), "Apache-2.0")

    def predict(self, clips: Sequence[Clip], *, space: str | None = None) -> list[Prediction]:
        return [self._one(clip, load_space(space or self.spaces[0])) for clip in clips]

    def _one(self, clip, space):
        if not (clip.text or "").strip():
            return Prediction(clip.id, space.id, abstained="empty", model=self.spec.name)
        found = [self.words[w] for w in clip.text.lower().split() if w in self.words]
        scores = dict.fromkeys(space.labels, 0.01 + len(clip.text) / 1000)
        for label, sure, _ in found:
            if label in scores:
                scores[label] = sure - len(clip.text) / 1000
        if not found and space.neutral:
            scores[space.neutral] = 0.6
        shift = [sum(f[2][k] for f in found) / max(len(found), 1) + len(clip.text) / 500 for k in range(3)]
        values = {d: min(5.0, max(1.0, 3.0 + shift[k])) for k, d in enumerate(DIMENSIONS)}
        return Prediction(
            clip_id=clip.id,
            space=space.id,
            scores=scores,
            labels=tuple(sorted((n for n, p in scores.items() if p >= 0.4), key=lambda n: -scores[n])),
            dimensions=values,
            intervals={d: (v - 0.7, v + 0.7) for d, v in values.items()},
            confidence=max(scores.values()),
            model=self.spec.name,
        )


def write_goemotions(root: Path, rows: dict[str, list[str]]) -> Path:
    """Write rows such as "thanks a lot\\t15\\tid1" in the layout of the release."""
    folder = root / "goemotions" / "original"
    folder.mkdir(parents=True)
    (folder / "labels.txt").write_text("\n".join(corpus("goemotions").label_ids) + "\n", encoding="utf-8")
    for split in ("train", "dev", "test"):
        text = "".join(f"{row}\n" for row in rows.get(split, []))
        (folder / f"{split}.tsv").write_text(text, encoding="utf-8")
    return root


def goemotions_rows(n: int) -> list[str]:
    """Rows that the word reader gets right for the most part; every seventh text is empty."""
    ids = corpus("goemotions").label_ids
    words = list(WORDS)
    rows = []
    for i in range(n):
        word = words[i % len(words)]
        gold = [ids.index(WORDS[word][0])]
        if i % 5 == 0:
            gold = [ids.index("neutral")]
        if i % 4 == 0:
            gold.append(ids.index("admiration"))
        text = "" if i % 7 == 6 else f"{word} number {'x' * (i % 11)} {i}"
        rows.append(f"{text}\t{','.join(map(str, sorted(gold)))}\tid{i}")
    return rows


def write_emobank(root: Path, n: int = 60, *, header: str = "id,split,V,A,D,text", extra: str = "") -> Path:
    """Write EmoBank's table and its two files of single ratings."""
    folder = root / "emobank"
    folder.mkdir(parents=True)
    words = list(WORDS)
    lines, single = [header], ["id,V,A,D"]
    for i in range(n):
        split = ("train", "dev", "test")[i % 3]
        shift = WORDS[words[i % len(words)]][2]
        v, a, d = (round(3 + s * 0.8 + (i % 5) / 10, 2) for s in shift)
        text = f'"{words[i % len(words)]}, she said ""{i}"""' if i % 2 else f"{words[i % len(words)]} number {i}"
        lines.append(f"s_{i},{split},{v},{a},{d},{text}")
        single += [f"s_{i},{round(v)},{round(a)},{round(d)}", f"s_{i},{min(5, round(v) + 1)},{round(a)},3"]
    (folder / "emobank.csv").write_text("\n".join(lines) + "\n" + extra, encoding="utf-8")
    for who in ("reader", "writer"):
        (folder / f"individual_{who}_ratings.csv").write_text("\n".join(single) + "\n", encoding="utf-8")
    return root


def write_xed(root: Path, annotated: list[str], neutral: list[str]) -> Path:
    """Write XED's English files, with the line ends of the release."""
    folder = root / "xed" / "AnnotatedData"
    folder.mkdir(parents=True)
    (folder / "en-annotated.tsv").write_bytes("".join(f"{row}\r\n" for row in annotated).encode())
    (folder / "neu_en.txt").write_bytes("".join(f"{row}\n" for row in neutral).encode())
    return root
