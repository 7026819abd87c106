"""From trained weights to a model folder: int8 graph, calibration, thresholds, machine-readable card."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from affekt.catalog.spaces import space
from affekt.extras import need
from affekt.train.calibrate import choose_thresholds, fit_platt, halves_score, interval_width, policy_point, sigmoid
from affekt.train.graph import LAYER_MEANS, Ranges, build_graph
from affekt.train.readout import mix_in_layers
from affekt.train.targets import STANDARD, rows_of, single_ratings, token_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["HEADS", "package"]

HEADS = {"go": "goemotions", "vad": "vad", "xed": "plutchik"}
# What is tried for the thresholds on halves of the dev split: (bootstrap resamples, weight of the common cut).
_WAYS = ((0, 0.0), (30, 0.0), (30, 10.0), (30, 30.0), (30, 100.0), (30, 300.0))


def _infer(session: Any, rows: Sequence[NDArray[np.int64]], names: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    by_length: dict[int, list[int]] = {}
    for i, row in enumerate(rows):
        by_length.setdefault(len(row), []).append(i)
    out: dict[str, NDArray[np.float64]] = {}
    for length, at in by_length.items():
        size = max(1, 1024 // length)
        for k in range(0, len(at), size):
            some = at[k : k + size]
            ids = np.stack([rows[i] for i in some])
            for name, value in zip(
                names, session.run(list(names), {"input_ids": ids, "attention_mask": np.ones_like(ids)}), strict=True
            ):
                if name not in out:
                    out[name] = np.zeros((len(rows), value.shape[1]))
                out[name][some] = value
    return out


def _session(model: Any, threads: int = 0) -> Any:
    ort = need("onnxruntime", extra="train")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def measure_ranges(model: Any, places: Sequence[str], rows: Sequence[NDArray[np.int64]]) -> Ranges:
    """Lowest and highest value at each place over texts, one at a time."""
    onnx = need("onnx", extra="train")
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    for place in places:
        watched.graph.output.append(onnx.helper.make_tensor_value_info(place, 1, None))
    session = _session(watched)
    ranges = Ranges(dict.fromkeys(places, 0.0), dict.fromkeys(places, 0.0))
    for row in rows:
        found = session.run(list(places), {"input_ids": row[None], "attention_mask": np.ones_like(row)[None]})
        for place, value in zip(places, found, strict=True):
            ranges.low[place] = min(ranges.low[place], float(value.min()))
            ranges.high[place] = max(ranges.high[place], float(value.max()))
    return ranges


def package(
    weights: Mapping[str, NDArray[np.float32]],
    tokenizer_file: Path,
    out: Path,
    *,
    identity: Mapping[str, Any],
    data: Path | None = None,
    bits: int = 8,
    calibration_texts: int = 1000,
    level: float = 0.8,
    coverage: float = 0.95,
    seed: int = 0,
) -> dict[str, Any]:
    """Write a model folder.

    Args:
        weights: State of the trained module as arrays.
        tokenizer_file: `tokenizer.json`.
        out: Folder to write.
        identity: `id, version, title, licence, languages, works, facts` of the card.
        data: Folder of the corpora; default `AFFEKT_DATA`.
        bits: Bits of the int8 weights.
        calibration_texts: Training texts on which activation ranges are measured.
        level: Share of single annotators' ratings that the V/A/D intervals hold on dev.
        coverage: Share of dev rows that the recommended policy answers.
        seed: Seed of the choice of texts.

    Returns:
        Figures on dev: macro-F1 of float and int8, calibration error before and after, and others.
    """
    onnx = need("onnx", extra="train")
    dev, train = rows_of("goemotions", split="dev", data=data), rows_of("goemotions", data=data)
    bank, lines = rows_of("emobank", split="dev", data=data), rows_of("xed", split="dev", data=data)

    rng = np.random.default_rng(seed)
    some = [train.texts[i] for i in rng.choice(len(train.texts), calibration_texts, replace=False)]
    some += [bank.texts[i] for i in rng.choice(len(bank.texts), min(200, len(bank.texts)), replace=False)]
    # The corpus numbers Plutchik's emotions alphabetically, the catalogue in the order of the wheel.
    wheel = [space("xed").index(label) for label in space("plutchik").labels]
    weights = {k: v[wheel] if k.startswith("xed.") else v for k, v in weights.items()}
    probe = _session(build_graph(weights, heads=HEADS, layer_means=True)[0])
    weights, mixed = mix_in_layers(
        weights,
        head="vad",
        means=lambda texts: _infer(probe, token_rows(tokenizer_file, texts, 64), [LAYER_MEANS])[LAYER_MEANS],
        train=rows_of("emobank", data=data),
        dev=bank,
    )
    plain, places = build_graph(weights, heads=HEADS)
    ranges = measure_ranges(plain, places, token_rows(tokenizer_file, some, 64))
    int8, _ = build_graph(weights, heads=HEADS, ranges=ranges, bits=bits)
    onnx.checker.check_model(plain)

    names = list(HEADS.values())
    rows = token_rows(tokenizer_file, dev.texts, 64)
    float_z = _infer(_session(plain), rows, names)["goemotions"]
    session = _session(int8)
    z = _infer(session, rows, names)["goemotions"]
    assert np.isfinite(z).all(), "the int8 graph gives values that are not finite"

    heads: dict[str, Any] = {}
    figures: dict[str, Any] = {}
    sets = {
        "goemotions": (dev, z),
        "plutchik": (lines, _infer(session, token_rows(tokenizer_file, lines.texts, 64), names)["plutchik"]),
    }
    for name, (split, logits) in sets.items():
        truth = split.targets[:, wheel] if name == "plutchik" else split.targets
        platt = [fit_platt(truth=truth[:, j], logits=logits[:, j]) for j in range(truth.shape[1])]
        p = sigmoid(logits * [a for a, _ in platt] + [b for _, b in platt])
        tried = {way: halves_score(truth=truth, scores=p, samples=way[0], prior=way[1]) for way in _WAYS}
        way = max(tried, key=tried.__getitem__)
        cuts = choose_thresholds(truth=truth, scores=p, samples=max(way[0] * 10, 0), prior=way[1])
        top = p.argmax(1)
        right = truth[np.arange(len(top)), top] > 0
        best = np.clip(p.max(1), 1e-6, 1 - 1e-6)
        a, b = fit_platt(truth=right.astype(float), logits=np.log(best / (1 - best)))
        heads[name] = {
            "space": name,
            "output": name,
            "scale": [round(a_, 6) for a_, _ in platt],
            "offset": [round(b_, 6) for _, b_ in platt],
            "thresholds": [round(float(t), 6) for t in cuts],
            "confidence": [round(a, 6), round(b, 6)],
        }
        chosen = p >= cuts
        both = (truth * chosen).sum(0)
        figures[name] = {
            "dev_macro_f1": float(np.mean(2 * both / np.maximum(truth.sum(0) + chosen.sum(0), 1e-12))),
            "threshold_way": list(way),
            "halves": {str(k): round(v, 5) for k, v in tried.items()},
        }
        if name == "goemotions":
            confidence = sigmoid(a * np.log(best / (1 - best)) + b)
            least, share, risk_all, risk = policy_point(right=right, confidence=confidence, coverage=coverage)
            figures[name]["float_int8_mean_difference"] = float(np.abs(sigmoid(z) - sigmoid(float_z)).mean())
            figures[name]["dev_macro_f1_at_.3"] = {
                k: float(
                    np.mean(2 * (truth * (sigmoid(v) >= 0.3)).sum(0) / (truth.sum(0) + (sigmoid(v) >= 0.3).sum(0)))
                )
                for k, v in (("float", float_z), ("int8", z))
            }

    raw = _infer(session, token_rows(tokenizer_file, bank.texts, 64), names)["vad"]
    mean, sd = (np.array(v) for v in STANDARD["emobank"])
    centre, sigma = raw[:, :3] * sd + mean, np.exp(np.clip(raw[:, 3:], -5, 3)) * sd
    single = single_ratings("emobank", bank.ids, data=data)
    width = interval_width(centre=centre, sigma=sigma, ratings=single, level=level)
    figures["emobank"] = {
        "dev_pcc": [float(np.corrcoef(centre[:, k], bank.targets[:, k])[0, 1]) for k in range(3)],
        "width": width.tolist(),
        "mixed": mixed,
    }

    out.mkdir(parents=True, exist_ok=True)
    onnx.save(int8, str(out / "model.onnx"))
    (out / "tokenizer.json").write_bytes(tokenizer_file.read_bytes())
    card = {
        **identity,
        "main": "goemotions",
        "heads": heads,
        "dimensions": {
            "space": "emobank",
            "output": "vad",
            "mean": mean.tolist(),
            "sd": sd.tolist(),
            "width": [round(float(w), 6) for w in width],
            "level": level,
        },
        "policy": {
            "min_confidence": round(least, 4),
            "coverage": round(share, 4),
            "risk_all": round(risk_all, 4),
            "risk_answered": round(risk, 4),
            "measured_on": "goemotions dev",
        },
        "max_tokens": 64,
        "window_tokens": 48,
        "files": {f: hashlib.sha256((out / f).read_bytes()).hexdigest() for f in ("model.onnx", "tokenizer.json")},
    }
    (out / "affekt.json").write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return figures
