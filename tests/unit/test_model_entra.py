"""Azure OpenAI with tokens of Entra ID: azure-identity against an issuer on this machine, over real TLS."""

from __future__ import annotations

import datetime
import ipaddress
import json
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from nlops.core.types import Message, Role
from nlops.llm import bounded_http, entra
from nlops.llm.base import Limits, ModelError
from nlops.llm.openai import azure_model, compatible_model
from nlops.llm.registry import ModelConfigurationError, model_from_spec, validate_model
from tests.scripted_server import Reply

ASKED = [Message(Role.USER, "Get user1")]
TENANT = "11111111-2222-3333-4444-555555555555"


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that nobody else trusts, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "cert.pem", folder / "key.pem"


class Issuer:
    """Gives tokens as Entra ID does: a description of itself, and a token endpoint."""

    def __init__(self, folder: Path) -> None:
        self.certificate, key = certificate(folder)
        self.asked: list[dict[str, str]] = []
        self.expires_in = 3600
        self.refuses = False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                base = f"{outer.authority}/{TENANT}"
                self._answer(
                    200,
                    {
                        "issuer": f"{base}/v2.0",
                        "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                        "token_endpoint": f"{base}/oauth2/v2.0/token",
                    },
                )

            def do_POST(self) -> None:
                form: dict[str, list[str]] = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
                outer.asked.append({name: values[0] for name, values in form.items()})
                if outer.refuses:
                    self._answer(401, {"error": "invalid_client", "error_description": "AADSTS7000215: secret s3cret"})
                    return
                token = f"token-{len(outer.asked)}"
                self._answer(200, {"token_type": "Bearer", "expires_in": outer.expires_in, "access_token": token})

            def _answer(self, status: int, data: dict) -> None:
                body = json.dumps(data).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Nothing: the tests read `asked`."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def authority(self) -> str:
        return f"https://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def issuer(tmp_path) -> Iterator[Issuer]:
    made = Issuer(tmp_path)
    yield made
    made.close()


@pytest.fixture
def client(issuer, scripted_server, settings) -> Iterator[None]:
    """A client with a secret, known to the issuer."""
    settings.AZURE_OPENAI_ENDPOINT = scripted_server.url.removesuffix("/v1")
    settings.AZURE_OPENAI_API_KEY = ""
    settings.AZURE_TENANT_ID = TENANT
    settings.AZURE_CLIENT_ID = "client-1"
    settings.AZURE_CLIENT_SECRET = "s3cret"
    settings.AZURE_AUTHORITY_HOST = issuer.authority
    settings.NLOPS_MODEL_CA_FILE = str(issuer.certificate)
    bounded_http._tls.cache_clear()
    scripted_server.script = lambda request: Reply(text="ok")
    yield
    bounded_http._tls.cache_clear()


def model():
    return azure_model("dep", entra.token_provider())


def test_a_client_with_a_secret_gets_a_token_that_is_kept(client, issuer, scripted_server):
    asked = model()
    for _ in range(3):
        assert asked.complete(ASKED, [], Limits()).text == "ok"
    assert scripted_server.authorizations == ["Bearer token-1"] * 3
    assert "api-key" not in scripted_server.headers[0]
    [form] = issuer.asked
    assert form["grant_type"] == "client_credentials"
    assert form["client_id"] == "client-1"
    assert form["client_secret"] == "s3cret"
    assert form["scope"] == "https://cognitiveservices.azure.com/.default"


def test_a_token_that_is_about_to_expire_is_fetched_anew(client, issuer, scripted_server):
    issuer.expires_in = 200  # azure-identity fetches anew in the last five minutes
    asked = model()
    for _ in range(2):
        asked.complete(ASKED, [], Limits())
    assert scripted_server.authorizations == ["Bearer token-1", "Bearer token-2"]


def test_a_federated_token_takes_the_place_of_a_secret(client, issuer, scripted_server, settings, tmp_path):
    settings.AZURE_CLIENT_SECRET = ""
    settings.AZURE_FEDERATED_TOKEN_FILE = str(tmp_path / "token")
    (tmp_path / "token").write_text("from-the-cluster")
    assert model().complete(ASKED, [], Limits()).text == "ok"
    assert issuer.asked[0]["client_assertion"] == "from-the-cluster"


def test_a_refused_client_is_told_without_its_secret(client, issuer, scripted_server, caplog):
    issuer.refuses = True
    with pytest.raises(ModelError, match="Entra ID gave no token") as caught:
        model().complete(ASKED, [], Limits())
    assert "s3cret" not in f"{caught.value} {caught.value.detail} {caplog.text}"
    assert caught.value.detail == "ClientAuthenticationError AADSTS7000215"
    assert scripted_server.requests == []


def test_an_issuer_whose_certificate_nobody_trusts_gets_no_secret(client, issuer, settings):
    settings.NLOPS_MODEL_CA_FILE = ""
    with pytest.raises(ModelError, match="Entra ID gave no token"):
        model().complete(ASKED, [], Limits())
    assert issuer.asked == []


def test_a_model_server_is_trusted_by_the_same_certificates_and_by_no_others(client, issuer, settings):
    """The issuer is no model server, but what it answers shows whether the connection came about."""
    with pytest.raises(ModelError, match="no readable answer"):
        compatible_model("x", f"{issuer.authority}/v1").complete(ASKED, [], Limits())
    settings.NLOPS_MODEL_CA_FILE = ""
    bounded_http._tls.cache_clear()
    with pytest.raises(ModelError, match="can't be reached"):
        compatible_model("x", f"{issuer.authority}/v1").complete(ASKED, [], Limits(timeout=1))


def test_a_proxy_of_the_environment_gets_no_secret(client, issuer, monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert model().complete(ASKED, [], Limits()).text == "ok"


@pytest.mark.parametrize(
    "named",
    [
        {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_CLIENT_SECRET": "s"},
        {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_FEDERATED_TOKEN_FILE": "/var/token"},
        {"AZURE_MANAGED_IDENTITY": True},
        {"AZURE_MANAGED_IDENTITY": True, "AZURE_CLIENT_ID": "c"},
    ],
)
def test_an_identity_makes_the_key_superfluous(settings, named):
    settings.AZURE_OPENAI_ENDPOINT = "https://x.openai.azure.com"
    settings.AZURE_OPENAI_API_KEY = ""
    for name, value in named.items():
        setattr(settings, name, value)
    model_from_spec.cache_clear()
    assert model_from_spec("azure:dep").name == "azure:dep"
    model_from_spec.cache_clear()


def test_half_an_identity_is_told(settings):
    settings.AZURE_OPENAI_ENDPOINT = "https://x.openai.azure.com"
    settings.AZURE_OPENAI_API_KEY = ""
    settings.AZURE_TENANT_ID = settings.AZURE_CLIENT_ID = "t"
    with pytest.raises(ModelConfigurationError, match="AZURE_OPENAI_API_KEY or the settings of Entra ID"):
        validate_model("azure:dep")


def test_who_has_no_use_for_it_does_not_load_it():
    code = "import sys, nlops.llm.openai, nlops.llm.registry; sys.exit(any(m.startswith('azure') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
