"""Tokens for scripts: in whose name, for what, until when, and never more."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.api_tokens import find_token
from accounts.context import tenant_context
from accounts.flows.tokens import TokenRefused, make_token, revoke_token
from accounts.models import ApiToken, AuditEntry, Member, MemberRole

pytestmark = pytest.mark.slow


def bearer(token: str) -> dict[str, Any]:
    return {"headers": {"Authorization": f"Bearer {token}"}}


def token_of(member: Member, *scopes: str) -> str:
    return make_token(member, name="script", scopes=scopes or ["read"], days=30)[1]


def status(token: str, path: str = "/api/v1/products/", method: str = "get", **body: Any) -> int:
    sent = {"data": body, "content_type": "application/json"} if method != "get" else {}
    return int(getattr(Client(), method)(path, **sent, **bearer(token)).status_code)


def test_a_token_is_its_member_within_its_scopes(acme):
    read, operate = token_of(acme.operator), token_of(acme.operator, "operate")
    assert status(read) == 200
    assert status(read, method="post", name="New", slug="new") == 403
    assert status(operate, method="post", name="New", slug="new") == 201
    assert status(operate, "/api/v1/approvals/") == 403  # it has not the scope approve
    assert status(token_of(acme.operator, "approve"), "/api/v1/approvals/") == 200


def test_a_token_never_goes_beyond_the_role_of_its_member_as_it_is_now(acme):
    token = token_of(acme.customer, "read", "operate", "approve", "ask")
    assert status(token) == 403
    own = token_of(acme.operator, "read")
    assert status(own) == 200
    Member.objects.filter(pk=acme.operator.pk).update(role=MemberRole.CUSTOMER)
    assert status(own) == 403


def test_what_ends_a_token(acme):
    token = token_of(acme.operator)
    assert status(token) == 200
    Member.objects.filter(pk=acme.operator.pk).update(is_active=False)
    assert status(token) == 401
    Member.objects.filter(pk=acme.operator.pk).update(is_active=True)
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert status(token) == 401
    ApiToken.objects.update(expires_at=timezone.now() + timedelta(days=1))
    assert status(token) == 200
    revoke_token(ApiToken.objects.get())
    assert status(token) == 401


@pytest.mark.parametrize(
    "token", ["nlops_", "nlops_x_y", "nlops_" + "0" * 32 + "_" + "a" * 43, "nlops_" + "0" * 32 + "_" + "a" * 44]
)
def test_a_token_that_is_none_is_refused_in_words(acme, token):
    answer = Client().get("/api/v1/products/", **bearer(token))
    assert answer.status_code == 401
    assert "unknown, expired or revoked" in answer.json()["detail"]
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="nlops"'


def test_a_token_is_looked_for_in_its_own_tenant_only(acme, globex):
    """The secret of one tenant's token under another tenant's name opens nothing."""
    with tenant_context(acme.tenant.pk):
        token = token_of(acme.operator)
    assert find_token(token.replace(acme.tenant.pk.hex, globex.tenant.pk.hex)) is None
    with tenant_context(globex.tenant.pk):
        assert not ApiToken.objects.exists()
    with tenant_context(acme.tenant.pk):
        assert ApiToken.objects.count() == 1


def test_a_bad_token_is_not_helped_by_a_session_that_comes_with_it(acme, browse):
    client = browse(acme.operator)
    assert client.get("/api/v1/products/").status_code == 200
    assert client.get("/api/v1/products/", **bearer("nlops_nothing")).status_code == 401


def test_a_token_opens_no_page(acme):
    token = token_of(acme.owner, "read", "operate", "approve", "ask")
    for path in ("/", "/products/", "/admin/", "/profile/tokens/", "/control/"):
        assert Client().get(path, **bearer(token)).status_code == 302


def test_it_is_shown_once_and_kept_as_a_hash(acme, browse):
    client = browse(acme.operator)
    made = client.post("/profile/tokens/", {"name": "nightly", "scopes": ["read"], "days": "30"})
    page = made.content.decode()
    token = page.split("<code>nlops_")[2 if "<code>Authorization" not in page else 1].split("</code>")[0]
    assert status(f"nlops_{token}") == 200
    assert "no-store" in made.headers["Cache-Control"]
    again = client.get("/profile/tokens/").content.decode()
    assert "nightly" in again
    assert token not in again
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(t::text, ' ') FROM accounts_apitoken t")
        assert token not in cursor.fetchone()[0]
    assert AuditEntry.objects.filter(action="token_changed").count() == 1
    assert token not in str(list(AuditEntry.objects.values()))


def test_only_its_own_member_revokes_it_on_the_page(acme, browse):
    token_of(acme.operator)
    row = ApiToken.objects.get()
    assert browse(acme.owner).post(f"/profile/tokens/{row.pk}/revoke/").status_code == 404
    assert browse(acme.operator).post(f"/profile/tokens/{row.pk}/revoke/").status_code == 302
    assert not ApiToken.objects.exists()


def test_a_token_that_sends_too_much_is_told_to_wait(acme, settings):
    cache.clear()
    settings.NLOPS_TOKEN_RATE = 3
    token = token_of(acme.operator)
    assert [status(token) for _ in range(4)] == [200, 200, 200, 429]
    answer = Client().get("/api/v1/products/", **bearer(token))
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": " "}, "Name: "),
        ({"scopes": []}, "Scopes: "),
        ({"scopes": ["everything"]}, "Scopes: "),
        ({"days": 0}, "Days: "),
        ({"days": 366}, "Days: "),
    ],
)
def test_what_can_not_be_a_token_is_refused_in_words(acme, changes, words):
    with pytest.raises(TokenRefused, match=words):
        make_token(acme.operator, **{"name": "x", "scopes": ["read"], "days": 9, **changes})


def test_a_member_has_so_many_tokens_and_no_more(acme):
    for _ in range(20):
        token_of(acme.operator)
    with pytest.raises(TokenRefused, match="You have 20 tokens"):
        token_of(acme.operator)
