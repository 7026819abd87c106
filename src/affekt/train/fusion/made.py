"""Conversations, clips, scenes and pictures that are made by a rule, so that it is known which channel tells.

Their channels are vectors: what stands for an emotion is a direction that is drawn for the channel, and noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from affekt.train.fusion.scenes import Scenes

__all__ = [
    "SCENE_LABELS",
    "Clips",
    "Conversations",
    "Explained",
    "Rated",
    "agreeing",
    "clips",
    "conversations",
    "explained",
    "moments",
    "rated",
    "scenes",
    "subtle",
    "word_values",
]

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Conversations:
    """Conversations with several channels.

    Attributes:
        channels: Channel -> shape (conversations, turns, width); 0 behind the last turn of one.
        lengths: Turns of each, shape (conversations,).
        labels: Shape (conversations, turns); -1 behind the last turn.
        tells: Place of the channel that tells, shape (conversations, turns); -1 where nobody knows.
    """

    channels: Mapping[str, Array]
    lengths: NDArray[np.int64]
    labels: NDArray[np.int64]
    tells: NDArray[np.int64]

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Where there are turns, shape (conversations, turns)."""
        out: NDArray[np.bool_] = self.labels >= 0
        return out


def _directions(rng: np.random.Generator, count: int, width: int) -> Array:
    """So many directions at right angles, of length 1."""
    return np.linalg.qr(rng.normal(size=(width, count)))[0].T.astype(np.float32)


def conversations(
    count: int,
    *,
    seed: int,
    world: int = 0,
    labels: int = 4,
    turns: tuple[int, int] = (4, 8),
    stays: float = 0.6,
    width: int = 24,
    strength: float = 2.5,
    noise: float = 0.7,
) -> Conversations:
    """Conversations in which now the voice tells the emotion and now the words.

    An emotion stays from one turn to the next with the share `stays`. In each turn one channel tells it, drawn anew;
    the other shows some emotion, which is the right one by chance alone. Which of the two tells is heard in the voice
    and cannot be read, as it is with irony.

    Args:
        count: Number of conversations.
        seed: Seed of what is said.
        world: Seed of what emotions look like; the same for all that is to be compared.
        labels: Number of emotions.
        turns: Fewest and most turns.
        stays: Share of the turns whose emotion is that of the turn before.
        width: Numbers in a vector.
        strength: Length of what stands for an emotion.
        noise: Standard deviation of the noise in each number.
    """
    rng, look = np.random.default_rng(seed), np.random.default_rng(world)
    lengths = rng.integers(turns[0], turns[1] + 1, count)
    inside = np.arange(turns[1])[None] < lengths[:, None]
    emotion = _staying(rng, (count, turns[1]), labels, stays)
    tells = rng.integers(0, 2, (count, turns[1]))
    channels = {}
    for k, name in enumerate(("voice", "text")):
        looks = _directions(look, labels + 1, width)
        shown = np.where(tells == k, emotion, rng.integers(0, labels, emotion.shape))
        x = strength * looks[shown] + rng.normal(0, noise, (*emotion.shape, width))
        if name == "voice":
            x += strength * np.where(tells == k, 0.5, -0.5)[..., None] * looks[labels]
        channels[name] = np.where(inside[..., None], x, 0).astype(np.float32)
    return Conversations(channels, lengths, np.where(inside, emotion, -1), np.where(inside, tells, -1))


