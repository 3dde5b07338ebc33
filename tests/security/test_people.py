"""Who comes in, as what, and who is out: invitations and members."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from accounts.api_tokens import digest_of
from accounts.context import tenant_context
from accounts.flows.change_member import ChangeRefused, change_member
from accounts.flows.invite import InviteRefused, invite
from accounts.flows.join import JoinRefused, join
from accounts.flows.tokens import make_token
from accounts.invitations import find_invitation, read_secret
from accounts.models import ApiToken, AuditAction, AuditEntry, Invitation, Member, MemberRole, User
from tests.conftest import make_people
from tests.factories import UserFactory

pytestmark = pytest.mark.slow

PASSWORD = "seven-grey-otters"


def link_in(page: Any) -> str:
    """The link that the page shows once."""
    return re.search(r"<code>(http[^<]*#[^<]+)</code>", page.content.decode())[1]  # type: ignore[index]


def opened(link: str, client: Client | None = None) -> Client:
    """A browser in which the link was opened: its script sends what stands behind the #."""
    client = client or Client()
    answer = client.post("/join/", {"secret": link.partition("#")[2]})
    assert answer.status_code == 302, answer.status_code
    return client


def new_person(**more: str) -> dict[str, str]:
    return {"first_name": "Nia", "last_name": "", "time_zone": "Europe/Berlin", "password": PASSWORD} | more


def last_audit() -> tuple[str, dict[str, Any], int | None]:
    entry = AuditEntry.objects.first()
    return entry.action, entry.data, entry.user_id


def test_an_invited_person_joins_with_the_role_that_the_owner_chose(acme, browse, settings):
    page = browse(acme.owner).post("/members/", {"email": "Nia@Acme.example", "role": "operator"})
    assert page.status_code == 200
    assert "no-store" in page.headers["Cache-Control"]
    invitation = Invitation.objects.get()
    assert (invitation.email, invitation.role) == ("nia@acme.example", "operator")
    assert last_audit() == ("invitation_changed", {"change": "made", "role": "operator"}, acme.owner.user_id)
    client = opened(link_in(page))
    shown = client.get("/join/").content.decode()
    assert "Join Acme" in shown
    assert "operator" in shown
    assert client.post("/join/", new_person()).headers["Location"] == "/"
    member = Member.objects.get(user__email="nia@acme.example")
    assert (member.role, member.is_active, member.user.time_zone) == ("operator", True, "Europe/Berlin")
    assert client.get("/products/").status_code == 200
    assert AuditEntry.objects.filter(action=AuditAction.MEMBER_JOINED, user_id=member.user_id).count() == 1
    assert Client().login(username="nia@acme.example", password=PASSWORD)
    # Nobody reads of it in the clear: the address can be erased, the log can't; the secret is kept as a hash.
    assert not [entry for entry in AuditEntry.objects.all() if "nia@" in str(entry.data)]


def test_the_link_works_once(acme, browse):
    link = link_in(browse(acme.owner).post("/members/", {"email": "nia@acme.example", "role": "customer"}))
    first, second = opened(link), opened(link)
    assert first.post("/join/", new_person()).status_code == 302
    assert second.post("/join/", new_person()).status_code == 410
    assert Client().post("/join/", {"secret": link.partition("#")[2]}).status_code == 410
    assert Member.objects.filter(user__email="nia@acme.example").count() == 1


@pytest.mark.parametrize("end", ["expired", "revoked", "sent again", "owner demoted"])
def test_what_ends_a_link(acme, browse, end):
    link = link_in(browse(acme.owner).post("/members/", {"email": "nia@acme.example", "role": "owner"}))
    waiting = opened(link)
    invitation = Invitation.objects.get()
    if end == "expired":
        Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    elif end == "revoked":
        browse(acme.owner).post(f"/invitations/{invitation.pk}/revoke/")
    elif end == "sent again":
        again = link_in(browse(acme.owner).post(f"/invitations/{invitation.pk}/again/"))
        assert again != link
        opened(again)
    else:
        Member.objects.filter(pk=acme.operator.pk).update(role=MemberRole.OWNER)
        change_member(acme.operator, acme.owner, role="customer")
    assert waiting.post("/join/", new_person()).status_code == 410
    assert Client().post("/join/", {"secret": link.partition("#")[2]}).status_code == 410
    assert not User.objects.filter(email="nia@acme.example").exists()


