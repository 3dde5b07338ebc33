"""The engine's peer: an agent of LangGraph with its PostgreSQL checkpointer, taking the same steps.

Its graph reads the annotations of its nodes, so they are real objects here, and the imports stand at the top.
"""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import MessagesState
from langgraph.types import Command, interrupt
from psycopg import Cursor
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from tests.benchmarks.overhead import CLOCK, READ, WRITE, Turn


class Counted(Cursor[Any]):
    def execute(self, *args: Any, **kwargs: Any) -> Any:
        CLOCK.statements += 1
        return super().execute(*args, **kwargs)

    def executemany(self, query: Any, params_seq: Any, **kwargs: Any) -> Any:
        rows = list(params_seq)
        CLOCK.statements += len(rows)
        return super().executemany(query, rows, **kwargs)


def langgraph_journeys(base_url: str, url: str, durability: str) -> dict[str, Callable[[], None]]:
    """The same two journeys as a LangGraph agent: model and tool nodes, interrupts for the question and the yes."""
    pool = ConnectionPool(
        url,
        min_size=2,
        max_size=8,
        open=True,
        kwargs={"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row, "cursor_factory": Counted},
    )
    saver = PostgresSaver(pool)  # type: ignore[arg-type]
    saver.setup()
    turns: list[Iterator[Turn]] = [iter(())]

    def ask_model(state: MessagesState) -> dict[str, Any]:
        with CLOCK.apart():
            turn = next(turns[0])
        calls = [{"name": turn.tool, "args": turn.arguments, "id": uuid.uuid4().hex}] if turn.tool else []
        return {"messages": [AIMessage("" if calls else "Done.", tool_calls=calls)]}

    def call_tools(state: MessagesState) -> dict[str, Any]:
        results = []
        for call in state["messages"][-1].tool_calls:
            arguments = dict(call["args"])
            if call["name"] == "create_user":
                if "email" not in arguments:
                    arguments["email"] = interrupt({"question": "Which e-mail address?"})
                if interrupt({"confirm": arguments}) != "yes":
                    results.append(ToolMessage("The person said no.", tool_call_id=call["id"]))
                    continue
            with CLOCK.apart(), httpx2.Client(trust_env=False) as client:
                if call["name"] == "create_user":
                    answer = client.post(f"{base_url}/users", json=arguments)
                else:
                    answer = client.get(f"{base_url}/users/{arguments['username']}")
            results.append(ToolMessage(answer.text, tool_call_id=call["id"]))
        return {"messages": results}

    def route(state: MessagesState) -> str:
        return "tools" if state["messages"][-1].tool_calls else END

    graph = StateGraph(MessagesState)
    graph.add_node("model", ask_model)
    graph.add_node("tools", call_tools)
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", route, ["tools", END])
    graph.add_edge("tools", "model")
    agent = graph.compile(checkpointer=saver)

    def invoke(thread: str, given: Any) -> Any:
        return agent.invoke(given, {"configurable": {"thread_id": thread}}, durability=durability)  # type: ignore[call-overload]

    def read() -> None:
        thread = uuid.uuid4().hex
        turns[0] = iter(READ)
        state = invoke(thread, {"messages": [HumanMessage("Get the user alice")]})
        assert "alice@example.org" in state["messages"][-2].content

    def write() -> None:
        thread = uuid.uuid4().hex
        turns[0] = iter(WRITE)
        invoke(thread, {"messages": [HumanMessage("Create the user zoe")]})
        invoke(thread, Command(resume="zoe@example.org"))
        state = invoke(thread, Command(resume="yes"))
        assert "alice@example.org" in state["messages"][-2].content

    return {"read": read, "write with a clarification": write}
