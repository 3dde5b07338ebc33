"""The example library: what is shown to a model, and what never is."""

from __future__ import annotations

import pytest

from accounts.context import tenant_context
from conversations.prompting import examples_for
from nlops.core.examples import MAX_CHARACTERS, MAX_EXAMPLES, ExampleStep, WorkedExample, choose
from nlops.management.demo_examples import EXAMPLES
from specs.examples import example_rows, worked_examples
from specs.flows import FlowError
from specs.flows.save_example import save_example
from specs.flows.set_policy import set_default_policies
from specs.models import Example, Operation, Product, SpecVersion, ToolPolicy, VersionStatus
from tests.conftest import make_people
from tests.journeys import Journey, connect_product
from tests.scripted_server import Reply
from tests.web.conftest import make_product

LIBRARY = [
    WorkedExample(request, tuple(ExampleStep(s["tool"], s["arguments"], s.get("returns")) for s in steps))
    for request, steps, _, _ in EXAMPLES
]


@pytest.mark.parametrize(
    ("request_", "shown"),
    [
        ("Look up bob and make a new user carl with those details", "Get the details of user1 and create"),
        ("create an account for anna", "Create a user named user3"),
        ("What happened in the audit log yesterday?", "Show everything that happened yesterday"),
        ("approve kim's pending request", "Approve the pending request"),
        ("Who won the election in 1990?", "Who won the world cup"),
        ("'박민수'라는 사용자를 생성해 주세요", "'user1'이라는 사용자를 생성하세요"),
        ("지난주의 로그를 보여줘", "어제의 모든 로그를 보여줘"),
        ("내일 날씨 알려줘", "오늘 날씨 어때"),
    ],
)
def test_the_examples_most_like_the_request_are_chosen_in_korean_too(request_, shown):
    lines = choose(request_, LIBRARY)
    assert 1 <= len(lines) <= MAX_EXAMPLES
    assert sum(map(len, lines)) <= MAX_CHARACTERS
    assert shown in lines[-1] or shown in lines[-2], lines


def test_an_example_of_other_tools_comes_after_those_of_the_requests(acme):
    library = [
        WorkedExample("List all users", (ExampleStep("a"),)),
        WorkedExample("List the users", (ExampleStep("b"),)),
    ]
    assert "b(" in choose("List all users", library, frozenset({"b"}))[-1]


@pytest.fixture
def product(acme) -> Product:
    product = make_product(acme.operator)
    set_default_policies(product, acme.operator)
    return product


def example(product, request="Get user1", **changes) -> Example:
    return save_example(
        product, **{"request": request, "steps": [{"tool": "get_user", "arguments": {"username": "user1"}}]} | changes
    )


def test_an_example_is_kept_by_method_and_path_and_outlives_the_version(product, acme):
    kept = example(product)
    assert kept.steps == [{"operation": "GET /users/{username}", "arguments": {"username": "user1"}}]
    Operation.objects.filter(name="get_user").update(name="fetch_user")
    assert [step.tool for step in worked_examples()[0].steps] == ["fetch_user"]


def test_an_example_whose_operation_is_gone_is_inactive_and_says_so(product):
    example(product)
    SpecVersion.objects.update(status=VersionStatus.RETIRED)
    assert worked_examples() == []
    [row] = example_rows(product)
    assert row.inactive == "The active version has no operation GET /users/{username}."


def test_an_example_of_an_operation_that_is_not_on_the_whitelist_is_not_shown(product):
    example(product)
    ToolPolicy.objects.filter(operation_key__startswith="GET").delete()
    assert worked_examples() == []
    assert "whitelist denies GET /users/{username}" in example_rows(product)[0].inactive


def test_one_that_is_switched_off_is_not_shown(product):
    example(product, enabled=False)
    assert worked_examples() == []


def test_another_tenants_examples_are_never_shown(product, globex):
    example(product)
    with tenant_context(globex.tenant.pk):
        theirs = make_product(globex.operator)
        set_default_policies(theirs, globex.operator)
        assert worked_examples() == []
        assert examples_for("Get user1", []) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"request": " "}, "as a person would"),
        ({"request": "x" * 501}, "501 characters"),
        ({"steps": []}, "list of calls"),
        ({"steps": {"tool": "get_user"}}, "list of calls"),
        ({"steps": [{"tool": "drop_all"}]}, "“drop_all”, which the active version does not have"),
        ({"steps": [{"tool": "get_user", "arguments": {"name": "x"}}]}, "takes no name"),
        ({"steps": [{"tool": "get_user", "args": {}}]}, "has args"),
        ({"steps": [{"tool": "get_user", "arguments": []}] * 9}, "at most 8"),
    ],
)
def test_what_is_no_example_is_refused_with_the_reason(product, changes, told):
    with pytest.raises(FlowError) as caught:
        example(product, **changes)
    assert told in str(caught.value)


