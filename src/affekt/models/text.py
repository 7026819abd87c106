"""The text recogniser: one encoder in ONNX with several heads.

Texts are grouped by their exact number of tokens, so that no batch holds padding: nothing is computed in vain,
and the answer to a text does not depend on the texts that are read with it. Activation scales of the int8
weights are fixed in the file for the same reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from os import cpu_count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from affekt.catalog.spaces import space as catalogue_space
from affekt.core.clip import Clip
from affekt.core.errors import ModelError, UnknownNameError
from affekt.core.prediction import Prediction, Window
from affekt.core.protocols import RecogniserSpec
from affekt.core.space import LabelSpace
from affekt.media.segment import pieces
from affekt.models.card import Dimensions, Head, Speakers, read_card, spec_of
from affekt.models.session import graph_of
from affekt.models.target import aimed

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "SEPARATOR",
    "Outputs",
    "TextRecogniser",
    "of_one_length",
    "with_context",
    "without_oldest",
]

SEPARATOR = "[SEP]"

# How a vocabulary of bytes writes a space.
_SPACE = "\u0120"

# Rows in one call of the model are as many as make up about so many tokens: enough to keep a core busy, few enough
# for the activations to stay in its cache.
_TOKENS_A_CALL = 384


@dataclass(frozen=True, slots=True)
class Outputs:
    """What the graph says of each text.

    Attributes:
        logits: Output name -> array (texts, units).
        tokens: Number of tokens of each text.
    """

    logits: Mapping[str, NDArray[np.float32]]
    tokens: NDArray[np.int64]


class TextRecogniser:
    """Reads emotion in text with a bundled or own ONNX model.

    Args:
        folder: Folder with `model.onnx`, `tokenizer.json` and `affekt.json`.
        jobs: Threads; default all cores.

    Raises:
        ModelError: The folder does not hold a usable model.
    """

    def __init__(self, folder: Path, *, jobs: int | None = None) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        self.folder = folder
        self._card = read_card(folder)
        self.jobs = jobs or cpu_count() or 1
        options = onnxruntime.SessionOptions()
        # Each thread runs its own batch on one core: batches need not wait for each other within a layer.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        encoder = self._encoder()
        graph = self._graph(encoder / "model.onnx")
        try:
            self._tokenizer = Tokenizer.from_file(str(encoder / "tokenizer.json"))
            self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except Exception as err:  # both libraries raise bare exceptions of many kinds
            raise ModelError(f"The model cannot be loaded: {err}", where=str(encoder)) from err
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._outputs = [o.name for o in self._session.get_outputs()]
        self._has_content = self._content_tokens()
        self._pool = ThreadPoolExecutor(self.jobs, thread_name_prefix="affekt-model") if self.jobs > 1 else None

    def _encoder(self) -> Path:
        """The folder of the graph and its tokenizer."""
        return self.folder

    def _graph(self, file: Path) -> str | bytes:
        """The graph that is run: its file, or its content."""
        return graph_of(file)

    @property
    def spec(self) -> RecogniserSpec:
        """What it is."""
        return spec_of(self._card)

    @property
    def card(self) -> Mapping[str, Any]:
        """The content of `affekt.json`."""
        built: dict[str, Any] = msgspec.to_builtins(self._card)
        return built

    def space(self, name: str | None = None) -> LabelSpace:
        """The label space of a head; default that of the main head."""
        head = self._head(name)
        return catalogue_space(head.space if head else self._card.main)

    def _head(self, name: str | None) -> Head | None:
        """The head of that space; `None` for the space of a model that gives dimensions alone."""
        name = name or self._card.main
        if name not in self.spec.spaces:
            raise UnknownNameError("space of this model", name, self.spec.spaces, where=self.spec.name)
        return self._card.heads.get(name)

    def _content_tokens(self) -> NDArray[np.bool_]:
        """Which tokens carry language: those with a letter.

        Emoji colour the reading of the words beside them. Alone they were too rare in training to be read.
        """
        vocabulary = self._tokenizer.get_vocab()
        letters = _letters_in_bytes if _SPACE in vocabulary else _letters
        content = np.zeros(max(vocabulary.values()) + 1, bool)
        for token, i in vocabulary.items():
            special = token.startswith("[") and token.endswith("]") and len(token) > 2
            content[i] = not special and letters(token)
        return content

    def run(self, texts: Sequence[str]) -> Outputs:
        """Run the graph on texts, each as a whole.

        Args:
            texts: At most a few thousand at a time; each is expected to fit the model's positions (512 tokens).
        """
        return self._run(self._tokens(texts))

    def _tokens(self, texts: Sequence[str]) -> list[NDArray[np.int64]]:
        return [np.asarray(e.ids, np.int64) for e in self._tokenizer.encode_batch_fast(list(texts))]

    def _outputs_for(self, rows: Sequence[NDArray[np.int64]], space: str | None) -> Outputs:
        """What the graph says of token rows about a space; here one reading says it of all."""
        return self._run(rows)

    def _dimensional(self, space: str | None) -> Dimensions | None:
        """How dimensions are given along with the answers in a space."""
        return self._card.dimensions

    def _run(self, rows: Sequence[NDArray[np.int64]]) -> Outputs:
        lengths = np.fromiter((len(r) for r in rows), np.int64, len(rows))
        batches = of_one_length(lengths, _TOKENS_A_CALL)
        # The costly batches first, so that no thread is left alone with one at the end.
        batches.sort(key=lambda at: -len(at) * int(lengths[at[0]]))

        def call(at: NDArray[np.int64]) -> list[NDArray[np.float32]]:
            ids = np.stack([rows[i] for i in at])
            out: list[NDArray[np.float32]] = self._session.run(
                self._outputs, {"input_ids": ids, "attention_mask": np.ones_like(ids)}
            )
            return out

        answers: Iterable[list[NDArray[np.float32]]]
        answers = self._pool.map(call, batches) if self._pool and len(batches) > 1 else map(call, batches)
        logits: dict[str, NDArray[np.float32]] = {}
        for at, answer in zip(batches, answers, strict=True):
            for name, value in zip(self._outputs, answer, strict=True):
                if name not in logits:
                    logits[name] = np.empty((len(rows), value.shape[1]), np.float32)
                logits[name][at] = value
        if not rows:
            logits = {name: np.empty((0, 0), np.float32) for name in self._outputs}
        return Outputs(logits, lengths)

    def probabilities(self, outputs: Outputs, *, space: str | None = None) -> NDArray[np.float64]:
        """Calibrated probabilities or, in a space of intensities, strengths from 0 to 1; shape (texts, labels)."""
        head = self._head(space)
        return head.scores(outputs.logits[head.output]) if head else np.zeros((len(outputs.tokens), 0))

    def read_bare(self, texts: Sequence[str], *, space: str | None = None) -> NDArray[np.float64]:
        """Calibrated probabilities of texts as they stand, without windows or abstention: (texts, labels)."""
        return self.probabilities(self._outputs_for(self._tokens(texts), space), space=space)

    def predict(self, clips: Sequence[Clip], *, space: str | None = None) -> list[Prediction]:
        """Read each clip; see `Recogniser.predict`.

        A text of more than `max_tokens` tokens is read in windows of whole sentences. Its scores are the means
        over the windows, weighted by their tokens, and the windows are its trajectory. Where the card has
        thresholds for the language of a clip, these decide its labels.
        """
        head = self._head(space)
        aims = [aimed(clip, self._card.target) for clip in clips]
        spans, rows, owner = self._windows([self._read(aim.clip) for aim in aims])
        if self._card.target != "plain":
            spans = [(aims[o].origin(a), aims[o].origin(b)) for (a, b), o in zip(spans, owner.tolist(), strict=True)]
        outputs = self._outputs_for(rows, space)
        n = len(clips)
        labels = self.space(space).labels if head else ()
        by_window = self.probabilities(outputs, space=space) if rows else np.zeros((0, len(labels)))
        weight = (outputs.tokens - 2).clip(1).astype(np.float64)
        total = np.bincount(owner, weight, n).astype(np.float64)
        scores = _pooled(by_window, owner, weight, total, n)
        dimensional = self._dimensional(space)
        centre, low, high = _on_ranges(dimensional, outputs)
        centres, lows, highs = (_pooled(v, owner, weight, total, n) for v in (centre, low, high))

        confidence: list[float | None] = [None] * n
        if head:
            confidence = head.sure(scores).tolist()
        firsts = np.searchsorted(owner, np.arange(n + 1)).tolist()
        name = self.spec.name
        dimensions = tuple(d.name for d in catalogue_space(dimensional.space).dimensions) if dimensional else ()
        ranged = dimensions if low.shape[1] else ()
        # Lists, since taking numbers out of arrays one by one would cost more than all the rest of this loop.
        reached = head.reached(scores, self._thresholds(head, clips)) if head else [[] for _ in clips]
        each, values = scores.tolist(), centres.tolist()
        bounds = np.stack([lows, highs], 2).tolist()
        asked = space or self._card.main
        out: list[Prediction] = []
        for i, clip in enumerate(clips):
            if firsts[i] == firsts[i + 1]:
                reason = "no language content" if (clip.text or "").strip() else "empty"
                out.append(Prediction(clip.id, asked, abstained=reason, model=name))
                continue
            windows = range(firsts[i], firsts[i + 1]) if firsts[i + 1] - firsts[i] > 1 else ()
            out.append(
                Prediction(
                    clip_id=clip.id,
                    space=asked,
                    scores=dict(zip(labels, each[i], strict=True)),
                    labels=tuple(labels[j] for j in reached[i]),
                    dimensions=dict(zip(dimensions, values[i], strict=True)),
                    intervals={d: (low, high) for d, (low, high) in zip(ranged, bounds[i], strict=True)},
                    confidence=confidence[i],
                    trajectory=tuple(
                        Window(
                            *spans[w],
                            scores=dict(zip(labels, by_window[w].tolist(), strict=True)),
                            dimensions=dict(zip(dimensions, centre[w].tolist(), strict=True)),
                        )
                        for w in windows
                    ),
                    model=name,
                )
            )
        return out

    def _read(self, clip: Clip) -> str:
        """The text that is read for a clip: its own, and turns before or fields where the model was trained so."""
        card = self._card
        text = with_context(clip, 0, card.fields)
        # A turn without a letter says nothing, whatever was said before it.
        said = any(c.isalpha() for c in text)
        return with_context(clip, card.context, card.fields, card.speakers) if said else text

    def windows(self, text: str) -> list[tuple[int, int]]:
        """The (start, end) characters of the pieces in which a text is read; one piece for a short text."""
        return self._windows([text])[0]

    def _windows(
        self, texts: Sequence[str]
    ) -> tuple[list[tuple[int, int]], list[NDArray[np.int64]], NDArray[np.int64]]:
        """Cut texts into what is read at once: spans, token rows, and the text that each belongs to."""
        card = self._card
        spans: list[tuple[int, int]] = []
        rows: list[NDArray[np.int64]] = []
        owner: list[int] = []
        # A text of many characters is not tokenised in one piece: it could be megabytes without a space.
        short = [i for i, t in enumerate(texts) if len(t) <= 2000]
        encoded = dict(zip(short, self._tokenizer.encode_batch_fast([texts[i] for i in short]), strict=True))
        for i, text in enumerate(texts):
            ids = encoded[i].ids if i in encoded else None
            if ids is not None and (card.context or card.fields):
                ids = without_oldest(ids, card.max_tokens, self._tokenizer.token_to_id(SEPARATOR))
            if ids is not None and len(ids) <= card.max_tokens:
                found = [(0, len(text), np.asarray(ids, np.int64))]
            else:
                found = list(self._cut(text))
            for start, end, row in found:
                if self._has_content[row].any():
                    spans.append((start, end))
                    rows.append(row)
                    owner.append(i)
        return spans, rows, np.asarray(owner, np.int64)

    def _cut(self, text: str) -> Iterable[tuple[int, int, NDArray[np.int64]]]:
        """Whole sentences together up to `window_tokens`; a longer sentence is cut between words."""
        most = self._card.window_tokens - 2
        parts: list[tuple[int, int, list[int]]] = []
        bounds = list(pieces(text))
        for k in range(0, len(bounds), 512):
            some = bounds[k : k + 512]
            encodings = self._tokenizer.encode_batch([text[a:b] for a, b in some], add_special_tokens=False)
            for (start, end), encoding in zip(some, encodings, strict=True):
                ids, offsets, words = encoding.ids, encoding.offsets, encoding.word_ids
                at = 0
                while len(ids) - at > most:
                    cut = at + most
                    while cut > at + 1 and words[cut] is not None and words[cut] == words[cut - 1]:
                        cut -= 1
                    if cut == at + 1:
                        cut = at + most
                    parts.append((start + offsets[at][0], start + offsets[cut - 1][1], ids[at:cut]))
                    at = cut
                if at < len(ids):
                    parts.append((start + offsets[at][0] if at else start, end, ids[at:]))
        begin = self._tokenizer.token_to_id("[CLS]")
        stop = self._tokenizer.token_to_id("[SEP]")
        held: list[tuple[int, int, list[int]]] = []
        count = 0
        for part in [*parts, None]:
            if held and (part is None or count + len(part[2]) > most):
                yield held[0][0], held[-1][1], np.array([begin, *(i for p in held for i in p[2]), stop], np.int64)
                held, count = [], 0
            if part is not None:
                held.append(part)
                count += len(part[2])

    def _thresholds(self, head: Head, clips: Sequence[Clip]) -> NDArray[np.float64] | None:
        """Thresholds of each clip, shape (clips, labels); `None` where those of the head hold for all."""
        own = self._card.thresholds_by_language.get(head.space)
        if not own or not any(clip.language in own for clip in clips):
            return None
        return np.array([own.get(clip.language or "", head.thresholds) for clip in clips])


def of_one_length(lengths: NDArray[np.int64], most: int) -> list[NDArray[np.int64]]:
    """Places of rows that are as long as each other, so that none is padded, in batches.

    Args:
        lengths: How long each row is.
        most: What the lengths of a batch add up to at most, where it has more than one row.
    """
    batches: list[NDArray[np.int64]] = []
    for length in np.unique(lengths):
        at = np.flatnonzero(lengths == length)
        size = max(1, most // int(length))
        batches.extend(at[k : k + size] for k in range(0, len(at), size))
    return batches


def _letters(token: str) -> bool:
    return any(map(str.isalpha, token))


@cache
def _bytes_by_sign() -> dict[str, int]:
    """The byte that each sign of a byte-level vocabulary stands for (Radford et al. 2019, GPT-2's encoder).

    Bytes that are visible in Latin-1 stand for themselves; the others got the code points from 256 on, in order.
    """
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in set(visible)]
    return {chr(b): b for b in visible} | {chr(256 + i): b for i, b in enumerate(others)}


def _letters_in_bytes(token: str) -> bool:
    """Whether a piece of a byte-level vocabulary holds a letter, or the first byte of one that is cut."""
    signs = _bytes_by_sign()
    raw = bytes(signs[c] for c in token if c in signs)
    if _letters(raw.decode("utf-8", errors="ignore")):
        return True
    # 2 and 3 bytes make the letters of living scripts, and very few signs; emoji take 4, beginning with F0.
    cut = raw.decode("utf-8", errors="replace").endswith("\ufffd")
    return cut and any(0xC3 <= b < 0xE2 or 0xE2 < b < 0xF0 for b in raw)


def with_context(clip: Clip, turns: int, fields: Sequence[str] = (), speakers: Speakers = "none") -> str:
    """A clip's text after the turns before it, oldest first, as a model with context reads it.

    Args:
        clip: The clip.
        turns: How many turns before it are read.
        fields: What stands for its text, where that is not the text alone: `text` and names of its further texts.
        speakers: What stands before the words of each turn whose speaker is known: nothing, the name (`names`), or
            a letter (`letters`), A for whoever speaks first in what is read.
    """
    before = clip.context[-turns:] if turns else ()
    own = [text for f in fields if (text := clip.text if f == "text" else clip.fields.get(f))]
    if not turns:
        return f" {SEPARATOR} ".join(own if fields else (clip.text or "",))
    # What somebody wrote must not end a turn.
    said = [turn.replace(SEPARATOR, " ") for turn in (*before, *(own if fields else (clip.text or "",)))]
    if speakers != "none":
        by = [*(clip.context_speakers[-turns:] or [None] * len(before)), *[clip.speaker] * (len(said) - len(before))]
        letters = {name: chr(ord("A") + i % 26) for i, name in enumerate(dict.fromkeys(n for n in by if n))}
        shown = letters if speakers == "letters" else {name: name.replace(SEPARATOR, " ") for name in letters}
        said = [f"{shown[name]}: {text}" if name else text for name, text in zip(by, said, strict=True)]
    return f" {SEPARATOR} ".join(said)


def without_oldest(ids: list[int], most: int, separator: int | None) -> list[int]:
    """Tokens of a text after the turns before it, with as many of the oldest cut as are too many.

    A text that stands alone stays as it is, however long.
    """
    return [ids[0], *ids[len(ids) - most + 1 :]] if len(ids) > most and separator in ids[:-1] else ids


def _pooled(
    values: NDArray[np.float64],
    owner: NDArray[np.int64],
    weight: NDArray[np.float64],
    total: NDArray[np.float64],
    n: int,
) -> NDArray[np.float64]:
    """Weighted mean of the windows of each text, shape (texts, columns); 0 for a text without windows."""
    if len(owner) == n:  # every text is one window: nothing to pool
        return values
    out = np.zeros((n, values.shape[1]))
    np.add.at(out, owner, values * weight[:, None])
    result: NDArray[np.float64] = out / np.maximum(total, 1e-12)[:, None]
    return result


def _on_ranges(d: Dimensions | None, outputs: Outputs) -> tuple[NDArray[np.float64], ...]:
    """Centre, low and high on the native ranges, each of shape (windows, dimensions)."""
    n = len(outputs.tokens)
    if d is None or n == 0:
        empty = np.zeros((n, len(d.mean) if d else 0))
        bounds = empty if d and d.width else np.zeros((n, 0))
        return empty, bounds, bounds
    raw = outputs.logits[d.output].astype(np.float64)
    k = len(d.mean)
    ranges = catalogue_space(d.space).dimensions
    floor, ceiling = np.array([r.low for r in ranges]), np.array([r.high for r in ranges])
    sd = np.array(d.sd)
    centre = np.clip(raw[:, :k] * sd + np.array(d.mean), floor, ceiling)
    if not d.width:
        return centre, np.zeros((n, 0)), np.zeros((n, 0))
    half = np.exp(np.clip(raw[:, k:], -5, 3)) * sd * np.array(d.width)
    return centre, np.clip(centre - half, floor, ceiling), np.clip(centre + half, floor, ceiling)
