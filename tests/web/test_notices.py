"""The page of notices."""

from __future__ import annotations

import re

from accounts.models import Member
from conversations.models import Notice, WebhookEndpoint

PAGE = "/approvals/notices/"


def test_an_operator_adds_tests_and_removes_an_endpoint_and_sees_its_secret_once(acme, browse):
    client = browse(acme.operator)
    made = client.post(PAGE, {"url": "https://hooks.acme.example/nlops", "note": "Team"}).content.decode()
    secret = re.search(r"whsec_[\w+/=]+", made)
    assert secret is not None
    page = client.get(PAGE).content.decode()
    assert "https://hooks.acme.example/nlops" in page
    assert secret[0] not in page
    endpoint = WebhookEndpoint.objects.get()
    client.post(f"{PAGE}{endpoint.pk}/", {"act": "test"})
    assert Notice.objects.get().event == "test"
    assert "A test" in client.get(PAGE).content.decode()
    client.post(f"{PAGE}{endpoint.pk}/", {"act": "remove"})
    assert not WebhookEndpoint.objects.exists()


def test_a_wrong_address_is_told_beside_the_field(acme, browse):
    answer = browse(acme.operator).post(PAGE, {"url": "nonsense"})
    assert (answer.status_code, "http://" in answer.content.decode()) == (422, True)


def test_a_member_switches_the_mails_off(acme, browse):
    browse(acme.operator).post(f"{PAGE}mail/", {"mails": "off"})
    assert not Member.objects.get(pk=acme.operator.pk).mails_approvals


def test_customers_have_no_such_page(acme, browse):
    assert browse(acme.customer).get(PAGE).status_code == 403
