"""
Mapping rules. Users: what happens to the profile itself.
"""

from typing import TYPE_CHECKING

from braze_heap.mappers._rules import Rules, standard_with, user_facts
from braze_heap.mappers._standard import standard
from braze_heap.payloads import HeapUserDeletion, HeapUserProperties, Payload

if TYPE_CHECKING:
    from braze_heap.events.users import (
        ProfileUpdate,
        RandomBucketNumberUpdate,
        UserDeleteRequest,
        UserOrphan,
    )


def changed_bucket(event: "RandomBucketNumberUpdate") -> tuple[Payload, ...]:
    """
    Tell the change, and keep the new number on the user, for random segments.
    """
    return standard_with(event, random_bucket_number=event.random_bucket_number)


def asked_for_deletion(event: "UserDeleteRequest") -> tuple[Payload, ...]:
    """
    Tell the request; delete the user instead where deletions are switched on.
    """
    return standard(event), HeapUserDeletion()


def merged(event: "UserOrphan") -> tuple[Payload, ...]:
    """
    Tell the merge, and note on the absorbed user which profile survives.
    """
    return standard_with(event, merged_into=event.orphaned_by_id)


_TRAITS = """
archived country custom_attributes dob email_address first_name gender home_city
language last_name phone_number timezone
""".split()


def updated(event: "ProfileUpdate") -> tuple[Payload, ...]:
    """
    Tell the update, and keep the profile and its custom attributes on the user.

    Heap's built-in ``email`` is set where the policy for personal data keeps it.
    """
    traits = {name: getattr(event, name) for name in _TRAITS}
    facts = {**user_facts(traits).properties}
    address = event.email_address
    if address and "@" in address:
        facts["email"] = address
    return standard(event), HeapUserProperties(facts)


RULES: Rules = {
    "users.RandomBucketNumberUpdate": changed_bucket,
    "users.UserDeleteRequest": asked_for_deletion,
    "users.UserOrphan": merged,
    "users.profile.Update": updated,
}
