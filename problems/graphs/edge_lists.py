"""Edge lists as SNAP, KONECT, Network Repository, Gephi and spreadsheets write them."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import coo_array, csr_array

from ritz.errors import InvalidProblem

__all__ = ["read_edge_list"]

COMMENTS = ("#", "%", "//")
DELIMITERS = ("\t", ",", ";", "|")
SAMPLE = 100  # lines from which the delimiter is found
# Names of columns, in lower case and without anything but letters and digits.
END_NAMES = """
source target from to src dst dest destination sender receiver recipient start end head tail node neighbor neighbour
vertex fromnode tonode fromnodeid tonodeid fromid toid nodefrom nodeto sourceid targetid srcid dstid sourcenode
targetnode sourcename targetname sourcelabel targetlabel follower followee user friend citing cited nodea nodeb node1
node2 vertex1 vertex2 id1 id2 name1 name2
"""
WEIGHT_NAMES = "weight weights w value strength count counts similarity"
OTHER_NAMES = """
type id label timeset interval timestamp time date datetime year edgeid kind relation relationship key comment color
colour name index unnamed0 directed
"""
ENDS, WEIGHTS = frozenset(END_NAMES.split()), frozenset(WEIGHT_NAMES.split())
OTHERS = frozenset({"", *OTHER_NAMES.split()})
CURE = "begin it with # if it is no edge, or move it further down if it is one"
PAIRS = re.compile(r"(?:#[^\n]*+\n)*+((?:(?:[1-9]\d{0,17}+|0)[ \t]++(?:[1-9]\d{0,17}+|0)[ \t]*+\n)++)\n*+", re.ASCII)
KONECT = re.compile(r"%\s*(sym|asym|bip)\b")


class _Columns(NamedTuple):
    """Positions of the columns of an edge list: ends, weight and kind (-1 if there is none), and lines to skip."""

    source: int = 0
    target: int = 1
    weight: int = 2
    kind: int = -1
    skipped: int = 0


class _Table(NamedTuple):
    """The fields of an edge list, the number of the line each row stands in, and the comments before the first."""

    rows: list[list[str]]
    lines: list[int]
    comments: list[str]


def read_edge_list(path: Path, symmetrise: bool = False) -> tuple[csr_array, np.ndarray]:
    """Return the symmetric adjacency matrix of an edge list, and the names of its vertices.

    Integer names are in numeric order; others in natural order, where numbers inside of words count as numbers. Loops
    are dropped, and a vertex that has nothing else is isolated.

    Parameters
    ----------
    path : Path
    symmetrise : bool
        Average the weights of both directions where they differ.

    Returns
    -------
    csr_array, shape (n, n)
    ndarray, shape (n,)
        Integers if all names are, otherwise strings.

    Raises
    ------
    InvalidProblem
        For lines that are no edges, a first line that may or may not be one, edges with several weights, and
        bipartite or, unless `symmetrise`, directed lists that say so.
    """
    text = _text(path)
    pairs = _plain_pairs(text)
    if pairs is not None:
        names, codes = np.unique(pairs, return_inverse=True)
        return _adjacency(path, codes.reshape(-1, 2).T, np.ones(len(pairs)), names, [], symmetrise), names
    table = _table(path, text)
    columns = _columns(path, table)
    rows = table.rows[columns.skipped :]
    if not rows:
        raise InvalidProblem(f"path {path} holds no edges")
    lines = table.lines[columns.skipped :]
    least = max(columns.source, columns.target) + 1
    for row, line in zip(rows, lines, strict=True):
        if len(row) < least or not row[columns.source] or not row[columns.target]:
            raise InvalidProblem(f"line {line} of {path} names no edge: it holds {len(row)} fields")
        if columns.kind >= 0 and not symmetrise and _word(row[columns.kind : columns.kind + 1]) == "directed":
            raise InvalidProblem(f"line {line} of {path} is a directed edge: give symmetrise=True")
    names, codes = _numbered([row[end] for row in rows for end in (columns.source, columns.target)])
    weights = _weights(path, rows, lines, columns.weight)
    return _adjacency(path, codes.reshape(-1, 2).T, weights, names, lines, symmetrise), names


def _text(path: Path) -> str:
    content = path.read_bytes()
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = content.decode("utf-16" if wide else "utf-8-sig")
    if "\x00" in text:
        raise InvalidProblem(f"path {path} is no text: it holds zero bytes")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _plain_pairs(text: str) -> np.ndarray | None:
    """Return the numbers of a list of nothing but pairs of integers, ten times as fast as by lines, or None.

    None too if the first line may state the numbers of vertices and edges.
    """
    found = PAIRS.fullmatch(text if text.endswith("\n") else text + "\n")
    if found is None:
        return None
    pairs = np.fromstring(found.group(1), np.int64, sep=" ").reshape(-1, 2)
    return pairs if pairs[0, 0] < pairs[1:].max(initial=-1) or len(pairs) == 1 else None


def _table(path: Path, text: str) -> _Table:
    rows: list[str] = []
    lines: list[int] = []
    comments: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.strip(" ") if "\t" in line else line.strip()
        if line.startswith(COMMENTS):
            if not rows:
                comments.append(line)
        elif line.strip():
            rows.append(line)
            lines.append(number)
    delimiter = _delimiter(rows[:SAMPLE])
    split = [_fields(path, line, number, delimiter) for line, number in zip(rows, lines, strict=True)]
    return _Table(split, lines, comments)


def _delimiter(sample: list[str]) -> str | None:
    """Return the delimiter of all sample lines, or None for spaces, which may be mixed with tabs between numbers."""
    for delimiter in DELIMITERS:
        if sample and all(delimiter in line for line in sample):
            spaced = delimiter == "\t" and any(" " in line for line in sample)
            if spaced and all(_is_number(word) for line in sample[1:] for word in line.split()):
                return None
            return delimiter
    return None


def _fields(path: Path, line: str, number: int, delimiter: str | None) -> list[str]:
    if '"' not in line:
        return line.split() if delimiter is None else [field.strip() for field in line.split(delimiter)]
    try:
        line = line if delimiter else " ".join(line.split())
        return [
            f.strip() for f in next(csv.reader([line], delimiter=delimiter or " ", skipinitialspace=True, strict=True))
        ]
    except csv.Error as error:
        raise InvalidProblem(f"line {number} of {path} cannot be read: {error}") from None


def _columns(path: Path, table: _Table) -> _Columns:
    """Return what the first line, or KONECT's first comment, says about the columns."""
    first, rest = table.rows[0] if table.rows else [], table.rows[1:]
    names = [_word([field]) for field in first]
    told = KONECT.match(table.comments[0]) if table.comments else None
    if table.comments and table.comments[0].lower().startswith("%%matrixmarket"):
        raise InvalidProblem(f"path {path} is a Matrix Market file: let its name end in .mtx")
    if told and told.group(1) == "bip":
        raise InvalidProblem(f"path {path} is bipartite: its two columns number different vertices")
    ends = {name for row in rest for name in row[:2]}
    numbers = bool(ends) and all(map(_is_integer, ends))
    wordy = len(first) > 1 and not any(_is_number(field) for field in first)
    found = [at for at, name in enumerate(names) if name in ENDS] if wordy else []
    if wordy and len(found) < 2 and (numbers or _only_first_has_words(first, rest)):
        found = [0, 1]
    elif len(found) > 1 and not numbers:
        found = _unless_edge(path, table, found[:2])
    if len(found) > 1:
        weight = next((at for at, name in enumerate(names) if name in WEIGHTS and at not in found[:2]), -1)
        unknown = [first[at] for at, name in enumerate(names) if at not in (*found[:2], weight) and name not in OTHERS]
        if unknown:
            raise InvalidProblem(
                f"path {path} has the column {unknown[0]!r}, which is not known: call it 'weight', or leave it out"
            )
        return _Columns(found[0], found[1], weight, names.index("type") if "type" in names else -1, 1)
    skipped = _skipped_sizes(path, table, ends)
    width = max((len(row) for row in table.rows[skipped : skipped + SAMPLE]), default=0)
    if width > 3 and not told:
        raise InvalidProblem(
            f"line {table.lines[skipped]} of {path} holds {width} fields; an edge is two names and perhaps a weight:"
            " name the columns in a first line such as source,target,weight"
        )
    return _Columns(skipped=skipped)


