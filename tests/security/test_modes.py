"""The kill switch and the read-only mode: of a tenant and of the whole installation, in force within one step."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.context import tenant_context
from accounts.flows.set_mode import ModeRefused, set_installation_mode, set_tenant_mode
from accounts.models import AuditEntry, Installation, Mode, Tenant, User
from conversations.flows.ask import MessageRefused
from conversations.models import Attempt, Event
from tests.conftest import make_people
from tests.journeys import Journey

EVERYWHERE = [True, False]


def set_mode(tenant: Tenant, mode: str, everywhere: bool) -> None:
    if everywhere:
        set_installation_mode(mode, "an incident")
    else:
        set_tenant_mode(tenant, mode, "an incident")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
class TestRuns:
    @pytest.fixture
    def people(self, connected):
        return connected

    @pytest.fixture
    def chat(self, people) -> Journey:
        return Journey(people.customer)

    @pytest.mark.parametrize("everywhere", EVERYWHERE)
    def test_a_run_that_waits_for_a_yes_is_stopped_by_the_next_step(
        self, chat, people, demo_product, unique, everywhere
    ):
        chat.say(f"Create a user named {unique}").reply(password="Correct-Horse-7")
        assert chat.status == "confirming"
        set_mode(people.tenant, Mode.STOPPED, everywhere)
        chat.confirm()
        assert chat.status == "cancelled"
        assert "an operator has stopped nlops" in chat.answer
        assert demo_product.api("GET", f"/users/{unique}").status == 404
        with tenant_context(people.tenant.pk):
            assert not Attempt.objects.exists()

    @pytest.mark.parametrize("everywhere", EVERYWHERE)
    def test_while_it_is_stopped_nothing_can_be_asked_and_no_model_is(self, chat, people, everywhere):
        set_mode(people.tenant, Mode.STOPPED, everywhere)
        with pytest.raises(MessageRefused, match="stopped for now: an incident"):
            chat.say("Get the user called alice")
        with tenant_context(people.tenant.pk):
            assert not Event.objects.exists()
        set_mode(people.tenant, Mode.NORMAL, everywhere)
        assert chat.say("Get the user called alice").status == "answered"

    @pytest.mark.parametrize("everywhere", EVERYWHERE)
    def test_read_only_reads_and_changes_nothing_not_even_what_was_agreed_to(
        self, chat, people, demo_product, unique, everywhere
    ):
        chat.say(f"Create a user named {unique}").reply(password="Correct-Horse-7")
        set_mode(people.tenant, Mode.READ_ONLY, everywhere)
        chat.confirm()
        assert demo_product.api("GET", f"/users/{unique}").status == 404
        assert "read-only" in chat.answer
        assert Journey(people.customer).say("Get the user called alice").status == "answered"
        other = Journey(people.customer).say(f"Create a user named {unique}")
        assert other.status != "confirming"
        with tenant_context(people.tenant.pk):
            assert {attempt.call.operation.method for attempt in Attempt.objects.all()} == {"GET"}

    def test_the_stricter_of_both_holds(self, people, chat):
        set_installation_mode(Mode.STOPPED, "an incident")
        set_tenant_mode(people.tenant, Mode.NORMAL)
        with pytest.raises(MessageRefused):
            chat.say("Get the user called alice")

    def test_another_tenant_goes_on(self, people, chat):
        other = make_people("globex")
        set_tenant_mode(other.tenant, Mode.STOPPED, "theirs")
        assert chat.say("Get the user called alice").status == "answered"


class TestSwitch:
    def test_operators_set_it_and_everybody_reads_why(self, acme, browse):
        client = browse(acme.operator)
        assert client.post("/control/", {"mode": "read_only", "reason": "we migrate"}).status_code == 302
        page = browse(acme.customer).get("/", follow=True).content.decode()
        assert "nlops is read-only for now." in page
        assert "we migrate" in page
        entry = AuditEntry.objects.filter(action="mode_changed").get()
        assert entry.data == {"from": "normal", "to": "read_only", "reason": "we migrate"}
        assert entry.user_id == acme.operator.user_id

    @pytest.mark.parametrize("role", ["customer", "reviewer"])
    def test_others_can_not(self, acme, browse, role):
        member = getattr(acme, role)
        assert browse(member).post("/control/", {"mode": "stopped", "reason": "x"}).status_code == 403
        with pytest.raises(ModeRefused):
            set_tenant_mode(acme.tenant, "stopped", "x", member)

    def test_an_operator_of_another_tenant_can_not(self, acme, globex):
        with pytest.raises(ModeRefused):
            set_tenant_mode(acme.tenant, "stopped", "x", globex.operator)

    def test_it_needs_a_reason(self, acme, browse):
        page = browse(acme.operator).post("/control/", {"mode": "stopped", "reason": " "})
        assert "Say why" in page.content.decode()
        acme.tenant.refresh_from_db()
        assert acme.tenant.mode == "normal"

    def test_a_terminal_can_stop_everything_and_every_tenant_finds_it_in_its_log(self, acme, globex):
        out = StringIO()
        call_command("set_mode", "stopped", reason="a leak", stdout=out)
        assert out.getvalue() == "The whole installation is now stopped.\n"
        for people in (acme, globex):
            with tenant_context(people.tenant.pk):
                assert AuditEntry.objects.get(action="mode_changed").data["reason"] == "a leak"
        call_command("set_mode", "normal", stdout=out)

    def test_a_terminal_needs_a_reason_and_a_tenant_that_exists(self, acme):
        with pytest.raises(CommandError, match="Say why"):
            call_command("set_mode", "stopped")
        with pytest.raises(CommandError, match="no tenant"):
            call_command("set_mode", "stopped", "--tenant", "nowhere", "--reason", "x")

    def test_staff_can_stop_everything_in_the_admin(self, acme):
        staff = User.objects.create_superuser("root@nlops.example", "x")
        client = Client()
        client.force_login(staff, backend="django.contrib.auth.backends.ModelBackend")
        assert client.get("/admin/accounts/installation/").status_code == 200
        client.post("/admin/accounts/installation/1/change/", {"mode": "stopped", "mode_reason": "a leak"})
        assert Installation.objects.get().mode == "stopped"
        assert AuditEntry.objects.get(action="mode_changed").actor_kind == "staff"