def agreeing(
    count: int,
    *,
    seed: int,
    labels: int = 4,
    turns: tuple[int, int] = (4, 8),
    stays: float = 0.6,
    shows: Mapping[str, float] | None = None,
    width: int = 24,
    strength: float = 2.5,
    shared: float = 3.0,
    noise: float = 0.7,
) -> Conversations:
    """Conversations in which every channel mostly shows the emotion, so that one can stand in for another.

    All vectors of a channel share a direction, as those of encoders do: zeros are like none of them.

    Args:
        count: Number of conversations.
        seed: Seed of what is said; what emotions look like is the same for all.
        labels: Number of emotions.
        turns: Fewest and most turns.
        stays: Share of the turns whose emotion is that of the turn before.
        shows: Channel -> share of the turns in which it shows the emotion; in the others it shows any.
        width: Numbers in a vector.
        strength: Length of what stands for an emotion.
        shared: Length of what all vectors of a channel share.
        noise: Standard deviation of the noise in each number.
    """
    rng, look = np.random.default_rng(seed), np.random.default_rng(0)
    lengths = rng.integers(turns[0], turns[1] + 1, count)
    inside = np.arange(turns[1])[None] < lengths[:, None]
    emotion = _staying(rng, (count, turns[1]), labels, stays)
    channels = {}
    for name, often in dict(shows or {"text": 0.6, "voice": 0.75, "face": 0.95}).items():
        looks = _directions(look, labels + 1, width)
        shown = np.where(rng.random(emotion.shape) < often, emotion, rng.integers(0, labels, emotion.shape))
        x = strength * looks[shown] + shared * looks[labels] + rng.normal(0, noise, (*emotion.shape, width))
        channels[name] = np.where(inside[..., None], x, 0).astype(np.float32)
    return Conversations(channels, lengths, np.where(inside, emotion, -1), np.full(emotion.shape, -1))


def _staying(rng: np.random.Generator, shape: tuple[int, int], labels: int, stays: float) -> NDArray[np.int64]:
    """Emotions of which each is that of the turn before with the share `stays`, shape (conversations, turns)."""
    emotion = rng.integers(0, labels, shape)
    for t in range(1, shape[1]):
        stay = rng.random(shape[0]) < stays
        emotion[stay, t] = emotion[stay, t - 1]
    return emotion


@dataclass(frozen=True)
class Clips:
    """Clips with several channels of tokens.

    Attributes:
        channels: Channel -> shape (clips, tokens, width).
        labels: Shape (clips,).
        subset: What kind of clip each is, shape (clips,).
    """

    channels: Mapping[str, Array]
    labels: NDArray[np.int64]
    subset: NDArray[np.str_]


def moments(count: int, *, seed: int, labels: int = 4, times: int = 4, width: int = 16, noise: float = 0.25) -> Clips:
    """Clips whose emotion is that which the face shows in the one moment at which the voice is raised.

    Face and voice have a token for each moment; what the face shows at other moments is drawn. The words say the
    emotion in one clip of two, and in the rest any.

    Args:
        count: Number of clips.
        seed: Seed of what happens.
        labels: Number of emotions.
        times: Number of moments.
        width: Numbers of a token.
        noise: Standard deviation of the noise in each number.
    """
    rng, look = np.random.default_rng(seed), np.random.default_rng(0)
    when = rng.integers(0, times, count)
    shown = rng.integers(0, labels, (count, times))
    label = shown[np.arange(count), when]
    written = np.where(rng.random(count) < 0.5, label, rng.integers(0, labels, count))
    face, voice, text = (_directions(look, n, width) for n in (labels, 1, labels))
    raised = np.arange(times)[None] == when[:, None]
    found = {"face": face[shown], "voice": raised[..., None] * voice[0], "text": text[written][:, None]}
    channels = {name: (2 * x + rng.normal(0, noise, x.shape)).astype(np.float32) for name, x in found.items()}
    return Clips(channels, label, np.full(count, "all"))


def clips(
    count: int,
    *,
    seed: int,
    conflicts: float,
    labels: int = 4,
    tokens: Mapping[str, int] | None = None,
    width: int = 16,
    noise: float = 0.9,
) -> Clips:
    """Clips of a voice with many tokens and a face with few, which in a share of clips show different emotions.

    The emotion of a clip in conflict is that of the one channel that shows it clearly; the other shows another one
    faintly. Half of the conflicts are the face's and half the voice's.

    Args:
        count: Number of clips.
        seed: Seed of what happens.
        conflicts: Share of clips in conflict.
        labels: Number of emotions.
        tokens: Channel -> tokens; default 16 of the voice and 3 of the face.
        width: Numbers of a token.
        noise: Standard deviation of the noise in each number.
    """
    rng, look = np.random.default_rng(seed), np.random.default_rng(0)
    sizes = dict(tokens or {"voice": 16, "face": 3})
    label = rng.integers(0, labels, count)
    drawn = rng.random(count)
    subset = np.where(drawn < conflicts / 2, "face", np.where(drawn < conflicts, "voice", "consistent"))
    channels = {}
    for name, n in sizes.items():
        looks = _directions(look, labels, width)
        misled = ~np.isin(subset, [name, "consistent"])
        shown = np.where(misled, (label + rng.integers(1, labels, count)) % labels, label)
        strength = np.where(misled, 1.0, 2.0)
        x = (strength[:, None] * looks[shown])[:, None].repeat(n, 1)
        channels[name] = (x + rng.normal(0, noise, x.shape)).astype(np.float32)
    return Clips(channels, label, subset)