def test_secrets_do_not_get_into_the_library(product):
    Operation.objects.filter(name="post_user").update(
        secret_arguments=["password"],
        schema={"type": "object", "properties": {"username": {"type": "string"}, "password": {"type": "string"}}},
    )
    step = {"tool": "post_user", "arguments": {"username": "user1", "password": "Hunter-22-xyz"}}
    with pytest.raises(FlowError, match="secret"):
        example(product, steps=[step])
    step["arguments"]["password"] = "[[secret:password]]"
    kept = example(product, "Create user1 with password Hunter-22-xyz", steps=[step])
    assert "Hunter" not in kept.request
    assert "[[secret:password]]" in kept.request


def test_the_same_request_twice_is_refused(product):
    example(product)
    with pytest.raises(FlowError, match="already"):
        example(product)


def test_operators_edit_them_on_the_page(product, acme, browse):
    client = browse(acme.operator)
    address = "/products/keyring/examples/"
    steps = '[{"tool": "get_user", "arguments": {"username": "user1"}}]'
    assert "None yet" in client.get(address).content.decode()
    assert client.post(address, {"request": "Get user1", "steps": steps, "enabled": "on"}).status_code == 302
    kept = Example.objects.get()
    assert kept.updated_by == acme.operator
    assert client.post(address, {"request": "Get it", "steps": "[{"}).status_code == 422
    refused = client.post(address, {"request": "Get it", "steps": '[{"tool": "x"}]'})
    assert "which the active version does not have" in refused.content.decode()
    page = client.get(f"{address}{kept.pk}/").content.decode()
    assert "&quot;operation&quot;: &quot;GET /users/{username}&quot;" in page
    client.post(f"{address}{kept.pk}/", {"request": "Get user2", "steps": steps})
    kept.refresh_from_db()
    assert (kept.request, kept.enabled) == ("Get user2", False)
    client.post(f"{address}{kept.pk}/", {"delete": "1"})
    assert not Example.objects.exists()
    assert browse(acme.customer).get(address).status_code == 403


def test_operators_edit_them_by_rest(product, acme, browse):
    client = browse(acme.operator)
    address = "/api/v1/products/keyring/examples/"
    body = {"request": "Get user1", "steps": [{"tool": "get_user", "arguments": {"username": "user1"}}]}
    made = client.post(address, body, content_type="application/json")
    assert made.status_code == 201, made.content
    assert made.json()["language"] == "en"
    assert made.json()["inactive"] == ""
    one = f"{address}{made.json()['id']}/"
    changed = client.put(one, body | {"enabled": False}, content_type="application/json")
    assert changed.json()["inactive"] == "It is switched off."
    assert client.get(address).json() == [client.get(one).json()]
    wrong = client.post(address, {"request": "x", "steps": [{"tool": "x"}]}, content_type="application/json")
    assert wrong.status_code == 409
    assert client.delete(one).status_code == 204
    assert browse(acme.customer).get(address).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_the_seeded_examples_fit_the_demo_product_and_reach_the_model(
    clean_cache, demo_product, scripted_server, settings
):
    settings.NLOPS_MODEL = scripted_server.model
    people = make_people("acme")
    product = connect_product(people, demo_product, client=demo_product.client("acme"))
    with tenant_context(people.tenant.pk):
        for request, steps, language, note in EXAMPLES:
            save_example(product, request=request, steps=steps, language=language, note=note)
        assert [row.inactive for row in example_rows(product)] == [""] * len(EXAMPLES)
    scripted_server.will(Reply(calls=[("get_user", {"username": "alice"})]), Reply(text=""))
    Journey(people.customer).say("Get the details of alice and create a new user with those")
    system = scripted_server.requests[0]["messages"][0]["content"]
    assert '- "Get the details of user1 and create a new user user2 with those": get_user(' in system
    assert "parcel" not in system
