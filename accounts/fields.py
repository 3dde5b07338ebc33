"""A JSON column that keeps what it was given."""

from __future__ import annotations

import json
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.types.json import Json


class OrderedJSONField(models.JSONField):
    """JSON as text (PostgreSQL's `json`), for what is shown to people and models as it came.

    `jsonb` sorts the keys of objects by their length, so that the e-mail of a user would stand before the name. In
    exchange there is no lookup into the value.
    """

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return "json"

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        if value is None:
            return None
        return Json(value, dumps=lambda item: json.dumps(item, cls=self.encoder, ensure_ascii=False))

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> Any:
        return value
