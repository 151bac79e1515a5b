"""
Mapping rules. Landing pages: hosted by Braze, seen by known and by anonymous people.
"""

from braze_heap.mappers._rules import Rules
from braze_heap.mappers._standard import standard

RULES: Rules = {
    "users.messages.landingpage.Click": standard,
    "users.messages.landingpage.FormSubmission": standard,
    "users.messages.landingpage.Impression": standard,
}
