"""Rules by role and by value hold when a call is planned, and again when it is sent."""

from __future__ import annotations

import pytest

from accounts.context import tenant_context
from accounts.models import AuditEntry
from conversations.models import Attempt
from specs.flows import FlowError
from specs.flows.save_rule import delete_rule, save_rule
from specs.models import Operation, PolicyRule, Product
from tests.journeys import Journey
from tests.web.conftest import make_product


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
class TestRuns:
    @pytest.fixture
    def people(self, connected):
        return connected

    def add(self, people, **fields: str) -> None:
        with tenant_context(people.tenant.pk):
            save_rule(Product.objects.get(), people.operator, **fields)

    def test_a_role_may_be_denied_what_another_may(self, people):
        self.add(people, role="customer", operation_key="GET /users/{username}", decision="deny", note="personal data")
        asked = Journey(people.customer).say("Get the user called alice")
        assert asked.status != "answered", asked.answer
        assert Journey(people.operator).say("Get the user called alice").status == "answered"
        with tenant_context(people.tenant.pk):
            assert Attempt.objects.count() == 1

    def test_a_value_may_need_an_approval_where_others_need_a_yes(self, people, unique):
        self.add(people, effect="write", argument="username", condition="matches", value="admin.*", decision="approve")
        usual = Journey(people.customer).say(f"Create a user named {unique}").reply(password="Correct-Horse-7")
        assert usual.status == "confirming"
        special = Journey(people.customer).say(f"Create a user named admin{unique}").reply(password="Correct-Horse-7")
        assert special.status == "approving"

    def test_a_value_may_be_denied_and_the_person_reads_why(self, people, unique):
        self.add(people, argument="username", condition="is", value="root", decision="deny", note="root is kept")
        denied = Journey(people.customer).say("Get the user called root")
        assert "may not be used with these values" in denied.answer + str(denied.state.calls[0].error)

    def test_only_own_things_may_be_read(self, people, demo_product):
        demo_product.api("POST", "/users", {"username": "customer", "password": "Correct-Horse-7"})
        self.add(people, role="customer", argument="username", condition="not_own", decision="deny")
        assert Journey(people.customer).say("Get the user called customer").status == "answered"
        assert Journey(people.customer).say("Get the user called alice").status != "answered"

    def test_every_condition_is_held_again_when_the_call_is_sent(self, people, unique, demo_product):
        """The rule comes between the yes and the call, once for each condition that a call of mine fulfils."""
        conditions = [
            ("is", f"x, {unique}"), ("is_not", "alice, bob"), ("matches", "user.*"), ("matches_not", "[0-9]+"),
            ("above", "3"), ("below", "300"), ("not_own", ""),
        ]  # fmt: skip
        for number, (condition, value) in enumerate(conditions):
            chat = Journey(people.customer).say(f"Create a user named {unique}").reply(password="Correct-Horse-7")
            assert chat.status == "confirming", condition
            with tenant_context(people.tenant.pk):
                PolicyRule.objects.all().delete()
            self.add(people, argument="username", condition=condition, value=value, decision="deny", note=f"n{number}")
            chat.confirm()
            assert "may not be used with these values" in str(chat.state.calls[0].error), condition
            with tenant_context(people.tenant.pk):
                PolicyRule.objects.all().delete()
        assert demo_product.api("GET", f"/users/{unique}").status == 404
        with tenant_context(people.tenant.pk):
            assert not Attempt.objects.exists()

    def test_whoever_may_read_only_their_own_can_not_leave_the_name_out(self, people):
        """A list that can be narrowed to a person is everybody's without the name."""
        with tenant_context(people.tenant.pk):
            operation = Operation.objects.get(method="GET", path="/users")
            (name, *_) = operation.schema["properties"]
        self.add(
            people, role="customer", operation_key="GET /users", argument=name, condition="not_own", decision="deny"
        )
        assert Journey(people.customer).say("List all users").status != "answered"
        assert Journey(people.operator).say("List all users").status == "answered"

    def test_a_rule_that_comes_between_the_yes_and_the_call_stops_it(self, people, unique, demo_product):
        chat = Journey(people.customer).say(f"Create a user named {unique}").reply(password="Correct-Horse-7")
        assert chat.status == "confirming"
        self.add(people, argument="username", condition="is", value=unique, decision="deny")
        chat.confirm()
        assert demo_product.api("GET", f"/users/{unique}").status == 404
        with tenant_context(people.tenant.pk):
            assert not Attempt.objects.exists()


