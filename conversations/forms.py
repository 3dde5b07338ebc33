"""Forms of the chat: a clarification becomes one form with a field for each value that is asked for."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.utils import timezone

from nlops.core.types import Json

#: Before the names of the values, so that none collides with the CSRF token's.
PREFIX = "value"


class YesNo(forms.CheckboxInput):
    """A checkbox that sends "true" or "false", so that an unticked box is an answer, too."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        return "true" if super().value_from_datadict(data, files, name) else "false"

    def format_value(self, value: Any) -> str:
        return "true"


def reply_form(pending_sequence: int, data: dict[str, Json], posted: Any = None) -> forms.Form:
    """The form for an `asked` event. The engine checks the values; the form only shapes the fields."""
    form = forms.Form(posted, prefix=PREFIX, auto_id=f"q{pending_sequence}-%s", label_suffix="")
    for question in data.get("questions", []):
        form.fields[question["name"]] = _field(question)
    return form


def reply_values(posted: Any, questions: list[dict[str, Json]]) -> dict[str, str]:
    """What was typed, by question name, before any check. Times are in the person's zone."""
    values = {}
    for question in questions:
        widget = _field(question).widget
        value = widget.value_from_datadict(posted, {}, f"{PREFIX}-{question['name']}")
        if isinstance(value, list):
            value = ",".join(value)
        elif isinstance(widget, DateTimeInput):
            value = _with_zone(str(value or ""))
        values[question["name"]] = "" if value is None else str(value)
    return values


class DateTimeInput(forms.DateTimeInput):
    """The browser's picker of a day and a time."""

    input_type = "datetime-local"


def _with_zone(text: str) -> str:
    """RFC 3339 of what the picker sends, which knows no zone; other text as it is."""
    try:
        return timezone.make_aware(datetime.fromisoformat(text)).isoformat()
    except ValueError:
        return text


def _field(question: dict[str, Json]) -> forms.Field:
    schema = question.get("schema") or {}
    required = bool(question.get("required", True))
    label = question.get("label") or question["name"]
    options: dict[str, Any] = {
        "label": label if required else f"{label} (optional)",
        "help_text": " ".join(part for part in (question.get("help", ""), _limits(schema)) if part),
        "required": required,
    }
    if question.get("secret"):
        # "new-password" keeps browsers from filling in the person's own password for nlops.
        return forms.CharField(
            widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}), strip=False, **options
        )
    if "enum" in schema:
        return forms.ChoiceField(choices=_choices(schema["enum"], required), **options)
    kinds = schema.get("type", "string")
    kind = next((k for k in kinds if k != "null"), "string") if isinstance(kinds, list) else kinds
    if kind == "boolean":
        return forms.BooleanField(widget=YesNo(), **{**options, "required": False})
    several = _items(schema).get("enum") if kind == "array" else None
    if several:
        choices = [(str(value), str(value)) for value in several if value is not None]
        return forms.MultipleChoiceField(choices=choices, widget=forms.CheckboxSelectMultiple, **options)
    return forms.CharField(widget=_widget(kind, schema), **options)


def _items(schema: dict[str, Json]) -> dict[str, Json]:
    items = schema.get("items")
    return items if isinstance(items, dict) else {}


def _limits(schema: dict[str, Json]) -> str:
    """What a value must be like, in words."""
    said = []
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        said.append(f"From {low} to {high}.")
    elif low is not None or high is not None:
        said.append(f"At least {low}." if low is not None else f"At most {high}.")
    if schema.get("minLength", 0) > 1:
        said.append(f"At least {schema['minLength']} characters.")
    if schema.get("maxLength", 10_000) < 300:
        said.append(f"At most {schema['maxLength']} characters.")
    examples = schema.get("examples")
    if isinstance(examples, list) and examples and isinstance(examples[0], str | int | float):
        said.append(f"For example {examples[0]}.")
    if schema.get("type") == "array" and "enum" not in _items(schema):
        said.append("Several, with commas between them.")
    return " ".join(said)


def _choices(values: list[Json], required: bool) -> list[tuple[str, str]]:
    empty = [("", "Choose …" if required else "—")]
    return empty + [(str(value), str(value)) for value in values if value is not None]


def _widget(kind: str, schema: dict[str, Json]) -> forms.Widget:
    attrs: dict[str, Any] = {"autocomplete": "off"}
    if kind in ("integer", "number"):
        attrs["step"] = 1 if kind == "integer" else "any"
        attrs |= {key: schema[name] for name, key in (("minimum", "min"), ("maximum", "max")) if name in schema}
        return forms.NumberInput(attrs=attrs)
    if schema.get("format") == "date":
        return forms.DateInput(attrs=attrs | {"type": "date"})
    if schema.get("format") == "date-time":
        return DateTimeInput(attrs=attrs | {"step": 1})
    if schema.get("format") == "email":
        return forms.EmailInput(attrs=attrs)
    if kind in ("array", "object") or schema.get("maxLength", 0) > 300:
        return forms.Textarea(attrs=attrs | {"rows": 3})
    return forms.TextInput(attrs=attrs)


class PromptForm(forms.Form):
    """A text for the prompt."""

    text = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 24, "spellcheck": "false", "class": "mono"}),
        label="Text",
        strip=False,
        error_messages={"required": "Write the text that models are given."},
    )
    note = forms.CharField(required=False, max_length=300, label="Note", help_text="Why it was changed.")
    sample = forms.CharField(
        required=False, max_length=4000, label="Request for the preview", help_text="Empty: a usual one."
    )
