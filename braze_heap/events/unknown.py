"""Events of types that this version does not know."""

from braze_heap.events.groups import HasDevice, HasTimezone, HasUser


class UnknownEvent(HasUser, HasTimezone, HasDevice):
    """
    An event whose type has no class here, because Braze added it later.

    Currents gains types monthly, some unannounced, so an unknown type is not an error.
    The keys of ``user`` that all types share are fields; the rest is in `extra`.
    """

    event_type: str
    """The type as Braze writes it."""
