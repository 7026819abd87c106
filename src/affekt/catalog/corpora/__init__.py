"""Corpora as data: where their files lie, how these are laid out, their splits, labels, licence and defects.

An entry holds facts of the release it describes; how a layout is read is code in `affekt.corpora`. One release
can be read in several ways, and come in several languages, without a second file:

- `[views.NAME]` gives any fields anew, such as another label space of the same rows: `meld:sentiment`;
- `[matrix.NAME]` is one part of a corpus that comes in parts laid out alike, mostly languages. `{name}` in paths
  and column names stands for it: `semeval2025-a:deu`. The id alone means all parts, one after another.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import msgspec

from affekt.catalog.load import Entry, document, names, user_folder
from affekt.core.errors import CatalogError, UnknownNameError

__all__ = [
    "ALL",
    "Citation",
    "Code",
    "Columns",
    "Corpus",
    "CorpusFile",
    "Generated",
    "Gold",
    "HashSplit",
    "Joined",
    "Json",
    "RatingsFile",
    "SplitFacts",
    "SplitList",
    "Table",
    "Xml",
    "corpora",
    "corpus",
    "variants",
]

ALL = "all"
"""What all splits together are called."""

Layout = Literal["table", "json", "xml", "files", "parquet", "generated"]
Names = str | tuple[str, ...]


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of what an entry is made of."""


class CorpusFile(_Part, frozen=True):
    """One file of the release, or several of one kind.

    Attributes:
        path: Path below the corpus folder; `*` stands for any part of a file name. A `.zip` with one file in it is
            read as that file.
        columns: Names of the columns of a table without header; default those of the entry's `table`.
        split: The split that the whole file belongs to; empty where rows are split otherwise.
        count: How many files a path with `*` names in the release; 0 where that is not known.
        no_label: Whether its rows have none of the labels, and no column that says so.
        beside: Column -> path of another file with as many lines, whose line is that column of the same row.
    """

    path: str
    columns: tuple[str, ...] = ()
    split: str = ""
    count: int = 0
    no_label: bool = False
    beside: dict[str, str] = msgspec.field(default_factory=dict)


class Table(_Part, frozen=True):
    """Layout `table`: one row a line, cells between delimiters.

    Attributes:
        delimiter: What stands between two cells; empty where a line is one cell.
        quoted: Whether cells may be quoted as in CSV, and then run over lines.
        header: Whether the first line names the columns.
        columns: Names of the columns where it does not.
        rest: Whether the last column takes the rest of the line, delimiters and all.
        empty_cells: Whether empty cells after the last column are passed over, and rows of nothing else.
        blocks: Whether empty lines part the rows into groups: one empty line ends a part, two end a block. Rows
            then have the columns `@block` and `@part`, counted from 0.
        run_on: Number of rows of the file in which a quote that was never closed has swallowed the rows after it;
            they are left out. Without it, cells may run over lines.
        turns: What stands after each turn, where a row is a whole dialogue: each turn is then a row of its own, with
            its place from 0 as `@turn`. Columns of files `beside` hold one value a turn, with spaces between.
        encoding: Character encoding.
    """

    delimiter: str = ","
    quoted: bool = True
    header: bool = True
    columns: tuple[str, ...] = ()
    rest: bool = False
    empty_cells: bool = False
    blocks: bool = False
    run_on: int | None = None
    turns: str = ""
    encoding: str = "utf-8"


class Json(_Part, frozen=True):
    """Layout `json`: records, and within them turns.

    A column is a path: names and numbers joined by dots, `.` for the whole. Where there are turns, it is looked up in
    the turn, and with `^` before it in the record, or in what the last `*` of `turns` went through. `@key` is the key
    of a record, `@turn` the place of a turn from 0, or its key where turns are an object. In a path, `{turn}` stands
    for that, `{nr}` for the place from 1, and a step `*` for all items of a list, which gives a list.

    Attributes:
        lines: Whether each line is a record of its own (JSONL).
        whole: Whether each file is one record.
        records: Path to the records, a list or an object of records; empty where the whole document is that.
        turns: Path from a record to its turns; empty where a record is one row. `.` where the record is the list.
            A step `*` goes through all items of a list, as in `scenes.*.utterances`; items without turns have none.
        between: What stands between turns, where the path leads to one text.
    """

    lines: bool = False
    whole: bool = False
    records: str = ""
    turns: str = ""
    between: str = ""


