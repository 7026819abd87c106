"""What is read: texts in memory, files, folders, recordings, each opened as what it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from os import PathLike, fspath
from pathlib import Path
from typing import cast

from affekt.core.clip import Clip, Dialogue
from affekt.core.errors import InputError
from affekt.media.encoding import clean
from affekt.media.kinds import EXTENSIONS, RECORDED, kind_of
from affekt.media.recording import RecordingSource, SoundSource, from_standard_input
from affekt.media.sound import Sound
from affekt.media.text import FileSource, Read, ReadOptions, read_items
from affekt.media.watched import ImageSource, VideoSource

__all__ = ["File", "Input", "Source", "open_files", "open_input", "refuse_bad"]

File = FileSource | RecordingSource
Source = str | PathLike[str] | Sound | File | Dialogue | Iterable[object]


@dataclass(frozen=True, slots=True)
class Input:
    """Opened sources as one run of rows.

    Attributes:
        reads: The rows, once; none of recordings, whose rows come with hearing.
        files: The files that they come from; empty for Python objects.
        dialogues: Whether the rows of Python objects are turns of dialogues.
    """

    reads: Iterable[Read]
    files: tuple[File, ...] = ()
    dialogues: bool = False

    @property
    def recorded(self) -> bool:
        """Whether recordings are read, and not texts."""
        return any(isinstance(f, RecordingSource) for f in self.files)

    @property
    def watched(self) -> bool:
        """Whether there are pictures to be read: of videos, or still ones."""
        return any(isinstance(f, VideoSource | ImageSource) for f in self.files)

    @property
    def conversation(self) -> bool:
        """Whether turns of conversations are read, in some file at least."""
        return self.dialogues or any(f.conversation for f in self.files)

    @property
    def fraction(self) -> float | None:
        """Share of the files that has been read, by their sizes; `None` where these are not known."""
        sizes = [f.path.stat().st_size if f.path else 0 for f in self.files]
        parts = [f.fraction for f in self.files]
        if not sum(sizes) or None in parts:
            return None
        return sum(size * (part or 0.0) for size, part in zip(sizes, parts, strict=True)) / sum(sizes)

    @property
    def measures(self) -> tuple[str, ...]:
        """Names of all that is measured in the recordings beside their reading."""
        if not self.recorded:
            return ()
        from affekt.features.measures import measures

        asked = dict.fromkeys(name for f in self.files for name in f.options.measures)
        return tuple(name for each in measures(asked) for name in each.gives)

    @property
    def ahead(self) -> bool:
        """Whether to read ahead in a thread: a pipe may block it, and a caller's iterator may mind the thread."""
        return bool(self.files) and all(f.path is not None and f.path.is_file() for f in self.files)


def open_files(paths: Iterable[Path | None], options: ReadOptions | None = None) -> list[File]:
    """Open files, each as what its extension (or `options.kind`) says; a folder stands for what lies in it.

    Args:
        paths: The files; `None` for standard input.
        options: How to read them.

    Raises:
        InputError: One cannot be read; see `FileSource` and `RecordingSource`.
    """
    options = options or ReadOptions()
    files: list[File] = []
    for path in paths:
        for file in files_in(path) if path is not None and path.is_dir() else (path,):
            kind = options.kind or (None if file is None else kind_of(file))
            if kind not in RECORDED:
                files.append(FileSource(file, options))
            elif file is None:
                if kind != "sound":
                    raise InputError(f"What comes in cannot be read as {kind}", hint="Save it as a file and name that.")
                files.append(from_standard_input(options))
            else:
                source = {"video": VideoSource, "image": ImageSource}.get(kind, RecordingSource)
                files.append(source(file, options))
    return files


def files_in(folder: Path) -> list[Path]:
    """What lies in a folder, by name: recordings and pictures; without any, texts; or the days of a Slack export.

    What is hidden is left out, and so are the lists of users and channels of a Slack export.

    Raises:
        InputError: There is nothing that can be read.
    """
    there = sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    if (folder / "users.json").is_file() and any(p.is_dir() for p in there):
        found = sorted(day for channel in there if channel.is_dir() for day in channel.glob("*.json"))
    else:
        files = [p for p in there if p.is_file() and p.suffix.lower() in EXTENSIONS]
        found = [p for p in files if kind_of(p) in RECORDED] or files
    if not found:
        raise InputError(
            "This is a folder, not a file, and neither a recording, a picture nor a text lies in it",
            where=clean(str(folder))[0],
            hint="Name the files in it.",
        )
    return found


