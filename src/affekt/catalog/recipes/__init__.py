"""Recipes: how a bundled model was made, as data. `affekt train NAME` runs one."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from affekt.catalog.load import Entry, document, entry, names
from affekt.catalog.recipes.dimensions import DimensionNet, DimensionsRecipe, Kernel, Texts
from affekt.catalog.recipes.face import Disturbance, FaceRecipe, View
from affekt.catalog.recipes.turns import Around, TurnNet, TurnPart, TurnsRecipe
from affekt.core.errors import CatalogError

__all__ = [
    "AnyRecipe",
    "Around",
    "Asks",
    "CausePlan",
    "Curriculum",
    "DimensionNet",
    "DimensionsRecipe",
    "Disturbance",
    "FaceRecipe",
    "Fresh",
    "HeadPlan",
    "Kernel",
    "Ngrams",
    "Part",
    "Polarity",
    "Pretraining",
    "Recipe",
    "Schedule",
    "Stage",
    "Tandem",
    "Teachers",
    "Term",
    "Texts",
    "TurnNet",
    "TurnPart",
    "TurnsRecipe",
    "View",
    "VoiceRecipe",
    "recipe",
    "recipes",
    "text_recipe",
    "voice_recipe",
    "with_seed",
]

Setting = int | float | str | bool

GoldRule = Literal[
    "corpus", "majority", "plurality", "all-inclusive", "soft-label", "presence", "dawid-skene", "mean", "ewe"
]


class HeadPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a head says.

    Attributes:
        space: Label space of its outputs.
        of: What of a corpus it learns: the labels, the strengths of labels, or the dimensions.
        gold: Where that comes from: the gold of the `corpus`, or a rule over its single annotators' judgements, as
            `affekt agree` names them: `mean` and `ewe` for strengths and dimensions, the others for labels. What a
            rule does not decide is not learned.
        export: Whether the model has it; one that is not exported only helps training.
        mix_layers: Whether a ridge regression on the lower layers is mixed in; for dimensions with spread.
    """

    space: str
    of: Literal["labels", "intensities", "dimensions"] = "labels"
    gold: GoldRule = "corpus"
    export: bool = True
    mix_layers: bool = False


