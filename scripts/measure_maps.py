"""Count label distributions and measure maps from the real corpora, and write them into the catalogue.

Usage:
    AFFEKT_DATA=... python scripts/measure_maps.py           # compare with what is stored, exit 1 on a difference
    AFFEKT_DATA=... python scripts/measure_maps.py --write   # rewrite counts and measured maps

Only counts, means and standard deviations are stored, never a text. A corpus that is not at hand is skipped.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean, stdev

CATALOG = Path(__file__).resolve().parent.parent / "src" / "affekt" / "catalog"
Count = Callable[[Path], Mapping[str, int]]

# ---- reading -------------------------------------------------------------------------------------------------


def table(path: Path, *, delimiter: str = ",", encoding: str = "utf-8-sig") -> list[dict[str, str]]:
    with path.open(encoding=encoding, newline="") as file:
        quoting = csv.QUOTE_MINIMAL if delimiter == "," else csv.QUOTE_NONE
        return list(csv.DictReader(file, delimiter=delimiter, quoting=quoting))


def ids(path: Path, column: int) -> Iterator[str]:
    """Comma-separated label ids of a headerless TSV."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            cells = line.rstrip("\n").split("\t")
            if len(cells) > column:
                yield from (cell.strip() for cell in cells[column].split(",") if cell.strip())


def numbered(path: Path, names: Path, column: int = 1) -> Mapping[str, int]:
    labels = names.read_text(encoding="utf-8").split()
    return Counter(labels[int(i)] for i in ids(path, column))


# ---- counting ------------------------------------------------------------------------------------------------


def count_goemotions(root: Path, kind: str = "original") -> Mapping[str, int]:
    return numbered(root / f"goemotions/{kind}/train.tsv", root / f"goemotions/{kind}/labels.txt")


def count_ekman(root: Path) -> Mapping[str, int]:
    return {k: n for k, n in count_goemotions(root, "ekman").items() if k != "neutral"}


def count_goemotions_sentiment(root: Path) -> Mapping[str, int]:
    return count_goemotions(root, "group")


def count_xed(root: Path) -> Mapping[str, int]:
    names = ["anger", "anticipation", "disgust", "fear", "joy", "sadness", "surprise", "trust"]
    return Counter(names[int(i) - 1] for i in ids(root / "xed/AnnotatedData/en-annotated.tsv", 1))


def count_kote(root: Path) -> Mapping[str, int]:
    readme = (root / "kote/SOURCE_README.md").read_text(encoding="utf-8")
    block = re.search(r"LABELS = \[(.*?)\]", readme, re.DOTALL)
    assert block is not None
    names = re.findall(r"'([^']+)'", block[1])
    return Counter(names[int(i)] for i in ids(root / "kote/val.tsv", 2))


def count_meld(root: Path) -> Mapping[str, int]:
    return Counter(row["Emotion"] for row in table(root / "meld/MELD/train_sent_emo.csv"))


def count_cped(root: Path) -> Mapping[str, int]:
    return Counter(row["Emotion"] for row in table(root / "cped/valid_split.csv"))


def count_sentiment(root: Path) -> Mapping[str, int]:
    return Counter(row["Sentiment"] for row in table(root / "meld/MELD/train_sent_emo.csv"))


def count_mahaemotions(root: Path) -> Mapping[str, int]:
    rows = table(root / "mahaemotions/anger-disgust-separate/test.csv")
    return Counter(row["Label"].strip().capitalize() for row in rows)


def count_brighter(root: Path, track: str = "a") -> Mapping[str, int]:
    out: Counter[str] = Counter()
    for path in sorted((root / f"semeval2025_task11/track_{track}/train").glob("???*.csv")):
        if "_" in path.stem:  # a stray copy of a test file
            continue
        for row in table(path):
            for label in ("anger", "disgust", "fear", "joy", "sadness", "surprise"):
                out[label] += (row.get(label) or "0").strip() not in {"", "0", "0.0"}
    return out


def count_brighter_intensity(root: Path) -> Mapping[str, int]:
    return count_brighter(root, "b")


def count_empatheticdialogues(root: Path) -> Mapping[str, int]:
    rows = table(root / "empathetic_intents/derived_official_split.csv")
    return Counter(row["emotion"] for row in rows if row["split"] == "train")


