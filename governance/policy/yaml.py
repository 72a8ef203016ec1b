# SPDX-License-Identifier: Apache-2.0
"""Read YAML strictly: one meaning per file, or an error with its line."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

import yaml

from governance.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Hashable
    from pathlib import Path

MAX_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 40
MAX_NUMBER: Final = 2**53

Lines = dict[tuple[str | int, ...], int]
"""Where each value stands: its path within the document -> its line, from 1."""

_CORE_TAGS: Final = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("map", "seq", "str", "int", "float", "bool", "null")
)
_BOOL = r"true|false"
_INT = r"[-+]?(?:0|[1-9][0-9]*)"
_FLOAT = r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)"
_AMBIGUOUS: Final = re.compile(
    r"(?:yes|no|on|off|y|n|true|false|null)"  # YAML 1.1 booleans in any case
    r"|[-+]?0[0-9]+(?:\.[0-9]*)?"  # octal
    r"|[-+]?(?:\.[0-9]+|[0-9]+\.)(?:e[-+]?[0-9]+)?"  # .5 and 1.
    r"|[-+]?[0-9]+(?::[0-9]{1,2})+"  # sexagesimal
    r"|[-+]?[0-9][0-9_]*_[0-9_]*(?:\.[0-9_]*)?"  # 1_000
    r"|[-+]?0[xob][0-9a-f_]+"
    r"|[-+]?\.(?:inf|nan)",
    re.IGNORECASE,
)
_NO_TEXT: Final = re.compile("[\0\ud800-\udfff]")


class _StrictLoader(yaml.SafeLoader):
    """YAML 1.2 core scalars; no aliases, no tags, no duplicate keys, no deep nesting."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML declares it so
        key: [(tag, pattern) for tag, pattern in pairs if tag.endswith((":null", ":merge"))]
        for key, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            self._refuse("aliases (*name) are not allowed; write the value out")
        if tag := getattr(self.peek_event(), "tag", None):  # type: ignore[no-untyped-call]
            self._refuse(f"tag {tag} is not allowed; remove it")
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self._refuse(f"nested deeper than {MAX_DEPTH} levels")
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def _refuse(self, problem: str) -> None:
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


_StrictLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(f"^(?:{_BOOL})$"), list("tf"))
_StrictLoader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(f"^{_INT}$"), list("-+0123456789"))
_StrictLoader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(f"^{_FLOAT}$"), list("-+0123456789"))


def read(path: Path) -> tuple[Any, Lines]:
    """Load one YAML file as plain Python values, with the line of each.

    Raises:
        PolicyError: the file is missing, too large, not UTF-8, or has more than one reading.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise PolicyError(
            f"{path}: {error.strerror or error}",
            hint="Create the file, or point GOVERNANCE_POLICY_DIR (for a suite: GOVERNANCE_SUITE_DIR) at the right directory.",
        ) from error
    if len(raw) > MAX_BYTES:
        raise PolicyError(
            f"{path}: {len(raw):,} bytes, more than the {MAX_BYTES:,} allowed",
            hint="Split the file, or remove what is not policy.",
        )
    try:
        return parse(raw.decode())
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise PolicyError(f"{path}:{line}: not UTF-8 at byte {error.start}", hint="Save the file as UTF-8.") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise PolicyError(f"{path}:{line}: {error.problem}", hint="Correct that line.") from error
    except yaml.reader.ReaderError as error:
        line = raw.decode().count("\n", 0, error.position) + 1
        raise PolicyError(f"{path}:{line}: a control character: {error.reason}", hint="Correct that line.") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise PolicyError(f"{path}:1: not readable as YAML: {error}", hint="Correct the file.") from error


def parse(text: str) -> tuple[Any, Lines]:
    """Parse YAML text as `read` does; raises `yaml.YAMLError`."""
    loader = _StrictLoader(text)
    lines: Lines = {}
    try:
        root = loader.get_single_node()
        return (None if root is None else _build(loader, root, (), lines)), lines
    finally:
        loader.dispose()


def _build(loader: _StrictLoader, node: yaml.Node, path: tuple[str | int, ...], lines: Lines) -> Any:  # noqa: ANN401 - YAML is any
    lines[path] = node.start_mark.line + 1
    if node.tag not in _CORE_TAGS:
        raise yaml.MarkedYAMLError(problem=f"tag {node.tag} is not allowed", problem_mark=node.start_mark)
    if isinstance(node, yaml.MappingNode):
        return _mapping(loader, node, path, lines)
    if isinstance(node, yaml.SequenceNode):
        return [_build(loader, item, (*path, i), lines) for i, item in enumerate(node.value)]
    return _scalar(loader, node)


def _mapping(
    loader: _StrictLoader, node: yaml.MappingNode, path: tuple[str | int, ...], lines: Lines
) -> dict[Hashable, Any]:
    built: dict[Hashable, Any] = {}
    for key_node, value_node in node.value:
        key = _scalar(loader, key_node)
        if not isinstance(key, str):
            raise yaml.MarkedYAMLError(
                problem=f"key {key!r} is not text; put it in quotes", problem_mark=key_node.start_mark
            )
        if key in built:
            raise yaml.MarkedYAMLError(problem=f"key {key!r} appears twice", problem_mark=key_node.start_mark)
        built[key] = _build(loader, value_node, (*path, key), lines)
        lines[*path, key] = key_node.start_mark.line + 1
    return built


def _scalar(loader: _StrictLoader, node: yaml.Node) -> Any:  # noqa: ANN401 - YAML is any
    if not isinstance(node, yaml.ScalarNode):
        raise yaml.MarkedYAMLError(problem="a key must be plain text", problem_mark=node.start_mark)
    is_plain_text = node.style is None and node.tag == "tag:yaml.org,2002:str"
    if is_plain_text and _AMBIGUOUS.fullmatch(node.value):
        raise yaml.MarkedYAMLError(
            problem=f"{node.value!r} means different things in YAML 1.1 and 1.2; write true, false or a plain number, or put it in quotes",
            problem_mark=node.start_mark,
        )
    if problem := _unkeepable(node):
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
    return loader.construct_object(node)


def _unkeepable(node: yaml.ScalarNode) -> str:
    """Why not every database gives this value back as it is written here; empty if each does."""
    if node.tag.endswith((":int", ":float")):
        number = float(node.value)
        if not math.isfinite(number):
            return f"{node.value[:40]} is not a finite number"
        return f"{node.value[:40]} is beyond 2^53; put it in quotes" if abs(number) >= MAX_NUMBER else ""
    return "NUL and halves of surrogate pairs are not text; remove them" if _NO_TEXT.search(node.value) else ""
