"""A tenant can want a second factor of everybody: without one, there is nothing to do but to set one up."""

from __future__ import annotations

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

from accounts.flows.require_second_factor import require_second_factor
from accounts.flows.set_mode import ModeRefused
from accounts.models import AuditEntry


@pytest.fixture
def required(acme):
    TOTP.activate(acme.owner.user, generate_totp_secret())
    require_second_factor(acme.owner, True)
    acme.tenant.refresh_from_db()


@pytest.mark.parametrize("role", ["customer", "operator", "reviewer"])
@pytest.mark.parametrize("address", ["/", "/products/", "/approvals/", "/admin/", "/control/", "/profile/"])
def test_whoever_has_none_is_sent_to_set_one_up(acme, required, browse, role, address):
    answer = browse(getattr(acme, role)).get(address)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/accounts/2fa/")


def test_the_page_to_set_it_up_opens_and_signing_out_does(acme, required, browse):
    client = browse(acme.customer)
    page = client.get("/accounts/2fa/")
    assert page.status_code == 200
    assert client.post("/accounts/logout/").status_code == 302


def test_scripts_are_told(acme, required, browse):
    answer = browse(acme.customer).get("/api/v1/conversations/")
    assert answer.status_code == 403
    assert "second factor" in answer.json()["detail"]


def test_whoever_has_one_goes_on(acme, required, browse):
    TOTP.activate(acme.customer.user, generate_totp_secret())
    assert browse(acme.customer).get("/").status_code == 200
    assert browse(acme.owner).get("/control/").status_code == 200


def test_an_owner_without_one_can_not_lock_everybody_out(acme, browse):
    page = browse(acme.owner).post("/control/second-factor/", {"requires_second_factor": "on"}, follow=True)
    assert "Set up a second factor of your own first" in page.content.decode()
    acme.tenant.refresh_from_db()
    assert not acme.tenant.requires_second_factor


def test_only_an_owner_can_want_it_and_it_is_audited(acme, browse, required):
    with pytest.raises(ModeRefused):
        require_second_factor(acme.operator, False)
    assert browse(acme.owner).post("/control/second-factor/", {}).status_code == 302
    acme.tenant.refresh_from_db()
    assert not acme.tenant.requires_second_factor
    assert AuditEntry.objects.filter(action="tenant_changed").count() == 2


def test_another_tenant_is_as_it_was(acme, globex, required, browse):
    assert browse(globex.operator).get("/products/").status_code == 200
