"""`affekt analyze`: read emotion in a sentence, a file, a recording, or what comes in."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from affekt.core.errors import InputError

if TYPE_CHECKING:
    from affekt.analysis import Analyzer, Reading
    from affekt.media.recording import RecordingSource
    from affekt.media.text import ReadOptions
    from affekt.models.choice import Licence
    from affekt.opening import Input
    from affekt.writing import Progress, Summary

__all__ = ["command"]

# On a terminal, so many readings are shown one by one; beyond that, a file is the place for them.
_SHOWN = 200


@click.command(name="analyze", short_help="Read emotion in a sentence, a file, a recording, or what comes in.")
@click.argument("sources", metavar="[SOURCE]...", nargs=-1)
@click.option("--text", help="Read this text, whatever it looks like.")
@click.option("--column", metavar="NAME", help="Column of the text; default a well-known name or the only text column.")
@click.option("--id-column", metavar="NAME", help="Column that names the rows.")
@click.option("--speaker-column", metavar="NAME", help="Column of who wrote it.")
@click.option("--time-column", metavar="NAME", help="Column of when it was written.")
@click.option("--language", metavar="CODE", help="Language of the texts, such as de or yo; default found out for each.")
@click.option(
    "--language-column", metavar="NAME", help="Column of the language; where a cell is empty, it is found out."
)
@click.option(
    "--input-format",
    metavar="NAME",
    help="txt, csv, tsv, jsonl, parquet, json, names, whatsapp, webvtt, srt, textgrid, eaf, sound, video or image; "
    "default by the extension.",
)
@click.option("--sound", "input_format", flag_value="sound", help="What is read is sound: --input-format sound.")
@click.option("--rate", type=click.IntRange(min=1), help="Samples a second of raw sound that comes in; default 16,000.")
@click.option("--channels", type=click.IntRange(min=1), help="Channels of raw sound that comes in; default 1.")
@click.option(
    "--transcript",
    type=click.Path(path_type=Path),
    help="Who says what in the recording, when: .vtt .srt .TextGrid .eaf .rttm .json; default one that lies beside it.",
)
@click.option("--no-transcript", is_flag=True, help="Take none that lies beside a recording.")
@click.option(
    "--speakers",
    type=click.IntRange(min=1),
    help="Tell so many speakers of each recording apart by their voices, where no transcript says who speaks.",
)
@click.option(
    "--measure",
    "measures",
    metavar="NAME",
    multiple=True,
    help="Also measure each stretch of a recording: quality (level, noise, clipping, bandwidth), rhythm; of a video "
    "scene (brightness, colour, movement, cuts). Repeatable.",
)
@click.option("--changes", is_flag=True, help="Cut stretches of a recording where the expression of the voice changes.")
@click.option(
    "--conversation/--no-conversation",
    default=None,
    help="The rows are turns of a conversation, or each is a text by itself; default where that cannot be mistaken.",
)
@click.option("--dialogue-column", metavar="NAME", help="Column that tells the conversations of a table apart.")
@click.option("--target-column", metavar="NAME", help="Column of what each text is read about, for models of targets.")
@click.option("--no-header", is_flag=True, help="The table has no header; its columns are called 1, 2, ...")
@click.option(
    "--encoding",
    metavar="NAME",
    help="Encoding of the text; default UTF-8 (or UTF-16 where it is). Of raw sound s16le (default), u8, f32le, ...",
)
@click.option("--whole", is_flag=True, help="Read a text file as one document, not as one text a line.")
@click.option("--max-chars", type=click.IntRange(min=1), help="Longest text that is read; default 1,000,000.")
@click.option("--space", metavar="NAME", help="Label space of the answer; see `affekt spaces list`.")
@click.option(
    "--model",
    metavar="NAME|DIR",
    help="Model to read with; default the bundled one for the language of each text. See `affekt models list`.",
)
@click.option(
    "--licence", metavar="KIND", default="any", help="permissive: only models whose licence and data allow every use."
)
@click.option(
    "--explain",
    is_flag=True,
    help="Find the words, or parts of a recording, that moved each reading, and how voices depart from their manner "
    "(slower).",
)
@click.option(
    "--min-confidence", type=click.FloatRange(0, 1), help="Give no answer below; default by the model's card."
)
@click.option("--any-language", is_flag=True, help="Also read languages that the model was not measured on.")
@click.option("--jobs", type=click.IntRange(min=1), help="Number of threads; default all cores.")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    help="File to write: .jsonl .csv .parquet .html .xml; of conversations also .graphml; of recordings also "
    ".vtt .srt .TextGrid .eaf .rttm.",
)
@click.option("--format", "format_", metavar="NAME", help="Output format; default by the extension of --out.")
@click.option(
    "--embed-sound/--no-embed-sound",
    default=None,
    help="Whether a report holds the sound of its recordings, and not only plays the files where they lie; default "
    "where these have 2 MB or less.",
)
@click.option("--restart", is_flag=True, help="Begin anew instead of going on with a run that was broken off.")
@click.option("--strict", is_flag=True, help="End with an error at the first row that cannot be read.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON Lines also on a terminal.")
@click.option("-q", "--quiet", is_flag=True, help="No progress and no summary.")
def command(
    *,
    sources: tuple[str, ...],
    text: str | None,
    column: str | None,
    id_column: str | None,
    speaker_column: str | None,
    time_column: str | None,
    language: str | None,
    language_column: str | None,
    target_column: str | None,
    conversation: bool | None,
    dialogue_column: str | None,
    input_format: str | None,
    rate: int | None,
    channels: int | None,
    transcript: Path | None,
    no_transcript: bool,
    speakers: int | None,
    measures: tuple[str, ...],
    changes: bool,
    no_header: bool,
    encoding: str | None,
    whole: bool,
    max_chars: int | None,
    space: str | None,
    model: str | None,
    licence: Licence,
    explain: bool,
    min_confidence: float | None,
    any_language: bool,
    jobs: int | None,
    out: Path | None,
    format_: str | None,
    embed_sound: bool | None,
    restart: bool,
    strict: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Read emotion in texts and recordings.

    SOURCE is a sentence in quotation marks, a file (.txt: one text a line; .csv, .tsv, .jsonl, .parquet: one a
    row; .vtt, .srt, .TextGrid, .eaf: one a segment of a transcript), several files, or - for what comes in. Or it
    is a recording (.wav, .flac, .mp3, .m4a, .ogg and others), or a folder of them: each turn of its transcript,
    or without one each stretch of speech, is a row with its times. Videos (.mp4, .mov, .mkv, .webm, .avi) are looked at
    too, as pictures are (.jpg, .png, .webp, .gif): each face of each segment is a row. With --sound, videos are heard
    alone, and - is sound that comes in live, as a WAV stream or raw samples; a row comes as soon as its stretch is
    over, and the first interrupt ends it. Without --out, or with --out -, readings are shown on a terminal and printed
    as JSON Lines elsewhere.

    Transcripts, tables with a column of speakers or dialogues, texts with lines "Name: words", .json and the exports
    of WhatsApp, Telegram, Slack, Discord and Messenger are conversations: each turn is read after the turns before it
    where the model can, and its row says what changed since the speaker's last turn and since another's.

    Each text is read by the bundled model for its language, and its row says which. A row that cannot be read
    stays in the output with its reason. A run with --out that was broken off goes on where it was when the same
    command is run again.

    \b
    Examples:
      affekt analyze "I can't believe you did this for me"
      affekt analyze reviews.csv --column comment -o reviews.html --explain
      tail -n 1000 chat.log | affekt analyze - --space ekman > chat.jsonl
      affekt analyze call.wav --transcript call.vtt --out call.html
      arecord -f S16_LE -r 16000 | affekt analyze - --sound
      affekt analyze chat.json -o chat.html
      affekt analyze interview.mp4 --explain -o interview.html
    """  # noqa: D301
    from affekt.analysis import Policy, analyzer_for
    from affekt.media.kinds import kind_named
    from affekt.media.text import MAX_CHARACTERS, Columns, ReadOptions
    from affekt.report.exports import format_of
    from affekt.report.exports.spool import cannot_write
    from affekt.writing import check_held, check_output, check_recordings, write, write_stream

    if transcript is not None and no_transcript:
        raise InputError("Both --transcript and --no-transcript are given", hint="Give one of them.")
    options = ReadOptions(
        columns=Columns(
            text=column,
            id=id_column,
            speaker=speaker_column,
            time=time_column,
            language=language_column,
            target=target_column,
            dialogue=dialogue_column,
        ),
        kind=kind_named(input_format) if input_format else None,
        whole=whole,
        header=not no_header,
        encoding=encoding,
        max_characters=max_chars or MAX_CHARACTERS,
        transcript=transcript or not no_transcript,
        rate=rate,
        channels=channels,
        speakers=speakers,
        measures=measures,
        changes=changes,
        conversation=True if conversation is None and dialogue_column else conversation,
    )
    if out == Path("-"):
        out, as_json = None, True
    # What can be known to fail is asked first: a model takes a moment to load.
    form = format_of(out or Path("stdout.jsonl"), format_)
    source = _open(sources, text, options)
    if out is not None:
        check_output(out, source.files)
    check_recordings(source.files, form)
    check_held(source.files, form, embed_sound)
    analyzer = analyzer_for(
        source,
        model=model,
        space=space,
        explain=explain,
        policy=Policy(min_confidence=min_confidence, languages="any" if any_language else "card"),
        jobs=jobs,
        language=language,
        licence=licence,
    )
    shown = out is None and not as_json and format_ is None and sys.stdout.isatty()
    if not quiet:
        _announce(source, analyzer)
    started = time.monotonic()
    summary: Summary | None = None
    models: Collection[str] = ()
    try:
        if shown:
            with _ending(source):
                models = _show(source, analyzer, strict=strict)
        else:
            hidden = quiet or not sys.stderr.isatty() or (out is None and sys.stdout.isatty())
            with _ending(source), _progress(quiet=hidden) as progress:
                if out is not None:
                    summary = write(
                        source,
                        out,
                        analyzer,
                        format=format_,
                        strict=strict,
                        restart=restart,
                        embed_sound=embed_sound,
                        command=shlex.join(["affekt", *sys.argv[1:]]),
                        progress=progress,
                    )
                else:
                    stdout = sys.stdout.buffer
                    summary = write_stream(source, stdout, analyzer, format=form, strict=strict, progress=progress)
    except BrokenPipeError:
        # The reader of the pipe has all that it wanted.
        _drop_stdout()
        sys.exit(128 + 13)  # as if SIGPIPE had ended it
    except OSError as err:
        _drop_stdout()
        raise cannot_write("standard output", err) from err
    except KeyboardInterrupt:
        again = " Run the same command again to go on." if out is not None and source.ahead else ""
        click.echo(f"Stopped after {time.monotonic() - started:.0f} s.{again}", err=True)
        sys.exit(130)
    if quiet:
        return
    if summary:
        models = summary.models
        if source.files:
            _report(summary, out)
    _say_notes(source)
    _say_licences(analyzer, models, every=bool(summary and source.files))


