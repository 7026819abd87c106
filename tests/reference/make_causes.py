"""Writes causes.json: answers about causes of emotions, and what the official scripts say about them.

Run `python tests/reference/make_causes.py RECCON ECAC` from the root of the repository after a change of the inputs.
RECCON is a checkout of declare-lab/RECCON (stored values: commit 579ea8a726f6705f7a3a02f7535b8f5595ec35aa), ECAC one of
NUSTM/SemEval-2024_ECAC (commit f6054366e358a9803fcd1ab92ae9921132816eb5). Neither is run as a whole: of RECCON the
functions `evaluate_results`, `lcs` and `calculate_results` and the file `evaluate_squad.py` are taken, with a `round`
that does not round; its figures of entailment are scikit-learn's. Conversations and answers are drawn here, and the
tests draw them again: `python -c` of `questions(seed)` and `conversations(seed)` gives the inputs. The tests read the
stored values.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import random
import re
import sys
from pathlib import Path
from typing import Any

SAID = "we won the match , but a train was late and I am so glad that you came . an answer she lost her keys !"
WORDS = SAID.split()
EMOTIONS = ("anger", "disgust", "fear", "joy", "sadness", "surprise")
IMPOSSIBLE = "Impossible \u2260\u00e6\u2260\u00e6\u2260 answer"


def _cut(draw: random.Random, words: list[str]) -> tuple[int, int]:
    start = draw.randrange(len(words))
    return start, draw.randint(start + 1, len(words))


def questions(seed: int) -> list[dict[str, Any]]:
    """Questions about pairs of turns: id, conversation, turn, cause, the right span or none, and an answer."""
    draw = random.Random(seed)
    out = []
    for c in range(30):
        for turn in range(draw.randint(1, 5)):
            for cause in range(turn + 1):
                words = [draw.choice(WORDS) for _ in range(draw.randint(2, 12))]
                start, end = _cut(draw, words)
                right = " ".join(words[start:end]) if draw.random() < 0.4 else None
                kind = "impossible" if right is None else "true"
                tail = "" if right is None else "_span_0"
                guess = _cut(draw, words)
                said = draw.choice(["", right or "", " ".join(words[slice(*guess)]), " ".join(words), "answer"])
                name = f"dailydialog_c{c}_utt_{turn + 1}_{kind}_cause_utt_{cause + 1}{tail}"
                out.append({"id": name, "of": f"c{c}", "turn": turn, "cause": cause, "right": right, "said": said})
    return out


def conversations(seed: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Conversations in the layout of SemEval-2024 task 3 with their pairs, and pairs that were answered."""
    draw = random.Random(seed)
    gold, given = [], []
    for number in range(1, 41):
        turns = [[draw.choice(WORDS) for _ in range(draw.randint(3, 14))] for _ in range(draw.randint(2, 7))]
        pairs: list[list[str]] = []
        answers: list[list[str]] = []
        for _ in range(draw.randint(0, 6)):
            turn, cause = draw.randrange(len(turns)), draw.randrange(len(turns))
            emotion = draw.choice(EMOTIONS)
            start, end = _cut(draw, turns[cause])
            span = " ".join(turns[cause][start:end])
            if not re.search(r"\w", span):  # the scorer cannot clean what is punctuation alone
                continue
            pairs.append([f"{turn + 1}_{emotion}", f"{cause + 1}_{span}"])
            if draw.random() < 0.7:
                other = draw.choice(EMOTIONS) if draw.random() < 0.2 else emotion
                move = draw.choice([(0, 0), (0, 0), (1, 0), (0, 1), (-1, 0), (-2, 1)])
                first, last = max(0, start + move[0]), min(len(turns[cause]), end + move[1])
                if first < last:
                    answers.append([f"{turn + 1}_{other}", f"{cause + 1}_{first}_{last}"])
        for _ in range(draw.randint(0, 3)):
            cause = draw.randrange(len(turns))
            start, end = _cut(draw, turns[cause])
            turn = draw.randrange(len(turns))
            answers.append([f"{turn + 1}_{draw.choice(EMOTIONS)}", f"{cause + 1}_{start}_{end}"])
        said = [{"utterance_ID": i + 1, "text": " ".join(words), "speaker": "A"} for i, words in enumerate(turns)]
        gold.append({"conversation_ID": number, "conversation": said, "emotion-cause_pairs": pairs})
        given.append({"conversation_ID": number, "conversation": said, "emotion-cause_pairs": answers})
    return gold, given


