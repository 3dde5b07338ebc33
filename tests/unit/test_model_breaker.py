"""A model that fails again and again is left alone for a while, over real HTTP against a scripted server."""

from __future__ import annotations

import threading
import time

import pytest
from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache

from nlops.core.types import Message, Role
from nlops.llm import breaker
from nlops.llm.base import Limits, ModelError
from nlops.llm.breaker import shown_name
from nlops.llm.openai import OpenAIModel, compatible_model
from tests.scripted_server import Reply, ScriptedServer

ASKED = [Message(Role.USER, "Get user1")]
DOWN = Reply(status=503, headers={"x-should-retry": "false"})
FINE = Reply(text="ok")


@pytest.fixture(params=["shared", "own"], autouse=True)
def cache(request, settings, monkeypatch):
    """The cache of all processes, or none that can be reached."""
    if request.param == "shared":
        settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "b"}}
    else:
        away = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:9/0"}
        settings.CACHES = {"default": away}
        monkeypatch.setattr(breaker, "_own", LocMemCache("own", {}))
        breaker._own.clear()
    yield request.param
    if request.param == "shared":
        caches["default"].clear()


@pytest.fixture
def model(scripted_server, settings) -> OpenAIModel:
    settings.NLOPS_BREAKER_FAILURES = 3
    settings.NLOPS_BREAKER_SECONDS = 0.3
    return compatible_model("scripted", scripted_server.url)


def ask(model: OpenAIModel) -> str:
    return model.complete(ASKED, [], Limits(timeout=5)).text


def fail(model: OpenAIModel) -> ModelError:
    with pytest.raises(ModelError) as caught:
        ask(model)
    return caught.value


def open_it(model: OpenAIModel, server: ScriptedServer) -> None:
    server.script = lambda request: DOWN
    for _ in range(3):
        assert "has a problem" in str(fail(model))


def test_after_failures_in_a_row_it_is_not_asked_and_that_is_told(model, scripted_server):
    open_it(model, scripted_server)
    error = fail(model)
    assert len(scripted_server.requests) == 3
    assert "“scripted” failed several times in a row" in str(error)
    assert "tried again in 1 second" in str(error)
    assert error.retryable
    assert error.retry_after == 1
    assert scripted_server.url not in str(error)


def test_an_answer_in_between_begins_the_count_anew(model, scripted_server):
    scripted_server.will(DOWN, DOWN, FINE, DOWN, DOWN, FINE)
    for fails in (True, True, False, True, True, False):
        if fails:
            fail(model)
        else:
            assert ask(model) == "ok"


@pytest.mark.parametrize("status", [400, 401, 404])
def test_a_refusal_is_an_answer(model, scripted_server, status):
    scripted_server.script = lambda request: Reply(status=status)
    for _ in range(5):
        fail(model)
    assert len(scripted_server.requests) == 5


@pytest.mark.parametrize(
    "reply", [Reply(status=429, headers={"retry-after-ms": "1"}), Reply(raw="<html>"), Reply(text="late", delay=2)]
)
def test_every_way_of_being_away_counts(model, scripted_server, reply):
    scripted_server.script = lambda request: reply
    for _ in range(3):
        with pytest.raises(ModelError):
            model.complete(ASKED, [], Limits(timeout=0.3))
    assert "tried again" in str(fail(model))


def test_a_trial_that_goes_well_closes_it(model, scripted_server):
    open_it(model, scripted_server)
    scripted_server.script = lambda request: FINE
    time.sleep(0.35)
    assert [ask(model), ask(model)] == ["ok", "ok"]
    scripted_server.script = lambda request: DOWN
    assert "has a problem" in str(fail(model))  # counted from the beginning
    assert "has a problem" in str(fail(model))


def test_a_trial_that_fails_opens_it_again(model, scripted_server):
    open_it(model, scripted_server)
    time.sleep(0.35)
    assert "has a problem" in str(fail(model))
    assert "tried again" in str(fail(model))
    assert len(scripted_server.requests) == 4


def test_only_one_trial_goes_out_at_once(model, scripted_server):
    open_it(model, scripted_server)
    scripted_server.script = lambda request: Reply(text="ok", delay=0.3)
    time.sleep(0.35)
    others = [compatible_model("scripted", scripted_server.url) for _ in range(4)]  # as other processes would
    results: list[str] = []

    def run(each: OpenAIModel) -> None:
        try:
            results.append(ask(each))
        except ModelError as error:
            results.append(str(error)[-20:])

    threads = [threading.Thread(target=run, args=(each,)) for each in [model, *others]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results.count("ok") == 1
    assert len(scripted_server.requests) == 4


def test_a_trial_that_was_stopped_by_us_leaves_room_for_another(model, scripted_server):
    class Stopped(Exception):
        pass

    def stop(piece: str) -> None:
        raise Stopped

    open_it(model, scripted_server)
    scripted_server.script = lambda request: Reply(text="ok and more")
    time.sleep(0.35)
    with pytest.raises(Stopped):
        model.complete(ASKED, [], Limits(on_text=stop))
    assert ask(model) == "ok and more"


def test_other_models_at_the_same_server_are_asked_all_the_same(model, scripted_server):
    open_it(model, scripted_server)
    scripted_server.script = lambda request: FINE
    assert ask(compatible_model("another", scripted_server.url)) == "ok"


def test_a_server_that_asks_for_a_longer_pause_gets_it(model, scripted_server):
    scripted_server.script = lambda request: Reply(status=429, headers={"retry-after": "40"})
    for _ in range(3):
        assert fail(model).retry_after == 40
    assert fail(model).retry_after == pytest.approx(40, abs=1)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("openai:gpt-5", "gpt-5"),
        ("azure:dep", "dep"),
        ("compatible:@cf/a/b@http://10.0.0.1:8000/v1", "@cf/a/b"),
        ("embedded", "embedded"),
    ],
)
def test_people_see_the_models_name_without_its_address(name, shown):
    assert shown_name(name) == shown
