"""
Mapping rules. Agents: what AI agents of a workspace ran and which tools they called.
"""

from braze_heap.mappers._rules import Rules
from braze_heap.mappers._standard import standard

RULES: Rules = {
    "agentconsole.AgentExecuted": standard,
    "agentconsole.ToolInvocation": standard,
}
