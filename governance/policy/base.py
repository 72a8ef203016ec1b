# SPDX-License-Identifier: Apache-2.0
"""What every policy type is made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9-]{0,15}$")]
Line = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Prefix = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,30}[._-]$")]
Column = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Share = Annotated[float, Field(ge=0, le=1)]
Item = Annotated[str, StringConstraints(pattern=r"^(description|tag:[^\s]{1,250})$")]
Positive = Annotated[int, Field(gt=0)]


class Section(BaseModel):
    """Base of all policy types: frozen, strict (validated as JSON), and no key it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Text(Section):
    """A label in the product's two languages."""

    ja: Line
    en: Line

    def in_(self, language: str) -> str:
        """The label in `language` ("ja" or "en")."""
        return self.ja if language == "ja" else self.en