class Xml(_Part, frozen=True):
    """Layout `xml`: one element a row.

    Attributes:
        element: Name of the element. Its attributes are columns, its text is the column `text`.
    """

    element: str


class Code(_Part, frozen=True):
    """A name that says several things at once, as names of recordings do.

    Attributes:
        column: Column that holds it.
        pattern: Regular expression that fits the whole of it; its named groups become columns.
    """

    column: str
    pattern: str


class Generated(_Part, frozen=True):
    """Layout `generated`: rows that are made by a rule (`affekt.corpora.generated`).

    Attributes:
        kind: The rule.
        seed: What all chance follows from.
        follow: Split -> share of its rows in which what is said of a name follows the name's reputation.
        silent: Share of the good and the bad rows in which the words do not tell which it is.
        shifts: Of conversations: how often the emotion of a speaker shifts from turn to turn; each has one of these.
    """

    kind: Literal["entity-prior", "shifting"]
    seed: int
    follow: dict[str, float] = {}
    silent: float = 0.0
    shifts: tuple[float, ...] = ()


class Columns(_Part, frozen=True):
    """Where the parts of a clip stand.

    Each row also has the columns `@file` (the file's name without ending), `@path` (the file below the corpus folder)
    and `@line` (the line, or number of the record). In layout `parquet` what is inside of a column is named with dots,
    as in `image.bytes`.

    Attributes:
        text: The text; empty where there is none, as in tables of recordings.
        picture: The bytes of a JPEG picture, in layout `parquet`; empty where there is none.
        id: The row's id; several columns are joined by `_`. Empty: the file and line, or the text's hash where
            duplicates are joined.
        split: The split.
        dialogue: The conversation, story or poem that the row is part of.
        turn: Its place there; default in the order of the file.
        speaker: Who says it.
        context: Columns with the texts before it, oldest first; default the rows before it in the dialogue.
        context_speakers: Columns with who said what the columns of `context` hold, in the same order.
        fields: Name -> column of further texts of the same row, such as a caption.
        language: ISO 639 code, where it stands in a column.
        start: Start in a recording, in seconds or `hours:minutes:seconds`.
        end: End in a recording.
        target: Name of what the gold is about, where a text has several or says something of each.
        facts: Name -> column of what the rows can be compared by.
    """

    text: str = "text"
    picture: str = ""
    id: Names = ""
    split: str = ""
    dialogue: Names = ""
    turn: str = ""
    speaker: str = ""
    context: Names = ()
    context_speakers: Names = ()
    fields: dict[str, str] = msgspec.field(default_factory=dict)
    language: str = ""
    start: str = ""
    end: str = ""
    target: str = ""
    facts: dict[str, str] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        said, by = (1 if isinstance(names, str) else len(names) for names in (self.context, self.context_speakers))
        if self.context_speakers and said != by:
            raise ValueError(f"context has {said} columns and context_speakers {by}")


class Gold(_Part, frozen=True):
    """Where the gold stands. Labels stand in a cell (`labels`) or have a column each (`columns`).

    Attributes:
        labels: Column that holds labels, or numbers of `label_ids`; `a+b` where they stand in two. Several columns
            are several annotators: the gold has the labels of all of them (in a space of one label, the one that most
            gave), and the share of annotators who gave each. So is one column of JSON that holds a list of lists.
        separator: What stands between labels in one cell; empty where a cell holds one.
        names: Spelling in the release -> label; "" where it stands for none. Empty: labels as in the space.
        columns: Label -> column with 0 or 1, a strength, or a number of votes.
        at_least: The value from which a label counts as given; default anything above 0.
        votes: Whether the columns hold numbers of votes: the label with most is the gold, the shares its
            intensities. A tie has no label.
        above: Share of the votes that the label with most must have more of, to be the gold; 0.5 is a majority.
        undecided: Label of what has votes, and by these no label.
        dimensions: Dimension -> column; several columns are several annotators, of whom the mean is taken.
        scale: What strengths and dimensions are multiplied by to come on the range of the space.
        unrated: Labels and dimensions that nobody was asked about.
        mean: Whether the gold is the mean of the single ratings, matched by id.
        words: Column with emotion words of any kind, which need not be labels of the space: a list, or one written out
            as `['glad', 'proud']` or `glad, proud`.
    """

    labels: Names = ""
    separator: str = ""
    names: dict[str, str] = msgspec.field(default_factory=dict)
    columns: dict[str, str] = msgspec.field(default_factory=dict)
    at_least: float | None = None
    votes: bool = False
    above: float = 0.0
    undecided: str = ""
    dimensions: dict[str, Names] = msgspec.field(default_factory=dict)
    scale: float = 1.0
    unrated: tuple[str, ...] = ()
    mean: bool = False
    words: str = ""


