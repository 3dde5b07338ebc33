"""The state machine: what a run does with each event. Pure: no database, no model, no product."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from nlops.core.engine import (
    Begun,
    Bounds,
    CallBlocked,
    CallLost,
    CallReturned,
    Cancelled,
    Context,
    Decided,
    ModelAnswered,
    ModelFailed,
    Replied,
    RunState,
    WorkKind,
    advance,
    start,
)
from nlops.core.types import (
    CallStatus,
    Completion,
    Decision,
    Effect,
    ProvenanceKind,
    RunStatus,
    Tool,
    ToolCall,
    Usage,
)

TEXT = {"type": "string"}


def schema(required: list[str], **properties: dict) -> dict:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


GET_USER = Tool(
    "get_user",
    "Get a user.",
    schema(["username"], username=TEXT),
    "op-get",
    "GET",
    "/users/{username}",
    "Get a user",
)
CREATE_USER = Tool(
    "create_user",
    "Create a user.",
    schema(
        ["username", "password"],
        username=TEXT,
        password=TEXT,
        email=TEXT,
        description=TEXT,
        age={"type": "integer"},
    ),
    "op-create",
    "POST",
    "/users",
    "Create a user",
    effect=Effect.WRITE,
    decision=Decision.CONFIRM,
    secret_arguments=("password",),
    idempotency_header="Idempotency-Key",
)
DELETE_USER = replace(
    GET_USER,
    name="delete_user",
    operation_id="op-delete",
    method="DELETE",
    summary="Delete a user",
    effect=Effect.DESTRUCTIVE,
    decision=Decision.APPROVE,
)
PATCH_USER = replace(
    CREATE_USER,
    name="update_user",
    operation_id="op-update",
    method="PATCH",
    path="/users/{username}",
    summary="Update a user",
    parameters=schema(["username"], username=TEXT, description=TEXT),
    secret_arguments=(),
    idempotency_header="",
)
TOOLS = {tool.name: tool for tool in (GET_USER, CREATE_USER, DELETE_USER, PATCH_USER)}
NOW = datetime(2026, 11, 23, 12, tzinfo=ZoneInfo("Europe/Berlin"))
CONTEXT = Context(tools=TOOLS, whitelist=list(TOOLS.values()), now=NOW, languages=frozenset({"en"}))


class Run:
    """Drives the machine and stores the state as JSON between steps, as the driver does."""

    def __init__(self, request: str, context: Context = CONTEXT, **fields) -> None:
        self.context = context
        self.state = start(request, **fields)
        self.records = []
        self.tell(Begun(("op-get",)))

    def tell(self, event) -> Run:
        stored = RunState.from_json(self.state.to_json())
        step = advance(stored, event, self.context)
        assert stored.to_json() == self.state.to_json(), "advance changed the state that it was given"
        self.state = step.state
        self.records += step.records
        return self

    def model(self, *calls: tuple[str, dict], text: str = "", confidence: float | None = None) -> Run:
        asked = tuple(ToolCall(f"c{self.state.model_calls}{i}", name, args) for i, (name, args) in enumerate(calls))
        return self.tell(ModelAnswered(Completion(text, asked, confidence=confidence)))

    def sent(self) -> Run:
        """What the driver does when it sends: the call is marked and counted."""
        call = self.state.call(self.state.work.call_id)
        call.status = CallStatus.SENT
        call.tries += 1
        return self

    def product(self, status: int, body=None, retry_after=None) -> Run:
        call_id = self.state.work.call_id
        self.sent()
        return self.tell(CallReturned(call_id, status, body, retry_after))

    def lost(self, *, sent: bool) -> Run:
        call_id = self.state.work.call_id
        self.sent()
        return self.tell(CallLost(call_id, "No answer.", sent))

    def decide(self, agreed: bool, *, by_requester: bool, reason: str = "") -> Run:
        waiting = next(
            call for call in self.state.calls if call.status.value in ("confirming", "approving", "in_doubt")
        )
        return self.tell(Decided(waiting.id, agreed, "op@acme.example", reason, by_requester))

    @property
    def call(self):
        return self.state.calls[-1]


def test_a_read_is_called_at_once_and_answered_from_its_response():
    run = Run("Get the user called user1").model(("get_user", {"username": "user1"}))
    assert run.state.work.kind is WorkKind.SEND_CALL
    assert run.call.provenance["/username"].kind is ProvenanceKind.SAID
    run.product(200, {"username": "user1", "email": "u1@x.example"})
    assert run.state.work.kind is WorkKind.ASK_MODEL
    run.model()
    assert run.state.status is RunStatus.ANSWERED
    assert "u1@x.example" in str(run.state.answer.to_json())


def test_missing_values_of_a_call_become_one_question():
    run = Run("Create a new user").model(("create_user", {}))
    assert run.state.status is RunStatus.ASKING
    assert [(q.name, q.secret) for q in run.state.questions] == [("username", False), ("password", True)]
    assert run.state.work is None


def test_an_invented_value_is_never_used():
    run = Run("Create a user named user1").model(
        ("create_user", {"username": "user1", "password": "Secret123!", "email": "user1@example.com"})
    )
    assert [q.name for q in run.state.questions] == ["password"]
    assert run.call.arguments == {"username": "user1"}
    assert "Secret123!" not in str([record.data for record in run.records if record.kind != "model"])


def test_the_answer_goes_on_to_a_confirmation_and_the_secret_stays_a_reference():
    run = Run("Create a user named user1").model(("create_user", {"username": "user1"}))
    run.tell(Replied({}, {"password": "c00.password"}))
    assert run.state.status is RunStatus.CONFIRMING
    assert run.call.arguments == {"username": "user1", "password": {"$secret": "c00.password"}}
    run.decide(True, by_requester=True)
    assert run.state.work.kind is WorkKind.SEND_CALL
    run.product(201, {"username": "user1"}).model()
    assert run.state.status is RunStatus.ANSWERED


def test_a_wrong_answer_is_asked_again_with_the_reason():
    context = replace(
        CONTEXT,
        tools={"t": replace(CREATE_USER, name="t", parameters=schema(["age"], age={"type": "integer"}))},
    )
    run = Run("make one", context).model(("t", {}))
    run.tell(Replied({"age": "many"}))
    assert run.state.status is RunStatus.ASKING
    assert "number" in run.state.questions[0].help
    run.tell(Replied({"age": "42"}))
    assert run.call.arguments == {"age": 42}


def test_a_declined_call_is_not_made():
    run = Run("Create a user named user1").model(("create_user", {"username": "user1"}))
    run.tell(Replied({}, {"password": "p"})).decide(False, by_requester=True)
    assert run.state.status is RunStatus.ANSWERED
    assert run.call.status is CallStatus.REJECTED
    assert run.call.tries == 0


def test_a_destructive_call_waits_for_another_person_and_not_for_the_requester():
    run = Run("Delete the user user2").model(("delete_user", {"username": "user2"}))
    assert run.state.status is RunStatus.APPROVING
    run.decide(True, by_requester=True)
    assert run.state.status is RunStatus.APPROVING, "the requester's yes is not an approval"
    run.decide(True, by_requester=False)
    assert run.state.work.kind is WorkKind.SEND_CALL
    run.product(204).model()
    assert run.state.status is RunStatus.ANSWERED
    assert run.call.decided_by == "op@acme.example"


def test_a_rejection_ends_the_run_with_its_reason():
    run = Run("Delete the user user2").model(("delete_user", {"username": "user2"}))
    run.decide(False, by_requester=False, reason="He still works here")
    assert run.state.status is RunStatus.REFUSED
    assert "He still works here" in run.state.answer.text


def test_a_value_from_a_response_in_a_write_needs_a_confirmation_even_when_the_policy_allows_it():
    tools = {**TOOLS, "create_user": replace(CREATE_USER, decision=Decision.ALLOW)}
    run = Run("Get user1 and create a user user2 with those details", replace(CONTEXT, tools=tools))
    run.model(("get_user", {"username": "user1"})).product(200, {"username": "user1", "email": "u1@x.example"})
    run.model(("create_user", {"username": "user2", "email": "u1@x.example"}))
    run.tell(Replied({}, {"password": "p"}))
    assert run.state.status is RunStatus.CONFIRMING
    found = run.call.provenance["/email"]
    assert (found.kind, found.operation, found.path) == (ProvenanceKind.RETURNED, "get_user", "/email")


def test_a_denied_or_unknown_operation_is_never_called():
    tools = {**TOOLS, "delete_user": replace(DELETE_USER, decision=Decision.DENY)}
    run = Run("Delete user2", replace(CONTEXT, tools=tools)).model(("delete_user", {"username": "user2"}))
    assert run.call.status is CallStatus.BLOCKED
    assert run.state.work.kind is WorkKind.ASK_MODEL
    run.model(("drop_database", {}))
    assert run.state.work.kind is WorkKind.ASK_MODEL
    assert all(call.tries == 0 for call in run.state.calls)


def test_no_tool_no_answer():
    run = Run("Who was the first president of the United States?").model(text="George Washington.")
    assert run.state.status is RunStatus.REFUSED
    assert "Washington" not in str(run.state.answer.to_json())


def test_hello_is_answered_from_the_whitelist():
    run = Run("hello").model(("describe_capabilities", {}))
    assert run.state.status is RunStatus.ANSWERED
    assert "user" in run.state.answer.text.lower() + str(run.state.answer.to_json()).lower()


def test_a_language_that_the_model_cannot_read_gets_a_sentence_in_it():
    run = Run("어제의 모든 로그를 보여줘")
    assert run.state.status is RunStatus.ANSWERED
    assert any("가" <= character <= "힣" for character in run.state.answer.text)
    assert "English" in run.state.answer.text
    assert run.state.model_calls == 0


def test_dates_are_computed_in_the_persons_zone():
    run = Run("what happened yesterday").model(("resolve_date", {"expression": "yesterday"}))
    assert run.state.computed[0].start == "2026-11-22T00:00:00+01:00"
    assert run.state.work.kind is WorkKind.ASK_MODEL


def test_a_refused_value_is_repaired_and_said_and_confirmed_anew():
    run = Run("Create a user user1 with description 'new one!'").model(
        ("create_user", {"username": "user1", "description": "new one!"})
    )
    run.tell(Replied({}, {"password": "p"})).decide(True, by_requester=True)
    run.product(
        422,
        {"errors": [{"field": "description", "message": "letters, digits and spaces only; '!' is not allowed"}]},
    )
    assert run.state.work.kind is WorkKind.ASK_MODEL
    shown = "[[secret:p]]"
    run.model(("create_user", {"username": "user1", "description": "new one", "password": shown}))
    assert run.state.status is RunStatus.CONFIRMING, "another request than the one that was agreed to"
    assert run.call.arguments["description"] == "new one"
    assert run.call.arguments["password"] == {"$secret": "p"}
    assert len(run.call.repairs) == 1
    assert "new one" in run.call.repairs[0]
    run.decide(True, by_requester=True).product(201, {"username": "user1"}).model()
    assert run.state.status is RunStatus.ANSWERED


def test_a_refused_secret_is_asked_for_again_with_the_products_words():
    run = Run("Create a user named user1").model(("create_user", {"username": "user1"}))
    run.tell(Replied({}, {"password": "p"})).decide(True, by_requester=True)
    run.product(422, {"errors": [{"field": "password", "message": "at least 10 characters"}]})
    assert run.state.status is RunStatus.ASKING
    assert [(q.name, q.help) for q in run.state.questions] == [("password", "at least 10 characters")]
    run.tell(Replied({}, {"password": "p2"}))
    assert run.call.arguments["password"] == {"$secret": "p2"}


def test_what_the_model_does_not_repair_the_person_is_asked_for():
    run = Run("Create a user user1 with description 'a!'").model(
        ("create_user", {"username": "user1", "description": "a!"})
    )
    run.tell(Replied({}, {"password": "p"})).decide(True, by_requester=True)
    run.product(422, {"errors": [{"field": "description", "message": "'!' is not allowed"}]}).model()
    assert run.state.status is RunStatus.ASKING
    assert [q.name for q in run.state.questions] == ["description"]


def test_a_wait_that_the_product_asks_for_is_kept():
    run = Run("Get user1").model(("get_user", {"username": "user1"})).product(429, None, retry_after=3)
    assert run.state.work.kind is WorkKind.SEND_CALL
    assert run.state.work.delay == 3


def test_a_lost_read_and_a_lost_write_that_honours_a_key_are_sent_again():
    run = Run("Get user1").model(("get_user", {"username": "user1"})).lost(sent=True)
    assert run.state.work.kind is WorkKind.SEND_CALL
    run = Run("Create user1").model(("create_user", {"username": "user1"})).tell(Replied({}, {"password": "p"}))
    run.decide(True, by_requester=True).lost(sent=True)
    assert run.state.work.kind is WorkKind.SEND_CALL


def test_a_lost_write_that_cannot_be_repeated_safely_is_left_to_the_person():
    run = Run("Set the description of user1 to hello").model(
        ("update_user", {"username": "user1", "description": "hello"})
    )
    run.decide(True, by_requester=True).lost(sent=True)
    assert run.state.work is None
    assert run.call.status is CallStatus.IN_DOUBT
    assert run.state.status is RunStatus.CONFIRMING
    run.decide(False, by_requester=True)
    assert run.state.status is RunStatus.FAILED
    assert "known" in run.state.answer.text


def test_a_product_that_cannot_be_reached_fails_with_its_words_after_one_more_try():
    run = Run("Get user1").model(("get_user", {"username": "user1"})).lost(sent=False)
    assert run.state.work.kind is WorkKind.SEND_CALL
    run.lost(sent=False).model()
    assert run.state.status is RunStatus.FAILED


def test_a_deletion_that_was_cut_off_and_then_is_not_found_is_done():
    run = Run("Delete user2").model(("delete_user", {"username": "user2"})).decide(True, by_requester=False)
    run.lost(sent=True).product(404, {"detail": "no such user"}).model()
    assert run.call.status is CallStatus.SUCCEEDED
    assert run.state.status is RunStatus.ANSWERED


@pytest.mark.parametrize("late", [Replied({"username": "x"}), Cancelled(), ModelFailed("late")])
def test_after_the_end_nothing_changes(late):
    run = Run("hello").model(("describe_capabilities", {}))
    before = run.state.to_json()
    assert run.tell(late).state.to_json() == before


def stopped_while_sent() -> Run:
    run = Run("Delete user2").model(("delete_user", {"username": "user2"})).decide(True, by_requester=False)
    run.sent().tell(Cancelled()).tell(Cancelled())
    assert run.state.status is RunStatus.WORKING, "a call that is on its way can't be called back"
    return run


@pytest.mark.parametrize(
    ("outcome", "status", "words"),
    [
        (CallReturned("c00", 204, None), CallStatus.SUCCEEDED, "the product did it"),
        (CallReturned("c00", 404, {"detail": "There is none."}), CallStatus.FAILED, "was not done"),
        (CallReturned("c00", 502, None), CallStatus.IN_DOUBT, "please check"),
        (CallLost("c00", "No answer.", sent=True), CallStatus.IN_DOUBT, "please check"),
        (CallLost("c00", "No way there.", sent=False), CallStatus.FAILED, "was not done"),
    ],
)
def test_a_run_that_is_stopped_during_a_call_ends_with_what_came_of_the_call(outcome, status, words):
    run = stopped_while_sent().tell(outcome)
    assert (run.state.status, run.call.status) == (RunStatus.CANCELLED, status)
    assert words in run.state.answer.text


def test_a_run_that_is_stopped_between_calls_ends_at_once():
    run = Run("Get user1").model(("get_user", {"username": "user1"})).tell(Cancelled())
    assert (run.state.status, run.call.status) == (RunStatus.CANCELLED, CallStatus.REJECTED)
    assert run.state.messages[-2].tool_call_id == "c00", "every call has a result, or the next prompt is refused"


# --- batches --------------------------------------------------------------------------------------------------

DESCRIBED = [("update_user", {"username": name, "description": "intern"}) for name in ("ann", "bob", "cid")]


def described(*calls: tuple[str, dict], **bounds: int) -> Run:
    context = replace(CONTEXT, bounds=Bounds(**bounds))
    return Run("Set the description of ann, bob and cid to intern", context).model(*(calls or DESCRIBED))


def test_calls_of_one_operation_are_confirmed_as_one_and_sent_one_after_the_other():
    run = described()
    assert run.state.status is RunStatus.CONFIRMING
    shown = run.records[-1].data["calls"]
    assert [call["target"] for call in shown] == ["/users/ann", "/users/bob", "/users/cid"]
    run.decide(True, by_requester=True)
    for name in ("ann", "bob", "cid"):
        assert run.state.call(run.state.work.call_id).arguments["username"] == name
        run.product(200, {"username": name})
    assert run.state.work.kind is WorkKind.ASK_MODEL
    assert [call.status for call in run.state.calls] == [CallStatus.SUCCEEDED] * 3


def test_a_no_to_a_batch_is_a_no_to_all_of_it():
    run = described().decide(False, by_requester=True)
    assert run.state.status is RunStatus.ANSWERED
    assert [call.status for call in run.state.calls] == [CallStatus.REJECTED] * 3


def test_a_batch_stops_at_its_first_failure():
    run = described().decide(True, by_requester=True).product(200, {}).product(409, {"detail": "Locked."})
    assert run.state.work.kind is WorkKind.ASK_MODEL
    assert [call.status.value for call in run.state.calls] == ["succeeded", "failed", "rejected"]
    assert "earlier call" in run.state.calls[2].error


def test_a_batch_above_the_limit_is_not_made_and_the_limit_is_named():
    run = described(batch=2).model()
    assert [call.status for call in run.state.calls] == [CallStatus.BLOCKED] * 3
    assert "at most 2" in run.state.answer.text


def test_a_value_that_a_call_of_the_batch_lacks_is_asked_for_before_the_decision():
    run = described(*DESCRIBED[:2], ("update_user", {"description": "intern"}))
    assert run.state.status is RunStatus.ASKING
    run.tell(Replied({"username": "cid"}))
    assert run.state.status is RunStatus.CONFIRMING
    assert len(run.records[-1].data["calls"]) == 3


def test_a_call_in_doubt_stops_its_batch_until_a_person_has_looked():
    run = described().decide(True, by_requester=True).lost(sent=True)
    assert run.state.status is RunStatus.CONFIRMING
    run.decide(False, by_requester=True)
    assert [call.status.value for call in run.state.calls] == ["in_doubt", "rejected", "rejected"]


# --- models that fail, and limits -----------------------------------------------------------------------------


def test_a_busy_model_is_asked_again_after_the_time_that_it_named():
    run = Run("Get user1").tell(ModelFailed("The model is busy.", retryable=True, retry_after=7))
    assert (run.state.work.kind, run.state.work.delay) == (WorkKind.ASK_MODEL, 7)
    assert "7 s" in run.records[-1].data["text"]
    run.model(("get_user", {"username": "user1"}))
    assert run.state.model_failures == 0


def test_a_model_that_stays_away_fails_the_run():
    run = Run("Get user1")
    for _ in range(3):
        run.tell(ModelFailed("The model is busy.", retryable=True))
    assert run.state.work.delay == 8
    run.tell(ModelFailed("The model is busy.", retryable=True))
    assert run.state.status is RunStatus.FAILED


def test_a_model_that_is_away_for_long_gives_way_to_the_fallback_at_once():
    away = ModelFailed("It is left alone.", retryable=True, retry_after=30)
    assert Run("Get user1", CONTEXT).tell(away).state.work.delay == 30
    assert Run("Get user1", replace(CONTEXT, has_fallback=True)).tell(away).state.uses_fallback


def test_what_a_failed_request_cost_counts():
    failed = ModelFailed("Twice unreadable.", retryable=True, usage=Usage(100, 10, 5, 7))
    state = Run("Get user1").tell(failed).tell(failed).state
    spent = (state.prompt_tokens, state.completion_tokens, state.cached_tokens, state.cost)
    assert spent == (200, 20, 10, 14)


def test_the_fallback_model_takes_over_once():
    run = Run("Get user1", replace(CONTEXT, has_fallback=True)).tell(ModelFailed("The key was refused."))
    assert (run.state.work.kind, run.state.uses_fallback) == (WorkKind.SELECT_TOOLS, True)
    run.tell(Begun(("op-get",))).tell(ModelFailed("This one, too."))
    assert run.state.status is RunStatus.FAILED


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        (Bounds(seconds=1), "1 seconds"),
        (Bounds(response_bytes=1024 * 1024), "1 MB"),
        (Bounds(cost=10_000), "cost 0.01"),
        (Bounds(tokens=10), "10 tokens"),
    ],
)
def test_each_limit_that_is_hit_is_named(bounds, words):
    run = Run("Get user1", replace(CONTEXT, bounds=bounds, elapsed=0.6))
    usage = Usage(prompt_tokens=8, completion_tokens=3, cost=20_000)
    run.tell(ModelAnswered(Completion("", (ToolCall("a", "get_user", {"username": "user1"}),), usage=usage)))
    if not run.state.status.is_over:
        run.sent().tell(CallReturned("a", 200, {"username": "user1"}, size=2 * 1024 * 1024))
    assert run.state.status is RunStatus.FAILED
    assert words in run.state.answer.text


def test_a_model_that_never_stops_is_stopped_and_the_limit_is_named():
    run = Run("Get user1", replace(CONTEXT, bounds=Bounds(model_calls=3)))
    for _ in range(4):
        run.model(("resolve_date", {"expression": "today"}))
    assert run.state.status is RunStatus.FAILED
    assert "3 times" in run.state.answer.text


def test_a_failed_model_fails_the_run_with_its_message():
    run = Run("Get user1").tell(ModelFailed("The language model refused the key."))
    assert run.state.status is RunStatus.FAILED
    assert "refused the key" in run.state.answer.text


def test_prose_of_a_model_is_shown_only_when_the_calls_support_it():
    context = replace(CONTEXT, writes_text=True)
    run = Run("Get user1", context).model(("get_user", {"username": "user1"}))
    run.product(200, {"username": "user1", "email": "u1@x.example"}).model(text="The e-mail of user1 is u1@x.example.")
    assert run.state.answer.text == "The e-mail of user1 is u1@x.example."
    run = Run("Get user1", context).model(("get_user", {"username": "user1"}))
    run.product(200, {"username": "user1"}).model(text="The e-mail of user1 is evil@bad.example.")
    assert "evil@bad.example" not in run.state.answer.text


# --- tries of which nothing is known --------------------------------------------------------------------------


def lost_once() -> Run:
    """A create with an idempotency key whose first try broke off: it is sent again."""
    run = Run("Create a user named user1").model(("create_user", {"username": "user1"}))
    run.tell(Replied({}, {"password": "c00.password"})).decide(True, by_requester=True).lost(sent=True)
    assert run.state.work.kind is WorkKind.SEND_CALL
    return run


def test_a_repetition_that_is_refused_leaves_the_call_in_doubt():
    run = lost_once().product(409, {"detail": "It is locked."}).model()
    assert run.call.status is CallStatus.IN_DOUBT
    assert "not known" in run.state.answer.text


def test_a_repetition_that_does_not_get_there_leaves_the_call_in_doubt():
    run = lost_once().lost(sent=False).model()
    assert run.call.status is CallStatus.IN_DOUBT


def test_a_run_that_is_stopped_before_the_repetition_leaves_the_call_in_doubt():
    run = lost_once().tell(Cancelled())
    assert run.call.status is CallStatus.IN_DOUBT
    assert "not known whether the product did it" in run.state.answer.text


def test_a_repetition_that_the_policy_forbids_by_now_leaves_the_call_in_doubt():
    run = lost_once().sent()
    run.tell(CallBlocked(run.call.id, "It may not be used any more."))
    assert run.call.status is CallStatus.IN_DOUBT


def test_a_repetition_that_succeeds_leaves_no_doubt():
    run = lost_once().product(201, {"username": "user1"}).model()
    assert (run.call.status, run.call.maybe_done) == (CallStatus.SUCCEEDED, False)