@pytest.mark.parametrize("secret", ["", "x", "a" * 200, "{tenant}.aaaa", "{tenant}.{digest}.c2ln"])
def test_what_nlops_has_not_signed_opens_nothing(acme, secret):
    invitation, _ = invite(acme.owner, "nia@acme.example", "owner")
    secret = secret.format(tenant=acme.tenant.pk.hex, digest=invitation.digest)
    assert read_secret(secret) is None
    assert Client().post("/join/", {"secret": secret}).status_code == 410


def test_the_secret_is_kept_nowhere(acme, browse, caplog, capfd):
    """Not in the database, not in the session, not in a log: only on the page of who invited."""
    link = link_in(browse(acme.owner).post("/members/", {"email": "nia@acme.example", "role": "customer"}))
    secret = link.partition("#")[2]
    client = opened(link)
    client.get("/join/")
    assert secret not in str(dict(client.session))
    row = Invitation.objects.values().get()
    assert secret not in str(row)
    assert row["digest"] == digest_of(secret)
    assert secret not in browse(acme.owner).get("/members/").content.decode()
    assert secret not in caplog.text + "".join(capfd.readouterr())
    assert secret not in str(list(AuditEntry.objects.values()))


def test_an_existing_user_signs_in_and_joins_and_works_in_the_new_tenant(acme, globex, browse):
    link = link_in(browse(acme.owner).post("/members/", {"email": "customer@globex.example", "role": "operator"}))
    client = opened(link)
    assert "You have an account" in client.get("/join/").content.decode()
    # Nobody sets a password for somebody else's account by an invitation.
    assert client.post("/join/", new_person()).headers["Location"].startswith("/accounts/login/")
    assert not User.objects.get(email="customer@globex.example").check_password(PASSWORD)
    client.force_login(globex.customer.user, backend="django.contrib.auth.backends.ModelBackend")
    opened(link, client)
    assert client.get("/products/").status_code == 403
    assert client.post("/join/").headers["Location"] == "/"
    assert client.get("/products/").status_code == 200
    assert "Globex" in client.get("/profile/").content.decode()
    assert client.post(f"/profile/tenants/{globex.tenant.pk}/").status_code == 302
    assert client.get("/products/").status_code == 403  # a customer there
    assert browse(acme.customer).post(f"/profile/tenants/{globex.tenant.pk}/").status_code == 404


def test_somebody_else_can_not_use_the_link(acme, globex, browse):
    link = link_in(browse(acme.owner).post("/members/", {"email": "nia@acme.example", "role": "owner"}))
    client = opened(link, browse(globex.customer))
    assert "somebody else" in client.get("/join/").content.decode()
    assert client.post("/join/").status_code == 422
    with tenant_context(acme.tenant.pk):
        assert not Member.objects.filter(user=globex.customer.user).exists()
        assert Invitation.objects.get().accepted_at is None


@pytest.mark.parametrize("password", ["", "12345678", "nia@acme.example"])
def test_a_weak_password_is_refused_in_words(acme, password):
    _, secret = invite(acme.owner, "nia@acme.example", "customer")
    client = opened("#" + secret)
    page = client.post("/join/", new_person(password=password))
    assert page.status_code == 422
    assert "errorlist" in page.content.decode()
    assert not User.objects.filter(email="nia@acme.example").exists()