def _only_first_has_words(first: list[str], rest: list[list[str]]) -> bool:
    """Return whether the third field of the first line is a word, and that of all others a number."""
    return len(first) == 3 and bool(rest) and all(len(row) == 3 and _is_number(row[2]) for row in rest)


def _unless_edge(path: Path, table: _Table, found: list[int]) -> list[int]:
    """Return the columns found, or none if the first line is an edge between vertices called like columns."""
    named = [_word([table.rows[0][at]]) for at in found]
    words = {_word([name]) for row in table.rows[1:] for name in row}
    stems = {re.sub(r"\d+$", "", word) for word in words}
    if all(re.search(r"\d$", name) and re.sub(r"\d+$", "", name) in stems for name in named):
        return []  # node1 node2, node2 node3
    if words.intersection(named):
        raise InvalidProblem(f"{_either(path, table)} the names of its columns: {CURE}")
    return found


def _either(path: Path, table: _Table) -> str:
    return f"line {table.lines[0]} of {path} reads {' '.join(table.rows[0])!r}, which may be an edge or"


def _skipped_sizes(path: Path, table: _Table, words: set[str]) -> int:
    """Return 1 if the first line states the numbers of vertices and edges, and 0 if it is an edge.

    Parameters
    ----------
    path : Path
    table : _Table
    words : set of str
        Names in the other lines.

    Raises
    ------
    InvalidProblem
        If it may be either.
    """
    first, rest = table.rows[0] if table.rows else [], table.rows[1:]
    if len(first) not in (2, 3) or not rest or not all(field.isdecimal() for field in first):
        return 0
    sizes = [int(field) for field in first]
    rows, edges = sizes[0], sizes[-1]
    numbers = [int(name) for name in words if _is_integer(name)]
    unlike = not numbers or all(len(row) != len(first) for row in rest)
    if not unlike and (rows < max(numbers) or edges not in (len(rest), 2 * len(rest), _distinct_edges(rest))):
        return 0
    if edges == len(rest) and rows == len(words) and (unlike or len(set(sizes[:2])) == 1):
        return 1
    raise InvalidProblem(
        f"{_either(path, table)} the numbers of vertices and edges (what follows has {len(words)} vertices in"
        f" {len(rest)} lines): {CURE}"
    )


