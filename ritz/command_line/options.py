"""Conversion of command-line words to arguments of Python functions, guided by their signatures."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np

from ritz.errors import InvalidProblem, UnknownName, UnknownOption
from ritz.registry import Registry, problems, solvers
from ritz.solver import Solver, make_solver

__all__ = [
    "Parameter",
    "build_problem",
    "grouped",
    "number_or_word",
    "option_parameters",
    "parse_pairs",
    "parse_solver",
    "problem_parameters",
    "resolve_problem",
]

MATRIX_ENDINGS = (".mtx", ".mtx.gz")
NAMES = {int: "an integer", float: "a number", bool: "true or false", np.ndarray: "a .npy file", NoneType: "none"}
WORDS = {"true": True, "false": False, "yes": True, "no": False}


@dataclass(frozen=True)
class Parameter:
    """A parameter of a problem or an option of a solver on the command line.

    Parameters
    ----------
    name : str
    kinds : frozenset
        Types and literal values that one word may be converted to; `Any` means all.
    many : bool
        Whether several words are allowed; they become a tuple.
    always_many : bool
        Whether a single word becomes a tuple, too.
    mapping : bool
        Whether words ``key=value`` become a dictionary.
    default : object
    description : str
    """

    name: str
    kinds: frozenset[Any]
    many: bool
    always_many: bool
    mapping: bool
    default: Any
    description: str = ""

    def convert(self, owner: str, words: Sequence[str]) -> Any:
        """Return the value of `words`, or raise `InvalidProblem` that says what would work."""
        option = f"--{self.name.replace('_', '-')} of {owner}"
        if not words:
            if bool in self.kinds:
                return True
            raise InvalidProblem(f"{option} needs a value")
        if self.mapping and all("=" in word for word in words):
            return {key: value for key, _, value in (word.partition("=") for word in words)}
        if len(words) > 1 and not self.many:
            raise InvalidProblem(f"{option} takes one value, and was given {len(words)}: {' '.join(words)}")
        values = tuple(self._word(option, word) for word in words)
        return values if self.always_many or len(words) > 1 else self._word(option, words[0])

    def _word(self, option: str, word: str) -> Any:
        anything = Any in self.kinds
        literals = [kind for kind in self.kinds if not isinstance(kind, type) and kind is not Any]
        if word in literals:
            return word
        if word.lower() == "none" and (anything or NoneType in self.kinds):
            return None
        if word.endswith(".npy") and (anything or np.ndarray in self.kinds):
            return _array(option, word)
        if word.lower() in WORDS and (anything or bool in self.kinds):
            return WORDS[word.lower()]
        for kind in (int, float):
            if anything or kind in self.kinds:
                try:
                    return kind(word)
                except ValueError:
                    pass
        if anything or str in self.kinds:
            return word
        wanted = [words for kind, words in NAMES.items() if kind in self.kinds] + sorted(map(repr, literals))
        raise InvalidProblem(f"{option} is {word!r}; it must be {' or '.join(wanted) or 'given from Python'}")


def build_problem(name: str, words: Sequence[str], others: Sequence[str] = (), seed: int | None = None) -> Any:
    """Return the problem described by a command line.

    Parameters
    ----------
    name : str
        Registered name, or path of a Matrix Market file.
    words : sequence of str
        Words after the name: ``--parameter value ...`` or ``--parameter=value``.
    others : sequence of str
        Options of the command itself, which are also searched for close matches of a misspelt option.
    seed : int, optional
        Seed of problems that make random choices.
    """
    owner, function, arguments = resolve_problem(name)
    known = problem_parameters(function)
    for option, values in grouped(words).items():
        if option not in known:
            names = {parameter.replace("_", "-") for parameter in known} | set(others)
            raise UnknownOption(f"problem {owner!r}", option.replace("_", "-"), names)
        arguments[option] = known[option].convert(owner, values)
    if seed is not None and "seed" in known:
        arguments.setdefault("seed", seed)
    missing = [p.name for p in known.values() if p.default is inspect.Parameter.empty and p.name not in arguments]
    if missing:
        raise InvalidProblem(f"problem {owner!r} needs --{missing[0].replace('_', '-')}")
    return function(**arguments)


def resolve_problem(name: str) -> tuple[str, Callable[..., Any], dict[str, Any]]:
    """Return the registered name, function and implied arguments of a problem, given by name or by path of a file."""
    if name.startswith("-"):
        raise InvalidProblem(f"the problem comes first, then its options; {name!r} is not a problem")
    if name.endswith(MATRIX_ENDINGS):
        function = problems["matrix_market"]
        return "matrix_market", function, {next(iter(inspect.signature(function).parameters)): name}
    for spelling in (name, name.replace("-", "_"), name.replace("_", "-")):
        if spelling in problems:
            return spelling, problems[spelling], {}
    raise UnknownName("problem", name, problems.names())


def number_or_word(option: str, given: str, word: str) -> float | str:
    """Return the value of an option that takes a number or one particular word."""
    if given == word:
        return word
    try:
        return float(given)
    except ValueError:
        raise InvalidProblem(f"{option} is {given!r}; it must be a number, or {word!r}") from None


def grouped(words: Sequence[str]) -> dict[str, list[str]]:
    """Return words grouped by the option they follow: ``--shape 8 8`` gives ``{"shape": ["8", "8"]}``."""
    options: dict[str, list[str]] = {}
    values: list[str] | None = None
    for word in words:
        if re.match(r"--[A-Za-z]", word):
            option, equals, value = word[2:].partition("=")
            values = options.setdefault(option.replace("-", "_"), [])
            values += [value] if equals else []
        elif re.match(r"-[A-Za-z]", word):
            raise InvalidProblem(f"there is no option {word!r}: options are written out, as in --shape 64 64")
        elif values is None:
            raise InvalidProblem(f"{word!r} belongs to no option")
        else:
            values.append(word)
    return options


def problem_parameters(function: Callable[..., Any]) -> dict[str, Parameter]:
    """Return the parameters of a problem by name, with their descriptions from its docstring."""
    descriptions = _descriptions(inspect.getdoc(function) or "")
    hints = _hints(function)
    return {
        name: _parameter(name, hints.get(name, Any), parameter.default, descriptions.get(name, ""))
        for name, parameter in inspect.signature(function).parameters.items()
    }


def option_parameters(solver: type) -> dict[str, Parameter]:
    """Return the options of a class of solvers or recipes by name."""
    hints = _hints(solver)
    return {
        option.name: _parameter(option.name, hints.get(option.name, Any), option.default)
        for option in fields(solver)
        if option.init
    }


def parse_pairs(name: str, pairs: Sequence[str], registry: Registry = solvers) -> dict[str, Any]:
    """Return the options ``key=value`` of the registered solver, or other entry, `name`."""
    known = option_parameters(registry[name])
    options: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        key = key.replace("-", "_")
        if not equals:
            raise InvalidProblem(f"option {pair!r} of {registry.kind} {name!r} must be written key=value")
        if key not in known:
            raise UnknownOption(f"{registry.kind} {name!r}", key, known)
        options[key] = known[key].convert(name, value.split(",") if known[key].many else [value])
    return options


def parse_solver(text: str) -> tuple[str, str | Solver]:
    """Return the label and the solver given by ``name`` or ``name:key=value:key=value``."""
    name, *pairs = text.strip().split(":")
    options = parse_pairs(name, pairs)
    return text.strip(), make_solver(name, options) if options else name


def _array(option: str, path: str) -> np.ndarray:
    try:
        return np.array(np.load(path, mmap_mode="r", allow_pickle=False))  # a header that claims too much is refused
    except (OSError, ValueError, EOFError) as error:
        raise InvalidProblem(f"{option}: {path!r} cannot be read as a NumPy .npy file: {error}") from None


def _parameter(name: str, annotation: Any, default: Any, description: str = "") -> Parameter:
    kinds, many, mapping = _allowed(annotation)
    if not kinds and not mapping:
        kinds = {Any}
    scalar = _scalar_allowed(annotation)
    return Parameter(name, frozenset(kinds), many or Any in kinds, many and not scalar, mapping, default, description)


def _allowed(annotation: Any) -> tuple[set[Any], bool, bool]:
    """Return the kinds of single words, and whether sequences and whether mappings are allowed."""
    origin = get_origin(annotation)
    if annotation is Any or isinstance(annotation, str):
        return {Any}, False, False
    if origin is Literal:
        return set(get_args(annotation)), False, False
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return set(), False, True
    if isinstance(origin, type) and issubclass(origin, np.ndarray):
        return {np.ndarray}, False, False
    if origin is not None:
        kinds: set[Any] = set()
        parts = [_allowed(part) for part in get_args(annotation) if part is not Ellipsis]
        for part in parts:
            kinds |= part[0]
        sequence = isinstance(origin, type) and issubclass(origin, Sequence)
        return kinds, sequence or any(part[1] for part in parts), any(part[2] for part in parts)
    return ({annotation} if isinstance(annotation, type) else set()), False, False


def _scalar_allowed(annotation: Any) -> bool:
    origin = get_origin(annotation)
    if isinstance(origin, type) and issubclass(origin, Sequence | Mapping):
        return False
    if origin is None or origin is Literal:
        return annotation is not NoneType
    return any(_scalar_allowed(part) for part in get_args(annotation))


def _hints(owner: Any) -> dict[str, Any]:
    try:
        return get_type_hints(owner)
    except (NameError, TypeError):  # some names are imported for type checkers only: accept any word
        return {}


def _descriptions(docstring: str) -> dict[str, str]:
    """Return the description of each parameter in the Parameters section of a NumPy docstring."""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\S[^\n]*\n-{3,}|\Z)", docstring, re.DOTALL | re.MULTILINE)
    found: dict[str, str] = {}
    names: list[str] = []
    for line in section.group(1).splitlines() if section else ():
        if line and not line[0].isspace():
            names = [name.strip() for name in line.partition(":")[0].split(",")]
        elif line.strip():
            for name in names:
                found[name] = f"{found.get(name, '')} {line.strip()}".strip()
    return {name: text.replace("`", "") for name, text in found.items()}