def _open(sources: tuple[str, ...], text: str | None, options: ReadOptions) -> Input:
    from affekt.media.kinds import EXTENSIONS
    from affekt.opening import open_files, open_input

    if text is not None:
        if isinstance(options.transcript, Path):
            raise InputError("A transcript belongs to a recording, and --text is none", hint="Leave one of them out.")
        if sources:
            raise InputError("Both --text and a SOURCE are given", hint="Give one of them.")
        return open_input(text, options)
    if not sources:
        raise InputError("There is nothing to read", hint="Give a sentence in quotation marks, a file, or - .")
    if len(sources) == 1 and sources[0] != "-":
        (only,) = sources
        path = Path(only)
        # A long sentence is no valid path, and asking for it is an error on some systems.
        exists = len(only) < 4096 and "\0" not in only and _exists(path)
        file_like = path.suffix.lower() in EXTENSIONS or ("/" in only and not any(c.isspace() for c in only))
        if not only.strip() or (not exists and not file_like and any(c.isspace() for c in only.strip())):
            return open_input(only, options)
        if not exists and not file_like and not path.suffix:
            raise InputError(
                f"There is no file called {only!r}",
                hint=f"To read the word itself: affekt analyze --text {shlex.quote(only)}",
            )
    return open_input(open_files([None if name == "-" else Path(name) for name in sources], options))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _show(source: Input, analyzer: Analyzer, *, strict: bool) -> Collection[str]:
    """Show readings on the terminal, and give the names of the models that read them."""
    from rich.console import Console

    from affekt.core.prediction import read_by
    from affekt.report.terminal import render

    models: dict[str, None] = {}

    def readings() -> Iterator[Reading]:
        for block in analyzer.blocks(source, strict=strict):
            for reading in analyzer.answer(block):
                if reading.prediction.scores or reading.prediction.dimensions:
                    models.update(dict.fromkeys(read_by(reading.prediction.model)))
                yield reading

    ranges = analyzer.ranges(analyzer.ways)
    console, live = Console(highlight=False), bool(_live(source))
    count = render(readings(), console=console, space=analyzer.space, dimensions=ranges, limit=_SHOWN, at_once=live)
    if count > _SHOWN:
        click.echo(f"Of {count:,} readings {_SHOWN} are shown; --out FILE keeps all.", err=True)
    return models