class Term(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A further loss on the rows of a part.

    Attributes:
        objective: Objective in `affekt.train.objectives`.
        weight: Factor of its loss.
        settings: Its settings.
    """

    objective: str
    weight: float = 1.0
    settings: dict[str, Setting] = {}


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one corpus contributes to a stage.

    Attributes:
        corpus: Id of the corpus; its train split is used.
        head: Name of the head that it trains.
        mapped: Whether its labels are carried to the head's space by the map between the two.
        objective: Objective in `affekt.train.objectives`.
        settings: Settings of the objective.
        beside: Further losses on the same rows.
        weight: Factor of its loss.
        repeats: How often each of its rows is seen in an epoch.
        rows: Rows drawn for an epoch, without putting back, and in whole conversations where these are read
            together; `None` takes all.
        rare_below: Labels with fewer rows than this are rare, and
        rare_repeats: rows with a rare label are seen so many times more in an epoch.
    """

    corpus: str
    head: str
    mapped: bool = False
    objective: str
    settings: dict[str, Setting] = {}
    beside: tuple[Term, ...] = ()
    weight: float = 1.0
    repeats: int = 1
    rows: int | None = None
    rare_below: int = 0
    rare_repeats: int = 0


class Schedule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a stretch of training goes.

    Attributes:
        epochs: Passes over the data.
        rate: Learning rate of the topmost layer.
        warm_up: Share of the steps in which the rate rises from 0; it then falls to 0 in a straight line.
        batch: Texts a step.
        dropout: Share of units set to 0.
        weight_decay: Of matrices.
        clip: Greatest norm of the gradient.
        seed: Seed of order, sampling, hiding and dropout.
        precision: Of the products of matrices; `bfloat16` is faster on processors that have it.
    """

    epochs: int
    rate: float = 1e-4
    warm_up: float = 0.08
    batch: int = 32
    dropout: float = 0.1
    weight_decay: float = 0.01
    clip: float = 1.0
    seed: int = 1
    precision: Literal["float32", "bfloat16"] = "float32"


class Curriculum(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Conversations in each epoch from easy to hard, by how often the emotion shifts; see `affekt.train.curriculum`.

    Attributes:
        buckets: How many degrees of difficulty there are; within one the order is random.
        same: Weight of a shift since the same speaker's last turn.
        other: Weight of a shift since somebody else's turn just before.
    """

    buckets: int = 5
    same: float = 1.0
    other: float = 0.5


class Stage(Schedule, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A stretch of training with its own schedule; it starts from the weights of the stage before it.

    Attributes:
        patience: Stop after so many epochs without a lower loss on the dev split of the first part, and go back to
            the weights of the best; 0 trains all epochs and keeps the last.
        rate_decay: Factor of the rate from each layer to the one below it.
        head_rate: Learning rate of the heads.
        masked: Share of the words that are hidden behind the mask token, drawn anew each time.
        taught: Share of the teachers' answer in the target of a row, where the recipe has teachers; and
        taught_weight: the weight of their answer on rows that have no gold for a head.
        share: Share of this stage's weights in the result; the rest is what the stage began with. Averaging the
            two ends of a stage (Wortsman et al. 2022, robust fine-tuning) keeps what it would have unlearned.
        curriculum: Easy conversations before hard ones in each epoch, of a recipe whose turns see none after them;
            `None` for a random order.
        parts: What is trained on; of a model of causes that stands in the recipe's `causes`.
    """

    patience: int = 0
    curriculum: Curriculum | None = None
    rate_decay: float = 0.9
    head_rate: float = 1e-3
    masked: float = 0.0
    taught: float = 0.0
    taught_weight: float = 0.0
    share: float = 1.0
    parts: tuple[Part, ...] = ()


class Teachers(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Models that are trained first, each from one start, and whose mean answer the model then learns from.

    Knowledge distillation (Hinton et al. 2015) from an ensemble: the answers cover the texts of every corpus, so
    that each head also learns from the texts of the others.

    Attributes:
        encoder: What they start from, as for `Recipe`; empty for what the model itself starts from.
        seeds: One teacher for each.
        stage: How each is trained; its own seed is not used.
        heads: Heads whose answers are learned.
        whole: Whether their turns see the later ones of a conversation too, where a recipe's own see none (`onwards`).
    """

    encoder: str = ""
    seeds: tuple[int, ...]
    stage: Stage
    heads: tuple[str, ...]
    whole: bool = False


class Asks(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """That the model is asked by name: it reads a question and a text, and has one answer for all heads.

    A head then says what of a corpus is asked about, and how its answers are read. Every name of its space makes a
    row with a text: a label a yes or no (objective `multi_label`), a strength or a dimension a value (`strengths`,
    `squared_error`). `rows` of a part counts these.

    Attributes:
        negatives: Most questions to which the answer is no, for each to which it is yes; drawn once.
    """

    negatives: float = 2.0


class CausePlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """That the model finds the causes of emotions in conversations; see `affekt.models.causes`.

    Of the recipe's one stage it reads the schedule; the recipe's one head, where it has one, tells kinds of causes.
    Where words are counted there is neither.

    Attributes:
        corpus: Id of a corpus' view of causal spans.
        words: Whether words are counted (`affekt.models.cause_words`) in place of an encoder.
        back: Turns before the one with the emotion that are read with it.
        ahead: Turns after it.
        span: Weight of the loss of the spans, beside that of the turns.
        kind: Weight of the loss of the kinds.
        hidden_emotion: Share of readings in which the emotion is hidden behind the mask token, so that the model relies
            on what is said too.
        held_out: Where the corpus has no dev split, one in so many conversations of its train split is taken for it.
    """

    corpus: str
    words: bool = False
    back: int = 10
    ahead: int = 0
    span: float = 1.0
    kind: float = 0.3
    hidden_emotion: float = 0.0
    held_out: int = 0


class Polarity(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Attention that knows how positive or negative a word is, whatever stands around it.

    In each layer every head learns two numbers, which start at 0: how much it is drawn by a word's polarity, and by
    the strength of that polarity. See `affekt.train.polarity`.

    Attributes:
        corpus: Id of the corpus that polarity is taken from: rated words (`vader:words`), or rated sentences.
        dimension: Which dimension of its space; default the first.
        permuted: Whether the polarities are dealt out anew among all words: the control, which knows nothing.
    """

    corpus: str
    dimension: str = ""
    permuted: bool = False


class Tandem(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A recurrent net with attention over word vectors, beside the encoder; the heads read both.

    The vectors are the encoder's own word pieces, reduced, and bent towards an emotion lexicon where `enriched`. See
    `affekt.train.tandem`.

    Attributes:
        lexicon: Id of the corpus whose labels make the emotion lexicon.
        labels: Which of them; default all. A word that tells more of another label is in no case among their words.
        opposites: Pairs of its labels whose words are pushed apart.
        enriched: Whether the vectors are bent. The lexicon is needed in any case, to measure the attention on it.
        words: Most words of a label.
        width: Size of a word's vector.
        hidden: Units of the recurrent net in each direction.
    """

    lexicon: str
    labels: tuple[str, ...] = ()
    opposites: tuple[tuple[str, str], ...] = ()
    enriched: bool = True
    words: int = 150
    width: int = 100
    hidden: int = 64


class Fresh(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An encoder that starts from nothing: its own vocabulary of byte pairs, and weights drawn at random.

    Attributes:
        corpora: Corpora on whose training texts the vocabulary is learned.
        rows: Most texts of each; `None` takes all.
        vocabulary: Size of the vocabulary.
        lower: Whether capitals are read as small letters.
        width: Size of a token's vector.
        layers: Number of layers.
        attention_heads: Attention heads.
        inner: Width of the layer within a layer.
        positions: Most tokens of a text.
        seed: Seed of the weights.
    """

    corpora: tuple[str, ...]
    rows: int | None = None
    vocabulary: int = 32_000
    lower: bool = True
    width: int = 256
    layers: int = 4
    attention_heads: int = 8
    inner: int = 1024
    positions: int = 512
    seed: int = 1


class Ngrams(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A linear model on character n-grams in place of an encoder; see `affekt.train.ngrams`.

    Of the recipe's one stage it reads the parts, with their corpora, heads, objectives, weights and rows, and the seed.

    Attributes:
        longest: Most characters of an n-gram.
        least: In how many training texts an n-gram must stand.
        slots: Most n-grams.
        strengths: What is tried for how closely the training rows are followed (C of logistic regression, 1 / alpha
            of ridge regression); the loss on dev chooses one for each column of a head.
    """

    longest: int = 6
    least: int = 2
    slots: int = 1 << 20
    strengths: tuple[float, ...] = (0.3, 1.0, 3.0, 10.0)


class Pretraining(Schedule, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Guessing hidden words, before anything else is learned.

    Attributes:
        corpora: Corpora whose training texts are read.
        rows: Most texts of each; `None` takes all.
        hidden: Share of the words that is hidden.
        emotion_hidden: Share of the words of emotion that is hidden; `None` treats them as all others.
        emotion_from: Corpora whose labels tell which words are of emotion.
    """

    epochs: int = 1
    rate: float = 5e-4
    warm_up: float = 0.06
    batch: int = 64
    corpora: tuple[str, ...]
    rows: int | None = None
    hidden: float = 0.15
    emotion_hidden: float | None = None
    emotion_from: tuple[str, ...] = ()


class Recipe(Entry, frozen=True, kw_only=True):
    """A model and how it is made.

    Attributes:
        title: Name for people.
        version: Version of the weights that it makes.
        encoder: What the starting weights are: a Python package that carries them in its `model` folder, or the
            folder of an encoder in the layout of Hugging Face (`config.json`, `model.safetensors`, `tokenizer.json`);
            empty where it starts
        fresh: from nothing, or where
        ngrams: there is no encoder, and n-grams are counted.
        causes: What causes of emotions are learned from, of a model that finds them; `None` for all others.
        pretraining: What the encoder learns before the stages; `None` for nothing.
        licence: SPDX expression of the resulting weights.
        languages: ISO 639-1 codes.
        max_tokens: Training texts are cut here.
        heads: The heads by name; the first that is exported is the model's main one.
        asks: Whether, and how, the model is asked by name; `None` for a head of its own for each space.
        context: Turns before a text that are read with it; the heads read the mean over the text's own tokens.
        speakers: How the speaker of each turn stands before its words: not at all, by `names`, or by `letters`, A for
            whoever speaks first in what is read.
        onwards: Whether no turn sees a later one, so that all turns of a conversation are learned from one reading.
        target: How the target of a text is read, where its corpus names one: `plain` does not tell it apart, `marked`
            puts its mentions between two markers, `masked` puts the mask token in their place.
        fields: What of a row is read, one after another: `text`, and the further texts that its corpus has (a
            caption, a description); empty for the text alone.
        bits: Bits of the weights that are shipped: 8, 7 (for processors without VNNI), or 32 for float.
        emoji: Whether emoji get places in the vocabulary.
        polarity: Attention biased by the polarity of words; `None` for none.
        tandem: A second net beside the encoder; `None` for none.
        teachers: An ensemble to learn from; `None` for none.
        stages: The stages, in order.
        works: Ids of the works whose data or mechanisms it uses.
        notes: What is to be known of how it was made.
        not_for: What the model must not be used for.
        caveats: What its scores do not show.
    """

    title: str
    version: str = "1"
    encoder: str = ""
    fresh: Fresh | None = None
    ngrams: Ngrams | None = None
    causes: CausePlan | None = None
    pretraining: Pretraining | None = None
    licence: str
    languages: tuple[str, ...]
    max_tokens: int = 64
    heads: dict[str, HeadPlan]
    asks: Asks | None = None
    context: int = 0
    speakers: Literal["none", "names", "letters"] = "none"
    onwards: bool = False
    target: Literal["plain", "marked", "masked"] = "plain"
    fields: tuple[str, ...] = ()
    bits: Literal[7, 8, 32] = 8
    emoji: bool = False
    polarity: Polarity | None = None
    tandem: Tandem | None = None
    teachers: Teachers | None = None
    stages: tuple[Stage, ...]
    works: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    not_for: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()
    kind: Literal["text"] = "text"


class VoiceRecipe(Entry, frozen=True, kw_only=True):
    """A model of the voice and how it is made: stretches of speech become vectors, and linear heads read them.

    Attributes:
        kind: Tells it apart from a recipe of a model that reads texts.
        title: Name for people.
        version: Version of the weights that it makes.
        encoder: The speech encoder, of which a stretch is the mean and spread of a layer over time; and
        layers: how many of its layers. Or
        functionals: which functionals of pitch, loudness, spectrum and rhythm a stretch is.
        licence: SPDX expression of the resulting weights.
        terms: What their LICENSE file says before it names the sources.
        languages: ISO 639-1 codes.
        space: Label space of the answers.
        places: Dimensional space in which the labels were rated, where valence, arousal and dominance are read off;
            empty for none.
        corpora: What is learned from, whole; labels are carried to the space by the catalogue's maps.
        joined: The corpus among them whose recordings are joined, so that the model learns to hear where the
            expression changes; empty for a model that does not.
        sources: What else its sources are, beside the corpora.
        least: Seconds of the shortest stretch that gets an answer.
        longest: Seconds of the longest that is heard in one piece.
        stretches: From how many stretches on the speaker's own manner counts.
        least_silence: Seconds of silence that end a stretch.
        padding: Seconds that a stretch is given on both sides.
        strengths: What is tried for how closely a head follows its rows (C of logistic regression); chosen on speakers
            that are left out of the rows that it learns from.
        works: Ids of the works whose data or mechanisms it uses.
        not_for: What the model must not be used for.
        caveats: What its scores do not show.
    """

    kind: Literal["voice"]
    title: str
    version: str = "1"
    encoder: str = ""
    layers: int = 0
    functionals: Literal["", "egemaps", "full"] = ""
    licence: str
    terms: str
    languages: tuple[str, ...]
    space: str
    places: str = ""
    corpora: tuple[str, ...]
    joined: str = ""
    sources: tuple[str, ...] = ()
    least: float = 0.5
    longest: float = 15.0
    stretches: int = 16
    least_silence: float = 0.5
    padding: float = 0.1
    strengths: tuple[float, ...] = (0.0003, 0.001, 0.003, 0.01)
    works: tuple[str, ...] = ()
    not_for: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()


def recipes() -> tuple[str, ...]:
    """Ids of all recipes, sorted."""
    return names("recipes")


AnyRecipe = Recipe | VoiceRecipe | FaceRecipe | TurnsRecipe | DimensionsRecipe
"""A recipe of any kind of model."""

_KINDS: dict[object, type[AnyRecipe]] = {
    "voice": VoiceRecipe,
    "face": FaceRecipe,
    "turns": TurnsRecipe,
    "dimensions": DimensionsRecipe,
}
_SAYS = {
    Recipe: "that reads texts",
    VoiceRecipe: "of the voice",
    FaceRecipe: "of faces",
    TurnsRecipe: "of turns from vectors of their words",
    DimensionsRecipe: "of dimensions alone",
}


def recipe(name: str) -> AnyRecipe:
    """The recipe of that name, or in the file of that path.

    Raises:
        UnknownNameError: There is no such recipe; the nearest names are given.
        CatalogError: The entry is not valid.
    """
    file = Path(name)
    if file.suffix == ".toml" and file.is_file():
        try:
            raw = msgspec.toml.decode(file.read_bytes())
            return msgspec.convert(raw, _KINDS.get(raw.get("kind"), Recipe))
        except (msgspec.DecodeError, msgspec.ValidationError, ValueError) as err:
            raise CatalogError(f"The recipe is not valid: {err}", where=name) from err
    kind = _KINDS.get(document("recipes", name).get("kind"), Recipe)
    found: AnyRecipe = entry("recipes", name, kind)
    return found


def text_recipe(name: str) -> Recipe:
    """The same, where it has to be of a model that reads texts.

    Raises:
        UnknownNameError: There is no such recipe; the nearest names are given.
        CatalogError: The entry is not valid, or is of another kind of model.
    """
    found = recipe(name)
    if not isinstance(found, Recipe):
        raise CatalogError(f"The recipe {name!r} makes a model {_SAYS[type(found)]}, not one that reads texts")
    return found


def voice_recipe(name: str) -> VoiceRecipe:
    """The same, where it has to be of a model of the voice.

    Raises:
        UnknownNameError: There is no such recipe; the nearest names are given.
        CatalogError: The entry is not valid, or is of another kind of model.
    """
    found = recipe(name)
    if not isinstance(found, VoiceRecipe):
        kind = [n for n in recipes() if document("recipes", n).get("kind") == "voice"]
        raise CatalogError(
            f"The recipe {name!r} makes a model {_SAYS[type(found)]}, not one of the voice",
            hint=f"Recipes of the voice: {', '.join(kind)}.",
        )
    return found


def with_seed(recipe: Recipe, seed: int) -> Recipe:
    """The same recipe with another seed for every stage and for pre-training; teachers keep theirs."""
    replace = msgspec.structs.replace
    before = recipe.pretraining and replace(recipe.pretraining, seed=seed)
    return replace(recipe, pretraining=before, stages=tuple(replace(stage, seed=seed) for stage in recipe.stages))
