"""
Mapping rules. Surveys: answers given on landing pages and in apps.
"""

from braze_heap.mappers._rules import Rules
from braze_heap.mappers._standard import standard

RULES: Rules = {
    "users.messages.survey.Response": standard,
}