# --- the official scripts


def _functions(file: Path, names: tuple[str, ...], around: dict[str, Any]) -> dict[str, Any]:
    """Functions of a file, compiled by themselves."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    found = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name in names]
    exec(compile(ast.Module(found, []), str(file), "exec"), around)
    return around


def _module(file: Path, argv: list[str]) -> Any:
    sys.argv = argv
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def spans_by_reccon(reccon: Path, asked: list[dict[str, Any]], *, mended: bool) -> dict[str, float]:
    """What RECCON's script prints; `mended`: with the item of the loop where it looks at one of an earlier loop."""
    import numpy as np

    around: dict[str, Any] = {"np": np, "round": lambda value, _: value}
    around["compute_f1"] = _module(reccon / "evaluate_squad.py", ["x"]).compute_f1
    source = reccon / "eval_qa.py"
    if mended:
        text = source.read_text(encoding="utf-8")
        before = "                if 'impossible' in item:\n                    impos3 += 1"
        assert text.count(before) == 1
        text = text.replace(before, f"                z = text[key][item]\n{before}")
        source = Path("/tmp/eval_qa_mended.py")
        source.write_text(text, encoding="utf-8")
    _functions(source, ("lcs", "evaluate_results"), around)
    model = reccon / "simpletransformers" / "question_answering" / "question_answering_model.py"
    _functions(model, ("calculate_results",), around)
    truth = [{"qas": [{"id": q["id"], "answers": [{"text": q["right"] or IMPOSSIBLE}], "question": ""}]} for q in asked]
    _, text = around["calculate_results"](None, truth, {q["id"]: q["said"] for q in asked})
    said = around["evaluate_results"](text)
    numbers = re.findall(r"(Exact Match|SQuAD F1 Score|Inv F1 Score)[^\n]*= ([\d.e+-]+)%", said)
    return dict(
        zip(
            ("span_em_pos", "span_f1_pos", "span_f1_neg", "span_f1_all"),
            (float(v) / 100 for _, v in numbers),
            strict=True,
        )
    )


def entailment_by_sklearn(asked: list[dict[str, Any]]) -> dict[str, float]:
    """F1 of both classes as `eval_classification.py` takes them."""
    from sklearn.metrics import classification_report

    truth, said = [int(q["right"] is not None) for q in asked], [int(bool(q["said"])) for q in asked]
    report = classification_report(truth, said, output_dict=True)
    keys = {"cause_f1": "1", "no_cause_f1": "0", "cause_macro_f1": "macro avg"}
    return {key: float(report[name]["f1-score"]) for key, name in keys.items()}


def pairs_by_ecac(scorer: Any, gold: list[dict[str, Any]], given: list[dict[str, Any]]) -> dict[str, float]:
    """Weighted F1 of subtask 1, and of subtask 2 on the same pairs without spans."""
    strict, proportional = scorer.evaluate_1_2(given, gold)

    def turns(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [r | {"emotion-cause_pairs": [[a, b.split("_")[0]] for a, b in r["emotion-cause_pairs"]]} for r in rows]

    pairs = scorer.evaluate_2_2(turns(given), turns(gold))
    names = ("pair_strict_f1", "pair_proportional_f1", "pair_f1")
    return dict(zip(names, map(float, (strict[2], proportional[2], pairs[5])), strict=True))


def main(reccon: str, ecac: str) -> None:
    """Draw, ask the official scripts, and store what they say."""
    scorer = _module(Path(ecac) / "CodaLab" / "evaluation" / "evaluate.py", ["x", ".", "."])
    out: dict[str, Any] = {"questions": {}, "conversations": {}}
    for seed in range(6):
        asked = questions(seed)
        out["questions"][seed] = {
            "spans": spans_by_reccon(Path(reccon), asked, mended=True),
            "spans as released": spans_by_reccon(Path(reccon), asked, mended=False),
            "entailment": entailment_by_sklearn(asked),
        }
        out["conversations"][seed] = pairs_by_ecac(scorer, *conversations(seed))
    file = Path(__file__).with_name("causes.json")
    file.write_text(json.dumps(out, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
