"""Agents: what AI agents of a workspace ran and which tools they called."""

from braze_heap.events._base import CurrentsEvent
from braze_heap.events._declare import JsonText, personal, sensitive, since
from braze_heap.events.groups import HasNamedCanvas, HasUser


class AgentEvent(CurrentsEvent):
    """An AI agent of the workspace did something."""

    request_id: str | None = None
    """
    One run of an agent from start to end. Joins its model calls (``AgentExecuted``)
    with its tool calls (``ToolInvocation``).
    """

    duration: int | None = None
    """Duration. The unit depends on the event type."""

    agent_id: str | None = None
    """The agent as configured in the workspace. Stable, unlike ``agent_name``."""

    agent_name: str | None = None
    """
    Display name of the agent at the time of the call. Group by ``agent_id``
    instead.
    """

    is_error: bool | None = None
    """``True`` when the call ended in an error."""

    invocation_source: str | None = None
    """The part of Braze on whose behalf the agent ran."""


class AgentExecuted(
    AgentEvent,
    HasUser,
    HasNamedCanvas,
    event_type="agentconsole.AgentExecuted",
    display_name="Agent Executed",
    release=5,
):
    """
    A Braze agent called its language model.

    One event per model call, not per agent run: a run can make several, tied together
    by ``request_id``, which also leads to its ``agentconsole.ToolInvocation`` events.
    Token counts and ``duration`` (milliseconds) are those of the single call. ``input``
    and ``output`` can repeat personal data.
    """

    invocation_id: str | None = None
    """
    One call of the model. A whole agent run, under one ``request_id``, can make
    several.
    """

    duration: int | None = None
    """Response time of the model, in whole milliseconds."""

    prompt_tokens: int | None = None
    """Tokens that were sent to the model in this call."""

    completion_tokens: int | None = None
    """Tokens that the model generated in this call."""

    total_tokens: int | None = None
    """Consumption of this call in tokens, all kinds together."""

    cache_tokens: int | None = None
    """Tokens of this call that were read from a cache."""

    reasoning_tokens: int | None = None
    """Tokens that the model spent on thinking before it answered."""

    model_provider: str | None = None
    """The company or service whose model answered."""

    model_name: str | None = None
    """The language model that answered."""

    provider_request_id: str | None = None
    """The call's id in the model provider's own logs. Quote it to their support."""

    cache_hit: bool | None = None
    """``True`` when the answer came from the cache rather than from the model."""

    llm_owned_by_customer: bool | None = None
    """
    ``True`` when the call ran on the customer's own key with the model provider,
    hence on the customer's bill.
    """

    input: str | None = personal()
    """
    Input of the model. Treat as sensitive, because it may repeat anything in the
    profile.
    """

    output: str | None = personal()
    """The model's answer. Treat as sensitive: it may repeat anything in the prompt."""

    error: str | None = since(6)
    """Error text. ``None`` when the call succeeded; see ``is_error``."""

    thinking_level: str | None = since(11)
    """Reasoning effort requested from the model. ``None`` when not set."""


class ToolInvocation(
    AgentEvent,
    event_type="agentconsole.ToolInvocation",
    display_name="Tool Invocation",
    release=5,
):
    """
    A Braze agent used one of its tools.

    No user comes along: ``user`` is empty over HTTP and absent in storage. To learn for
    whom the agent worked, join ``agentconsole.AgentExecuted`` on ``request_id``, which
    is ``None`` in older events. ``duration`` is in milliseconds.
    """

    tool_call_id: str | None = None
    """One call of a tool. Several can belong to one ``request_id``."""

    duration: int | None = None
    """Run time of the tool, in whole milliseconds."""

    tool_name: str | None = None
    """The tool that the agent decided to use."""

    tool_arguments: JsonText | None = sensitive()
    """
    Arguments that the agent passed to the tool: JSON text, normally of an object. Can
    repeat profile data.
    """

    request_id: str | None = since(6)
