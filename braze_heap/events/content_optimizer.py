"""Content optimizer: the combinations of content that it tries."""

from braze_heap.events._declare import JsonText, personal
from braze_heap.events.groups import HasContentCombination, HasWorkspace


class ContentOptimizerComponentStore(
    HasWorkspace,
    HasContentCombination,
    event_type="contentoptimizer.ComponentStore",
    display_name="Content Optimizer Component Store Update",
    release=11,
):
    """
    A Content Optimizer added, changed or retired a combination of content components.

    Reference data, not user behavior: it explains a ``combination_token`` in
    ``costep.Send`` and ``costep.Conversion`` stands for. There is no ``user_id`` in any
    form, and ``external_user_id`` is optional.
    """

    content: JsonText | None = None
    """
    The content behind ``combination_token``: JSON text. Keep it in a lookup table
    rather than on every event.
    """

    content_optimizer_step_id: str | None = None
    """
    The optimizer step in the Canvas, under Braze's internal id. Joins
    ``costep.Send`` with ``contentoptimizer.ComponentStore``, not with
    ``canvas_step_id``.
    """

    external_user_id: str | None = personal(place="user")
    """
    Your own id of the user. ``None`` for anonymous profiles; after identification,
    events follow with the same ``user_id`` and this filled in.
    """

    is_active: bool | None = None
    """
    ``True`` while the optimizer still serves the combination; ``False`` once it is
    retired.
    """