def _announce(source: Input, analyzer: Analyzer) -> None:
    """Say which columns and transcripts were taken, where they were found and not given, and how turns are read."""
    for file in source.files:
        if file.transcript is not None and file.options.transcript is True:
            click.echo(f"{file.name}: turns from {file.transcript}", err=True)
        if file.conversation is not None and file.options.conversation is None:
            click.echo(
                f"{file.name}: turns of a conversation ({file.conversation}); --no-conversation reads each by itself",
                err=True,
            )
        found = {role: name for role, name in file.chosen.items() if getattr(file.options.columns, role, None) is None}
        if found:
            said = ", ".join(f"{role} from {name!r}" for role, name in found.items())
            click.echo(f"{file.name}: {said}", err=True)
    if source.conversation:
        turns = analyzer.context
        how = f"with up to {turns} turns before it" if turns else "by itself: the model takes no turns before it"
        click.echo(f"Each turn is read {how}.", err=True)


def _report(summary: Summary, out: Path | None) -> None:
    done = summary.rows - summary.resumed
    rate = f"{done / summary.seconds:,.0f} a second" if summary.seconds > 0 else ""
    resumed = f", {summary.resumed:,} of them by an earlier run" if summary.resumed else ""
    without = sum(summary.abstained.values())
    lines = [f"{_rows(summary.rows)} in {summary.seconds:.1f} s ({rate}){resumed}; {without:,} without an answer."]
    lines += [f"  {count:>7,}  {reason}" for reason, count in summary.abstained.items()]
    if summary.bad:
        lines.append(
            f"{sum(summary.bad.values()):,} could not be read and stay in the output with their reason, first:"
        )
        lines += [f"  {place}" for place in summary.places]
        if "invalid UTF-8" in summary.bad:
            lines.append("If the file is not UTF-8, name its encoding, such as --encoding cp1252.")
    if not summary.rows:
        lines.append("There were no rows.")
    if len(summary.spaces) > 1:
        counted = ", ".join(f"{space} ({_rows(n)})" for space, n in summary.spaces.items())
        lines.append(f"Each row is in the label space of its model: {counted}; --space ekman puts all into one.")
    if out is not None:
        lines.append(f"Written: {out}")
    click.echo("\n".join(lines), err=True)


