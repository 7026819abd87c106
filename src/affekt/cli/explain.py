"""`affekt explain`: which words, parts of a stretch of speech or regions of a face moved a reading, and if they did."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from affekt.core.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from affekt.explain.faithfulness import Faithfulness, Named
    from affekt.media.sound import Sound
    from affekt.models.text import TextRecogniser

__all__ = ["command"]

Numbers = tuple[float, float, float]

_MOST_TOKENS = 600  # of an explanation


@click.command(name="explain", short_help="Show which words moved a reading, and check that they did.")
@click.argument("source")
@click.option("--check", "measure", is_flag=True, help="Measure how faithful the explanations of SOURCE are.")
@click.option("--split", default="dev", show_default=True, help="With --check: split of a corpus.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=500,
    show_default=True,
    help="With --check: most texts, stretches or faces.",
)
@click.option("--column", metavar="NAME", help="Column of the text, where SOURCE is a table.")
@click.option(
    "--model",
    metavar="NAME|DIR",
    help="Model to explain, see `affekt models list`.  [default: by language; text-en, voice or face with --check]",
)
@click.option("--space", metavar="NAME", help="One of the model's own label spaces.")
@click.option("--data", metavar="DIR", help="Folder that holds the corpora.  [default: the variable AFFEKT_DATA]")
@click.option("--roles", "by_role", is_flag=True, help="Instead: who feels what, at whom and why, by rule.")
@click.option(
    "--language", type=click.Choice(["en", "fr"]), help="With --roles: language of the text.  [default: what it seems]"
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the random order.")
@click.option(
    "--writer",
    metavar="DIR|URL#NAME",
    help="Language model that writes the sentences: a folder, or the address of a server and the model's name there.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    *,
    source: str,
    measure: bool,
    split: str,
    limit: int,
    column: str | None,
    model: str | None,
    space: str | None,
    data: str | None,
    by_role: bool,
    language: str | None,
    seed: int,
    writer: str | None,
    as_json: bool,
) -> None:
    """Show which words moved the reading of SOURCE, a sentence, and say so in sentences.

    With --check, SOURCE is a file or the name of a corpus, and what is printed is how far the probability of the
    top label falls when the words that the explanation names are taken out (comprehensiveness, high is good) and
    when only they stay (sufficiency, low is good), beside words in random and in reverse order. Of recordings, or a
    corpus of them, what is taken out is the part of each stretch of speech that moved the label most, beside parts of
    the same length that begin anywhere. Of pictures, or a corpus of faces, it is the region of each face whose covering
    costs the label most, beside boxes of the same size anywhere.

    \b
    Examples:
      affekt explain "I am not happy with this."
      affekt explain "I am not happy with this." --writer http://localhost:8000/v1#qwen
      affekt explain goemotions --check --split dev --limit 200
      affekt explain reviews.csv --column comment --check
      affekt explain ravdess --check
      affekt explain fer2013 --check --limit 400
      affekt explain "Anna was furious because he broke the vase." --roles
    """  # noqa: D301
    if language is not None and not by_role:
        raise InputError("--language belongs to --roles")
    if by_role:
        _show_roles(source, language, as_json=as_json)
        return
    from affekt.models.registry import load

    if not measure:
        if Path(source).suffix and Path(source).exists():
            raise InputError(
                "SOURCE is a file", where=source, hint="Use `affekt analyze FILE --explain`, or add --check."
            )
        # Without a name, the model is that for the language of the text.
        _show(load(model) if model else None, source, space, writer, as_json=as_json)
        return
    if writer is not None:
        raise InputError("What is checked is explained by templates", where="--check", hint="Leave out --writer.")
    if (faces := _faces(source, split, limit, data)) is not None:
        _check_faces(faces, model, seed, as_json=as_json, name=_named(source, split))
        return
    if (stretches := _stretches(source, split, limit, data)) is not None:
        _check_voice(stretches, model, limit, seed, as_json=as_json, name=_named(source, split))
        return
    recogniser = load(model)
    if not recogniser.space(space).labels:
        raise InputError(
            f"{recogniser.spec.name} gives dimensions alone, and words are weighed by what they do to a label",
            hint="Take a model with labels, such as text-en.",
        )
    from rich.console import Console
    from rich.progress import Progress

    from affekt.explain.faithfulness import check, check_named

    texts = _texts(source, split, limit, column, data)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("taking words out", total=len(texts))
        found = check(
            recogniser,
            texts,
            space=space,
            seed=seed,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    named = check_named(recogniser, texts, space=space, seed=seed)
    _print(found, named, as_json=as_json, name=_named(source, split))


def _show(
    recogniser: TextRecogniser | None, text: str, space: str | None, writer: str | None, *, as_json: bool
) -> None:
    from affekt.analysis import Policy, Reading, analyze
    from affekt.core.clip import Clip

    (prediction,) = analyze(text, model=recogniser, space=space, explain=True, policy=Policy(min_confidence=0))
    told = None
    if writer is not None:
        from dataclasses import replace

        from affekt.explain.rationale import rationale
        from affekt.models.llm import open_backend

        told = rationale(prediction, writer=open_backend(writer, most=_MOST_TOKENS))
        prediction = replace(prediction, explanation=told.statements)
    reading = Reading(Clip("1", text), prediction)
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(reading.row).decode())
        return
    from rich.console import Console

    from affekt.catalog.spaces import space as load_space
    from affekt.report.terminal import render

    console = Console(highlight=False)
    render([reading], console=console, space=load_space(prediction.space))
    if told is not None:
        # What a model wrote is nothing to be read as markup, or obeyed by a terminal.
        for statement, why in told.removed:
            said = "".join(c for c in statement.sentence if c.isprintable())
            console.print(f"  Taken out, {why}: {said}", style="dim", markup=False)
        if told.refused is not None:
            console.print(f"  Templates stand in for {writer}: {told.refused}.", style="yellow", markup=False)


def _show_roles(text: str, language: str | None, *, as_json: bool) -> None:
    """The words of emotion of a text with their roles."""
    from dataclasses import asdict

    from affekt.catalog.roles import grammars
    from affekt.explain.roles import role_graph, roles
    from affekt.media.language import identify

    told = identify(text, home=["en"], covered=grammars())
    if language is None and told.reason is not None:
        raise InputError(
            f"There are no rules for the language of the text ({told.reason})",
            hint=f"Name it, where it is one of {', '.join(grammars())}: --language en",
        )
    spoken = language or told.read_as or "en"
    found = roles(text, language=spoken)
    if as_json:
        document = {"language": spoken, "emotions": [asdict(each) for each in found], "graph": role_graph(found)}
        click.echo(json.dumps(document, ensure_ascii=False, indent=1))
        return
    from rich.markup import escape

    from affekt.cli._tables import NarrowTable, terminal

    if not found:
        click.echo("No word of emotion that has roles was found.")
        return
    heads = ("emotion", "words", "who", "at whom or what", "why")
    table = NarrowTable(*heads, left=heads, wrap=("at whom or what", "why"))
    for each in found:
        spans = (each.emotion, each.experiencer, each.target, each.cause)
        name = f"not {each.label}" if each.negated else each.label
        table.add_row(name, *(escape(span.text) if span is not None else "-" for span in spans))
    terminal().print(table)


def _texts(source: str, split: str, limit: int, column: str | None, data: str | None) -> list[str]:
    if _is_corpus(source):
        from affekt.corpora import read

        rows = (clip.text or "" for clip, _ in read(source, split=split, data=data))
    else:
        from affekt.media.text import Columns, FileSource, ReadOptions

        if not Path(source).exists():
            from affekt.catalog.corpora import corpora
            from affekt.core.errors import UnknownNameError

            raise UnknownNameError("file or corpus", source, corpora())
        file = FileSource(Path(source), ReadOptions(columns=Columns(text=column)))
        rows = (read.clip.text or "" for read in file if read.problem is None)
    return [text for text in islice(rows, limit) if text.strip()]


def _is_corpus(source: str) -> bool:
    """Whether it is the name of a corpus, or of a view or part of one."""
    from affekt.catalog.corpora import corpora

    return source.partition(":")[0] in corpora()


def _named(source: str, split: str) -> str:
    return source if Path(source).exists() else f"{source} {split}"


def _stretches(
    source: str, split: str, limit: int, data: str | None
) -> Callable[[float], Iterator[tuple[Sound, str]]] | None:
    """What gives the stretches of speech of recordings, or of a corpus of them, with their speakers; else `None`.

    Of a corpus, every so many rows, so that few of them are of many speakers.
    """
    from affekt.catalog.corpora import corpus
    from affekt.corpora import read
    from affekt.media.kinds import EXTENSIONS
    from affekt.media.recording import RecordingSource
    from affekt.opening import open_files

    if not _is_corpus(source):
        path = Path(source)
        if not path.exists() or not (path.is_dir() or EXTENSIONS.get(path.suffix.lower()) in ("sound", "video")):
            return None
        files = [file for file in open_files([path]) if isinstance(file, RecordingSource)]

        def recorded(longest: float) -> Iterator[tuple[Sound, str]]:
            for file in files:
                for stretch in file.stretches(longest=longest):
                    if stretch.sound is not None:
                        yield stretch.sound, f"{file.name} {stretch.clip.speaker or ''}"

        return recorded
    entry = corpus(source)
    rows = (clip for clip, _ in read(entry, split=split, data=data))
    first = next(rows, None)
    if first is None or EXTENSIONS.get(Path(first.facts.get("file", "")).suffix.lower()) not in ("sound", "video"):
        return None
    clips = [first, *rows]

    def of_corpus(longest: float) -> Iterator[tuple[Sound, str]]:
        from affekt.corpora.files import data_folder
        from affekt.media.sound import read_sound
        from affekt.media.speech import trimmed

        folder = data_folder(data) / entry.folder
        for clip in clips[:: max(1, len(clips) // limit)]:
            sound = trimmed(read_sound(folder / clip.facts["file"]))
            yield sound.cut(sound.start, sound.start + longest), str(clip.speaker)

    return of_corpus


def _faces(source: str, split: str, limit: int, data: str | None) -> list[NDArray[np.uint8]] | None:
    """The faces of pictures, or of a corpus of them; `None` where SOURCE is neither.

    Of a corpus, every so many rows.
    """
    from affekt.catalog.corpora import corpus
    from affekt.corpora import read

    if _is_corpus(source):
        entry = corpus(source)
        if not entry.columns.picture:
            return None
        from affekt.corpora.faces import faces_of

        clips = [clip for clip, _ in read(entry, split=split, data=data)]
        some = clips[:: max(1, len(clips) // limit)][:limit]
        return list(faces_of(entry, some, split=split, data=data))
    from affekt.media.faces import FaceFinder, crop_of
    from affekt.media.kinds import EXTENSIONS
    from affekt.media.watched import ImageSource
    from affekt.opening import open_files

    path = Path(source)
    if not path.exists() or not (path.is_dir() or EXTENSIONS.get(path.suffix.lower()) == "image"):
        return None
    files = [file for file in open_files([path]) if isinstance(file, ImageSource)]
    if not files:
        return None
    finder = FaceFinder()

    def seen() -> Iterator[NDArray[np.uint8]]:
        for file in files:
            pixels = file.frame().pixels
            yield from (crop_of(pixels, face) for face in finder.find(pixels))

    return list(islice(seen(), limit))


def _check_faces(faces: Sequence[NDArray[np.uint8]], model: str | None, seed: int, *, as_json: bool, name: str) -> None:
    from affekt.explain.face_faithfulness import ORDERS, check_faces
    from affekt.models.registry import load_face

    found = check_faces(load_face(model), faces, seed=seed)
    if as_json:
        content = {"rows": found.rows, "named": found.named, "falls": found.falls, "gains": found.gains}
        click.echo(json.dumps(content, indent=1))
        return
    shares = ", ".join(f"{region} {share:.0%}" for region, share in found.named.items())
    _print_falls(
        f"Faithfulness on {name}: {found.rows} face{'s' * (found.rows != 1)}, 95 % intervals",
        {order: f"{order} region" if order != "random" else "random box" for order in ORDERS},
        found.falls,
        found.gains,
        f"Fall of the probability of the top label. The named region was found by covering, so blurring is the test.\n"
        f"Regions that are named: {shares}.",
    )


def _print_falls(
    title: str,
    orders: Mapping[str, str],
    falls: Mapping[str, Mapping[str, Numbers]],
    gains: Mapping[str, Numbers],
    note: str,
) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for heading in ("taken out", *orders.values(), "named over random"):
        table.add_column(heading, justify="left" if heading == "taken out" else "right")
    for way, fall in falls.items():
        cells = (*(fall[order] for order in orders), gains[way])
        table.add_row(way, *("{:.3f} [{:.3f}, {:.3f}]".format(*cell) for cell in cells))
    console = Console(highlight=False)
    console.print(table)
    console.print(note)


def _check_voice(
    stretches: Callable[[float], Iterator[tuple[Sound, str]]],
    model: str | None,
    limit: int,
    seed: int,
    *,
    as_json: bool,
    name: str,
) -> None:
    from rich.console import Console
    from rich.progress import Progress

    from affekt.explain.voice_faithfulness import ORDERS, check_voice
    from affekt.models.registry import load_voice

    ear = load_voice(model)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("taking parts out", total=None)
        some = islice(stretches(ear.longest), limit)
        found = check_voice(ear, some, seed=seed, progress=lambda done: bar.update(task, completed=done))
    if as_json:
        content = {"rows": found.rows, "speakers": found.speakers, "falls": found.falls, "gains": found.gains}
        click.echo(json.dumps(content, indent=1))
        return
    _print_falls(
        f"Faithfulness on {name}: {found.rows} stretch{'es' * (found.rows != 1)} of {found.speakers} "
        f"speaker{'s' * (found.speakers != 1)}, 95 % intervals",
        {order: f"{order} part" for order in ORDERS},
        found.falls,
        found.gains,
        "Fall of the probability of the top label. The named part was found by cutting out, so hushing is the test.",
    )


def _print(found: Faithfulness, told: Named, *, as_json: bool, name: str) -> None:
    if as_json:
        content = {
            "rows": found.rows,
            "comprehensiveness": found.comprehensiveness,
            "sufficiency": found.sufficiency,
            "gain": found.gain,
            "statements": {
                "rows": told.rows,
                "statements": told.statements,
                "valid": told.valid,
                "falls": told.falls,
                "gains": told.gains,
            },
        }
        click.echo(json.dumps(content, indent=1))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(
        title=f"Faithfulness on {name}: {found.rows} text{'s' * (found.rows != 1)}, 95 % intervals",
        title_justify="left",
    )
    for heading in ("words", "comprehensiveness", "sufficiency"):
        table.add_column(heading, justify="left" if heading == "words" else "right")
    for order in found.comprehensiveness:
        cells = (
            f"{m:.3f} [{a:.3f}, {b:.3f}]" for m, a, b in (found.comprehensiveness[order], found.sufficiency[order])
        )
        table.add_row(order, *cells)
    console = Console(highlight=False)
    console.print(table)
    mean, low, high = found.gain
    console.print(f"Explained over random, paired: {mean:+.3f} [{low:+.3f}, {high:+.3f}] comprehensiveness.")
    if not told.rows:
        return
    valid = f"{told.valid:.1%} of their {told.statements:,} sentences rest on evidence that bears them"
    table = Table(title=f"Sentences of {told.rows:,} explanations: {valid}", title_justify="left")
    for heading in ("words", "named", "random", "named over random"):
        table.add_column(heading, justify="left" if heading == "words" else "right")
    for way, falls in told.falls.items():
        numbers = (*falls.values(), told.gains[way])
        table.add_row(way, *("{:.3f} [{:.3f}, {:.3f}]".format(*each) for each in numbers))
    console.print(table)
    console.print("Fall of the probability of the top label without the words that a sentence names for it.")