class RatingsFile(_Part, frozen=True):
    """A file of single annotators' judgements: a table, or in layout `json` what the entry's `json` says.

    A judgement's values stand in columns of their own, one a label or dimension (`columns`), or as labels in one
    cell (`labels`). `{annotator}` in a column's name stands for each of `annotators`, `{channel}` in
    `columns` written as one text for the label or dimension.

    Attributes:
        path: Path below the corpus folder; `*` stands for any part of a file name.
        perspective: Whose feeling was rated: `reader`, `writer`; empty where there is only one.
        code: A name that is taken apart into columns, as the corpus' own.
        id: Column with the item's id; several are joined by `_`. Empty: the file and line, as for rows without id.
        match: Column with the item's text, where the id is another than in the corpus: the item is the row with that
            text, whatever its spacing and case. Texts that no row has keep their id, with the file's path before it.
        annotator: Column with the annotator's name, or, with `=` before it, the name itself.
        annotators: Names of annotators that have columns of their own.
        columns: Label or dimension -> column, or one text with `{channel}` for all.
        channel: Column that names the label, where each row is about one label and annotators have columns, or the
            rating stands in `value`.
        channels: Spelling in that column -> label; "" for rows to leave out.
        value: Column with the rating, where each row is about one label and one annotator.
        labels: Column with labels in one cell, read as the entry's `gold` says; `a+b` where they stand in two. Of a
            list in a space of one label, each item is what one annotator gave.
        list: Column with all ratings of an item as `[1, 2, 3]`, by annotators who are not named.
        counts: Label -> column with a number of votes.
        where: Column -> values; other rows are left out.
        unrated: Values in the order of the space that stand for "not rated" when a row holds exactly these; such
            rows are left out.
        table: How the file is delimited; default as the entry's other tables.
    """

    path: str
    perspective: str = ""
    code: Code | None = None
    id: Names = "id"
    match: str = ""
    annotator: str = ""
    annotators: tuple[str, ...] = ()
    columns: dict[str, str] | str = msgspec.field(default_factory=dict)
    channel: str = ""
    channels: dict[str, str] = msgspec.field(default_factory=dict)
    value: str = ""
    labels: str = ""
    list: str = ""
    counts: dict[str, str] = msgspec.field(default_factory=dict)
    where: dict[str, Names] = msgspec.field(default_factory=dict)
    unrated: tuple[float, ...] = ()
    table: Table | None = None


class HashSplit(_Part, frozen=True):
    """Our own split, for corpora without an official one: by a hash, so it needs no list of rows.

    The first eight hexadecimal digits of the SHA-256 of the lower-cased text, modulo `modulo`, choose the split.

    Attributes:
        modulo: Number of parts.
        dev: Parts of the development split.
        test: Parts of the test split. All other parts are for training.
        by: Column or columns whose value is hashed in place of the text, so that a dialogue, an author, a play or
            a speaker stays on one side.
    """

    modulo: int
    dev: tuple[int, ...]
    test: tuple[int, ...]
    by: Names = ""


class SplitList(_Part, frozen=True):
    """A file of the release, a table, that says which row is in which split.

    Attributes:
        path: Path below the corpus folder. With `{split}` in it, each split has a list of its own under that name.
        id: Its column with the id.
        split: Its column with the split; empty where each split has a list of its own.
        of: The corpus' column that holds the same id.
        table: How it is delimited.
    """

    path: str
    id: str
    of: str
    split: str = ""
    table: Table = Table()


class Joined(_Part, frozen=True):
    """A further table, whose row of the same id gives more columns.

    Attributes:
        path: Path below the corpus folder.
        id: Its column with the id.
        of: The corpus' column that holds the same id.
        columns: The columns that are taken; each row must be there.
        folder: Its folder below the data folder, where another release has it.
        table: How it is delimited.
    """

    path: str
    id: str
    of: str
    columns: tuple[str, ...]
    folder: str = ""
    table: Table = Table()


