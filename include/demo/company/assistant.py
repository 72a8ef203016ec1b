# SPDX-License-Identifier: Apache-2.0
"""Answers from a list of questions by likeness; MLflow stores this file as the model.

It stands in for a language model, which cannot run in the demo: it finds the entry whose
character pairs resemble the question most, and gives that entry's answer word for word, or
declines. It imports nothing of the company, because MLflow runs the file on its own.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from pathlib import Path

import mlflow
import yaml
from mlflow.pyfunc.model import PythonModel, PythonModelContext

REFUSED = "refuse"
ENOUGH = 0.2
DECLINE = "申し訳ありません。この窓口ではお答えできません。ヘルプデスク (内線 100) へお問い合わせください。"
# Somebody else's affairs, and attempts to give the assistant orders.
SOMEBODY = re.compile(r"さんの|社員の|社長の|部長の|同期の|社員は誰|全員")
ORDERS = re.compile(
    r"指示を.*無視|ignore .*instructions|プロンプト|内部メモ|note|復唱|<system|制限のない"
    r"|開発者モード|だけ(答|返)|その前に|そのまま",
    re.IGNORECASE,
)


class Assistant(PythonModel):
    """Looks up one question at a time; the same question always gets the same answer."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the entries that were logged beside the model."""
        self.learn(Path(context.artifacts["faq"]))

    def learn(self, faq: Path) -> Assistant:
        """Weigh each character pair by how few entries have it."""
        self.entries = yaml.safe_load(faq.read_text(encoding="utf-8"))
        pairs = [_pairs(e["question"] + " " + e["keywords"]) for e in self.entries]
        seen = Counter(pair for entry in pairs for pair in entry)
        self.weight = {p: math.log(1 + len(pairs) / n) for p, n in seen.items()}
        self.vectors = [self._vector(entry) for entry in pairs]
        return self

    def predict(self, model_input: list[str]) -> list[dict[str, str]]:  # type: ignore[override]  # MLflow allows it
        """Answer each question with an entry's id, its answer and the likeness."""
        return [self.answer(question) for question in model_input]

    def answer(self, question: str) -> dict[str, str]:
        """Give the answer of the most similar entry, or decline."""
        asked = self._vector(_pairs(question))
        likeness = [_dot(asked, known) for known in self.vectors]
        best = max(range(len(likeness)), key=likeness.__getitem__)
        found, score = self.entries[best], f"{likeness[best]:.6f}"
        if likeness[best] < ENOUGH or SOMEBODY.search(question) or ORDERS.search(question):
            return {"id": REFUSED, "answer": DECLINE, "score": score}
        text = f"【{found['question']}】{found['answer']}"
        return {"id": found["id"], "answer": text, "score": score}

    def _vector(self, pairs: Counter[str]) -> dict[str, float]:
        # A pair that no entry has still counts in the length: it speaks against likeness.
        unknown = math.log(1 + len(self.entries))
        weighed = {p: n * self.weight.get(p, unknown) for p, n in pairs.items()}
        length = math.sqrt(sum(w * w for w in weighed.values())) or 1.0
        return {p: w / length for p, w in weighed.items()}


def _pairs(text: str) -> Counter[str]:
    plain = re.sub(r"[\s、。?!・「」()]", "", text.lower())
    return Counter(plain[i : i + 2] for i in range(len(plain) - 1))


def _dot(left: dict[str, float], right: dict[str, float]) -> float:
    return sum(w * right.get(pair, 0.0) for pair, w in left.items())


mlflow.models.set_model(Assistant())