def open_input(source: Source | Sequence[File], options: ReadOptions | None = None) -> Input:
    """Open a source, or several files that are read one after the other.

    Rows of several files are named by file and line, since their numbers alone would repeat.

    Raises:
        InputError: It cannot be read, or texts are mixed with recordings; see `affekt.media.text.FileSource` and
            `affekt.media.recording.RecordingSource`.
    """
    options = options or ReadOptions()
    opened = _opened(source, options)
    if options.measures and not opened.recorded:
        raise InputError("What is measured is sound, and here are texts", hint="Leave --measure (measures=) out.")
    if options.speakers is not None:
        if not opened.recorded or any(isinstance(f, RecordingSource) and f.live for f in opened.files):
            raise InputError(
                "Speakers are told apart in recordings that are over, not in texts or live sound",
                hint="Leave --speakers (speakers=) out.",
            )
        if options.speakers < 1:
            raise InputError(f"speakers is {options.speakers}, not at least 1")
    if options.changes and not opened.recorded:
        raise InputError("What changes is a voice, and here are texts", hint="Leave --changes (changes=) out.")
    _ = opened.measures  # a name that is none is an error before anything is heard
    return opened


def _opened(source: Source | Sequence[File], options: ReadOptions) -> Input:
    if isinstance(source, str):
        return Input(read_items([source], max_characters=options.max_characters))
    if isinstance(source, PathLike):
        source = open_files([Path(fspath(source))], options)
    if isinstance(source, Dialogue):
        source = [source]
    if isinstance(source, Iterator):
        first = list(islice(source, 1))
        source = chain(first, source)
        if first and isinstance(first[0], Sound):
            blocks = cast("Iterator[Sound]", source)
            source = SoundSource(blocks, options, live=True, name=first[0].source or "sound")
    elif isinstance(source, Sound):
        source = SoundSource(source, options, name=source.source or "sound")
    elif isinstance(source, Sequence) and source and isinstance(source[0], Sound):
        source = SoundSource(cast("Sequence[Sound]", source), options, name=source[0].source or "sound")
    if isinstance(source, Clip | File):
        source = [source]
    if isinstance(source, Sequence) and source and all(isinstance(part, File) for part in source):
        texts = tuple(part for part in source if isinstance(part, FileSource))
        recordings = tuple(part for part in source if isinstance(part, RecordingSource))
        if texts and recordings:
            raise InputError(
                f"{texts[0].name} is text and {recordings[0].name} a recording: different models read them",
                hint="Read them in two runs.",
            )
        if len(recordings) > 1 and isinstance(recordings[0].options.transcript, Path):
            raise InputError(
                f"One transcript was named, and there are {len(recordings)} recordings",
                where=str(recordings[0].options.transcript),
                hint="Lay each transcript beside its recording, under its name: call.wav, call.vtt.",
            )
        if recordings:
            return Input((), recordings)
        return Input(texts[0] if len(texts) == 1 else _chain(texts), texts)
    if isinstance(source, Sequence) and any(isinstance(part, Dialogue) for part in source):
        if strange := [part for part in source if not isinstance(part, Dialogue)]:
            raise InputError(f"A dialogue stands beside {type(strange[0]).__name__}", hint="Give dialogues alone.")
        dialogues = [part for part in source if isinstance(part, Dialogue)]
        return Input(read_items(_turns(dialogues), max_characters=options.max_characters), dialogues=True)
    return Input(read_items(source, options.columns, max_characters=options.max_characters))


def _turns(dialogues: Iterable[Dialogue]) -> Iterator[Clip]:
    """Turns of dialogues one after the other, each naming its dialogue and its place there."""
    taken: set[str] = set()
    for number, dialogue in enumerate(dialogues, 1):
        name = dialogue.id or str(number)
        for place, clip in enumerate(dialogue):
            own = clip.id or f"{name}:{place}"
            if own in taken:
                own = f"{name}:{own}"
            while own in taken:
                own += "'"
            taken.add(own)
            yield replace(clip, id=own, dialogue=name, turn=place)


def _chain(files: Sequence[FileSource]) -> Iterator[Read]:
    for file in files:
        own_ids = "id" in file.chosen
        for read in file:
            clip = read.clip if own_ids else replace(read.clip, id=read.clip.source or read.clip.id)
            if "dialogue" in file.chosen and clip.dialogue is not None:  # each file counts its own
                clip = replace(clip, dialogue=f"{file.name}:{clip.dialogue}")
            yield replace(read, clip=clip)


def refuse_bad(reads: Iterable[Read]) -> Iterator[Read]:
    """The rows, where the first that cannot be read is an error."""
    for read in reads:
        if read.problem is not None:
            place = read.clip.source or f"id {read.clip.id}"
            raise InputError(
                f"A row cannot be read: {read.problem}",
                where=place,
                hint="Without --strict (strict=True) it is kept as an abstention.",
            )
        yield read