def headlines(root: Path) -> dict[str, list[float]]:
    """Headline id -> mean over the six raters of anger, disgust, fear, joy, sadness, surprise, valence."""
    ratings: dict[str, list[list[float]]] = defaultdict(list)
    for path in sorted((root / "semeval2007_affective_text/Annotations").glob("*.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if cells := line.split():
                ratings[cells[0]].append([float(cell) for cell in cells[1:8]])
    return {key: [fmean(column) for column in zip(*rows, strict=True)] for key, rows in ratings.items()}


EKMAN = ("anger", "disgust", "fear", "joy", "sadness", "surprise")


def count_semeval2007(root: Path) -> Mapping[str, int]:
    out: Counter[str] = Counter()
    for values in headlines(root).values():
        out.update(label for label, value in zip(EKMAN, values, strict=False) if value >= 50)
    return out


def count_emodb(root: Path) -> Mapping[str, int]:
    code = dict(W="anger", L="boredom", E="disgust", A="fear", F="happiness", T="sadness", N="neutral")
    return Counter(code[p.stem[5]] for p in (root / "emodb/wav").iterdir())


def count_ravdess(root: Path) -> Mapping[str, int]:
    names = ["neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"]
    return Counter(names[int(p.stem.split("-")[2]) - 1] for p in (root / "ravdess").glob("Actor_*/*.*"))


def count_cremad(root: Path) -> Mapping[str, int]:
    code = dict(ANG="anger", DIS="disgust", FEA="fear", HAP="happy", NEU="neutral", SAD="sad")
    rows = table(root / "crema_d_ratings/processedResults/summaryTable.csv")
    return Counter(code[row["FileName"].split("_")[2]] for row in rows)


def count_enisear(root: Path) -> Mapping[str, int]:
    path = root / "enisear_appraisal/enISEAR-appraisal-V1/enISEAR_appraisal.tsv"
    return Counter(row["Prior_Emotion"] for row in table(path, delimiter="\t"))


def count_stackoverflow(root: Path) -> Mapping[str, int]:
    rows = table(root / "stackoverflow_emotions_msr18/gold_and_raters.csv")
    return {
        n: sum(row[f"{n}_gold"] == "1" for row in rows) for n in ("love", "joy", "surprise", "anger", "sadness", "fear")
    }


def count_dailydialog(root: Path) -> Mapping[str, int]:
    # A few turns carry words outside the scheme (happy, excited, ...); they are left out.
    names = dict.fromkeys(("anger", "disgust", "fear", "happiness", "sadness", "surprise"))
    data = json.loads((root / "reccon/original_annotation/dailydialog_train.json").read_text(encoding="utf-8"))
    seen = Counter(turn["emotion"] for dialogue in data.values() for turn in dialogue[0])
    return {"no emotion": seen["neutral"]} | {name: seen[name] for name in names}


def count_culemo(root: Path) -> Mapping[str, int]:
    return Counter(row["emotion_eng"] for row in table(root / "culemo/test/eng.tsv", delimiter="\t"))


def count_po_emo(root: Path) -> Mapping[str, int]:
    out: Counter[str] = Counter()
    for line in (root / "po_emo/tsv/poemo.english.emotion.tsv").read_text(encoding="utf-8").splitlines():
        cells = line.split("\t")
        if len(cells) >= 3:
            out.update(label.strip() for cell in cells[1:3] for label in cell.split(" --- ") if label.strip())
    return out


def count_esconv(root: Path) -> Mapping[str, int]:
    lines = (root / "esconv/train.jsonl").read_text(encoding="utf-8").splitlines()
    return Counter(json.loads(line)["emotion_type"] for line in lines if line.strip())


def count_poem_sentiment(root: Path) -> Mapping[str, int]:
    names = {"-1": "negative", "0": "no impact", "1": "positive", "2": "mixed"}
    return Counter(names[i] for i in ids(root / "poem_sentiment/train.tsv", 2))


def count_russell(root: Path) -> Mapping[str, int]:
    code = {("1", "1"): "Q1", ("-1", "1"): "Q2", ("-1", "-1"): "Q3", ("1", "-1"): "Q4"}
    return Counter(code[row["valence"], row["arousal"]] for row in table(root / "vgmidi/vgmidi_labelled.csv"))


COUNTS: dict[str, tuple[str, Count]] = {
    "brighter": ("SemEval-2025 Task 11, track A, train of 28 languages (occurrences of labels)", count_brighter),
    "brighter-intensity": (
        "SemEval-2025 Task 11, track B, train of 11 languages (intensity above 0)",
        count_brighter_intensity,
    ),
    "cped": ("CPED, valid_split.csv", count_cped),
    "crema-d": ("CREMA-D, intended emotion of 7,442 clips by file name", count_cremad),
    "culemo": ("CuLEmo, test/eng.tsv", count_culemo),
    "dailydialog": ("DailyDialog part of RECCON, dailydialog_train.json", count_dailydialog),
    "ekman": ("GoEmotions, ekman/train.tsv without neutral (occurrences of labels)", count_ekman),
    "ekman-neutral": (
        "GoEmotions, ekman/train.tsv (occurrences of labels)",
        lambda root: count_goemotions(root, "ekman"),
    ),
    "emodb": ("Emo-DB, 535 clips by file name", count_emodb),
    "empatheticdialogues": (
        "EmpatheticDialogues, train dialogues by a split derived from situations",
        count_empatheticdialogues,
    ),
    "enisear": ("enISEAR, all 1,001 descriptions", count_enisear),
    "esconv": ("ESConv, train.jsonl", count_esconv),
    "goemotions": ("GoEmotions, original/train.tsv (occurrences of labels)", count_goemotions),
    "goemotions-sentiment": ("GoEmotions, group/train.tsv (occurrences of labels)", count_goemotions_sentiment),
    "kote": ("KOTE, val.tsv (occurrences of labels)", count_kote),
    "mahaemotions": ("MahaEmotions, anger-disgust-separate/test.csv (human labels)", count_mahaemotions),
    "meld": ("MELD, train_sent_emo.csv", count_meld),
    "parrott-primary": ("Stack Overflow gold standard, 4,800 posts (occurrences of labels)", count_stackoverflow),
    "plutchik": ("XED, en-annotated.tsv (occurrences of labels)", count_xed),
    "po-emo": ("PO-EMO, English lines, both annotators (occurrences of labels)", count_po_emo),
    "poem-sentiment": ("Gutenberg Poem, train.tsv", count_poem_sentiment),
    "ravdess": ("RAVDESS, 1,440 speech clips by file name", count_ravdess),
    "russell": ("VGMIDI, 204 labelled phrases", count_russell),
    "semeval2007": (
        "SemEval-2007 Affective Text, test headlines whose mean of six raters is 50 or more",
        count_semeval2007,
    ),
    "sentiment": ("MELD, Sentiment column of train_sent_emo.csv", count_sentiment),
    "stackoverflow": ("Stack Overflow gold standard, 4,800 posts (occurrences of labels)", count_stackoverflow),
    "xed": ("XED, en-annotated.tsv (occurrences of labels)", count_xed),
}

# ---- measuring -----------------------------------------------------------------------------------------------

Values = Mapping[str, float]


def summary(rows: list[Values]) -> dict[str, object]:
    names = list(rows[0])
    return {
        "mean": {n: round(fmean(r[n] for r in rows), 3) for n in names},
        "sd": {n: round(stdev(r[n] for r in rows), 3) for n in names},
        "n": len(rows),
    }


def dominant(values: list[float], *, least: float, margin: float) -> str | None:
    """The strongest of six emotions where it stands out, `neutral` where all are weak, else nothing."""
    order = sorted(range(6), key=lambda i: -values[i])
    first, second = values[order[0]], values[order[1]]
    if first < 10:
        return "neutral"
    return EKMAN[order[0]] if first >= least and first - second >= margin else None


def headline_groups(root: Path) -> dict[str, list[tuple[list[float], str]]]:
    groups: dict[str, list[tuple[list[float], str]]] = defaultdict(list)
    for key, values in headlines(root).items():
        if label := dominant(values, least=25, margin=5):
            groups[label].append((values, key))
    return groups


HEADLINE_RULE = (
    "A headline counts for an emotion when the mean of six raters is at least 25 of 100 and 5 above the next one, "
    "and for neutral when all six means are below 10."
)


def emobank_rows(root: Path) -> dict[str, Values]:
    return {
        row["id"].removeprefix("SemEval_"): {
            "valence": float(row["V"]),
            "arousal": float(row["A"]),
            "dominance": float(row["D"]),
        }
        for row in table(root / "emobank/emobank.csv")
        if row["id"].startswith("SemEval_")
    }


def measure_ekman_emobank(root: Path) -> dict[str, dict[str, object]]:
    rated = emobank_rows(root)
    found = {label: [rated[key] for _, key in rows if key in rated] for label, rows in headline_groups(root).items()}
    return {label: summary(found[label]) for label in sorted(found)}


def measure_ekman_valence(root: Path) -> dict[str, dict[str, object]]:
    groups = headline_groups(root)
    return {label: summary([{"valence": values[6]} for values, _ in groups[label]]) for label in sorted(groups)}


def without_neutral(
    measure: Callable[[Path], dict[str, dict[str, object]]],
) -> Callable[[Path], dict[str, dict[str, object]]]:
    return lambda root: {label: point for label, point in measure(root).items() if label != "neutral"}


def measure_enisear_appraisals(root: Path) -> dict[str, dict[str, object]]:
    names = ["Attention", "Certainty", "Effort", "Pleasant", "Responsibility", "Control", "Circumstance"]
    ours = ["attention", "certainty", "effort", "pleasantness", "responsibility", "control", "circumstance"]
    groups: dict[str, list[Values]] = defaultdict(list)
    path = root / "enisear_appraisal/enISEAR-appraisal-V1/enISEAR_appraisal.tsv"
    for row in table(path, delimiter="\t"):
        shares = {o: fmean(float(row[f"{n}_a{i}"]) for i in (1, 2, 3)) for o, n in zip(ours, names, strict=True)}
        groups[row["Prior_Emotion"]].append(shares)
    return {label: summary(groups[label]) for label in sorted(groups)}


def measure_goemotions_concepts(root: Path) -> dict[str, dict[str, object]]:
    base = root / "emotion_concept_features/Data"
    with (base / "emotion_agreements.csv").open(encoding="utf-8") as file:
        names = [row[0] for row in list(csv.reader(file))[1:] if row and row[0]]
    rows = table(base / "raw_data/emotional_featuers/affective_features/average.csv")
    return {
        name: {"mean": {"valence": round(float(row["valence"]), 3), "arousal": round(float(row["arousal"]), 3)}}
        for name, row in zip(names, rows, strict=True)
    }


# The norms have "neutral", "calm", "angry", ... themselves: the labels are words.
def measure_words(root: Path, labels: Sequence[str]) -> dict[str, dict[str, object]]:
    rows = {row["Word"]: row for row in table(root / "warriner_vad/Ratings_Warriner_et_al.csv")}
    scales = {"valence": "V", "arousal": "A", "dominance": "D"}
    return {
        label: {
            "mean": {name: float(rows[label][f"{letter}.Mean.Sum"]) for name, letter in scales.items()},
            "sd": {name: float(rows[label][f"{letter}.SD.Sum"]) for name, letter in scales.items()},
            "n": int(rows[label]["V.Rat.Sum"]),
        }
        for label in labels
    }


def shares(pairs: Counter[tuple[str, str]]) -> dict[str, dict[str, float]]:
    totals: Counter[str] = Counter()
    for (a, _), n in pairs.items():
        totals[a] += n
    out: dict[str, dict[str, float]] = defaultdict(dict)
    for (a, b), n in sorted(pairs.items()):
        out[a][b] = round(n / totals[a], 4)
    for row in out.values():  # rounding must not push a sum above 1
        top = max(row, key=row.__getitem__)
        row[top] = round(row[top] + 1 - sum(row.values()), 4)
    return dict(out)


def measure_meld_sentiment(root: Path) -> dict[str, dict[str, float]]:
    return shares(Counter((r["Emotion"], r["Sentiment"]) for r in table(root / "meld/MELD/train_sent_emo.csv")))


def measure_cped_sentiment(root: Path) -> dict[str, dict[str, float]]:
    return shares(Counter((r["Emotion"], r["Sentiment"]) for r in table(root / "cped/valid_split.csv")))


def measure_ekman_russell(root: Path) -> dict[str, dict[str, float]]:
    rated = emobank_rows(root)
    pairs: Counter[tuple[str, str]] = Counter()
    for label, rows in headline_groups(root).items():
        for _, key in rows:
            if key in rated:
                v, a = rated[key]["valence"] >= 3, rated[key]["arousal"] >= 3
                pairs[label, ("Q1" if a else "Q4") if v else ("Q2" if a else "Q3")] += 1
    return shares(pairs)


SE07 = (
    "EmoBank; SemEval-2007 Task 14: Affective text, ratings of single annotators",
    "Buechel, S., Hahn, U.; Strapparava, C., Mihalcea, R.",
    2017,
    "https://aclanthology.org/E17-2092/",
)
CENTROIDS: dict[str, tuple[tuple[str, str, int, str], str, Callable[[Path], dict[str, dict[str, object]]]]] = {
    "ekman-neutral_to_emobank": (
        SE07,
        "Headlines that both corpora rated, joined by their number. "
        + HEADLINE_RULE
        + " Licences: EmoBank CC BY-SA 4.0; "
        "the headline ratings are free for research. Doubt: news headlines only; few for disgust and anger; "
        "dominance and arousal hardly differ between emotions here.",
        measure_ekman_emobank,
    ),
    "ekman-neutral_to_semeval2007-valence": (
        (
            "SemEval-2007 Task 14: Affective text, ratings of single annotators",
            "Strapparava, C., Mihalcea, R.",
            2007,
            "https://aclanthology.org/S07-1013/",
        ),
        "The same six people rated emotions and valence of 1,000 headlines. " + HEADLINE_RULE + " Free for research. "
        "Doubt: news headlines only, and the two ratings come from the same heads.",
        measure_ekman_valence,
    ),
    "enisear_to_enisear-appraisals": (
        (
            "Appraisal theories for emotion classification in text",
            "Hofmann, J., Troiano, E., Sassenberg, K., Klinger, R.",
            2020,
            "https://aclanthology.org/2020.coling-main.11/",
        ),
        "Mean and spread of the share of three annotators who affirmed each appraisal, over the 143 "
        "descriptions of each emotion. The corpus is distributed with a GPL-3 file; only averages are here. "
        "Doubt: three annotators, and "
        "shares in thirds, so the Gaussian reading back to emotions is rough.",
        measure_enisear_appraisals,
    ),
    "goemotions_to_concept-va": (
        (
            "Human emotion knowledge representation emerges in large language model and supports discrete emotion "
            "inference",
            "Li, M., Su, Y., Huang, H.-Y., Cheng, J., Hu, X., Zhang, X., Wang, H., Qin, Y., Wang, X., Liu, Z., "
            "Zhang, D.",
            2023,
            "https://github.com/thunlp/Model_Emotion",
        ),
        "How people rated the words for the 27 emotions, not texts that carry them. The averages are published without "
        "names, spread, number of raters or a data licence; the rows are taken to be in alphabetical order, as in the "
        "agreement file beside them, which fits (relief is calmest, joy and love most pleasant, grief least).",
        measure_goemotions_concepts,
    ),
}
for _target in ("emobank", "semeval2007-valence"):  # the six alone, for spaces that have no neutral
    _source, _note, _measure = CENTROIDS[f"ekman-neutral_to_{_target}"]
    CENTROIDS[f"ekman_to_{_target}"] = (_source, _note, without_neutral(_measure))
_words = {
    "ravdess": (("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"), "eight", "voices"),
    "fer2013": (("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"), "seven", "faces"),
}
for _space, (_labels, _many, _what) in _words.items():
    CENTROIDS[f"{_space}_to_warriner"] = (
        (
            "Norms of valence, arousal, and dominance for 13,915 English lemmas",
            "Warriner, A. B., Kuperman, V., Brysbaert, M.",
            2013,
            "https://doi.org/10.3758/s13428-012-0314-x",
        ),
        f"How people rated the {_many} words that name the labels, on scales from 1 to 9: means and standard "
        "deviations over raters as they stand in the published file (CC BY-NC-ND 3.0); n is the number who rated "
        f"valence. Doubt: words were rated, not {_what}.",
        partial(measure_words, labels=_labels),
    )

WEIGHTS: dict[str, tuple[tuple[str, str, int, str], str, Callable[[Path], dict[str, dict[str, float]]]]] = {
    "meld_to_sentiment": (
        (
            "MELD: A multimodal multi-party dataset for emotion recognition in conversations",
            "Poria, S., Hazarika, D., Majumder, N., Naik, G., Cambria, E., Mihalcea, R.",
            2019,
            "https://aclanthology.org/P19-1050/",
        ),
        "Share of each sentiment among the 9,989 training utterances of each emotion (GPL-3 corpus; counts only). "
        "Surprise is the one emotion that is divided.",
        measure_meld_sentiment,
    ),
    "cped_to_sentiment": (
        (
            "CPED: A large-scale Chinese personalized and emotional dialogue dataset for conversational AI",
            "Chen, Y., Fan, W., Xing, X., Pang, J., Huang, M., Han, W., Tie, Q., Xu, X.",
            2022,
            "https://arxiv.org/abs/2205.14727",
        ),
        "Sentiment and emotion columns of the 11,137 validation utterances: the sentiment follows from the emotion "
        "without exception. Apache-2.0.",
        measure_cped_sentiment,
    ),
    "ekman-neutral_to_russell": (
        SE07,
        "Quadrant of the EmoBank valence and arousal (cut at 3) of headlines that both corpora rated. "
        + HEADLINE_RULE
        + " Licences: EmoBank CC BY-SA 4.0; the headline ratings are free for research. Doubt: news headlines only; "
        "arousal of single sentences is agreed on poorly.",
        measure_ekman_russell,
    ),
}

# ---- writing -------------------------------------------------------------------------------------------------


def key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def inline(values: Mapping[str, float]) -> str:
    return "{ " + ", ".join(f"{key(k)} = {v}" for k, v in values.items()) + " }"


def source_lines(source: tuple[str, str, int, str], note: str) -> list[str]:
    title, authors, year, url = source
    q = lambda s: json.dumps(s, ensure_ascii=False)  # noqa: E731
    return [
        "[source]",
        f"title = {q(title)}",
        f"authors = {q(authors)}",
        f"year = {year}",
        f"url = {q(url)}",
        f"note = {q(note)}",
    ]


def centroid_file(name: str, root: Path) -> str:
    source, note, measure = CENTROIDS[name]
    lines = ["# Written by scripts/measure_maps.py.", "measured = true", "", *source_lines(source, note)]
    for label, point in measure(root).items():
        lines += ["", f"[centroids.{key(label)}]"]
        lines += [f"{k} = {inline(v) if isinstance(v, dict) else v}" for k, v in point.items()]
    return "\n".join(lines) + "\n"


def weight_file(name: str, root: Path) -> str:
    source, note, measure = WEIGHTS[name]
    lines = [
        "# Written by scripts/measure_maps.py.",
        "measured = true",
        "",
        *source_lines(source, note),
        "",
        "[weights]",
    ]
    lines += [f"{key(label)} = {inline(row)}" for label, row in measure(root).items()]
    return "\n".join(lines) + "\n"


def space_file(name: str, root: Path) -> str:
    """The stored space with its counts replaced, in the order of its labels."""
    path = CATALOG / "spaces" / f"{name}.toml"
    text = path.read_text(encoding="utf-8").split("\n[counts]\n")[0].rstrip("\n")
    text = re.sub(r"^counts_from = .*\n", "", text, flags=re.MULTILINE)
    counted_from, count = COUNTS[name]
    found = count(root)
    labels = tomllib.loads(text)["labels"]
    if stray := set(found) - set(labels):
        raise SystemExit(f"{name}: counted labels that the space does not have: {sorted(stray)}")
    head, _, tail = text.partition("\n\n[source]")
    lines = [f"{key(label)} = {found.get(label, 0)}" for label in labels]
    stated = f"counts_from = {json.dumps(counted_from, ensure_ascii=False)}"
    return f"{head}\n{stated}\n\n[source]{tail}\n\n[counts]\n" + "\n".join(lines) + "\n"


def generate(root: Path) -> Iterator[tuple[Path, Callable[[], str]]]:
    """Each file that this script writes, with what makes its text."""
    for name in COUNTS:
        yield CATALOG / "spaces" / f"{name}.toml", lambda name=name: space_file(name, root)
    for name in CENTROIDS:
        yield CATALOG / "maps" / f"{name}.toml", lambda name=name: centroid_file(name, root)
    for name in WEIGHTS:
        yield CATALOG / "maps" / f"{name}.toml", lambda name=name: weight_file(name, root)


def main() -> int:
    """Compare or write; 1 where something differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="rewrite counts and measured maps")
    write = parser.parse_args().write
    if not os.environ.get("AFFEKT_DATA"):
        raise SystemExit("set AFFEKT_DATA to the folder that holds the corpora")
    differs = 0
    for path, make in generate(Path(os.environ["AFFEKT_DATA"])):
        shown = path.relative_to(CATALOG)
        try:
            text = make()
        except FileNotFoundError as err:
            print(f"skipped  {shown}  (no {err.filename})")
            continue
        same = path.exists() and path.read_text(encoding="utf-8") == text
        if not same and write:
            path.write_text(text, encoding="utf-8")
        differs += not same
        print(f"{'same' if same else 'written' if write else 'DIFFERS':8} {shown}")
    return int(bool(differs) and not write)


if __name__ == "__main__":
    sys.exit(main())
