"""From a source to a file: written block by block, resumable, and only ever whole in its place."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from affekt._version import __version__
from affekt.analysis import Analyzer, Reading
from affekt.core.errors import InputError, OutputError
from affekt.core.prediction import kind_of, read_by
from affekt.core.row import ROW_VERSION
from affekt.media.kinds import RECORDED
from affekt.media.recording import RecordingSource
from affekt.media.sound import Sound, stream_sound
from affekt.media.watched import ImageSource, VideoSource
from affekt.opening import File, Input
from affekt.report.exports import Format, check_times, export, format_of
from affekt.report.exports.spool import Spool, cannot_write

if TYPE_CHECKING:
    from affekt.features.picture import Picture
    from affekt.models.choice import Way
    from affekt.report.html import ModelFacts, Recording, ReportFacts
    from affekt.report.page.photos import Photos

__all__ = ["HELD", "MOST_HELD", "Progress", "Summary", "check_held", "write", "write_stream"]

HELD = 2_000_000
"""Bytes of the recordings up to which a report holds their sound unless it is told otherwise."""
MOST_HELD = 250_000_000
"""Bytes of the recordings up to which it does when it is told to; browsers open no page much larger."""

_PLACES = 5
_EDGE = 1 << 16
_LARGE_PICTURES = 8  # of more recordings, each has fewer columns


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Attributes:
        rows: Rows that are done, with those of an earlier run that is resumed.
        resumed: Rows of these that an earlier run had done.
        fraction: Share of the input that is done, 0..1; `None` where its size is not known.
        heard: Seconds of recordings that have been heard in this run; `None` for texts.
    """

    rows: int
    resumed: int = 0
    fraction: float | None = None
    heard: float | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run did.

    Attributes:
        rows: Rows in the output.
        resumed: Rows of these that an earlier run had done.
        seconds: Wall time of this run.
        abstained: Kind of reason -> number of rows without an answer.
        bad: Kind of problem -> number of rows that could not be read; they are among the abstained.
        places: The first few bad rows: `place: problem`.
        models: Name and version of each model that read rows -> how many.
        spaces: Id of each label space that rows are in -> how many; rows that no model read are left out.
    """

    rows: int
    resumed: int
    seconds: float
    abstained: dict[str, int]
    bad: dict[str, int]
    places: list[str]
    models: dict[str, int]
    spaces: dict[str, int]


class _Tally:
    """Counts over rows: models, spaces, kinds of abstentions and of bad rows, and where the first of these are."""

    def __init__(self, notes: dict[str, int], places: list[str]) -> None:
        self.notes = notes
        self.places = places

    def add(self, readings: Sequence[Reading], problems: Sequence[str | None]) -> None:
        for (clip, prediction), problem in zip(readings, problems, strict=True):
            if prediction.scores or prediction.dimensions:
                for name in read_by(prediction.model):
                    self._count(f"model:{name}")
                self._count(f"space:{prediction.space}")
            if prediction.abstained is None:
                continue
            self._count(f"{'bad' if problem else 'abstained'}:{kind_of(prediction.abstained)}")
            if problem and len(self.places) < _PLACES:
                self.places.append(f"{clip.source or clip.id}: {problem}")

    def _count(self, key: str) -> None:
        self.notes[key] = self.notes.get(key, 0) + 1

    def kinds(self, *which: str) -> dict[str, int]:
        found: Counter[str] = Counter()
        for key, count in self.notes.items():
            kind, _, reason = key.partition(":")
            if kind in which:
                found[reason] += count
        return dict(found.most_common())


def write(
    source: Input,
    out: Path,
    analyzer: Analyzer,
    *,
    format: str | None = None,
    strict: bool = False,
    restart: bool = False,
    embed_sound: bool | None = None,
    command: str = "",
    progress: Callable[[Progress], None] | None = None,
) -> Summary:
    """Read a source and write the rows to a file.

    Rows go to `OUT.part` block by block; at the end the finished file is moved into place, and replaces what was
    there. A run over files that was broken off (killed, power cut, disk full) goes on from its last whole block
    when it is started again with the same files, options and model; its output is that of an undisturbed run.
    An output that is no regular file, such as a pipe, is written through as JSON Lines or CSV.

    Args:
        source: The rows.
        out: The file.
        analyzer: What reads them.
        format: `jsonl`, `csv`, `parquet`, `html` or `emotionml`, or of recordings `webvtt`, `srt`, `textgrid`, `eaf`
            or `rttm`; default by the extension of `out`.
        strict: Whether the first row that cannot be read is an error.
        restart: Begin anew where a broken-off run with other options left rows.
        embed_sound: Whether a report holds the sound of its recordings; else it plays the files, from where they lie
            beside it. Default: where these have `HELD` bytes or fewer.
        command: The command line, for the report.
        progress: Called after each block.

    Raises:
        UnknownNameError: There is no such format.
        InputError: The extension says no format, the output is one of the inputs, an earlier run of another kind
            left rows, the source cannot be read, or its rows lack the times that the format needs.
        OutputError: The output cannot be written; the rows so far are kept.
    """
    chosen = format_of(out, format)
    check_output(out, source.files)
    check_recordings(source.files, chosen)
    check_held(source.files, chosen, embed_sound)
    if out.exists() and not out.is_file():
        try:
            with out.open("wb", buffering=0) as file:
                return write_stream(source, file, analyzer, format=chosen, strict=strict, progress=progress)
        except OSError as err:
            raise cannot_write(out, err) from err
    started = time.monotonic()
    pictures, photos = (_watch(source), _look(source)) if chosen == "html" else ([], None)
    spool = Spool(out, run=_run_of(source, analyzer), restart=restart)
    try:
        resumed = spool.rows
        tally = _Tally(spool.notes, spool.places)
        if not spool.complete:
            if progress and resumed:
                progress(Progress(resumed, resumed, None))
            earlier = spool.read() if resumed and source.conversation else ()
            for block in analyzer.blocks(source, strict=strict, done=resumed, number=spool.blocks, earlier=earlier):
                if not block.reads:
                    if progress:
                        progress(Progress(spool.rows, resumed, block.fraction, block.heard))
                    continue
                readings = analyzer.answer(block)
                rows = [reading.row for reading in readings]
                try:
                    check_times(rows, chosen)
                except InputError:
                    if not spool.rows:
                        spool.remove()
                    raise
                tally.add(readings, [read.problem for read in block.reads])
                spool.add(rows)
                if progress:
                    progress(Progress(spool.rows, resumed, block.fraction, block.heard))
            spool.finish()
        try:
            if photos is not None:
                _look_again(source, photos)
                shown = _shown(source, pictures, embed_sound)
                facts = _facts(source, analyzer, command, spool.notes, shown, photos)
                _put_report(spool, out, facts)
            else:
                _put(spool, out, chosen, source, analyzer)
        except OSError as err:
            raise cannot_write(out, err, kept=spool.kept) from err
        return _summary(spool.rows, resumed, started, tally)
    finally:
        spool.close()


def write_stream(
    source: Input,
    file: BinaryIO,
    analyzer: Analyzer,
    *,
    format: Format = "jsonl",
    strict: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Summary:
    """Read a source and write the rows to an open stream, block by block. Nothing is kept for a later run.

    Raises:
        InputError: The format needs a file, or the source cannot be read.
        OSError: The stream cannot be written.
    """
    from affekt.report.exports import csv, jsonl

    if format not in ("jsonl", "csv"):
        raise InputError(f"{format} cannot go to a stream", hint="Name a file with --out, or take jsonl or csv.")
    started, rows = time.monotonic(), 0
    tally = _Tally({}, [])
    columns = _columns(source, analyzer)
    if format == "csv":
        _write_all(file, csv.encode((), **columns, with_header=True))
    for block in analyzer.blocks(source, strict=strict):
        readings = analyzer.answer(block)
        tally.add(readings, [read.problem for read in block.reads])
        out = [reading.row for reading in readings]
        _write_all(file, jsonl.encode(out) if format == "jsonl" else csv.encode(out, **columns, with_header=False))
        file.flush()
        rows += len(out)
        if progress:
            progress(Progress(rows, 0, block.fraction, block.heard))
    return _summary(rows, 0, started, tally)


def check_recordings(files: Sequence[File], format: Format) -> None:
    """Refuse several recordings where the format holds one; before they are heard.

    Raises:
        InputError: There are several.
    """
    if len(files) > 1 and files[0].kind in RECORDED and format in ("webvtt", "srt", "textgrid", "eaf"):
        raise InputError(
            f"{format} holds one recording, and there are {len(files)}",
            hint="Write each to a file of its own, or take rttm, jsonl, csv or parquet.",
        )


def check_held(files: Sequence[File], format: Format, embed_sound: bool | None) -> None:
    """Refuse what is asked about sound in a report where there is no report or no sound, or where it is too much.

    Raises:
        InputError: One of these.
    """
    if embed_sound is None:
        return
    if format != "html" or not files or files[0].kind not in ("sound", "video"):
        what = "texts have no sound" if format == "html" else f"{format} holds none"
        raise InputError(
            f"Whether a report holds the sound was said, but {what}",
            hint="Leave that out (--[no-]embed-sound, embed_sound=), or write a report on recordings (.html).",
        )
    if embed_sound and (size := _bytes(files)) > MOST_HELD:
        raise InputError(
            f"The recordings have {size / 1e6:,.0f} MB, and a report holds at most {MOST_HELD / 1e6:,.0f} MB of sound",
            hint="Leave out --embed-sound (embed_sound=): the report plays the files from where they lie.",
        )


def check_output(out: Path, files: Sequence[File]) -> None:
    """Refuse an output that would destroy an input or cannot be made.

    Raises:
        InputError: It is one of the inputs, or the transcript of one.
        OutputError: Its folder is not there, or it is a folder.
    """
    if not out.parent.is_dir():
        raise OutputError("There is no such folder", where=str(out.parent), hint="Make it, or write elsewhere.")
    if out.is_dir():
        raise OutputError("This is a folder", where=str(out), hint="Name a file in it.")
    for file in files:
        if file.path is not None and out.exists() and out.samefile(file.path):
            raise InputError("The output is the input", where=str(out), hint="Give it another name.")
        if file.transcript is not None and out.exists() and out.samefile(file.transcript):
            raise InputError(
                f"The output is the transcript of {file.name}",
                where=str(out),
                hint=f"Give it another name, such as {out.stem}.emotion{out.suffix}.",
            )


def _write_all(file: BinaryIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) or 0 :]


def _put(spool: Spool, out: Path, format: Format, source: Input, analyzer: Analyzer) -> None:
    """Make the finished file of the spooled rows and move it into place."""
    if format == "jsonl":
        spool.hand_over(out)
        return
    with _made(spool, out) as made:
        export(spool.read(), made, format=format, **_columns(source, analyzer))


def _put_report(spool: Spool, out: Path, facts: ReportFacts) -> None:
    from affekt.report.html import write_report

    with _made(spool, out) as made:
        write_report(spool.read(), made, facts=facts)


@contextmanager
def _made(spool: Spool, out: Path) -> Iterator[Path]:
    """A place for the finished file, which is moved to `out` at the end."""
    made = out.with_name(f"{out.name}.part.out")
    try:
        yield made
        made.replace(out)
    except BaseException:
        made.unlink(missing_ok=True)
        raise
    spool.remove()


def _columns(source: Input, analyzer: Analyzer) -> dict[str, tuple[str, ...]]:
    return {"labels": analyzer.labels, "dimensions": analyzer.dimensions, "measures": source.measures}


def _run_of(source: Input, analyzer: Analyzer) -> dict[str, str] | None:
    """What decides the rows of a run, by name; `None` where the input cannot be read a second time."""
    if not source.ahead:
        return None
    inputs, reading = [], []
    for file in source.files:
        assert file.path is not None
        for path in filter(None, (file.path, file.transcript)):
            size, mtime, digest = _identity(path)
            inputs.append(f"{path.resolve()} {size} {mtime} {digest}")
        reading.append(f"{file.kind} {sorted(file.chosen.items())} {file.options}")
    policy = analyzer.policy
    return {
        "input": "; ".join(inputs),
        "way of reading": "; ".join(reading),
        "model": ", ".join(f"{way.spec.name}{' (not used)' * bool(way.refused)}" for way in analyzer.ways),
        "space": analyzer.asked_space or ", ".join(way.space.id for way in analyzer.ways),
        "language": analyzer.language or "found out",
        "explain": str(analyzer.explain),
        "policy": f"{[analyzer.min_confidence(way) for way in analyzer.ways]} {policy.languages}",
        "version of Affekt": f"{__version__} {ROW_VERSION}",
    }


def _identity(path: Path) -> tuple[int, int, str]:
    """Size, time of the last change, and a digest of the first and last 64 KiB of a file."""
    facts = path.stat()
    digest = hashlib.sha256()
    with path.open("rb") as file:
        digest.update(file.read(_EDGE))
        file.seek(max(facts.st_size - _EDGE, 0))
        digest.update(file.read(_EDGE))
    return facts.st_size, facts.st_mtime_ns, digest.hexdigest()[:16]


def _summary(rows: int, resumed: int, started: float, tally: _Tally) -> Summary:
    return Summary(
        rows=rows,
        resumed=resumed,
        seconds=time.monotonic() - started,
        abstained=tally.kinds("abstained", "bad"),
        bad=tally.kinds("bad"),
        places=list(tally.places),
        models=tally.kinds("model"),
        spaces=tally.kinds("space"),
    )


def _bytes(files: Sequence[File]) -> int:
    return sum(file.path.stat().st_size for file in files if file.path is not None and file.path.is_file())


def _recordings_of(source: Input) -> list[RecordingSource]:
    return [file for file in source.files if isinstance(file, RecordingSource) and file.kind != "image"]


def _watch(source: Input) -> list[Picture]:
    """Pictures of the recordings that will be drawn while these are heard."""
    from affekt.features.picture import Picture

    recordings = _recordings_of(source)
    pictures = [Picture(min(1.0, _LARGE_PICTURES / max(len(recordings), 1))) for _ in recordings]
    for file, picture in zip(recordings, pictures, strict=True):
        file.overhear = partial(_onto, picture)
    return pictures


def _onto(picture: Picture, block: Sound) -> None:
    picture.hear(block.samples)


def _shown(source: Input, pictures: Sequence[Picture], embed_sound: bool | None) -> list[Recording]:
    """What a report shows of the recordings. Those that only an earlier, broken-off run has heard are decoded again."""
    from affekt.report.html import Recording

    held = embed_sound if embed_sound is not None else _bytes(source.files) <= HELD
    shown = []
    for file, picture in zip(_recordings_of(source), pictures, strict=True):
        file.overhear = None
        if not picture.samples and file.path is not None:
            # A file that is broken has a row that says so.
            with contextlib.suppress(InputError):
                for block in stream_sound(file.path):
                    picture.hear(block.samples)
        size = _size(file)
        if not picture.samples and size is None:
            continue
        drawn = {"waveform": picture.waveform(), "spectrogram": picture.spectrogram()} if picture.samples else {}
        seconds = max(picture.seconds, file.seen if isinstance(file, VideoSource) else 0.0)
        shown.append(Recording(name=file.name, path=file.path, seconds=seconds, held=held, pictures=size, **drawn))
    return shown


def _size(file: RecordingSource) -> tuple[int, int] | None:
    """Width and height of the pictures of a video; of one that only an earlier run has seen, its first is decoded."""
    if not isinstance(file, VideoSource) or file.unseen is not None:
        return None
    if file.video.header is None:
        with contextlib.suppress(InputError):
            next(file.video.frames(times=[0.0]), None)
    header = file.video.header
    return None if header is None else (header.width, header.height)


def _look(source: Input) -> Photos:
    """What will show the still pictures as they are decoded."""
    from affekt.report.page.photos import Photos

    photos = Photos()
    for file in source.files:
        if isinstance(file, ImageSource):
            file.show = partial(photos.take, file.name)
    return photos


def _look_again(source: Input, photos: Photos) -> None:
    """Decode the still pictures that only an earlier, broken-off run has seen, as long as there is room for them."""
    for file in source.files:
        if not isinstance(file, ImageSource):
            continue
        if file.fraction != 1 and photos.full:
            photos.left_out += 1
        elif file.fraction != 1:
            # A file that is broken has a row that says so.
            with contextlib.suppress(InputError):
                file.frame()
        file.show = None


def _facts(
    source: Input,
    analyzer: Analyzer,
    command: str,
    notes: Mapping[str, int],
    recordings: Sequence[Recording],
    photos: Photos,
) -> ReportFacts:
    """What the report says; of several models, those that read rows."""
    from affekt.report.html import ReportFacts

    used = [way for way in analyzer.ways if notes.get(f"model:{way.spec.name}")] or analyzer.ways[:1]
    names = [Path(file.name).name for file in source.files]
    spaces = list({way.space.id: way.space for way in used}.values())
    # The coarsest grouping gives the clearest colours.
    groups = min(spaces[0].groups.values(), key=len, default={})
    ranges = analyzer.ranges(used)
    return ReportFacts(
        title=_title(source),
        heard=source.recorded,
        seen=source.watched and any(way.card.get("face") is not None for way in analyzer.ways),
        still=_is_still(source),
        recordings=recordings,
        photos=photos.shown,
        photos_left_out=photos.left_out,
        input_name=", ".join(names) if len(names) < 5 else f"{names[0]}, {names[1]} and {len(names) - 2} more",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        models=[_model_facts(analyzer, way) for way in used],
        labels=tuple(dict.fromkeys(label for space in spaces for label in space.labels)),
        neutral=next((space.neutral for space in spaces if space.neutral), None),
        groups=groups,
        dimensions=analyzer.dimensions,
        ranges={d.name: (d.low, d.high) for d in ranges},
        not_for=tuple(dict.fromkeys(said for way in used for said in way.card.get("facts", {}).get("not_for", ()))),
        affekt_version=__version__,
        command=command,
    )


def _is_still(source: Input) -> bool:
    return bool(source.files) and all(isinstance(file, ImageSource) for file in source.files)


def _title(source: Input) -> str:
    if _is_still(source):
        return "What the faces show"
    if source.watched:
        return "What faces, voices and words say"
    if source.recorded:
        return "What the voices sound like"
    return "How the conversation feels" if source.conversation else "What the texts feel like"


def _model_facts(analyzer: Analyzer, way: Way) -> ModelFacts:
    from affekt.report.html import ModelFacts

    spec, space = way.spec, way.space
    head = {} if way.map is not None else way.card.get("heads", {}).get(way.head or spec.space, {})
    return ModelFacts(
        name=spec.id,
        version=spec.version,
        licence=spec.licence,
        licence_note=spec.licence_note,
        languages=spec.languages,
        space=space.id,
        space_title=space.title,
        thresholds=dict(zip(space.labels, head.get("thresholds", ()), strict=False)),
        risk_note=_risk_note(analyzer, way),
    )


def _risk_note(analyzer: Analyzer, way: Way) -> str:
    """When no answer is given, and what that trades, in a sentence or two."""
    least = analyzer.min_confidence(way)
    if way.card.get("face") is not None:
        what, unit = "Faces", "faces"
    elif way.card.get("voice"):
        what, unit = "Stretches of speech", "stretches"
    else:
        covered = ", ".join(way.spec.languages)
        every = analyzer.policy.languages == "any"
        what, unit = f"Texts {'of any language' if every else f'in a covered language ({covered})'}", "texts"
    if not least:
        return f"{what} are answered whatever the confidence."
    note = f"{what} are answered where the confidence is at least {least:.2f}."
    policy = way.card.get("policy", {})
    if least == policy.get("min_confidence") and "coverage" in policy:
        note += (
            f" On {policy['measured_on']} this answers {policy['coverage']:.0%} of the {unit}, and the top label is"
            f" wrong for {policy['risk_answered']:.0%} of these instead of {policy['risk_all']:.0%} of all."
        )
    return note