def test_who_may_not_be_invited(acme):
    for email, said in (("customer@acme.example", "a member already"), ("nobody", "is not an e-mail address")):
        with pytest.raises(InviteRefused, match=said):
            invite(acme.owner, email, "customer")
    invite(acme.owner, "nia@acme.example", "customer")
    with pytest.raises(InviteRefused, match="invited already"):
        invite(acme.owner, "NIA@acme.example", "owner")
    with pytest.raises(InviteRefused, match="role is one of"):
        invite(acme.owner, "ann@acme.example", "emperor")
    with pytest.raises(InviteRefused, match="role owner"):
        invite(acme.operator, "ann@acme.example", "customer")
    change_member(acme.owner, acme.customer, is_active=False)
    with pytest.raises(InviteRefused, match="reactivate"):
        invite(acme.owner, "customer@acme.example", "owner")


def test_the_link_is_mailed_where_there_is_a_mail_server_and_never_into_the_log(acme, browse, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    page = browse(acme.owner).post("/members/", {"email": "ann@acme.example", "role": "customer"})
    assert "No e-mail went out" in page.content.decode()
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    acme.tenant.name = "Acme\nBcc: everybody@acme.example"
    acme.tenant.save()
    page = browse(acme.owner).post("/members/", {"email": "nia@acme.example", "role": "customer"})
    assert link_in(page) in mail.outbox[0].body
    assert mail.outbox[0].to == ["nia@acme.example"]
    assert mail.outbox[0].subject == "Your invitation to Acme Bcc: everybody@acme.example"
    settings.EMAIL_BACKEND, settings.EMAIL_PORT = "django.core.mail.backends.smtp.EmailBackend", 1
    page = browse(acme.owner).post("/members/", {"email": "bob@acme.example", "role": "customer"})
    assert "No e-mail went out" in page.content.decode()
    mailed = dict(Invitation.objects.values_list("email", "mailed_at"))
    assert mailed["ann@acme.example"] is mailed["bob@acme.example"] is None
    assert mailed["nia@acme.example"] is not None


def test_a_deactivated_member_is_out_at_once(acme, browse):
    session = browse(acme.operator)
    _, token = make_token(acme.operator, name="script", scopes=["read"], days=30)
    bearer = {"headers": {"Authorization": f"Bearer {token}"}}
    assert session.get("/products/").status_code == 200
    assert Client().get("/api/v1/products/", **bearer).status_code == 200
    assert browse(acme.owner).post(f"/members/{acme.operator.pk}/", {"act": "deactivate"}).status_code == 302
    assert session.get("/products/").status_code == 403
    assert Client().get("/api/v1/products/", **bearer).status_code == 401
    assert last_audit() == (
        "member_changed",
        {"user": acme.operator.user_id, "is_active": [True, False], "invitations_revoked": 0},
        acme.owner.user_id,
    )
    browse(acme.owner).post(f"/members/{acme.operator.pk}/", {"act": "reactivate"})
    assert session.get("/products/").status_code == 200
    # What a script was given before stays closed.
    assert Client().get("/api/v1/products/", **bearer).status_code == 401
    assert not ApiToken.objects.exists()


def test_a_role_holds_from_the_next_request_on(acme, browse):
    session = browse(acme.operator)
    browse(acme.owner).post(f"/members/{acme.operator.pk}/", {"act": "role", "role": "customer"})
    assert session.get("/products/").status_code == 403
    assert last_audit()[1]["role"] == ["operator", "customer"]


@pytest.mark.parametrize("change", [{"role": "operator"}, {"is_active": False}])
def test_the_last_owner_stays(acme, change):
    with pytest.raises(ChangeRefused, match="only owner"):
        change_member(acme.owner, acme.owner, **change)
    # Neither a deactivated owner nor one whose account is closed counts.
    Member.objects.filter(pk=acme.operator.pk).update(role=MemberRole.OWNER, is_active=False)
    Member.objects.filter(pk=acme.reviewer.pk).update(role=MemberRole.OWNER)
    User.objects.filter(pk=acme.reviewer.user_id).update(is_active=False)
    with pytest.raises(ChangeRefused, match="only owner"):
        change_member(acme.owner, acme.owner, **change)
    Member.objects.filter(pk=acme.operator.pk).update(is_active=True)
    change_member(acme.owner, acme.owner, **change)


def test_operators_and_others_change_nobody(acme, browse):
    for member in (acme.customer, acme.operator, acme.reviewer):
        client = browse(member)
        assert client.get("/members/").status_code == 403
        assert client.post("/members/", {"email": "x@acme.example", "role": "owner"}).status_code == 403
        assert client.post(f"/members/{member.pk}/", {"role": "owner"}).status_code == 403
        assert client.get("/api/v1/members/").status_code == 403
        assert client.patch(f"/api/v1/members/{member.pk}/", {"role": "owner"}, "application/json").status_code == 403
        with pytest.raises(ChangeRefused, match="role owner"):
            change_member(member, member, role="owner")


def test_members_and_invitations_over_rest(acme, browse):
    _, token = make_token(acme.owner, name="script", scopes=["operate"], days=1)
    client = Client(headers={"Authorization": f"Bearer {token}"})

    def send(method: str, path: str, **body: Any) -> Any:
        return getattr(client, method)(f"/api/v1/{path}", body or None, content_type="application/json")

    assert {row["email"] for row in client.get("/api/v1/members/").json()["results"]} >= {"operator@acme.example"}
    made = send("post", "invitations/", email="nia@acme.example", role="reviewer")
    assert made.status_code == 201
    assert "#" in made.json()["link"]
    assert send("post", "invitations/", email="nia@acme.example", role="reviewer").status_code == 409
    again = send("post", f"invitations/{made.json()['id']}/again/").json()
    opened(again["link"])
    listed = client.get("/api/v1/invitations/").json()["results"]
    assert [row["email"] for row in listed] == ["nia@acme.example"]
    assert "link" not in listed[0]
    assert send("delete", f"invitations/{made.json()['id']}/").status_code == 204
    assert client.get("/api/v1/invitations/").json()["results"] == []
    changed = send("patch", f"members/{acme.customer.pk}/", role="operator")
    assert changed.json()["role"] == "operator"
    assert send("patch", f"members/{acme.owner.pk}/", is_active=False).status_code == 409
    assert send("patch", f"members/{acme.customer.pk}/", role="emperor").status_code == 400
    _, reading = make_token(acme.owner, name="other", scopes=["read"], days=1)
    reader = Client(headers={"Authorization": f"Bearer {reading}"})
    assert reader.get("/api/v1/members/").status_code == 200
    assert reader.post("/api/v1/invitations/", {"email": "x@x.example", "role": "owner"}).status_code == 403


def in_threads(*acts: Any) -> list[str]:
    """Each in a thread with a database connection of its own, all at once; what each came to."""
    start, results = threading.Barrier(len(acts)), []

    def run(act: Any) -> None:
        start.wait()
        try:
            act()
            results.append("done")
        except (ChangeRefused, JoinRefused) as error:
            results.append(str(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def test_two_owners_who_demote_each_other_at_once_leave_one(transactional_db, clean_cache):
    acme = make_people("acme")
    with tenant_context(acme.tenant.pk):
        Member.objects.filter(pk=acme.operator.pk).update(role=MemberRole.OWNER)

    def demote(owner: Member, other: Member) -> None:
        with tenant_context(acme.tenant.pk):
            change_member(owner, other, role="customer")

    results = in_threads(lambda: demote(acme.owner, acme.operator), lambda: demote(acme.operator, acme.owner))
    assert results.count("done") == 1
    with tenant_context(acme.tenant.pk):
        assert Member.objects.filter(role=MemberRole.OWNER).count() == 1


def test_a_link_that_is_used_many_times_at_once_lets_in_one(transactional_db, clean_cache):
    acme = make_people("acme")
    with tenant_context(acme.tenant.pk):
        _, secret = invite(acme.owner, "nia@acme.example", "customer")
    nia = UserFactory(email="nia@acme.example")
    found = find_invitation(*read_secret(secret))
    results = in_threads(*[lambda: join(found, nia)] * 8)
    assert results.count("done") == 1
    with tenant_context(acme.tenant.pk), transaction.atomic():
        assert Member.objects.filter(user=nia).count() == 1
        assert AuditEntry.objects.filter(action=AuditAction.MEMBER_JOINED).count() == 1
