"""Texts per second of `affekt analyze`, against the same weights elsewhere, in one run.

Over the texts of the GoEmotions test split, in file order:

- `affekt`: the whole command, file to JSON Lines;
- `pipeline`: transformers' text-classification pipeline, the same weights in torch fp32, batch 32, sigmoid;
- `onnxruntime`: the same ONNX file in a session with default options, batch 32, padded to the longest of the batch.

Every measurement is a process of its own, and the systems take turns. Reading is timed apart from loading. For
Affekt the timed part is the more: it loads its model, reads the input file and writes the output file within it.
Labels are compared after the same calibration and thresholds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

BATCH = 32
SYSTEMS = ("affekt", "onnxruntime", "pipeline")
Scores = list[list[float]]


def texts_of_test() -> list[str]:
    """Texts of the GoEmotions test split, from AFFEKT_DATA."""
    from affekt.corpora.read import read

    return [clip.text or "" for clip, _ in read("goemotions", split="test")]


def batches(texts: list[str]) -> Iterator[list[str]]:
    """Batches in file order."""
    for start in range(0, len(texts), BATCH):
        yield texts[start : start + BATCH]


def by_affekt(texts: list[str], folder: Path, model: str | None) -> Callable[[], None]:
    """`affekt analyze` in this process, from a file to a file; the libraries are imported and warm."""
    import affekt
    from affekt.cli.main import main

    affekt.analyze("warm", model=model)
    source, out = folder / "texts.jsonl", folder / "rows.jsonl"
    source.write_text("".join(json.dumps({"id": str(i), "text": t}) + "\n" for i, t in enumerate(texts)), "utf-8")

    def read() -> None:
        sys.argv = ["affekt", "analyze", str(source), "--column", "text", "--out", str(out)]
        sys.argv += ["--model", model] if model else []
        try:
            main()
        except SystemExit as end:
            if end.code:
                raise

    return read


def by_pipeline(texts: list[str], reference: Path) -> Callable[[], Scores]:
    """The pipeline of transformers as its documentation shows it, around the same encoder and head in fp32."""
    import torch
    from transformers import AutoTokenizer, BertModel, BertPreTrainedModel, logging, pipeline
    from transformers.modeling_outputs import SequenceClassifierOutput

    class MeanPooledBert(BertPreTrainedModel):
        """BertForSequenceClassification with the mean over words in place of the first token."""

        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.bert = BertModel(config, add_pooling_layer=False)
            self.classifier = torch.nn.Linear(config.hidden_size, config.num_labels)
            self.post_init()

        def forward(self, input_ids: Any, attention_mask: Any, **_: Any) -> SequenceClassifierOutput:
            hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
            return SequenceClassifierOutput(logits=self.classifier((hidden * mask).sum(1) / mask.sum(1)))

    logging.set_verbosity(logging.CRITICAL)  # it says that it does not know the class by name
    model = MeanPooledBert.from_pretrained(reference, dtype=torch.float32).eval()
    run = pipeline(
        "text-classification",
        model=model,
        tokenizer=AutoTokenizer.from_pretrained(reference),
        top_k=None,
        function_to_apply="sigmoid",
        batch_size=BATCH,
    )
    order = {name: i for i, name in model.config.id2label.items()}
    run(texts[:BATCH], truncation=True)

    def read() -> Scores:
        rows = []
        for answer in run(texts, truncation=True):
            row = [0.0] * len(order)
            for entry in answer:
                row[int(order[entry["label"]])] = entry["score"]
            rows.append(row)
        return rows

    return read


def by_onnxruntime(texts: list[str], model: Path) -> Callable[[], Scores]:
    """A plain session: default options, file order, padded batches."""
    import numpy as np
    import onnxruntime
    from tokenizers import Tokenizer

    from affekt.models.session import graph_of

    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.enable_padding()
    tokenizer.enable_truncation(512)
    session = onnxruntime.InferenceSession(graph_of(model / "model.onnx"), providers=["CPUExecutionProvider"])

    def logits(batch: list[str]) -> np.ndarray:
        encoded = tokenizer.encode_batch(batch)
        ids = np.array([e.ids for e in encoded], dtype=np.int64)
        mask = np.array([e.attention_mask for e in encoded], dtype=np.int64)
        return session.run(["goemotions"], {"input_ids": ids, "attention_mask": mask})[0]

    logits(texts[:BATCH])

    def read() -> Scores:
        return [row for batch in batches(texts) for row in (1 / (1 + np.exp(-logits(batch)))).tolist()]

    return read


def labels_of(sigmoids: Scores, model: str | None) -> list[list[str]]:
    """Labels from plain sigmoids, by the calibration and thresholds of the model's card."""
    import numpy as np

    from affekt.catalog.spaces import space
    from affekt.models.registry import model_folder, read_card

    card = read_card(model_folder(model))
    head = card.heads[card.main]
    names = space(head.space).labels
    p = np.clip(np.array(sigmoids), 1e-12, 1 - 1e-12)
    calibrated = 1 / (1 + np.exp(-(np.log(p / (1 - p)) * np.array(head.scale) + np.array(head.offset))))
    return [[names[j] for j in np.flatnonzero(row)] for row in calibrated >= np.array(head.thresholds)]


