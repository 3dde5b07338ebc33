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


class Agent(MessagesState):
    """The graph's state."""

    tools: list[str]
    agreed: dict[str, Any]


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
    client = httpx2.Client(trust_env=False)

    def ask_model(state: Agent) -> dict[str, Any]:
        with CLOCK.apart():
            turn = next(turns[0])
        calls = [{"name": turn.tool, "args": turn.arguments, "id": uuid.uuid4().hex}] if turn.tool else []
        return {"messages": [AIMessage("" if calls else "Done.", tool_calls=calls)]}

    def select_tools(state: Agent) -> dict[str, Any]:
        return {"tools": ["get_user", "create_user"]}

    def check(state: Agent) -> dict[str, Any]:
        """Ask for what is missing, then for the yes; what is agreed to is stored before it goes out."""
        call = state["messages"][-1].tool_calls[0]
        arguments = dict(call["args"])
        if call["name"] == "create_user":
            if "email" not in arguments:
                arguments["email"] = interrupt({"question": "Which e-mail address?"})
            if interrupt({"confirm": arguments}) != "yes":
                return {"messages": [ToolMessage("The person said no.", tool_call_id=call["id"])]}
        return {"agreed": {"id": call["id"], "name": call["name"], "arguments": arguments}}

    def send(state: Agent) -> dict[str, Any]:
        call = state["agreed"]
        with CLOCK.apart():
            if call["name"] == "create_user":
                answer = client.post(f"{base_url}/users", json=call["arguments"])
            else:
                answer = client.get(f"{base_url}/users/{call['arguments']['username']}")
        return {"messages": [ToolMessage(answer.text, tool_call_id=call["id"])]}

    def route(state: Agent) -> str:
        return "check" if state["messages"][-1].tool_calls else END

    graph = StateGraph(Agent)
    graph.add_node("select_tools", select_tools)
    graph.add_node("model", ask_model)
    graph.add_node("check", check)
    graph.add_node("send", send)
    graph.add_edge(START, "select_tools")
    graph.add_edge("select_tools", "model")
    graph.add_conditional_edges("model", route, ["check", END])
    graph.add_edge("check", "send")
    graph.add_edge("send", "model")
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