class SplitFacts(_Part, frozen=True):
    """What is known of a split.

    Attributes:
        rows: Number of rows in the release that the entry describes; `affekt corpora check` counts them. 0 where
            nobody published it: they are counted, and compared with nothing.
        values: What the split is called in the split column, where that is not its name.
    """

    rows: int = 0
    values: tuple[str, ...] = ()


class Citation(_Part, frozen=True):
    """The publication to cite."""

    title: str
    authors: str
    year: int
    url: str
    venue: str = ""


class Corpus(Entry, frozen=True, kw_only=True):
    """A corpus.

    Attributes:
        id: Its id, with the view or part after a colon; set when it is loaded, never written in the file.
        title: Name for people.
        description: What the texts are, who annotated them and how, in a few sentences of our own.
        layout: How the files are to be read.
        folder: Name of its folder below the data folder (`AFFEKT_DATA`).
        home: Where the release can be had.
        release: Commit or version that the facts were taken from.
        space: Id of the label space of its gold; empty where there is none.
        languages: ISO 639-1 codes, 639-3 for languages that have none.
        licence: SPDX expression, or a short statement.
        commercial: Whether models trained on it may be used commercially: `yes`, `no`, `unclear`.
        commercial_note: Under which conditions, or what is in doubt.
        asks: What its source asks for beyond the licence, as in "scientific or research use only"; models trained on
            it say so.
        files: The files that hold texts and gold.
        splits: Split -> facts. Where the corpus has a matrix, those of the parts added up.
        table: How tables are delimited.
        json: How JSON is nested.
        xml: Which elements are rows.
        generated: By which rule rows are made.
        code: Names that are taken apart into columns, one or several. In layout `files`, where each file is a row,
            that is how its name is read.
        columns: Where the parts of a clip stand.
        gold: Where the gold stands.
        label_ids: Labels in the corpus' own numbering.
        first_label_id: The number of the first of them.
        label_file: A file of the release that lists the labels; it is checked against `label_ids`.
        ratings: Files of single judgements.
        hash_split: Our split, where there is no official one.
        speakers: What is known of the speakers: fact -> value -> the speakers. Rows have it among their facts.
        speaker_folds: Speakers of each fold of a cross-validation in which no speaker is on both sides.
        split_list: The file that tells the splits apart.
        joined: A table that gives rows further columns.
        left_out: Values of the split column whose rows belong to no split.
        where: Column -> values; rows with other values are no rows of this corpus. `*` in a value stands for any
            text, and alone for anything but empty.
        asked: Column -> values; rows with other values are read as context only.
        context_turns: Most turns before a turn that are kept with it.
        unseen: Split -> other splits; a row of it whose text or picture also stands in one of these is left out.
        merge_duplicates: Whether rows with the same text are joined into one, with the labels of all of them.
        strip: Whether white space around a text is taken off.
        html_entities: Whether texts hold HTML entities (`&amp;`), which are resolved.
        defects: What is known to be wrong or surprising.
        missing: What the release had and cannot be had any more, or what is not in the data folder.
        made_by: The command that makes it, where it is made here and had from nowhere.
        verified: Whether the layout was read from the files themselves; otherwise it is as published.
        optional: Whether it is no part of the data folder that Affekt is developed with, so that `check --all` does
            not hold its absence against anybody. The layout may be verified all the same.
        citation: The publication to cite.
        works: Ids of the works that the corpus belongs to.
        views: Other ways to read the release: name -> the fields that differ.
        matrix: Parts that are laid out alike: name -> the fields that differ.
    """

    title: str
    description: str
    layout: Layout
    folder: str
    home: str
    release: str
    space: str
    languages: tuple[str, ...]
    licence: str
    commercial: Literal["yes", "no", "unclear"]
    commercial_note: str
    asks: str = ""
    files: tuple[CorpusFile, ...]
    splits: dict[str, SplitFacts]
    citation: Citation
    id: str = ""
    table: Table = Table()
    json: Json = Json()
    xml: Xml | None = None
    generated: Generated | None = None
    code: Code | tuple[Code, ...] | None = None
    columns: Columns = Columns()
    gold: Gold = Gold()
    label_ids: tuple[str, ...] = ()
    first_label_id: int = 0
    label_file: str = ""
    ratings: tuple[RatingsFile, ...] = ()
    hash_split: HashSplit | None = None
    speakers: dict[str, dict[str, tuple[str, ...]]] = msgspec.field(default_factory=dict)
    speaker_folds: tuple[tuple[str, ...], ...] = ()
    split_list: SplitList | None = None
    joined: Joined | None = None
    left_out: tuple[str, ...] = ()
    where: dict[str, Names] = msgspec.field(default_factory=dict)
    asked: dict[str, Names] = msgspec.field(default_factory=dict)
    context_turns: int = 10
    unseen: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    merge_duplicates: bool = False
    strip: bool = False
    html_entities: bool = False
    defects: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    made_by: str = ""
    verified: bool = True
    optional: bool = False
    works: tuple[str, ...] = ()
    views: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    matrix: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)

    @property
    def codes(self) -> tuple[Code, ...]:
        """The names that are taken apart, one after another."""
        return self.code if isinstance(self.code, tuple) else (self.code,) if self.code else ()

    def rows_in(self, split: str) -> int:
        """How many rows a split has, or all of them; 0 where nobody published it."""
        return self.splits[split].rows if split in self.splits else sum(s.rows for s in self.splits.values())

    @property
    def parts(self) -> tuple[Corpus, ...]:
        """The parts of a corpus that comes in parts; itself otherwise."""
        return tuple(corpus(f"{self.id}:{name}") for name in self.matrix) if self.matrix else (self,)


