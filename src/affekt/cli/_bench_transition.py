"""The verb of `affekt bench` that tells which emotion comes next."""

from __future__ import annotations

import click

from affekt.cli._bench_options import BOOTSTRAP_SEED, DATA, JSON, SAMPLES

__all__ = ["transition"]


@click.command()
@click.argument("corpus", metavar="[CORPUS]", default="peld")
@DATA
@SAMPLES
@BOOTSTRAP_SEED
@JSON
def transition(corpus: str, data: str | None, samples: int, seed: int, as_json: bool) -> None:
    """Tell a person's next emotion from the last ones, with and without their personality, on a CORPUS (peld).

    Emotions before are given as labels, no words are read. Settings are chosen on dev, the score is that of test.
    """
    from dataclasses import asdict

    from affekt.bench.transition import transition as measure
    from affekt.cli.bench import dumps

    found = measure(corpus, data=data, samples=samples, seed=seed)
    if as_json:
        plain = {k: {m: asdict(i) for m, i in getattr(found, k).items()} for k in ("with_personality", "without")}
        plain["difference"] = {key: asdict(value) for key, value in found.difference.items()}
        numbers = {
            key: {m: {f: float(v) for f, v in of.items()} for m, of in part.items()} for key, part in plain.items()
        }
        click.echo(dumps({"rows": found.rows, **numbers, "floors": found.floors, "chosen": found.chosen}))
        return
    from affekt.cli._tables import NarrowTable, terminal

    table = NarrowTable("", "macro F1", "weighted F1", left=[""])
    for name, floor in found.floors.items():
        table.add_row(name, f"{floor['macro_f1']:.3f}", f"{floor['weighted_f1']:.3f}")
    for name, scores in (("without personality", found.without), ("with personality", found.with_personality)):
        cells = (f"{i.value:.3f} ({i.low:.3f} to {i.high:.3f})" for i in (scores["macro_f1"], scores["weighted_f1"]))
        table.add_row(name, *cells)
    adds = (f"{d.value:+.3f} ({d.low:+.3f} to {d.high:+.3f})" for d in found.difference.values())
    table.add_row("personality adds", *adds)
    terminal().print(table)
    with_, without = (f"balance {balance:g}, penalty {penalty:g}" for balance, penalty in found.chosen)
    click.echo(f"{found.rows:,} rows of test. Chosen on dev: {with_} with personality, {without} without.")
