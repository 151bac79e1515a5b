"""Content optimizer: the combinations of content that it tries."""

from braze_heap.events._declare import JsonText, personal
from braze_heap.events.groups import *


class ContentOptimizerComponentStore(HasWorkspace, HasContentCombination):
    """
    A Content Optimizer added, changed or retired a combination of content components.

    Reference data, not user behavior: it explains a ``combination_token`` of
    ``costep.Send`` and ``costep.Conversion``. It has no ``user_id`` in any form.
    """

    content: JsonText | None = None
    """JSON text of the content. Keep it in a lookup table, not on every event."""

    content_optimizer_step_id: str | None = None
    """The optimizer step. Joins ``costep.Send``. Not the ``canvas_step_id``."""

    external_user_id: str | None = personal(place="user")
    """Your own id of the user. Optional."""

    is_active: bool | None = None
    """Whether the optimizer still uses the combination. ``False`` once retired."""
