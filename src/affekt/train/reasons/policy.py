"""A small policy that looks at a face and writes attributes, action units and an emotion, word by word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from affekt.catalog.face_units import face_units
from affekt.core.errors import InputError
from affekt.core.works import implements
from affekt.extras import need
from affekt.models.face_reasons import BLOCKS, FaceReason, read_reason

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
else:
    torch = need("torch", extra="train")
    nn = torch.nn

__all__ = ["FaceReasoner", "best_by_level", "words_of"]

_LONGEST = {False: 24, True: 34}  # words that are written at most, without and with attributes


def words_of() -> tuple[str, ...]:
    """All words of the language: marks of blocks, attributes, units, emotions, and the end."""
    known = face_units()
    marks = [mark for block in BLOCKS for mark in (f"<{block}>", f"</{block}>")]
    return (*marks, *known.attributes, *known.units, *known.labels, "<end>")


class FaceReasoner(nn.Module):
    """Convolutions over frames, and a recurrent writer that sees the face at each word.

    Args:
        attributes: Whether attributes are written too.
        hidden: Numbers that stand for a face and for what was written.
        channels: Of the last convolution.
    """

    def __init__(self, *, attributes: bool = False, hidden: int = 64, channels: int = 32) -> None:
        super().__init__()
        self.attributes = attributes
        self.words = words_of()
        self.place = {word: k for k, word in enumerate(self.words)}
        self.end = self.place["<end>"]
        half = channels // 2
        self.eye = nn.Sequential(
            nn.Conv2d(1, half, 3, stride=2, padding=1),
            nn.GELU(),
            nn.Conv2d(half, channels, 3, stride=2, padding=1),
            nn.GELU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.GELU(),
            nn.AdaptiveAvgPool2d(8),
            nn.Flatten(),
            nn.Linear(64 * channels, hidden),
        )
        # Over the frames: what is there all the time, and what is there at the strongest.
        self.course = nn.Sequential(nn.GELU(), nn.Dropout(0.1), nn.Linear(2 * hidden, hidden), nn.GELU())
        self.word = nn.Embedding(len(self.words) + 1, hidden)  # the last one begins
        self.writer = nn.GRU(2 * hidden, hidden, batch_first=True)
        self.next = nn.Linear(2 * hidden, len(self.words))

    def see(self, pictures: Tensor) -> Tensor:
        """What is seen, shape (faces, hidden), in pictures of shape (faces, frames, size, size), 0 to 1."""
        faces, frames, size, _ = pictures.shape
        # Light and skin say nothing: every picture has mean 0 and spread 1.
        flat = pictures.reshape(faces * frames, 1, size, size)
        flat = (flat - flat.mean((2, 3), keepdim=True)) / flat.std((2, 3), keepdim=True).clamp(min=1e-3)
        each = self.eye(flat).reshape(faces, frames, -1)
        out: Tensor = self.course(torch.cat([each.mean(1), each.amax(1)], 1))
        return out

    def _logits(self, seen: Tensor, words: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        beside = seen[:, None].expand(-1, words.shape[1], -1)
        inner, state = self.writer(torch.cat([self.word(words), beside], 2), state)
        logits: Tensor = self.next(torch.cat([inner, beside], 2))
        return logits, state

    def _after(self, words: Tensor) -> Tensor:
        begin = torch.full((len(words), 1), len(self.words))
        return torch.cat([begin, words[:, :-1]], 1)

    def log_probabilities(self, questions: Tensor, tokens: Tensor) -> Tensor:
        """Log probability of each word, as `affekt.train.group_relative.Policy` asks for it."""
        seen = self.see(questions).repeat_interleave(len(tokens) // len(questions), 0)
        logits = self._logits(seen, self._after(tokens))[0].log_softmax(2)
        out: Tensor = logits.gather(2, tokens[..., None])[..., 0]
        return out

    def loss(self, pictures: Tensor, tokens: Tensor, weight: Tensor) -> Tensor:
        """Mean negative log probability of words, each with a weight, both of shape (faces, length)."""
        out: Tensor = -(self.log_probabilities(pictures, tokens) * weight).sum() / weight.sum().clamp(min=1)
        return out

    def write(
        self, seen: Tensor, *, begun: Tensor | None = None, until: str = "<end>", likeliest: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Write on from what is begun.

        Args:
            seen: What is seen, shape (faces, hidden).
            begun: Words that stand there, shape (faces, length); default none. All of these count.
            until: The word at which a text is done.
            likeliest: Whether the likeliest word is taken each time; else one is drawn by its probability.

        Returns:
            Words with those that were there, shape (faces, length), and which of them count, 0 or 1 of that shape.
        """
        with torch.no_grad():
            return self._written(seen, begun, self.place[until], likeliest)

    def _written(self, seen: Tensor, begun: Tensor | None, stop: int, likeliest: bool) -> tuple[Tensor, Tensor]:
        words = torch.full((len(seen), 1), len(self.words))
        if begun is not None:
            words = torch.cat([words, begun], 1)
        first = words.shape[1] - 1
        logits, state = self._logits(seen, words)
        inside = [torch.ones(len(seen), first)]
        done = torch.zeros(len(seen), dtype=torch.bool)
        for k in range(first, _LONGEST[self.attributes]):
            last = logits[:, -1]
            drawn = last.argmax(1) if likeliest else torch.multinomial(last.softmax(1), 1)[:, 0]
            inside.append((~done).float()[:, None])
            words = torch.cat([words, drawn[:, None]], 1)
            done = done | (drawn == stop)
            if bool(done.all()) or k + 1 == _LONGEST[self.attributes]:
                break
            logits, state = self._logits(seen, drawn[:, None], state)
        return words[:, 1:], torch.cat(inside, 1)

    def sample(self, questions: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """Draw texts, as `affekt.train.group_relative.Policy` asks for it."""
        with torch.no_grad():
            return self.write(self.see(questions).repeat_interleave(count, 0))

    def tokens(self, reasons: Sequence[FaceReason]) -> tuple[Tensor, Tensor]:
        """What should be written, with the level of each word: 0, 1 and 2 from below, -1 behind the end."""
        texts = [(*reason.words(), "<end>") for reason in reasons]
        longest = max(map(len, texts))
        words = torch.full((len(texts), longest), self.end)
        levels = torch.full((len(texts), longest), -1)
        for k, text in enumerate(texts):
            at = 0
            for n, word in enumerate(text):
                words[k, n], levels[k, n] = self.place[word], at
                if word in ("</attributes>", "</units>"):
                    at += 1
        return words, levels + (levels >= 0) * (0 if self.attributes else 1)

    def read(self, words: Sequence[int]) -> FaceReason | None:
        """What words say; `None` where they cannot be read. The end must be there."""
        text = [self.words[k] for k in words]
        if "<end>" not in text:
            return None
        try:
            return read_reason(text[: text.index("<end>")], attributes=self.attributes)
        except InputError:
            return None

    def reasons(self, pictures: Tensor) -> list[FaceReason | None]:
        """The likeliest text of each face, read."""
        with torch.no_grad():
            words, _ = self.write(self.see(pictures), likeliest=True)
        return [self.read(row) for row in words.tolist()]


@implements(works=["videmo"])
def best_by_level(net: FaceReasoner, pictures: Tensor, *, count: int = 8) -> list[FaceReason | None]:
    """Write level by level, each time drawing several candidates and keeping the one that is most like the others.

    After VidEmo, whose candidates a reward judges; here, where no truth is at hand, they judge one another: kept is
    that whose words have the highest mean F1 with the others' (minimum Bayes risk), the first one of equals. Candidates
    that break off or say something twice are passed over.

    Args:
        net: The policy.
        pictures: Shape (faces, frames, size, size).
        count: Candidates on each level.
    """
    with torch.no_grad():
        seen = net.see(pictures)
    kept: list[list[int]] = [[] for _ in range(len(pictures))]
    for block in BLOCKS if net.attributes else BLOCKS[1:]:
        until = f"</{block}>" if block != BLOCKS[-1] else "<end>"
        # Those whose texts are equally long are written together.
        lengths = [len(text) for text in kept]
        for length in sorted(set(lengths)):
            rows = [k for k, own in enumerate(lengths) if own == length]
            begun = torch.tensor([kept[k] for k in rows], dtype=torch.long).reshape(len(rows), length)
            words, inside = net.write(
                seen[rows].repeat_interleave(count, 0), begun=begun.repeat_interleave(count, 0), until=until
            )
            texts = [row[: int(n)] for row, n in zip(words.tolist(), inside.sum(1), strict=True)]
            for place, k in enumerate(rows):
                kept[k] = _central(texts[place * count : (place + 1) * count], length, net.place[until])
    return [net.read(text) for text in kept]


def _central(texts: list[list[int]], begun: int, stop: int) -> list[int]:
    """The text whose words behind what was begun are most like those of the others.

    Those that do not come to their end or say something twice are taken only where all do.
    """
    own = [text[begun:] for text in texts]
    sound = [k for k, new in enumerate(own) if new[-1:] == [stop] and len(set(new)) == len(new)]
    bags = [Counter(new) for new in own]

    def likeness(one: Counter[int]) -> float:
        return sum(2 * (one & other).total() / max(one.total() + other.total(), 1) for other in bags)

    return texts[max(sound or range(len(texts)), key=lambda k: likeness(bags[k]))]