def subtle(count: int, *, seed: int, labels: int = 4, width: int = 16, noise: float = 0.8) -> Clips:
    """Clips whose emotion is a small movement of a face: faint in the frames, clear in what is cut out of them.

    The frames also show a setting, and the voice goes with the emotion in half of the clips.

    Args:
        count: Number of clips.
        seed: Seed of what happens.
        labels: Number of emotions.
        width: Numbers of a token.
        noise: Standard deviation of the noise in each number.
    """
    rng, look = np.random.default_rng(seed), np.random.default_rng(0)
    label, setting = rng.integers(0, labels, count), rng.integers(0, labels, count)
    spoken = np.where(rng.random(count) < 0.5, label, rng.integers(0, labels, count))
    frames, voice, face = (_directions(look, n, width) for n in (2 * labels, labels, labels))
    shows = {
        "frames": (0.4 * frames[label] + 2 * frames[labels + setting], 4),
        "voice": (voice[spoken], 4),
        "face": (1.2 * face[label], 4),
    }
    channels = {
        name: (x[:, None] + rng.normal(0, noise, (count, n, width))).astype(np.float32)
        for name, (x, n) in shows.items()
    }
    return Clips(channels, label, np.full(count, "all"))


SCENE_LABELS = {"happy": "face", "angry": "face", "honest": "text", "hurt": "text", "festive": "scene"}
"""Labels of made scenes, and the channel that each can be told by."""


def scenes(count: int, *, seed: int, people: int = 3, width: int = 16, noise: float = 0.5) -> Scenes:
    """Scenes of two people or more, some of whose labels can be seen and others only be read.

    Two labels are in the faces of who has them, one in their own words; one in the words of somebody else, whoever
    hears it having it; and one in the frames, for all alike. A scene has every label that somebody in it has.

    Args:
        count: Number of scenes.
        seed: Seed of what happens.
        people: Most people in a scene.
        width: Numbers of a token.
        noise: Standard deviation of the noise in each number.
    """
    rng, look = np.random.default_rng(seed), np.random.default_rng(0)
    looks = _directions(look, len(SCENE_LABELS), width)
    there = np.arange(people)[None] < rng.integers(2, people + 1, count)[:, None]
    show = (rng.random((count, people, 4)) < 0.25) & there[..., None]
    hears = np.stack([show[:, [q for q in range(people) if q != p], 3].any(1) for p in range(people)], 1) & there
    festive = rng.random(count) < 0.4
    own = np.concatenate([show[..., :3], hears[..., None], (festive[:, None] & there)[..., None]], -1)
    labels = np.where(there[..., None], own, np.nan).astype(np.float32)
    whole = own.any(1, keepdims=True).astype(np.float32)

    def tokens(shown: NDArray[np.bool_], at: list[int], each: int) -> tuple[Array, NDArray[np.int64]]:
        """So many tokens of each person: a label that is shown is in one of them, as a moment is."""
        x = rng.normal(0, noise, (count, people, each, width))
        moment = rng.integers(0, each, (count, people, len(at)))
        for k, label in enumerate(at):
            hit = shown[..., k, None] & (np.arange(each) == moment[..., k, None])
            x += 2 * hit[..., None] * looks[label]
        who = np.where(there, np.arange(1, people + 1), -1)
        return x.reshape(count, -1, width).astype(np.float32), who.repeat(each, 1)

    face, faces = tokens(show[..., :2], [0, 1], 3)
    text, speaks = tokens(show[..., 2:], [2, 3], 2)
    frames = 2 * festive[:, None, None] * looks[4] + rng.normal(0, noise, (count, 3, width))
    nobody = np.zeros((count, 3), np.int64)
    return Scenes(
        {"face": face, "text": text, "scene": frames.astype(np.float32)},
        {"face": faces, "text": speaks, "scene": nobody},
        np.concatenate([whole, labels], 1),
    )