def labels_of_rows(rows: list[dict[str, Any]], model: str | None) -> list[list[str] | None]:
    """Labels of written rows; of those withheld for low confidence, what they would have been; else None."""
    from affekt.catalog.spaces import space
    from affekt.models.registry import model_folder, read_card

    card = read_card(model_folder(model))
    thresholds = dict(zip(space(card.main).labels, card.heads[card.main].thresholds, strict=True))
    found: list[list[str] | None] = []
    for row in rows:
        if row["scores"] is None:
            found.append(None)
        elif row["abstained"] is None:
            found.append(row["labels"])
        else:
            found.append([label for label, score in row["scores"].items() if score >= thresholds[label]])
    return found


def worker(args: argparse.Namespace) -> None:
    """One measurement: load, read, write times and labels to a file."""
    from affekt.models.registry import model_folder

    texts = texts_of_test()[: args.limit]
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if args.worker == "affekt":
            read = by_affekt(texts, folder, args.model)
        elif args.worker == "pipeline":
            read = by_pipeline(texts, args.reference)
        else:
            read = by_onnxruntime(texts, model_folder(args.model))
        loaded = time.perf_counter()
        scores = read()
        done = time.perf_counter()
        if scores is None:
            rows = [json.loads(line) for line in (folder / "rows.jsonl").read_text("utf-8").splitlines()]
            labels = labels_of_rows(rows, args.model)
        else:
            labels = labels_of(scores, args.model)
    args.result.write_text(json.dumps({"load_s": loaded - begin, "read_s": done - loaded, "labels": labels}))


def measure(system: str, args: argparse.Namespace) -> dict[str, Any]:
    """Run one measurement in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = [sys.executable, __file__, "--worker", system, "--result", str(result)]
        command += ["--model", args.model] if args.model else []
        command += ["--limit", str(args.limit)] if args.limit else []
        command += ["--reference", str(args.reference)] if args.reference else []
        begin = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        whole = time.perf_counter() - begin
        return {**json.loads(result.read_text()), "whole_s": whole}


def compare(runs: dict[str, list[dict[str, Any]]], texts: int) -> dict[str, Any]:
    """Best and median rates of each system, ratios to Affekt's, and the texts on which labels are the same."""
    found: dict[str, Any] = {"texts": texts, "systems": {}, "ratios": {}, "same_labels": {}}
    for system, measured in runs.items():
        read = [m["read_s"] for m in measured]
        found["systems"][system] = {
            "texts_per_s_best": round(texts / min(read), 1),
            "texts_per_s_median": round(texts / statistics.median(read), 1),
            "load_s_best": round(min(m["load_s"] for m in measured), 2),
            "whole_s_best": round(min(m["whole_s"] for m in measured), 2),
            "repeats": len(read),
        }
    ours = runs["affekt"]
    for system, measured in runs.items():
        if system == "affekt":
            continue
        rounds = [b["read_s"] / a["read_s"] for a, b in zip(ours, measured, strict=True)]
        found["ratios"][f"affekt / {system}"] = {
            "median_of_rounds": round(statistics.median(rounds), 2),
            "lowest_round": round(min(rounds), 2),
            "whole_median_of_rounds": round(
                statistics.median(b["whole_s"] / a["whole_s"] for a, b in zip(ours, measured, strict=True)), 2
            ),
        }
        pairs = list(zip(ours[0]["labels"], measured[0]["labels"], strict=True))
        read_by_both = [(a, b) for a, b in pairs if a is not None]
        found["same_labels"][f"affekt and {system}"] = {
            "same": sum(sorted(a) == sorted(b) for a, b in read_by_both),
            "compared": len(read_by_both),
            "not_read_by_affekt": len(pairs) - len(read_by_both),
        }
    return found


def main() -> None:
    """Measure in turns, print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", type=Path, help="folder with the same weights for transformers")
    parser.add_argument("--model", help="name or folder of the model; default the bundled one")
    parser.add_argument("--repeats", type=int, default=3, help="rounds; in each, every system is measured once")
    parser.add_argument("--limit", type=int, help="only so many texts, for a try")
    parser.add_argument("--worker", choices=SYSTEMS, help=argparse.SUPPRESS)
    parser.add_argument("--result", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        worker(args)
        return
    systems = [s for s in SYSTEMS if s != "pipeline" or args.reference]
    runs: dict[str, list[dict[str, Any]]] = {system: [] for system in systems}
    for number in range(args.repeats):
        # Each round begins with another system, so that none is always the first on a cold processor.
        for system in systems[number % len(systems) :] + systems[: number % len(systems)]:
            runs[system].append(measure(system, args))
            print(f"round {number + 1}: {system} {runs[system][-1]['read_s']:.2f} s", file=sys.stderr)
    print(json.dumps(compare(runs, len(runs["affekt"][0]["labels"])), indent=2))


if __name__ == "__main__":
    main()
