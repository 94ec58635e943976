"""Which messages a caller means: the fields that listings and rescans share."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from scorelane.api.fields import Moment, Words
from scorelane.api.problems import Problem
from scorelane.choosing import ChoiceError

Score = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-fA-F]{64}$")]


class Choice(BaseModel):
    """Which messages: every field that is given must fit."""

    since: Moment | None = Field(default=None, description="Only received at or after this time.")
    until: Moment | None = Field(default=None, description="Only received before this time.")
    sender: Words | None = Field(default=None, description="Only this From address.")
    sender_domain: Words | None = Field(default=None, description="Only this From domain and those below it.")
    subject: Words | None = Field(default=None, description="Words that the subject contains, in any order.")
    category: Words | None = None
    min_score: Score | None = None
    max_score: Score | None = None
    link_domain: Words | None = Field(default=None, description="Registrable domain of a link, or the link.")
    attachment: Sha256 | None = Field(default=None, description="SHA-256 of an attachment.")
    header_message_id: Words | None = Field(default=None, description="The header Message-ID.")
    like: UUID | None = Field(default=None, description="Only whose text is nearly that of this message.")
    labelled: bool | None = Field(default=None, description="Whether somebody's label stands.")


@contextlib.contextmanager
def named_fields(place: str, **others: str) -> Iterator[None]:
    """What cannot be chosen, as a problem that names its field, which is in `place` unless `others` says where."""
    try:
        yield
    except ChoiceError as fault:
        field = None if fault.field is None else others.get(fault.field, f"{place}.{fault.field}")
        raise Problem(422, str(fault), field=field) from None