@dataclass(frozen=True)
class Rated:
    """Music videos with the ratings of three groups of people.

    Attributes:
        channels: `music` and `visual` -> shape (clips, width).
        alone: Channel -> valence and arousal of those who had it alone, shape (clips, 2).
        both: Valence and arousal of those who had both, shape (clips, 2).
    """

    channels: Mapping[str, Array]
    alone: Mapping[str, Array]
    both: Array


def rated(count: int, *, seed: int, width: int = 40, noise: float = 1.0) -> Rated:
    """Music videos in which valence is heard and seen, and arousal for the most part heard, as MuVi found it.

    What a channel says of a dimension is a bent function of a few directions in it; ratings have noise of their own.

    Args:
        count: Number of clips.
        seed: Seed of what happens.
        width: Numbers in a channel.
        noise: Standard deviation of the noise in each number.
    """
    rng, look = np.random.default_rng(seed), np.random.default_rng(0)
    shares = {"music": np.array([0.5, 0.85]), "visual": np.array([0.5, 0.15])}
    channels, alone = {}, {}
    both = np.zeros((count, 2))
    for name, share in shares.items():
        looks = _directions(look, 4, width)
        hidden = rng.normal(size=(count, 4))
        channels[name] = (hidden @ looks * 2 + rng.normal(0, noise, (count, width)) / 2).astype(np.float32)
        says = np.tanh(hidden[:, :2] + 0.5 * hidden[:, 2:] * hidden[:, :2])
        alone[name] = (says + rng.normal(0, 0.2, says.shape)).astype(np.float32)
        both += share * says
    return Rated(channels, alone, (both + rng.normal(0, 0.1, both.shape)).astype(np.float32))


_WORDS = 60  # of the language of made explanations
_FEELINGS = 6


def word_values() -> Array:
    """Valence, arousal and dominance of each word of made explanations, -1 to 1: shape (words, 3)."""
    return np.random.default_rng(0).uniform(-1, 1, (_WORDS, 3)).astype(np.float32)


@dataclass(frozen=True)
class Explained:
    """Pictures with an emotion and an explanation.

    Attributes:
        pictures: Shape (pictures, width).
        emotions: Shape (pictures,).
        words: Explanations, shape (pictures, length).
    """

    pictures: Array
    emotions: NDArray[np.int64]
    words: NDArray[np.int64]


def explained(count: int, *, seed: int, length: int = 5, width: int = 24, noise: float = 0.5) -> Explained:
    """Pictures that show a place in valence, arousal and dominance, and words that lie near it.

    The emotion is the nearest of six places; each word is drawn by its nearness to the picture's place, so that there
    are many right explanations of a picture, alike in their values and not in their words.

    Args:
        count: Number of pictures.
        seed: Seed of what happens.
        length: Words in an explanation.
        width: Numbers of a picture.
        noise: Standard deviation of the noise in each number.
    """
    rng, look = np.random.default_rng(seed), np.random.default_rng(1)
    places = rng.uniform(-1, 1, (count, 3))
    anchors, looks = look.uniform(-1, 1, (_FEELINGS, 3)), _directions(look, 3, width)
    emotions = ((places[:, None] - anchors) ** 2).sum(-1).argmin(1)
    nearness = np.exp(-8 * ((places[:, None] - word_values()) ** 2).sum(-1))
    shares = np.cumsum(nearness / nearness.sum(1, keepdims=True), 1)
    words = (rng.random((count, length, 1)) > shares[:, None]).sum(-1).clip(max=_WORDS - 1)
    pictures = 3 * places @ looks + rng.normal(0, noise, (count, width))
    return Explained(pictures.astype(np.float32), emotions, words)
