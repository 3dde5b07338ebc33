from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.template.defaultfilters import filesizeformat
from django.utils.text import slugify

from nlops.core.types import Json
from specs.models import AuthKind, Connection, Product, SpecVersion


class ProductForm(forms.ModelForm):
    """A new product; its address is made from the name."""

    class Meta:
        model = Product
        fields = ["name"]

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"].strip()
        self.instance.slug = slugify(name)[:60] or "product"
        # Row-level security keeps this to the member's own tenant.
        if Product.objects.filter(slug=self.instance.slug).exists():
            raise forms.ValidationError("There is a product with this name already.")
        return name


class ManyFilesInput(forms.ClearableFileInput):
    """A file input that takes several."""

    allow_multiple_selected = True


class ManyFilesField(forms.FileField):
    """One file or several; a list."""

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        files = data if isinstance(data, list | tuple) and data else [data]
        return [super(ManyFilesField, self).clean(file, initial) for file in files]


class UploadForm(forms.Form):
    """An API description."""

    file = ManyFilesField(
        label="API description",
        help_text="OpenAPI 3.0 to 3.2, or Swagger 2.0, as JSON or YAML: one file, a zip, or several files that refer "
        "to each other.",
        widget=ManyFilesInput(attrs={"accept": ".json,.yaml,.yml,.zip,application/json,application/yaml"}),
        error_messages={"empty": "The file is empty.", "required": "Choose a file."},
    )

    def clean_file(self) -> list[UploadedFile]:
        files: list[UploadedFile] = self.cleaned_data["file"]
        limit, size = settings.NLOPS_MAX_SPEC_BYTES, sum(file.size or 0 for file in files)
        if size > limit:
            raise forms.ValidationError(
                f"The file has {filesizeformat(size)}; at most {filesizeformat(limit)} fit. "
                "Leave out parts of the API that are not needed here."
            )
        return files


class ConnectionForm(forms.ModelForm):
    """How to reach the product. The secret is written, never shown."""

    base_url = forms.URLField(label="Base URL", max_length=500, assume_scheme="https")
    secret = forms.CharField(
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    class Meta:
        model = Connection
        fields = ["base_url", "auth_kind", "auth_name", "username", "token_url", "refresh_url"]
        labels = {
            "auth_kind": "Authentication",
            "auth_name": "Name of the header or parameter",
            "username": "User name or client id",
            "token_url": "Token URL",
            "refresh_url": "Refresh URL",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        secret = self.fields["secret"]
        if self.instance.secret:
            secret.help_text = "A secret is stored. Leave this empty to keep it."
        else:
            secret.help_text = "The password, key or token. It is stored encrypted and never shown again."

    def add_flow_error(self, message: str) -> None:
        """Put what the flow refused beside the field that it names first ("Token URL: …")."""
        name, _, rest = message.partition(": ")
        field = next((key for key, field in self.fields.items() if rest and str(field.label).startswith(name)), None)
        self.add_error(field, rest if field else message)


class ExampleForm(forms.Form):
    """An example for the prompt; the flow checks the calls."""

    request = forms.CharField(
        max_length=500,
        label="Request",
        help_text="In a person's words, such as: Get the details of user1 and create a new user with those",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    steps = forms.JSONField(
        label="Calls",
        initial=[{"tool": "", "arguments": {}}],
        help_text='A JSON list, in order: [{"tool": "get_user", "arguments": {"username": "user1"}, "returns": …}]. '
        "A tool has its name, or METHOD and path. Write [[secret:NAME]] for a secret.",
        widget=forms.Textarea(attrs={"rows": 10, "spellcheck": "false", "class": "mono"}),
        error_messages={"invalid": "This is no JSON. Look for a missing quote, comma or bracket."},
    )
    language = forms.CharField(
        required=False, max_length=10, label="Language", help_text="ISO 639-1, such as ko; empty: found by itself"
    )
    note = forms.CharField(required=False, max_length=300, label="Note")
    enabled = forms.BooleanField(required=False, initial=True, label="May be shown to models")


def guess_connection(version: SpecVersion) -> dict[str, Any]:
    """What the description says about reaching the product, as a form's initial values."""
    urls = [server.get("url", "") if isinstance(server, dict) else str(server) for server in version.servers]
    absolute = [url for url in urls if url.startswith(("http://", "https://")) and "{" not in url]
    guess: dict[str, Any] = {"base_url": next(iter(absolute), "")}
    schemes = [scheme for scheme in version.security_schemes.values() if isinstance(scheme, dict)]
    return guess | next(filter(None, map(_authentication, schemes)), {})


def _authentication(scheme: dict[str, Json]) -> dict[str, Any]:
    """The form's values for a security scheme of OpenAPI or Swagger; {} for one that can't be served."""
    match scheme:
        case {"type": "oauth2", "flows": {"password": {"tokenUrl": url, **flow}}}:
            return {"auth_kind": AuthKind.OAUTH2_PASSWORD, "token_url": url, "refresh_url": flow.get("refreshUrl", "")}
        case {"type": "oauth2", "flow": "password", "tokenUrl": url}:
            return {"auth_kind": AuthKind.OAUTH2_PASSWORD, "token_url": url}
        case {"type": "apiKey", "in": "header", "name": name}:
            return {"auth_kind": AuthKind.API_KEY_HEADER, "auth_name": name}
        case {"type": "apiKey", "in": "query", "name": name}:
            return {"auth_kind": AuthKind.API_KEY_QUERY, "auth_name": name}
        case {"type": "basic"} | {"type": "http", "scheme": "basic"}:
            return {"auth_kind": AuthKind.BASIC}
        case {"type": "http" | "oauth2"}:
            return {"auth_kind": AuthKind.BEARER}
    return {}