def _distinct_edges(rows: list[list[str]]) -> int:
    return len({frozenset(row[:2]) for row in rows if len(set(row[:2])) > 1})


def _numbered(words: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct names in order, and the position of each word among them."""
    distinct = set(words)
    if all(map(_is_integer, distinct)):
        return np.unique(np.fromiter(map(int, words), np.int64), return_inverse=True)
    names = sorted(distinct, key=_natural)
    position = {name: number for number, name in enumerate(names)}
    return np.array(names), np.array([position[word] for word in words])


def _natural(name: str) -> list[tuple[int, int, str]]:
    parts = re.split(r"(\d+)", name)
    return [(0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts if part]


def _weights(path: Path, rows: list[list[str]], lines: list[int], column: int) -> np.ndarray:
    """Return the weight in each row, which is 1 where none is given."""
    given = [row[column] if 0 <= column < len(row) else "" for row in rows]
    if not any(given):
        return np.ones(len(rows))
    try:
        weights = np.array([float(word) if word else 1.0 for word in given])
    except ValueError:
        weights = np.array([float(word or 1.0) if _is_number(word or "1") else np.nan for word in given])
    for at in np.flatnonzero(~np.isfinite(weights))[:1]:
        raise InvalidProblem(f"line {lines[at]} of {path} has the weight {given[at]!r}, which is no finite number")
    return weights


def _adjacency(
    path: Path, ends: Any, weights: np.ndarray, names: np.ndarray, lines: list[int], symmetrise: bool
) -> csr_array:
    """Return the symmetric matrix in which an edge that is named repeatedly, in whatever direction, counts once."""
    n = names.size
    edges = np.flatnonzero(ends[0] != ends[1])
    low, high = ends[:, edges].min(axis=0), ends[:, edges].max(axis=0)
    number = low * n + high
    drawn = 2 * number + (ends[0, edges] > ends[1, edges]) if symmetrise else number
    _, first, group = np.unique(drawn, return_index=True, return_inverse=True)
    differs = np.flatnonzero(weights[edges] != weights[edges[first[group]]])
    if differs.size:
        here = edges[differs[0]]
        there = edges[first[group[differs[0]]]]
        raise InvalidProblem(
            f"path {path} gives the edge {names[ends[0, here]]} {names[ends[1, here]]} the weights {weights[there]:g}"
            f" (line {lines[there]}) and {weights[here]:g} (line {lines[here]}): state each edge once"
            + ("" if symmetrise else ", or average both directions by symmetrise=True")
        )
    _, kept, group = np.unique(number[first], return_index=True, return_inverse=True)
    mean = np.bincount(group, weights=weights[edges[first]], minlength=kept.size) / np.bincount(group)
    half = coo_array((mean, (low[first[kept]], high[first[kept]])), shape=(n, n))
    return csr_array(half + half.T)


def _word(fields: list[str]) -> str:
    return re.sub(r"[^a-z0-9]", "", fields[0].lower()) if fields else ""


def _is_integer(word: str) -> bool:
    """Return whether `word` is an integer as Python writes it, so that nothing is lost: 01 and +1 are names."""
    digits = word.removeprefix("-")
    return digits.isdecimal() and digits.isascii() and len(digits) < 19 and (digits[0] != "0" or word == "0")


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
