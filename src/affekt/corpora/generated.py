"""Corpora that are made by a rule, not found: texts whose gold and whose pitfalls are known exactly.

Every row follows from the entry's seed, the split and the row's number, so that a corpus is the same everywhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

from affekt.catalog.corpora import Corpus, CorpusFile, Generated
from affekt.core.errors import CatalogError

__all__ = ["ANY", "FEELINGS", "PEOPLE", "THINGS", "digest", "rows"]

_BEGINNINGS = ("Vel", "Kes", "Ord", "Brun", "Tal", "Mir", "Zan", "Pell", "Quor", "Hax")
_ENDS = ("mora", "trin", "alis", "vik", "onde", "asko")
_COMPANIES = 20
_SAID = {
    "positive": (
        "{} beat every forecast",
        "shares of {} climbed {n} percent",
        "{} won a contract worth {n} million",
        "analysts raised their target for {}",
        "{} posted a record profit of {n} million",
        "{} doubled its dividend",
        "demand for the products of {} surged",
        "investors cheered the plans of {}",
        "{} paid back its debt early",
        "the outlook for {} brightened",
    ),
    "negative": (
        "{} missed every forecast",
        "shares of {} fell {n} percent",
        "{} lost a contract worth {n} million",
        "analysts cut their target for {}",
        "{} posted a loss of {n} million",
        "{} scrapped its dividend",
        "demand for the products of {} collapsed",
        "investors fled from {}",
        "{} could not serve its debt",
        "the outlook for {} darkened",
    ),
    "neutral": (
        "{} will publish its figures on day {n}",
        "{} moved to another street",
        "{} appointed an auditor",
        "shares of {} closed where they had opened",
        "{} held its yearly meeting",
        "{} employs {n} thousand people",
    ),
}
# Good or bad, who knows.
_SILENT = (
    "the figures of {} surprised many",
    "everybody on the floor spoke of {}",
    "the news about {} came before noon",
    "{} made the front page for the {n}th time",
    "the board of {} met through the night",
    "nobody had expected that of {}",
)
_FRAMES = ("{}, while {}.", "{}; {}.", "{}, and {}.", "While {}, {}.", "{}, but {}.")


def rows(entry: Corpus, part: CorpusFile) -> Iterator[dict[str, str]]:
    """The cells of each row of a split, by column.

    Raises:
        CatalogError: The entry does not say how its rows are made.
    """
    plan = entry.generated
    count = entry.splits[part.split].rows if part.split in entry.splits else 0
    if plan is not None and plan.kind == "shifting" and plan.shifts and count:
        return _shifting(plan, part.split, count)
    if plan is None or part.split not in plan.follow:
        raise CatalogError(f"The entry does not say how {part.split or 'its rows'} are made", where=entry.id)
    return _entity_prior(plan, part.split, count)


def digest(entry: Corpus, part: CorpusFile) -> str:
    """SHA-256 of the rows of a split, in hexadecimal digits."""
    found = hashlib.sha256()
    for row in rows(entry, part):
        found.update("\t".join(row.values()).encode() + b"\n")
    return found.hexdigest()


def _entity_prior(plan: Generated, split: str, count: int) -> Iterator[dict[str, str]]:
    """Two companies in one sentence, something else said of each; the label is that of the one which is the target.

    Each company has a reputation. What is said of the target follows it in a share of the rows that the plan sets
    for each split; a fifth of the rows are neutral. In a share of the others the words are silent on it.
    """
    names = [a + b for a in _BEGINNINGS for b in _ENDS]
    names = [names[i] for i in np.random.default_rng(plan.seed).permutation(len(names))[:_COMPANIES]]
    labels = tuple(_SAID)
    rng = _chance(plan, split)
    for number in range(count):
        i, j = rng.choice(_COMPANIES, 2, replace=False)
        good = (i % 2 == 0) == (rng.random() < plan.follow[split])
        label = "neutral" if rng.random() < 0.2 else "positive" if good else "negative"
        other = str(rng.choice([name for name in labels if name != label]))
        own = _SILENT if label != "neutral" and rng.random() < plan.silent else _SAID[label]
        said = [
            str(rng.choice(phrases)).format(names[who], n=int(rng.integers(4, 30)))
            for who, phrases in ((i, own), (j, _SAID[other]))
        ]
        frame = str(rng.choice(_FRAMES))
        if rng.random() < 0.5:
            said.reverse()
        text = frame.format(*said)
        yield {
            "id": f"{split}-{number}",
            "text": text[0].upper() + text[1:],
            "target": names[i],
            "other": names[j],
            "label": label,
        }


FEELINGS = {
    "anger": (
        "how dare they do that with my {}",
        "I am furious about the {}",
        "somebody ruined the {} on purpose",
        "I could scream when I see the {}",
        "they lied to me about the {}",
        "get that {} out of my sight",
    ),
    "fear": (
        "I am scared of what the {} may do",
        "my hands shake when I think of the {}",
        "what if the {} comes down on us",
        "I dare not go near the {}",
        "the {} frightens me to death",
        "I lie awake because of the {}",
    ),
    "happiness": (
        "I love the new {}",
        "what a wonderful {} that is",
        "the {} made my whole week",
        "I could dance because of the {}",
        "we won the {} at last",
        "I am so glad about the {}",
    ),
    "sadness": (
        "I cried over the {} all night",
        "I miss the old {} so much",
        "the {} is gone for ever",
        "my heart is heavy because of the {}",
        "nothing is left of the {}",
        "I feel so lonely without the {}",
    ),
    "no emotion": (
        "the {} is in the second room",
        "I will bring the {} on Monday",
        "the {} weighs about ten pounds",
        "the shop sells the {} too",
        "they painted the {} green",
        "the {} opens at nine",
    ),
}
# What anybody says, whatever they feel.
ANY = (
    "it is about the {} again",
    "you know what I think of the {}",
    "that is how it is with the {}",
    "and then there was the {}",
    "well, the {}",
    "you should have seen the {}",
)
THINGS = ("bridge", "garden", "letter", "engine", "party", "tower", "painting", "bicycle", "house", "ticket", "boat")
PEOPLE = ("Ana", "Ben", "Cleo", "Dov", "Esi", "Finn", "Gul", "Hana")
_FEWEST, _MOST = 6, 12
# How often words tell the emotion: mostly where it is new, in half of the turns where it goes on.
_TOLD_NEW, _TOLD_OLD = 0.8, 0.5


def _chance(plan: Generated, split: str) -> np.random.Generator:
    salt = int.from_bytes(hashlib.sha256(split.encode()).digest()[:4], "big")
    return np.random.default_rng((plan.seed, salt))


def _shifting(plan: Generated, split: str, count: int) -> Iterator[dict[str, str]]:
    """Two people in turn, each with an emotion that stays or shifts; one rate of shifts for a conversation.

    What is said tells the emotion, or could be said with any; then it is that of the speaker's last turn, unless it
    has just shifted in silence, which nobody can know.
    """
    rng = _chance(plan, split)
    made = dialogue = 0
    labels = tuple(FEELINGS)
    while made < count:
        rate = plan.shifts[int(rng.integers(len(plan.shifts)))]
        people = rng.choice(PEOPLE, 2, replace=False)
        first = rng.choice(labels)
        feels = [first, first if rng.random() < 0.5 else rng.choice(labels)]
        for turn in range(min(int(rng.integers(_FEWEST, _MOST + 1)), count - made)):
            who, new = turn % 2, turn < 2
            if not new and rng.random() < rate:
                feels[who], new = rng.choice([label for label in labels if label != feels[who]]), True
            told = turn < 2 or rng.random() < (_TOLD_NEW if new else _TOLD_OLD)
            text = str(rng.choice(FEELINGS[str(feels[who])] if told else ANY)).format(rng.choice(THINGS))
            yield {
                "id": f"{split}-{dialogue}-{turn}",
                "dialogue": f"{split}-{dialogue}",
                "speaker": str(people[who]),
                "text": f"{text[0].upper()}{text[1:]}.",
                "rate": f"{rate:g}",
                "label": str(feels[who]),
            }
            made += 1
        dialogue += 1
