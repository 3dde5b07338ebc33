"""Statements that run so often that building them with the ORM would cost more than the database takes for them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, TypeVar

from django.db import connection, models

M = TypeVar("M", bound=models.Model)


def read_rows(model: type[M], condition: str, parameters: Sequence[Any]) -> list[M]:
    """The model's rows for which the SQL condition (and what follows it) holds; values stand as %s in it.

    Row-level security applies as everywhere.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"{_select(model)} WHERE {condition}", list(parameters))
        rows = cursor.fetchall()
    return [row_as(model, row) for row in rows]


def row_as(model: type[M], row: Sequence[Any], names: frozenset[str] | None = None) -> M:
    """The object of a row that holds the model's columns in their order; `names` when it holds only these fields."""
    fields = fields_of(model, names)
    values = [from_database(field, value) for field, value in zip(fields, row, strict=True)]
    return model.from_db(connection.alias, [field.attname for field in fields], values)


@functools.cache
def fields_of(model: type[models.Model], names: frozenset[str] | None = None) -> tuple[models.Field[Any, Any], ...]:
    """The model's columns, in their order."""
    return tuple(field for field in model._meta.concrete_fields if names is None or field.name in names)


def columns(model: type[models.Model], names: frozenset[str] | None = None) -> str:
    """The columns for a SELECT or RETURNING."""
    table = model._meta.db_table
    return ", ".join(f'"{table}"."{field.column}"' for field in fields_of(model, names))


def from_database(field: models.Field[Any, Any], value: Any) -> Any:
    """The column's value as the field gives it."""
    convert = getattr(field, "from_db_value", None)
    return convert(value, None, connection) if convert else value


@functools.cache
def insert(model: type[models.Model]) -> str:
    """INSERT of one row with all columns in their order, for `insert_values`."""
    names = ", ".join(f'"{field.column}"' for field in fields_of(model))
    places = ", ".join(f"%s::{field.db_type(connection)}" for field in fields_of(model))
    return f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES ({places})'  # noqa: S608  # nosec B608


def insert_values(row: models.Model) -> list[Any]:
    """The values for `insert`, defaults and times of creation filled in."""
    return [field.get_db_prep_save(field.pre_save(row, add=True), connection) for field in fields_of(type(row))]


@functools.cache
def _select(model: type[models.Model]) -> str:
    return f'SELECT {columns(model)} FROM "{model._meta.db_table}"'  # noqa: S608  # nosec B608