class TestPage:
    @pytest.fixture
    def product(self, acme) -> Product:
        return make_product(acme.operator)

    def test_an_operator_adds_a_rule_and_takes_it_back_and_both_are_audited(self, acme, product, browse):
        client = browse(acme.operator)
        form = {"operation_key": "delete /users/{username}", "decision": "deny", "role": "customer", "note": "never"}
        assert client.post("/products/keyring/rules/", form).status_code == 302
        rule = PolicyRule.objects.get()
        assert str(rule) == "deny: DELETE /users/{username} by customers"
        assert "DELETE /users/{username} by customers" in client.get("/products/keyring/rules/").content.decode()
        assert client.post(f"/products/keyring/rules/{rule.pk}/delete/").status_code == 302
        told = AuditEntry.objects.filter(action="policies_changed").order_by("number").values_list("data", flat=True)
        assert [data["change"] for data in told] == ["added", "taken back"]

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"decision": "allow"}, "only makes the whitelist stricter"),
            ({"operation_key": "GET /nothing"}, "has no GET /nothing"),
            ({"argument": "x"}, "both the name of the argument and a condition"),
            ({"condition": "is", "value": "x"}, "both the name of the argument and a condition"),
            ({"argument": "x", "condition": "is"}, "Value: say"),
            ({"argument": "x", "condition": "above", "value": "many"}, "is no number"),
            ({"argument": "x", "condition": "matches", "value": "("}, "no regular expression"),
            ({"argument": "x", "condition": "matches", "value": r"(a)\1"}, "could take for ever"),
            ({"argument": "x", "condition": "matches", "value": "(?=a)b"}, "could take for ever"),
            ({"argument": "x", "condition": "matches", "value": "a**"}, "regular expression"),
            ({"argument": "x", "condition": "matches", "value": "a" * 201}, "at most 200"),
            ({"argument": "x", "condition": "above", "value": "nan"}, "is no number"),
            ({"argument": "x", "condition": "is", "value": "y"}, "has the argument x"),
            ({"argument": "username/x", "condition": "matches", "value": "y", "operation_key": "GET /x"}, "has no GET"),
            ({"argument": "*", "condition": "is", "value": "x"}, "goes with values that come from an answer only"),
            ({"role": "king"}, "Role: choose one of"),
            ({"service": "nowhere"}, "has no service"),
        ],
    )
    def test_a_rule_that_can_not_be_is_refused_in_words(self, acme, product, fields, said):
        with pytest.raises(FlowError, match=said):
            save_rule(product, acme.operator, **{"decision": "deny", **fields})
        assert not PolicyRule.objects.exists()

    def test_what_was_typed_stays_in_a_form_that_is_refused(self, acme, product, browse):
        form = {"argument": "amount", "condition": "above", "value": "many", "decision": "deny"}
        answer = browse(acme.operator).post("/products/keyring/rules/", form)
        assert answer.status_code == 422
        assert 'value="many"' in answer.content.decode()

    def test_a_rule_of_another_product_can_not_be_taken_back_here(self, acme, product, browse):
        other = make_product(acme.operator, slug="second")
        rule = save_rule(other, acme.operator, decision="deny")
        assert browse(acme.operator).post(f"/products/keyring/rules/{rule.pk}/delete/").status_code == 404
        delete_rule(rule, acme.operator)
