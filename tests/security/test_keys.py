"""Stored secrets: bound to their place, readable with the keys that there are, moved to a new key by one command."""

from __future__ import annotations

import base64
import os
from io import StringIO

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.core.management import CommandError, call_command

from accounts.context import tenant_context
from accounts.encryption import DecryptionError, decrypt, encrypt
from accounts.second_factor import unseal
from conversations.models import RunSecret
from specs.models import Connection, Product
from tests.web.conftest import make_run


def key(name: str) -> str:
    return f"{name}:{base64.b64encode(os.urandom(32)).decode()}"


@pytest.fixture
def stored(acme):
    """A connection with secret and tokens, a secret of a run, and a second factor."""
    product = Product.objects.create(tenant=acme.tenant, name="Keyring", slug="keyring")
    connection = Connection(tenant=acme.tenant, product=product, base_url="http://127.0.0.1:9")
    for field in ("secret", "tokens"):
        record = connection.record(field)
        setattr(connection, field, encrypt(f"the {field}", tenant_id=acme.tenant.pk, record=record))
    connection.save()
    run = make_run(acme.customer)
    secret = RunSecret(tenant=acme.tenant, run=run, name="a.password")
    secret.ciphertext = encrypt("hunter2", tenant_id=acme.tenant.pk, record=secret.record())
    secret.save()
    TOTP.activate(acme.customer.user, generate_totp_secret())
    return connection


def read_all(tenant) -> list[str]:
    connection, secret = Connection.objects.get(), RunSecret.objects.get()
    return [
        decrypt(connection.secret, tenant_id=tenant.pk, record=connection.record("secret")),
        decrypt(connection.tokens, tenant_id=tenant.pk, record=connection.record("tokens")),
        decrypt(secret.ciphertext, tenant_id=tenant.pk, record=secret.record()),
    ]


def test_after_a_rotation_the_old_key_can_go(acme, stored, settings):
    old, new = settings.NLOPS_ENCRYPTION_KEYS, key("2027")
    factor = Authenticator.objects.get()
    before = unseal(factor.data["secret"])
    settings.NLOPS_ENCRYPTION_KEYS = f"{new},{old}"
    out = StringIO()
    call_command("rotate_keys", stdout=out)
    assert out.getvalue().startswith("4 secrets were encrypted anew")
    settings.NLOPS_ENCRYPTION_KEYS = new
    assert read_all(acme.tenant) == ["the secret", "the tokens", "hunter2"]
    factor.refresh_from_db()
    assert factor.data["secret"].startswith("2027.")
    assert unseal(factor.data["secret"]) == before
    out = StringIO()
    call_command("rotate_keys", stdout=out)
    assert out.getvalue().startswith("0 secrets")


def test_what_can_not_be_read_is_named_and_the_rest_is_done(acme, stored, settings):
    lost = settings.NLOPS_ENCRYPTION_KEYS
    settings.NLOPS_ENCRYPTION_KEYS = key("other")
    stored.tokens = encrypt("fresh", tenant_id=acme.tenant.pk, record=stored.record("tokens"))
    stored.save()
    settings.NLOPS_ENCRYPTION_KEYS = f"{key('2027')},{settings.NLOPS_ENCRYPTION_KEYS}"
    with pytest.raises(CommandError) as told:
        call_command("rotate_keys", stdout=StringIO())
    assert f"acme: connection {stored.pk}, secret" in str(told.value)
    assert lost.partition(":")[0] in str(told.value)
    stored.refresh_from_db()
    assert stored.tokens.startswith("2027.")


def test_every_tenant_is_rotated(acme, stored, globex, settings):
    with tenant_context(globex.tenant.pk):
        product = Product.objects.create(tenant=globex.tenant, name="Other", slug="other")
        other = Connection(tenant=globex.tenant, product=product, base_url="http://127.0.0.1:9")
        other.secret = encrypt("theirs", tenant_id=globex.tenant.pk, record=other.record("secret"))
        other.save()
    settings.NLOPS_ENCRYPTION_KEYS = f"{key('2027')},{settings.NLOPS_ENCRYPTION_KEYS}"
    call_command("rotate_keys", stdout=StringIO())
    with tenant_context(globex.tenant.pk):
        assert Connection.objects.get().secret.startswith("2027.")


@pytest.mark.parametrize("place", ["tenant", "record"])
def test_a_secret_that_was_moved_to_another_place_can_not_be_read(acme, globex, place):
    token = encrypt("x", tenant_id=acme.tenant.pk, record="connection:1:secret")
    moved = {"tenant_id": acme.tenant.pk, "record": "connection:1:secret"}
    moved |= {"tenant_id": globex.tenant.pk} if place == "tenant" else {"record": "connection:2:secret"}
    with pytest.raises(DecryptionError, match="changed or belongs elsewhere"):
        decrypt(token, **moved)


def test_the_secret_of_a_second_factor_is_encrypted_at_rest(acme):
    secret = generate_totp_secret()
    TOTP.activate(acme.customer.user, secret)
    stored = Authenticator.objects.get()
    assert secret not in str(stored.data)
    stored.data["secret"] = secret  # as it was stored before nlops encrypted it
    stored.save()
    call_command("rotate_keys", stdout=StringIO())
    stored.refresh_from_db()
    assert secret not in str(stored.data)
