# SPDX-License-Identifier: Apache-2.0
"""Open the rows that a model version is judged on, wherever the policy says they are.

Files are read from below `GOVERNANCE_DATA_DIR` only, after symlinks are followed: where a run says its data
lie is hostile text. Tables are read from `GOVERNANCE_WAREHOUSE_URL` only.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from governance.errors import CheckNotRunError
from governance.policy import File, Logged, Table
from governance.sources import dataset_file, dataset_table

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from governance.core.evaluation import EvaluationTable
    from governance.core.terms import ModelVersion
    from governance.policy import UseCase
    from governance.settings import Settings

_LONGEST_SHOWN: Final = 120
_IN_USE_CASES: Final = "in use_cases.yaml"


@contextmanager
def open_table(use_case: UseCase, version: ModelVersion, settings: Settings) -> Generator[EvaluationTable]:
    """The evaluation table of one version, open until the block ends.

    Raises:
        CheckNotRunError: nothing is given, it is not where it should be, or it cannot be read.
        SourceUnavailableError: the warehouse did not answer.
    """
    if use_case.evaluation is None:
        raise CheckNotRunError(
            "the use case names no evaluation data",
            hint=f"Set `evaluation.source` {_IN_USE_CASES}, or exempt the check with a reason.",
            ja="ユースケースに評価データがない。use_cases.yaml に evaluation.source を書くか、理由を付けて対象外にする",
        )
    with open_source(use_case.evaluation.source, version, settings) as table:
        yield table


@contextmanager
def open_source(source: Logged | File | Table, version: ModelVersion, settings: Settings) -> Generator[EvaluationTable]:
    """The rows at one place that the policy names, open until the block ends.

    Raises:
        CheckNotRunError: they are not where they should be, or cannot be read.
        SourceUnavailableError: the warehouse did not answer.
    """
    match source:
        case Table():
            with dataset_table.open_table(settings.warehouse_url, source, version.key.version) as table:
                yield table
        case Logged():
            with dataset_file.open_file(_below(settings.data_dir, _logged(source, version))) as file:
                yield file
        case File():
            with dataset_file.open_file(_below(settings.data_dir, _filled(source, version))) as file:
                yield file


def _filled(source: File, version: ModelVersion) -> str:
    path = source.path.replace("{version}", str(version.key.version))
    if "{" in path or "}" in path:
        raise CheckNotRunError(
            f"{_shown(source.path)} has a placeholder other than {{version}}",
            hint=f"Correct `evaluation.source.path` {_IN_USE_CASES}.",
            ja=f"{_shown(source.path)} に {{version}} 以外の置き換え記号がある。use_cases.yaml の evaluation.source.path を直す",
        )
    return path


def _logged(source: Logged, version: ModelVersion) -> str:
    """The path that the version's run logged under the context."""
    places = sorted({dataset.source for dataset in version.datasets if dataset.context == source.context})
    if not places:
        raise CheckNotRunError(
            f"the run of {version.key} logged no dataset under the context {source.context!r}",
            hint=f"Call mlflow.log_input(dataset, context={source.context!r}) in the run, or set another `evaluation.source` {_IN_USE_CASES}.",
            ja=f"{version.key} の実行に context {source.context!r} のデータセットの記録がない。mlflow.log_input で記録するか、use_cases.yaml の evaluation.source を変える",
        )
    if len(places) > 1:
        raise CheckNotRunError(
            f"the run of {version.key} logged {len(places)} different datasets under the context {source.context!r}",
            hint="Log one, or give them contexts of their own.",
            ja=f"{version.key} の実行に context {source.context!r} のデータセットが {len(places)} 個ある。1 つにするか、context を分ける",
        )
    return _path(places[0])


def _path(source: str) -> str:
    """The local path in MLflow's `source`: JSON with `uri`, a file URI, or a path."""
    uri = _uri(source)
    try:
        parts = urlsplit(uri)
    except ValueError as error:
        raise _elsewhere(uri) from error
    if parts.scheme == "file" and parts.netloc in {"", "localhost"}:
        return unquote(parts.path)
    if parts.scheme or uri.startswith(("//", "\\")):
        raise _elsewhere(uri)
    return uri


def _uri(source: str) -> str:
    try:
        told = json.loads(source) if source.lstrip().startswith("{") else {"uri": source}
    except (ValueError, RecursionError) as error:
        raise _elsewhere(source) from error
    uri = told.get("uri")
    if not isinstance(uri, str) or not uri:
        raise _elsewhere(source)
    return uri


def _elsewhere(source: str) -> CheckNotRunError:
    return CheckNotRunError(
        f"the logged dataset lies at {_shown(source)}, which is no file path",
        hint="Only files below GOVERNANCE_DATA_DIR are read: put a copy there and log that path.",
        ja=f"記録されたデータセットの場所 {_shown(source)} はファイルではない。GOVERNANCE_DATA_DIR の下に写しを置き、そのパスを記録する",
    )


def _below(data_dir: Path, path: str) -> Path:
    """The file that `path` really is, which has to be below `data_dir`.

    Whether something exists outside is not told: the answer is the same.
    """
    try:
        root = data_dir.resolve()
        # An absolute path replaces the root, `..` and symlinks are followed before anything is compared.
        real = (root / path).resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise CheckNotRunError(
            f"{_shown(path)} is no usable path",
            hint="Correct the path of the evaluation data.",
            ja=f"{_shown(path)} はパスとして使えない。評価データのパスを直す",
        ) from error
    if not real.is_relative_to(root):
        raise CheckNotRunError(
            f"{_shown(path)} leads outside the data directory",
            hint="Only files below GOVERNANCE_DATA_DIR are read: put a copy there.",
            ja=f"{_shown(path)} はデータディレクトリの外にある。GOVERNANCE_DATA_DIR の下に写しを置く",
        )
    try:
        is_file = real.is_file()
    except (OSError, ValueError):
        is_file = False
    if not is_file:
        raise CheckNotRunError(
            f"there is no file {_shown(path)} below the data directory",
            hint="Deliver the file, or correct `evaluation.source` in use_cases.yaml; the directory is GOVERNANCE_DATA_DIR.",
            ja=f"ファイル {_shown(path)} が GOVERNANCE_DATA_DIR の下にない。届けるか、use_cases.yaml の evaluation.source を直す",
        )
    return real


def _shown(text: str) -> str:
    """Hostile text, quoted and short."""
    return repr(text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…")