def _say_notes(source: Input) -> None:
    """Say what was wrong with recordings that could be read all the same."""
    for file in source.files:
        for note in getattr(file, "notes", ()):
            click.echo(f"{file.name}: {note}", err=True)


def _say_licences(analyzer: Analyzer, models: Collection[str], *, every: bool) -> None:
    """Name the models that read rows with their licences: all of them, or those whose use is restricted."""
    for way in analyzer.ways:
        spec = way.spec
        if spec.name in models and (every or spec.licence_note):
            note = f"; {spec.licence_note}" if spec.licence_note else ""
            click.echo(f"Read by {spec.name}, licence of the weights: {spec.licence}{note}", err=True)


def _live(source: Input) -> list[RecordingSource]:
    from affekt.media.recording import RecordingSource

    return [file for file in source.files if isinstance(file, RecordingSource) and file.live]


@contextmanager
def _ending(source: Input) -> Iterator[None]:
    """At the first interrupt live sound ends, as if nothing more came in, and what was said is read; then as ever."""
    live = _live(source)
    if not live:
        yield
        return

    def end(number: int, frame: object) -> None:
        signal.signal(number, before)
        for file in live:
            file.end()

    before = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[Progress], None] | None]:
    """A line on standard error with rows, rate and time left; nothing where it is quiet or no terminal."""
    if quiet:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    from affekt.core.timeline import clock

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), TextColumn("{task.fields[left]}"))
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=None, left="")
        started = time.monotonic()
        begun: float | None = None

        def update(now: Progress) -> None:
            nonlocal begun
            seconds = time.monotonic() - started
            rate = (now.rows - now.resumed) / seconds if seconds else 0.0
            said = f"{now.rows:,} rows, {rate:,.0f}/s"
            if now.heard is not None:
                rate = now.heard / seconds if seconds else 0.0
                said = f"{clock(now.heard)} heard, {rate:,.0f} times as fast as it was said"
            left = ""
            if now.fraction is not None and rate:
                if begun is None:
                    begun = now.fraction * now.resumed / max(now.rows, 1)
                share = (now.fraction - begun) / max(1.0 - begun, 1e-9)
                if share > 0:
                    left = f"{clock(seconds * (1.0 - share) / share)} left"
            total = None if now.fraction is None else 1.0
            bar.update(task, description=said, completed=now.fraction or 0.0, total=total, left=left)

        yield update


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _drop_stdout() -> None:
    """Point standard output at nothing, so that what is still buffered does not fail once more at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
