"""`affekt corpora`: what published corpora the catalogue describes, whether they are here, and what is in them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from affekt.corpora.check import Checked, SplitCount
    from affekt.corpora.subset import Content

__all__ = ["command"]

_DATA = click.option(
    "--data", metavar="DIR", default=None, help="Folder that holds the corpora.  [default: the variable AFFEKT_DATA]"
)
# So many speakers are named one by one.
_SPEAKERS = 10
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(name="corpora")
def command() -> None:
    """List, show, check, count, export, join and filter the corpora that Affekt reads."""


def _here(name: str, data: str | None) -> bool:
    from affekt.catalog.corpora import corpus
    from affekt.core.errors import DataError
    from affekt.corpora.files import files_of

    entry = corpus(name)
    if entry.layout == "generated":
        return True
    try:
        for part in entry.files:
            files_of(entry, part, data)
    except DataError:
        return False
    return True


@command.command(name="list")
@_DATA
@_JSON
def list_(data: str | None, as_json: bool) -> None:
    """Name all corpora, with their size, licence, and whether their files are here."""
    from affekt.catalog.corpora import corpora, corpus, variants

    rows = [(name, corpus(name), _here(name, data)) for name in corpora()]
    if as_json:
        import json

        click.echo(
            json.dumps(
                [
                    {
                        "id": name,
                        "title": c.title,
                        "rows": {split: facts.rows for split, facts in c.splits.items()},
                        "space": c.space,
                        "languages": list(c.languages),
                        "licence": c.licence,
                        "commercial": c.commercial,
                        "verified": c.verified,
                        "variants": list(variants(name)),
                        "here": here,
                    }
                    for name, c, here in rows
                ],
                indent=2,
                ensure_ascii=False,
            )
        )
        return
    from affekt.cli._tables import NarrowTable, terminal

    heads = ("corpus", "rows", "space", "languages", "licence", "commercial", "here")
    words = tuple(head for head in heads if head != "rows")
    table = NarrowTable(*heads, left=words, drop=("space", "languages", "commercial", "rows"), wrap=("licence", "here"))
    for name, c, here in rows:
        stated = sum(facts.rows for facts in c.splits.values())
        size = f"{stated:,}" if stated else "not published"
        languages = " ".join(c.languages) if len(c.languages) < 4 else f"{len(c.languages)} languages"
        found = "yes" if here else "no, is made" if c.made_by else "no" if c.verified else "no, layout unverified"
        table.add_row(name, size, c.space, languages, c.licence, c.commercial, found)
    terminal().print(table)
    click.echo(f"\n{len(rows)} corpora. affekt corpora show ID tells about one, with its views and parts.")


@command.command()
@click.argument("name")
@_JSON
def show(name: str, as_json: bool) -> None:
    """Show a corpus: what it is, licence, splits, known defects, citation.

    NAME is a corpus (meld), one of its views (meld:sentiment) or parts (semeval2025-a:deu).
    """
    from affekt.catalog.corpora import corpus, variants

    c = corpus(name)
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(c), indent=2))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.padding import Padding
    from rich.table import Table

    console = Console(highlight=False)
    console.print(f"[bold]{escape(c.title)}[/bold]  ({name})", soft_wrap=True)
    console.print(escape(c.description.strip()))
    facts = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column()

    def fact(name: str, value: str) -> None:
        facts.add_row(name, escape(value))

    splits = ", ".join(f"{split} {f'{f.rows:,}' if f.rows else 'of unknown size'}" for split, f in c.splits.items())
    what = c.hash_split and (", ".join(_listed(c.hash_split.by)) or "the text")
    fact("splits", f"{splits}{f' (ours, by a hash of {what})' if what else ''}")
    fact("space", c.space or "none: it has no labels of emotion")
    fact("languages", " ".join(c.languages))
    fact("licence", c.licence)
    fact("commercial use", f"{c.commercial}. {c.commercial_note}")
    if c.ratings:
        fact("single ratings", ", ".join(dict.fromkeys(r.perspective or r.path for r in c.ratings)))
    if c.made_by:
        fact("made by", c.made_by)
    if not c.verified:
        fact("layout", "unverified: as published, never read from the files")
    fact("from", f"{c.home}, {c.release}")
    paths = [f.path for f in c.files]
    shown = ", ".join(paths[:4]) + (f" and {len(paths) - 4} more" if len(paths) > 4 else "")
    fact("folder", f"{c.folder}/ with {shown}")
    if ":" not in name and variants(name):
        fact("views", ", ".join(f"{name}:{v}" for v in c.views)) if c.views else None
        fact("parts", ", ".join(c.matrix)) if c.matrix else None
    fact("cite", f"{c.citation.authors} ({c.citation.year}): {c.citation.title}. {c.citation.url}")
    console.print(facts)
    for title, sentences in (("Known defects", c.defects), ("Not in the data folder", c.missing)):
        if sentences:
            console.print(f"[bold]{title}[/bold]")
            for sentence in sentences:
                console.print(Padding(f"• {escape(sentence)}", (0, 0, 0, 2)))


def _listed(names: str | tuple[str, ...]) -> tuple[str, ...]:
    from affekt.corpora.layouts import listed

    return listed(names)


@command.command()
@click.argument("name", required=False)
@click.option("--all", "everything", is_flag=True, help="Check every corpus of the catalogue, with its views.")
@_DATA
@_JSON
def check(name: str | None, everything: bool, data: str | None, as_json: bool) -> None:
    """Read a corpus whole, and compare it with what its entry states.

    Counts rows and labels of each split, and the exact texts that stand in two splits. The exit code is 0 only if
    everything is as stated; with --all, a corpus whose folder is not here counts as not well, except where the
    entry is optional or its layout marked as unverified.
    """
    from affekt.corpora.check import check as check_one
    from affekt.corpora.check import readings

    if everything == bool(name):
        raise click.UsageError("Name a corpus, or give --all.")
    checked = []
    for reading in readings() if everything else [str(name)]:
        checked.append(check_one(reading, data=data))
        if not as_json:
            _print_checked(checked[-1])
    well = all(c.state in ("well", "not at hand") for c in checked) if everything else checked[0].state == "well"
    if as_json:
        import json

        click.echo(json.dumps([_as_json(c) for c in checked] if everything else _as_json(checked[0]), indent=2))
    elif everything:
        _print_summary(checked)
    if not well:
        raise click.exceptions.Exit(5)


def _as_json(c: Checked) -> dict[str, object]:
    return {
        "id": c.entry.id,
        "state": c.state,
        "rows": {split: found.rows for split, found in c.splits.items()},
        "labels": {split: dict(found.labels) for split, found in c.splits.items()},
        "as_described": c.state == "well",
        "overlap": [
            {"split": split, "also_in": other, "rows": n}
            for split, found in c.splits.items()
            for other, n in found.shared.items()
        ],
        "problems": c.problems,
        "missing": list(c.entry.missing),
    }


def _print_checked(c: Checked) -> None:
    sizes = ", ".join(f"{split} {found.rows:,}" for split, found in c.splits.items())
    verdict = {"well": "as stated", "wrong": "NOT AS STATED", "absent": "ABSENT"}.get(c.state, "not at hand")
    click.echo(f"{c.entry.id}: {sizes + ' rows, ' if sizes else ''}{verdict}")
    for split, found in c.splits.items():
        if line := _distribution(c, found):
            click.echo(f"  {split}: {line}")
    for split, found in c.splits.items():
        for other, n in found.shared.items():
            click.echo(f"  {n:,} rows of {split} stand word for word in {other} too")
    for problem in c.problems:
        click.echo(f"  {problem}")
    if c.splits and ":" not in c.entry.id:
        for sentence in c.entry.missing:
            click.echo(f"  not in the data folder: {sentence}")


def _distribution(c: Checked, found: SplitCount, *, most: int = 12) -> str:
    parts = [f"{label} {n:,}" for label, n in found.labels.most_common(most)]
    if len(found.labels) > most:
        parts.append(f"{len(found.labels) - most} more labels {sum(n for _, n in found.labels.most_common()[most:]):,}")
    if found.unlabelled:
        parts.append(f"(none) {found.unlabelled:,}")
    for name in found.sums:
        mean = found.sums[name] / found.rows
        spread = max(0.0, found.squares[name] / found.rows - mean**2) ** 0.5
        parts.append(f"{name} {mean:.3g} ± {spread:.2g}")
    return ", ".join(parts)


def _print_summary(checked: list[Checked]) -> None:
    by_state = {state: [c for c in checked if c.state == state] for state in ("well", "wrong", "absent", "not at hand")}
    bases = {c.entry.id.partition(":")[0] for c in checked}
    rows = sum(c.rows for c in checked if ":" not in c.entry.id)
    problems = [
        f"{len(found)} {said}: {', '.join(c.entry.id for c in found)}"
        for state, said in (
            ("wrong", "not as stated"),
            ("absent", "absent"),
            ("not at hand", "not at hand"),
        )
        if (found := by_state[state])
    ]
    click.echo(
        f"{len(by_state['well'])} of {len(checked)} readings of {len(bases)} corpora are as stated ({rows:,} rows)"
        + "".join(f"; {p}" for p in problems)
    )


@command.command()
@click.argument("name")
@_DATA
@_JSON
def stats(name: str, data: str | None, as_json: bool) -> None:
    """Count a corpus through: rows, labels, lengths of texts, annotators and how far they agree."""
    import numpy as np

    from affekt.corpora.check import stats as count

    found = count(name, data=data)
    lengths = {
        split: [int(v) for v in np.percentile(s.characters, (0, 5, 50, 95, 100))]
        for split, s in found.checked.splits.items()
        if len(s.characters)
    }
    if as_json:
        import json

        alpha = {name: value if value == value else None for name, value in found.alpha.items()}
        document = _as_json(found.checked) | {
            "characters": {
                split: dict(zip(("least", "p5", "median", "p95", "most"), v, strict=True))
                for split, v in lengths.items()
            },
            "languages": {split: dict(s.languages) for split, s in found.checked.splits.items()},
            "annotators": found.annotators,
            "judgements": found.judgements,
            "alpha": alpha,
        }
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    for split, s in found.checked.splits.items():
        click.echo(f"{split}: {s.rows:,} rows")
        if line := _distribution(found.checked, s, most=100):
            click.echo(f"  {line}")
        if split in lengths:
            low, p5, half, p95, high = lengths[split]
            click.echo(
                f"  characters: median {half}, 90 % between {p5} and {p95}, least {low}, most {high}; {s.empty} empty"
            )
        if len(s.languages) > 1:
            click.echo("  languages: " + ", ".join(f"{code} {n:,}" for code, n in s.languages.most_common()))
    if found.annotators is None:
        click.echo("single ratings: not released")
        return
    who = f"{found.annotators} annotators" if found.annotators else "annotators not told apart"
    fewest, usual, most = found.each
    click.echo(
        f"single ratings: {found.judgements:,} of {found.rated:,} items by {who}; "
        f"{fewest} to {most} an item, median {usual:g}"
    )
    click.echo("Krippendorff's alpha: " + ", ".join(f"{channel} {value:.3f}" for channel, value in found.alpha.items()))


@command.command()
@click.argument("name")
@click.option("--to", type=click.Choice(["parquet", "csv", "jsonl"]), default="parquet", show_default=True)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write into.")
@_DATA
def export(name: str, to: str, out: Path, data: str | None) -> None:
    """Write a corpus for other tools: a file a split, and a card.

    Parquet loads with datasets.load_dataset(FOLDER), label names and all. CSV has its index first as audformat has it.
    """
    from affekt.catalog.corpora import corpus
    from affekt.corpora.export import FORMATS
    from affekt.corpora.export import export as write

    chosen = next(f for f in FORMATS if f == to)
    for split, rows in write(name, out=out, to=chosen, data=data).items():
        click.echo(f"{out / f'{split}.{to}'}: {rows:,} rows")
    click.echo(f"Licence: {corpus(name).licence}. {corpus(name).commercial_note}")


@command.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Parquet to write.")
@click.option("--space", default="ekman-neutral", show_default=True, help="Label space of the emotions.")
@click.option("--jobs", type=click.IntRange(min=1), default=2, show_default=True, help="Files decoded at once.")
@_DATA
@_JSON
def union(names: tuple[str, ...], out: Path, space: str, jobs: int, data: str | None, as_json: bool) -> None:
    """Write the recordings of several corpora as one table, with one set of names for emotions.

    Each file is decoded once: its length, rate and checksum stand in the table, and a file that is missing or broken
    stays with its problem. What is said at the end: files that are the same, speakers in two splits, labels without a
    place in the space, facts that are lacking.
    """
    from affekt.corpora.union import union as write

    found = write(names, out=out, space=space, data=data, jobs=jobs)
    if as_json:
        import json

        document = {
            "rows": dict(found.rows),
            "seconds": {name: round(value, 3) for name, value in found.seconds.items()},
            "emotions": {name: dict(counts) for name, counts in found.emotions.items()},
            "languages": dict(found.languages),
            "rates": {str(rate): n for rate, n in found.rates.items()},
            "lacking": {name: dict(counts) for name, counts in found.lacking.items()},
            "problems": {name: dict(counts) for name, counts in found.problems.items()},
            "unmapped": found.unmapped,
            "same_file": found.twice,
            "speakers_in_several_splits": [
                {"corpus": name, "speaker": who, "splits": splits} for (name, who), splits in found.shared.items()
            ],
        }
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    from affekt.catalog.corpora import corpus
    from affekt.core.timeline import clock

    for name, rows in found.rows.items():
        click.echo(f"{name}: {rows:,} recordings, {clock(found.seconds[name])}, {corpus(name).licence}")
        click.echo("  " + ", ".join(f"{label} {n:,}" for label, n in found.emotions[name].most_common()))
        for kind, n in found.problems[name].items():
            click.echo(f"  {n:,} {kind}")
        for what, n in found.lacking[name].items():
            if n:
                click.echo(f"  {n:,} without {what}")
        if name in found.unmapped:
            click.echo(f"  without a place in {space}: {', '.join(found.unmapped[name])}")
    for ids in found.twice:
        click.echo(f"the same file: {', '.join(ids)}")
    for (_, who), splits in found.shared.items():
        click.echo(f"{who} is in several splits: {', '.join(splits)}")
    click.echo(f"Written: {out}")


@command.command(name="filter")
@click.argument("clips", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--where", metavar="CONDITION", required=True, help="What rows have to meet to be kept.")
@click.option(
    "-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write: .parquet .csv .jsonl."
)
@_JSON
def filter_(clips: Path, where: str, out: Path | None, as_json: bool) -> None:
    """Keep the rows of CLIPS that meet a condition, and say which emotions and speakers are in them.

    CLIPS is a Parquet file, such as `affekt analyze podcasts/ --measure quality --out clips.parquet`
    writes. A condition compares columns with == != < <= > >=, `in ("a", "b")` and `is missing`, joined by and, or, not
    and parentheses. What stands before the dot in the name of a column may be left out; duration is end less start.

    \b
    Examples:
      affekt corpora filter clips.parquet --where "snr_db > 20 and duration >= 2" --out clean.parquet
      affekt corpora filter clips.parquet --where 'label == "angry" and speaker == "speaker 1"'
    """  # noqa: D301
    from affekt.corpora.subset import subset

    whole, part = subset(clips, where=where, out=out)
    if as_json:
        import json

        click.echo(json.dumps({"all": _content(whole), "kept": _content(part)}, indent=2, ensure_ascii=False))
        return
    from affekt.core.timeline import clock

    def share(count: int, of: int) -> str:
        return f"{count:,} ({count / of:.1%})" if of else "0"

    click.echo(
        f"{part.rows:,} of {whole.rows:,} rows, {clock(part.seconds)} of {clock(whole.seconds)}, "
        f"from {len(part.sources):,} of {len(whole.sources):,} recordings"
    )
    if whole.labels:
        from affekt.cli._tables import NarrowTable, terminal

        table = NarrowTable("label", "kept", "all", left=("label",))
        for label, count in whole.labels.most_common():
            table.add_row(label, share(part.labels[label], part.rows), share(count, whole.rows))
        terminal().print(table)
    click.echo(f"speakers: {len(part.speakers):,} of {len(whole.speakers):,}, told apart within a recording")
    for (source, who), count in part.speakers.most_common(_SPEAKERS):
        click.echo(f"  {who} in {source}: {share(count, part.rows)}")
    if len(part.speakers) > _SPEAKERS:
        click.echo(f"  and {len(part.speakers) - _SPEAKERS:,} more; --json names all")
    if out is not None:
        click.echo(f"Written: {out}")


def _content(content: Content) -> dict[str, object]:
    return {
        "rows": content.rows,
        "seconds": round(content.seconds, 3),
        "recordings": dict(content.sources),
        "labels": dict(content.labels),
        "speakers": [{"recording": s, "speaker": who, "rows": n} for (s, who), n in content.speakers.items()],
    }


@command.command()
@click.argument("name")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write into.")
@click.option("--sentences", type=click.IntRange(min=1), default=2, show_default=True, help="Texts in a passage.")
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the machines.")
@click.option("--limit", type=click.IntRange(min=8), help="Most passages of each split; for a trial.")
@_DATA
def imitate(name: str, out: Path, sentences: int, seed: int, limit: int | None, data: str | None) -> None:
    """Make a corpus for telling people from machines: passages of NAME, and as many by machines that learned from it.

    An n-gram model and a small recurrent network are made on the train split. The second writes only in the split
    `unseen`, so that a detector can be tried on a machine that it never met. Needs the `train` extra.
    """
    from affekt.extras import need

    need("torch", extra="train")
    from affekt.train.imitate import imitate as write

    where = Path(data) if data else None
    for split, rows in write(name, out, sentences=sentences, seed=seed, data=where, limit=limit).items():
        click.echo(f"{split}: {rows:,} rows")
    click.echo(f"Written: {out / 'passages.csv'}")


@command.command()
@click.argument("name")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write into.")
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of which recordings meet.")
@_DATA
def join(name: str, out: Path, seed: int, data: str | None) -> None:
    """Make a corpus of when which emotion is expressed: recordings of NAME joined, with the places of change.

    Of each speaker, each emotion alone, before and after neutral speech, and between two stretches of it (Wang,
    Ravanelli and Yacoubi 2023), at one level and with short fades.
    """
    from affekt.train.voice.joined import write_joined

    for split, rows in write_joined(name, out, seed=seed, data=data).items():
        click.echo(f"{split}: {rows:,} segments")
    click.echo(f"Written: {out / 'segments.csv'}")


@command.command()
@click.argument("name")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write into.")
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of all that is made.")
def mirror(name: str, out: Path, seed: int) -> None:
    """Make a stand-in for a corpus that is not at hand: made rows in the files and the layout of its release.

    NAME is emotionlines or emotiontalk. With --out FOLDER/NAME, `--data FOLDER` has other commands read it.
    """
    from affekt.corpora.mirrors import mirror as write

    for kind, rows in write(name, out, seed=seed).items():
        click.echo(f"{kind}: {rows:,} rows")
    click.echo(f"Written: {out}")


@command.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write into.")
@click.option(
    "--speakers",
    metavar="A,B",
    multiple=True,
    help="Who speaks with whom: steady, lively, n-gram:CORPUS, or a language model as a folder or an address; several "
    "times for several pairs.  [default: steady,lively]",
)
@click.option("--dialogues", type=click.IntRange(min=1), default=20, show_default=True, help="How many are made.")
@click.option("--turns", type=click.IntRange(min=2), default=8, show_default=True, help="Turns of each.")
@click.option("--domain", "domains", metavar="NAME", multiple=True, help="Domain to draw from; several times.")
@click.option("--emotion", metavar="NAME", help="Emotion of the first turn.  [default: drawn]")
@click.option(
    "--keep", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="Share that the filter keeps."
)
@click.option("--voiced", is_flag=True, help="Have espeak-ng speak each turn in its emotion, to a WAV file.")
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of all that is drawn.")
@_DATA
def converse(
    out: Path,
    speakers: tuple[str, ...],
    dialogues: int,
    turns: int,
    domains: tuple[str, ...],
    emotion: str | None,
    keep: float,
    voiced: bool,
    seed: int,
    data: str | None,
) -> None:
    """Make emotional conversations of two: a domain, a course of emotion, two speakers, a filter, and voices.

    Rows of turns.jsonl are turns, with text, emotion, domain, and who spoke; `affekt analyze` reads them.
    """
    from affekt.core.errors import InputError
    from affekt.train.converse.speakers import Speaker, open_speaker
    from affekt.train.converse.talks import write_talks

    pairs = []
    known: dict[str, Speaker] = {}
    for given in speakers or ("steady,lively",):
        names = [name.strip() for name in given.split(",")]
        if len(names) != 2 or not all(names):
            raise InputError("A conversation has two speakers", where=given, hint="--speakers steady,lively")
        known |= {name: open_speaker(name, data=data) for name in names if name not in known}
        pairs.append((known[names[0]], known[names[1]]))
    found = write_talks(
        out,
        pairs,
        count=dialogues,
        turns=turns,
        domains=domains,
        start=emotion,
        keep=keep,
        sound=voiced,
        seed=seed,
    )
    click.echo(f"{found['made']:,} conversations made, {found['kept']:,} kept, {found['turns']:,} turns")
    click.echo(f"Written: {out / 'turns.jsonl'}")
