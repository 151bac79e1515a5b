"""Agents: what AI agents of a workspace ran and which tools they called."""

from braze_heap.events._base import CurrentsEvent
from braze_heap.events._declare import JsonText, personal, sensitive, since
from braze_heap.events.groups import *


class AgentEvent(CurrentsEvent):
    """An AI agent of the workspace did something."""

    request_id: str | None = None
    """One run of an agent. Joins its model calls with its tool calls."""

    duration: int | None = None
    """Duration of the call, in whole milliseconds."""

    agent_id: str | None = None
    """The agent as configured in the workspace."""

    agent_name: str | None = None
    """Name of the agent at the time of the call. Group by ``agent_id``."""

    is_error: bool | None = None
    """Whether the call ended in an error."""

    invocation_source: str | None = None
    """The part of Braze that the agent ran for."""


class AgentExecuted(AgentEvent, HasUser, HasNamedCanvas):
    """
    A Braze agent called its language model.

    One event per model call. A run of an agent can make several with the same
    ``request_id``, which also joins its ``agentconsole.ToolInvocation`` events. Tokens
    and ``duration`` (milliseconds) are those of the single call.
    """

    invocation_id: str | None = None
    """One call of the model. One ``request_id`` can have several."""

    prompt_tokens: int | None = None
    """Tokens that were sent to the model."""

    completion_tokens: int | None = None
    """Tokens that the model generated."""

    total_tokens: int | None = None
    """Tokens of all kinds together."""

    cache_tokens: int | None = None
    """Tokens that were read from a cache."""

    reasoning_tokens: int | None = None
    """Tokens that the model spent on thinking before it answered."""

    model_provider: str | None = None
    """Company or service of the model."""

    model_name: str | None = None
    """The language model."""

    provider_request_id: str | None = None
    """Id of the call in the provider's logs. Quote it to their support."""

    cache_hit: bool | None = None
    """Whether the answer came from the cache rather than from the model."""

    llm_owned_by_customer: bool | None = None
    """Whether the call ran on your own key, and so on your own bill."""

    input: str | None = personal()
    """Input of the model. May repeat anything in the profile."""

    output: str | None = personal()
    """Answer of the model. May repeat anything in the input."""

    error: str | None = since(6)
    """Error text. ``None`` if the call succeeded; see ``is_error``."""

    thinking_level: str | None = since(11)
    """Reasoning effort requested from the model. ``None`` if not set."""


class ToolInvocation(AgentEvent):
    """
    A Braze agent used one of its tools.

    It has no user: ``user`` is empty over HTTP and absent in storage. To find the user,
    join ``agentconsole.AgentExecuted`` on ``request_id``, which is ``None`` in older
    events. ``duration`` is in milliseconds.
    """

    tool_call_id: str | None = None
    """One call of a tool. One ``request_id`` can have several."""

    tool_name: str | None = None
    """The tool that the agent used."""

    tool_arguments: JsonText | None = sensitive()
    """Arguments of the call: JSON text, normally an object. Can repeat profile data."""

    request_id: str | None = since(6)
