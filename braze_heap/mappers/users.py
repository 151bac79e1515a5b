"""
Mapping rules. Users: what happens to the profile itself.
"""

from typing import TYPE_CHECKING

from braze_heap.mappers._rules import Facts, Rules, StandardWith, about_user
from braze_heap.mappers._standard import standard
from braze_heap.payloads import HeapUserDeletion, Payload

if TYPE_CHECKING:
    from braze_heap.events.users import (
        ProfileUpdate,
        RandomBucketNumberUpdate,
        UserDeleteRequest,
        UserOrphan,
    )


@StandardWith
def changed_bucket(event: "RandomBucketNumberUpdate") -> Facts:
    """
    Tell the change, and keep the new number on the user, for random segments.
    """
    return about_user(random_bucket_number=event.random_bucket_number)


def asked_for_deletion(event: "UserDeleteRequest") -> tuple[Payload, ...]:
    """
    Tell the request; delete the user instead where deletions are switched on.
    """
    return standard(event), HeapUserDeletion()


@StandardWith
def merged(event: "UserOrphan") -> Facts:
    """
    Tell the merge, and note on the absorbed user which profile survives.
    """
    return about_user(merged_into=event.orphaned_by_id)


_TRAITS = """
archived country custom_attributes dob email_address first_name gender home_city
language last_name phone_number timezone
""".split()


@StandardWith
def updated(event: "ProfileUpdate") -> Facts:
    """
    Tell the update, and keep the profile and its custom attributes on the user.

    Heap's built-in ``email`` is set where the policy for personal data keeps it.
    """
    facts = about_user(**{name: getattr(event, name) for name in _TRAITS})
    address = event.email_address
    if address and "@" in address:
        facts["email"] = address
    return facts


RULES: Rules = {
    "users.RandomBucketNumberUpdate": changed_bucket,
    "users.UserDeleteRequest": asked_for_deletion,
    "users.UserOrphan": merged,
    "users.profile.Update": updated,
}
