"""`affekt dynamics`: how feelings move in conversations that were read."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from affekt.core.errors import InputError, OutputError

if TYPE_CHECKING:
    from affekt.dynamics import Dynamics

__all__ = ["command"]

_SHOWN = 10
_SEEN = 5  # transitions that were seen less often are not shown


@click.command(name="dynamics", short_help="How feelings move in conversations that were read.")
@click.argument("rows", type=click.Path(path_type=Path))
@click.option("--dimension", default="valence", show_default=True, help="Dimension that is measured.")
@click.option(
    "--most", type=click.IntRange(min=1), default=50, show_default=True, help="Most speakers, and most pairs."
)
@click.option(
    "--samples", type=click.IntRange(min=1), default=1000, show_default=True, help="Resamples and permutations."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of these.")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="File to write: .json, or .csv of speakers and pairs."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(*, rows: Path, dimension: str, most: int, samples: int, seed: int, out: Path | None, as_json: bool) -> None:
    """Measure how feelings move in conversations, speaker by speaker and pair by pair.

    ROWS is what `affekt analyze CHAT -o ROWS.jsonl` wrote. Of each speaker: mean, standard deviation, mean square of
    successive differences (MSSD) and inertia (lag-1 autoregression). Of each pair: how a partner's last turn goes with
    one's own change, with a bootstrap interval and a permutation test. Of all: which label follows which, beside the
    same labels in shuffled order.

    \b
    Examples:
      affekt analyze chat.json -o rows.jsonl
      affekt dynamics rows.jsonl
      affekt dynamics rows.jsonl --dimension arousal -o arousal.csv
    """  # noqa: D301
    from affekt.dynamics import dynamics
    from affekt.media.kinds import cannot_read
    from affekt.report.exports import jsonl

    if out is not None and out.suffix not in (".json", ".csv"):
        raise InputError(f"Unknown output extension {out.suffix!r}", where=str(out), hint="Known: .json, .csv.")
    try:
        found = dynamics(jsonl.read(rows), dimension=dimension, most=most, samples=samples, seed=seed)
    except OSError as err:
        raise cannot_read(rows, str(rows), err) from err
    if out is not None:
        try:
            _write(found, out)
        except OSError as err:
            raise OutputError(f"It cannot be written: {err.strerror}", where=str(out)) from err
    if as_json:
        click.echo(json.dumps(_plain(found), indent=2, ensure_ascii=False))
    elif out is None:
        _show(found)


def _plain(found: Dynamics) -> dict[str, Any]:
    """As JSON: what is undefined is null."""
    made = asdict(found)
    network = made["transitions"]
    for name in ("counts", "probabilities", "z"):
        network[name] = network[name].round(6).tolist()

    def defined(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: defined(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [defined(inner) for inner in value]
        if isinstance(value, float):
            return round(value, 6) if math.isfinite(value) else None
        return value

    plain: dict[str, Any] = defined(made)
    return plain


def _write(found: Dynamics, out: Path) -> None:
    plain = _plain(found)
    if out.suffix == ".json":
        out.write_text(json.dumps(plain, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return
    rows = [{"kind": "speaker", **speaker} for speaker in plain["speakers"]]
    for pair in plain["pairs"]:
        influence = pair["influence"]
        rows.append(
            {"kind": "pair", "name": pair["speaker"], "partner": pair["partner"], "turns": influence["n"],
             "dialogues": influence["dialogues"], "influence": influence["partner"],
             **{key: influence[key] for key in ("low", "high", "p", "own")}}
        )  # fmt: skip
    columns = (
        *("kind", "name", "partner", "turns", "dialogues", "mean", "sd", "mssd", "inertia", "gap", "irregular"),
        *("influence", "low", "high", "p", "own"),
    )
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _show(found: Dynamics) -> None:
    from rich.markup import escape

    from affekt.cli._tables import NarrowTable, terminal

    console = terminal()
    d = found.dimension
    console.print(f"{found.turns:,} turns that were read, in {found.dialogues:,} dialogues; {d} on its native range.\n")
    table = NarrowTable(
        *("speaker", "turns", "mean", "sd", "mssd", "inertia", "gap (s)", "irregular"),
        left=["speaker"],
        drop=["irregular", "gap (s)"],
    )
    for s in found.speakers[:_SHOWN]:
        table.add_row(
            *(escape(s.name), f"{s.turns:,}", *(_number(v) for v in (s.mean, s.sd, s.mssd, s.inertia))),
            *("" if s.gap is None else f"{s.gap:,.0f}", "" if s.irregular is None else f"{s.irregular:.0%}"),
        )
    console.print(table)
    if found.pairs:
        console.print(f"\nChange of {d} for each unit of the partner's last turn")
        table = NarrowTable("speaker", "partner", "turns", "influence", "95 %", "p", left=["speaker", "partner"])
        for pair in found.pairs[:_SHOWN]:
            of = pair.influence
            ends = "" if math.isnan(of.low) else f"{of.low:+.2f} .. {of.high:+.2f}"
            cells = (f"{of.n:,}", _number(of.partner), ends, _number(of.p))
            table.add_row(escape(pair.speaker), escape(pair.partner), *cells)
        console.print(table)
    network = found.transitions
    if network.n:
        console.print(
            f"\n{network.n:,} transitions between labels tell {network.information:.3f} bits of one another, "
            f"{network.shuffled:.3f} in shuffled order (p = {network.p:.3f}). Most above chance:"
        )
        table = NarrowTable("from", "to", "count", "probability", "z", left=["from", "to"])
        flat = [
            (float(network.z[i, j]), i, j)
            for i in range(len(network.labels))
            for j in range(len(network.labels))
            if network.z[i, j] > 0 and network.counts[i, j] >= _SEEN
        ]
        for z, i, j in sorted(flat, reverse=True)[:_SHOWN]:
            share = _number(float(network.probabilities[i, j]))
            table.add_row(network.labels[i], network.labels[j], f"{network.counts[i, j]:,}", share, f"{z:.1f}")
        console.print(table)


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"