def corpora() -> tuple[str, ...]:
    """Ids of all corpora in the catalogue, sorted; see `variants` for what follows a colon."""
    return names("corpora")


def variants(name: str) -> tuple[str, ...]:
    """Full ids of the views and parts of a corpus, such as `meld:sentiment`."""
    raw = document("corpora", name)
    return tuple(f"{name}:{variant}" for key in ("views", "matrix") for variant in raw.get(key, {}))


def corpus(name: str) -> Corpus:
    """The entry of a corpus, of one of its views (`meld:sentiment`), or of one of its parts (`semeval2025-a:deu`).

    Raises:
        UnknownNameError: There is no such corpus, view or part; the nearest names are given.
        CatalogError: The entry is not valid.
    """
    return _corpus(name, str(user_folder() or ""))


@cache
def _corpus(name: str, _user_folder: str) -> Corpus:
    base, _, variant = name.partition(":")
    raw = document("corpora", base)
    where = f"corpora/{base}.toml"
    if variant:
        choices = {**raw.get("views", {}), **raw.get("matrix", {})}
        if variant not in choices:
            raise UnknownNameError("view or part", variant, choices, where=where)
        is_part = variant in raw.get("matrix", {})
        raw = {k: v for k, v in raw.items() if k not in ("views", "matrix")} | choices[variant]
        if is_part:
            raw = _filled(raw, variant)
            raw["title"] = raw["title"] if "title" in choices[variant] else f"{raw['title']} ({variant})"
            raw["files"] = [f for f in raw["files"] if not f.get("split") or f["split"] in raw["splits"]]
    elif "matrix" in raw:
        parts = [_corpus(f"{base}:{part}", _user_folder) for part in raw["matrix"]]
        raw = raw | {
            "files": [f for part in parts for f in msgspec.to_builtins(part.files)],
            "ratings": [f for part in parts for f in msgspec.to_builtins(part.ratings)],
            "languages": list(dict.fromkeys(code for part in parts for code in part.languages)),
            "splits": {
                split: {"rows": sum(part.splits[split].rows for part in parts if split in part.splits)}
                for split in dict.fromkeys(split for part in parts for split in part.splits)
            },
        }
    try:
        return msgspec.convert(raw | {"id": name}, type=Corpus)
    except msgspec.ValidationError as err:
        raise CatalogError(f"Catalogue entry is not valid: {err}", where=where) from err


def _filled(value: Any, name: str) -> Any:
    """The document with the part's name in place of `{name}`."""
    if isinstance(value, str):
        return value.replace("{name}", name)
    if isinstance(value, list):
        return [_filled(v, name) for v in value]
    if isinstance(value, dict):
        return {_filled(k, name): _filled(v, name) for k, v in value.items()}
    return value
