from __future__ import annotations

import re
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
    """How to reach the product. The secrets are written, never shown; static/connection.js shows what a kind needs."""

    base_url = forms.URLField(
        label="Base URL",
        max_length=500,
        assume_scheme="https",
        error_messages={
            "invalid": "Give an address such as https://api.example.com, with your own values in place of {…}."
        },
    )
    secret = forms.CharField(
        required=False,
        strip=False,
        label="Secret",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    client_key = forms.CharField(
        required=False,
        label="Key of the certificate",
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "class": "mono", "autocomplete": "off"}),
    )
    operation_timeouts = forms.CharField(
        required=False,
        label="Time-outs of operations",
        help_text="One a line: METHOD /path SECONDS",
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "class": "mono"}),
    )

    field_order = ("base_url", "auth_kind", "personal", "auth_name", "username", "secret")

    #: field to the kinds of authentication that read it; fields that are not named here are read by all
    KINDS: dict[str, tuple[str, ...]] = {
        "auth_name": ("api_key_header", "api_key_query", "api_key_cookie", "login_call"),
        "username": ("basic", "oauth2_client", "oauth2_password", "oauth2_code", "login_call"),
        "secret": tuple(kind for kind in AuthKind.values if kind != AuthKind.NONE),
        "client_auth": ("oauth2_client", "oauth2_code"),
        "issuer": ("oauth2_code",),
        "authorize_url": ("oauth2_code",),
        "token_url": ("oauth2_client", "oauth2_password", "oauth2_code", "login_call"),
        "refresh_url": ("oauth2_client", "oauth2_password", "oauth2_code"),
        "scope": ("oauth2_client", "oauth2_password", "oauth2_code"),
        "audience": ("oauth2_client", "oauth2_password", "oauth2_code"),
        "login_body": ("login_call",),
        "token_pointer": ("login_call",),
        "lifetime_pointer": ("login_call",),
        "token_prefix": ("login_call",),
    }
    #: fields of the network, which most connections leave alone
    NETWORK = (
        "timeout_seconds", "operation_timeouts", "proxy_url", "ca_certificates", "client_certificate", "client_key",
    )  # fmt: skip

    class Meta:
        model = Connection
        fields = [
            "base_url", "auth_kind", "personal", "auth_name", "username", "client_auth", "issuer", "authorize_url",
            "token_url", "refresh_url", "scope", "audience", "login_body", "token_pointer", "lifetime_pointer",
            "token_prefix", "timeout_seconds", "proxy_url", "ca_certificates", "client_certificate",
        ]  # fmt: skip
        labels = {
            "auth_kind": "Authentication",
            "personal": "Each member brings their own account",
            "auth_name": "Name of the header, parameter or cookie",
            "username": "User name or client id",
            "client_auth": "Id and secret go",
            "issuer": "Issuer",
            "authorize_url": "Sign-in URL",
            "token_url": "Token URL",
            "refresh_url": "Refresh URL",
            "scope": "Scopes",
            "audience": "Audience",
            "login_body": "Log-in body",
            "token_pointer": "Token in the answer",
            "lifetime_pointer": "End of the token in the answer",
            "token_prefix": "Word before the token",
            "timeout_seconds": "Time-out in seconds",
            "proxy_url": "Proxy",
            "ca_certificates": "Authorities",
            "client_certificate": "Client certificate",
        }
        widgets = {
            name: forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "class": "mono"})
            for name in ("login_body", "ca_certificates", "client_certificate")
        }

    def __init__(self, *args: Any, servers: list[str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: base URLs that the description names, offered for the field
        self.servers = servers or []
        self.fields["base_url"].widget.attrs["list"] = "servers"
        if open_ := [url for url in self.servers if "{" in url]:
            self.fields["base_url"].help_text = f"The description names {open_[0]}: write your own in place of {{…}}."
        self.fields["client_auth"].required = False
        self._say_what_is_stored("secret", "The password, key, token or client secret.")
        self._say_what_is_stored("client_key", "Private key of the client certificate, as PEM.")
        self.initial["operation_timeouts"] = "\n".join(
            f"{key} {seconds}" for key, seconds in self.instance.operation_timeouts.items()
        )
        for name, kinds in self.KINDS.items():
            self.fields[name].widget.attrs["data-kinds"] = " ".join(kinds)
        for name in ("username", "secret"):
            self.fields[name].widget.attrs["data-shared"] = ""
        self.fields["personal"].help_text = (
            "Calls are made in the name of whoever asks, with credentials that each member enters on their profile and "
            "nobody else sees. User name and secret are left empty here, but for OAuth 2.0 with a sign-in by a person, "
            "where they are the client's. A change of where the connection leads removes what members entered."
        )

    def _say_what_is_stored(self, name: str, what: str) -> None:
        self.initial.pop(name, None)
        self.fields[name].help_text = (
            f"A {name.rpartition('_')[2]} is stored. Leave this empty to keep it."
            if getattr(self.instance, name)
            else f"{what} It is stored encrypted and never shown again."
        )

    def network_fields(self) -> list[forms.BoundField]:
        """Shown folded."""
        return [self[name] for name in self.NETWORK]

    def main_fields(self) -> list[forms.BoundField]:
        """Shown at once, as far as the kind reads them."""
        return [field for field in self if field.name not in self.NETWORK]

    @property
    def is_network_open(self) -> bool:
        """Whether something of the network is set, or wrong."""
        return any(self[name].errors or getattr(self.instance, name) for name in self.NETWORK)

    def clean_operation_timeouts(self) -> dict[str, int]:
        """METHOD path to seconds."""
        found: dict[str, int] = {}
        for line in filter(None, map(str.strip, self.cleaned_data["operation_timeouts"].splitlines())):
            match = re.fullmatch(r"([A-Za-z]{1,10}) +(/\S*) +(\d{1,4})", line)
            if match is None:
                raise forms.ValidationError(f"“{line[:80]}” is no METHOD /path SECONDS, such as: GET /reports 120")
            found[f"{match[1].upper()} {match[2]}"] = int(match[3])
        return found

    def chosen(self) -> dict[str, Any]:
        """What `save_connection` takes."""
        return {k: v for k, v in self.cleaned_data.items() if v or k not in ("secret", "client_key", "client_auth")}

    def _post_clean(self) -> None:
        """Nothing: the flow checks and changes the connection, the form never does."""

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


def servers_of(version: SpecVersion) -> list[str]:
    """The absolute base URLs that the description names."""
    urls = [server.get("url", "") if isinstance(server, dict) else str(server) for server in version.servers]
    return [url for url in urls if url.startswith(("http://", "https://"))]


def guess_connection(version: SpecVersion) -> dict[str, Any]:
    """What the description says about reaching the product, as a form's initial values."""
    guess: dict[str, Any] = {"base_url": next((url for url in servers_of(version) if "{" not in url), "")}
    schemes = [scheme for scheme in version.security_schemes.values() if isinstance(scheme, dict)]
    return guess | next(filter(None, map(_authentication, schemes)), {})


_KEY_KINDS = {
    "header": AuthKind.API_KEY_HEADER,
    "query": AuthKind.API_KEY_QUERY,
    "cookie": AuthKind.API_KEY_COOKIE,
}
_DISCOVERY = "/.well-known/openid-configuration"


def _authentication(scheme: dict[str, Json]) -> dict[str, Any]:
    """The form's values for a security scheme of OpenAPI or Swagger; {} for one that can't be served."""
    match scheme:
        case {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": url, **flow}}}:
            return {"auth_kind": AuthKind.OAUTH2_CLIENT, "token_url": url, **_of_flow(flow)}
        case {"type": "oauth2", "flows": {"password": {"tokenUrl": url, **flow}}}:
            return {"auth_kind": AuthKind.OAUTH2_PASSWORD, "token_url": url, **_of_flow(flow)}
        case {"type": "oauth2", "flows": {"authorizationCode": {"tokenUrl": url, "authorizationUrl": where, **flow}}}:
            return {"auth_kind": AuthKind.OAUTH2_CODE, "token_url": url, "authorize_url": where, **_of_flow(flow)}
        case {"type": "oauth2", "flow": "password", "tokenUrl": url, **flow}:
            return {"auth_kind": AuthKind.OAUTH2_PASSWORD, "token_url": url, **_of_flow(flow)}
        case {"type": "oauth2", "flow": "application", "tokenUrl": url, **flow}:
            return {"auth_kind": AuthKind.OAUTH2_CLIENT, "token_url": url, **_of_flow(flow)}
        case {"type": "oauth2", "flow": "accessCode", "tokenUrl": url, "authorizationUrl": where, **flow}:
            return {"auth_kind": AuthKind.OAUTH2_CODE, "token_url": url, "authorize_url": where, **_of_flow(flow)}
        case {"type": "openIdConnect", "openIdConnectUrl": str(url)}:
            return {"auth_kind": AuthKind.OAUTH2_CODE, "issuer": url.removesuffix(_DISCOVERY), "scope": "openid"}
        case {"type": "apiKey", "in": str(place), "name": name} if place in _KEY_KINDS:
            return {"auth_kind": _KEY_KINDS[place], "auth_name": name}
        case {"type": "basic"} | {"type": "http", "scheme": "basic"}:
            return {"auth_kind": AuthKind.BASIC}
        case {"type": "http" | "oauth2"}:
            return {"auth_kind": AuthKind.BEARER}
    return {}


def _of_flow(flow: dict[Any, Any]) -> dict[str, Any]:
    scopes = flow.get("scopes")
    names = " ".join(scopes) if isinstance(scopes, dict) and len(scopes) <= 5 else ""
    return {"refresh_url": flow.get("refreshUrl", ""), "scope": names}
