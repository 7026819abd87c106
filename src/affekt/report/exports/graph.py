"""Conversations as a graph: GraphML, or node-link JSON as networkx and d3 read it.

Nodes are turns, with who said them, their labels and their values. Edges lead from the earlier turn to the later one:

- `reply`: from another speaker's last turn to the turn after it;
- `shift`: from a speaker's turn to their next one, with what changed (`changed`, valence, arousal, dominance);
- `cause`: from a turn that holds the cause of an emotion to the turn that has it, with the words and `score`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any
from xml.sax.saxutils import escape, quoteattr

from affekt.core.errors import InputError
from affekt.core.row import OWN, ChangeRow, Row

__all__ = ["check", "write_graphml", "write_node_link"]

# Attribute -> type in GraphML, of nodes and of edges.
_NODE = {
    **dict.fromkeys(
        ("dialogue", "speaker", "text", "time", "space", "label", "labels", "abstained", "model"), "string"
    ),
    "turn": "int",
    **dict.fromkeys(("start", "end", "confidence", *OWN), "double"),
}
_EDGE = {
    "kind": "string",
    "changed": "boolean",
    **dict.fromkeys(("score", *OWN), "double"),
    **dict.fromkeys(("start", "end"), "int"),
}
_ILLEGAL = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Part = tuple[str, tuple[str, ...], dict[str, Any]]


def check(rows: Iterable[Row]) -> None:
    """Refuse rows that are no turns.

    Raises:
        InputError: One is none.
    """
    for number, row in enumerate(rows, 1):
        if row.dialogue is None or row.turn is None:
            raise InputError(
                "A graph is made of turns, and this row is none",
                where=row.source or f"row {number}",
                hint="Read a conversation (--conversation), or choose another format.",
            )


def _parts(rows: Iterable[Row]) -> Iterator[Part]:
    """Nodes and edges as the turns come: `node` with its id, `edge` with both ends; and their attributes."""
    ids: dict[tuple[str, int], str] = {}
    waiting: list[tuple[tuple[str, int], str, dict[str, Any]]] = []
    for row in rows:
        check([row])
        assert row.dialogue is not None and row.turn is not None
        ids.setdefault((row.dialogue, row.turn), row.id)
        top = max(row.scores, key=row.scores.__getitem__) if row.scores and row.abstained is None else None
        node = {name: getattr(row, name) for name in _NODE if name not in ("label", "labels")}
        yield "node", (row.id,), _known({**node, "label": top, "labels": ";".join(row.labels) or None})
        if row.shift is not None:
            for kind, change in (("reply", row.shift.other), ("shift", row.shift.own)):
                if change is not None and (earlier := ids.get((row.dialogue, change.turn))) is not None:
                    yield "edge", (earlier, row.id), {"kind": kind, **_moved(change)}
        for cause in row.causes or ():
            found = {"kind": "cause", "score": cause.score, "start": cause.start, "end": cause.end}
            waiting.append(((row.dialogue, cause.turn), row.id, found))
        if waiting:
            yield from _ready(waiting, ids)
            waiting = [w for w in waiting if w[0] not in ids]  # a cause may stand after its effect


def _ready(
    waiting: Iterable[tuple[tuple[str, int], str, dict[str, Any]]], ids: dict[tuple[str, int], str]
) -> Iterator[Part]:
    for place, effect, values in waiting:
        if place in ids:
            yield "edge", (ids[place], effect), values


def _moved(change: ChangeRow) -> dict[str, Any]:
    return _known({"changed": change.changed, **{name: getattr(change, name) for name in OWN}})


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def write_graphml(rows: Iterable[Row], path: Path) -> None:
    """Write a GraphML file (graphml.graphdrawing.org), turn by turn.

    What XML cannot hold becomes U+FFFD.

    Raises:
        InputError: A row is no turn of a conversation.
    """
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n')
        for kind, names in (("node", _NODE), ("edge", _EDGE)):
            for name, type_ in names.items():
                file.write(f'  <key id="{kind}.{name}" for="{kind}" attr.name="{name}" attr.type="{type_}"/>\n')
        file.write('  <graph edgedefault="directed">\n')
        for count, (kind, ends, values) in enumerate(_parts(rows)):
            if kind == "node":
                file.write(f"    <node id={_quoted(ends[0])}>\n")
            else:
                file.write(f'    <edge id="e{count}" source={_quoted(ends[0])} target={_quoted(ends[1])}>\n')
            for name, value in values.items():
                said = str(value).lower() if isinstance(value, bool) else str(value)
                file.write(f'      <data key="{kind}.{name}">{escape(_legal(said))}</data>\n')
            file.write(f"    </{kind}>\n")
        file.write("  </graph>\n</graphml>\n")


def _legal(value: str) -> str:
    return _ILLEGAL.sub("\ufffd", value)


def _quoted(value: str) -> str:
    return quoteattr(_legal(value))


def write_node_link(rows: Iterable[Row], path: Path) -> None:
    """Write `{"directed", "multigraph", "graph", "nodes", "edges"}`, as `networkx.node_link_graph` reads it.

    Raises:
        InputError: A row is no turn of a conversation.
    """
    edges: list[dict[str, Any]] = []
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write('{"directed": true, "multigraph": true, "graph": {}, "nodes": [')
        first = True
        for kind, ends, values in _parts(rows):
            if kind == "edge":
                edges.append({"source": ends[0], "target": ends[1], "key": len(edges), **values})
                continue
            file.write(("\n" if first else ",\n") + _json({"id": ends[0], **values}))
            first = False
        file.write('\n], "edges": [')
        _write_list(file, edges)
        file.write("\n]}\n")


def _write_list(file: IO[str], items: list[dict[str, Any]]) -> None:
    for number, item in enumerate(items):
        file.write((",\n" if number else "\n") + _json(item))


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=True)
