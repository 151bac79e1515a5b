"""Canvas: how people enter, pass and leave a journey."""

from braze_heap.events._declare import storage_only
from braze_heap.events.groups import *


class CanvasEvent(HasUser):
    """Something happened in a Canvas."""


class CanvasExitEvent(CanvasEvent, HasWorkspace, HasNamedCanvas):
    """A user left a Canvas by its exit criteria."""

    app_group_api_id: str | None = storage_only(deprecated=True)
    """Deprecated by Braze and empty in its samples. Use ``app_group_id``."""

    canvas_api_id: str | None = storage_only(deprecated=True)
    """Deprecated by Braze and empty in its samples. Use ``canvas_id``."""

    canvas_variation_api_id: str | None = storage_only(deprecated=True)
    """Deprecated by Braze and empty in its samples. Use ``canvas_variation_id``."""

    canvas_step_api_id: str | None = storage_only(deprecated=True)
    """Deprecated by Braze and empty in its samples. Use ``canvas_step_id``."""


class CanvasExperimentStepEvent(CanvasEvent, HasNamedCanvas):
    """Something happened at an experiment step of a Canvas."""

    experiment_step_id: str | None = None
    """The experiment. Compare its ``experiment_split_id`` values with each other."""

    experiment_split_id: str | None = None
    """The user's path of the experiment. Joins ``SplitEntry`` with ``Conversion``."""

    experiment_split_name: str | None = None
    """Name of the path. Missing or old for an hour after an edit: use the id."""


class CanvasDestinationEvent(CanvasEvent, HasWorkspace, HasNamedCanvas):
    """A Canvas step was to send a user to a destination."""

    canvas_step_type: str | None = None
    """Type of the Canvas step, in Braze's words."""

    destination_api_id: str | None = None
    """The destination. Joins the ``Sent`` and ``NotSent`` events."""

    destination_name: str | None = None
    """Name of the destination. Names change: use ``destination_api_id``."""

    destination_type: str | None = None
    """Kind of the destination."""


class CanvasCoStepEvent(CanvasEvent, HasWorkspace, HasDispatch, HasContentCombination):
    """Something happened at a Content Optimizer step of a Canvas."""

    channel: str | None = None
    """Channel of the message that the step sent."""


class CanvasConversion(
    CanvasEvent,
    HasTimezone,
    HasDeviceOverHttp,
    HasWorkspace,
    HasApp,
    HasNamedCanvas,
    HasConversion,
):
    """
    A user met a conversion goal of a Canvas.

    Braze's own attribution for the whole Canvas; goals of an experiment in it are
    ``experimentstep.Conversion``. Join ``canvas.Entry`` on ``canvas_id`` and
    ``user_id``, and compare by ``canvas_variation_id``.
    """


class CanvasEntry(
    CanvasEvent,
    HasTimezone,
    HasDeviceOverHttp,
    HasWorkspace,
    HasNamedCanvas,
    HasDataObjectProvenance,
):
    """
    A user entered a Canvas.

    Sent for the control group too: check ``in_control_group``. An entry is not a
    message; messages have events of their own with the same ``canvas_id``. Users can
    enter a Canvas again.
    """

    in_control_group: bool | None = None
    """Whether the user is in the control group and gets no messages."""


class CanvasCoStepConversion(CanvasCoStepEvent):
    """
    A user opened or clicked a message sent by a Content Optimizer step.

    It has neither ``canvas_variation_id`` nor ``content_optimizer_step_id``: join
    ``costep.Send`` on ``combination_token`` and ``dispatch_id``. Not a conversion goal
    of the Canvas, which is ``canvas.Conversion``.
    """

    conversion_type: str | None = None
    """Interaction that counts as success: ``open`` or ``click``."""


class CanvasCoStepSend(CanvasCoStepEvent):
    """
    A Content Optimizer step sent a user one combination of content.

    The content is in ``contentoptimizer.ComponentStore``, under the same
    ``combination_token``. The channel's own send event may report the same message: do
    not count both.
    """

    canvas_variation_id: str | None = None
    """The variant of the Canvas that the user is in, to compare in an A/B test."""

    content_optimizer_step_id: str | None = None
    """Joins ``contentoptimizer.ComponentStore``. Not the ``canvas_step_id``."""


class CanvasExitMatchedAudience(CanvasExitEvent):
    """
    A user left a Canvas because they came to match its exit audience.

    An early exit by a rule, not the end of the journey. Exits by an action are
    ``exit.PerformedEvent``. The four ``*_api_id`` fields are deprecated.
    """


class CanvasExitPerformedEvent(CanvasExitEvent):
    """
    A user left a Canvas because they performed its exit event.

    An early exit by a rule, not the end of the journey. Exits by a segment are
    ``exit.MatchedAudience``. The four ``*_api_id`` fields are deprecated.
    """


class CanvasExperimentStepConversion(CanvasExperimentStepEvent, HasApp, HasConversion):
    """
    A user met a conversion goal after entering an experiment in a Canvas.

    Join ``experimentstep.SplitEntry`` on ``experiment_split_id`` for the denominator.
    Do not add it to ``canvas.Conversion``, the goals of the Canvas as a whole.
    """


class CanvasExperimentStepSplitEntry(CanvasExperimentStepEvent):
    """
    A user was put on one of the paths of an experiment in a Canvas.

    Sent for the control group too (``in_control_group``). Join
    ``experimentstep.Conversion`` on ``experiment_split_id`` and ``user_id``. Variants
    of the Canvas are another split, in ``canvas.Entry``.
    """

    in_control_group: bool | None = None
    """Whether the user is in the control group, the baseline for the other paths."""


class CanvasSendToDestinationNotSent(CanvasDestinationEvent):
    """
    A Canvas step did not send a user on to a destination.

    Users who got through are in ``sendtodestination.Sent``, under the same
    ``destination_api_id``.
    """

    reason: str | None = None
    """Reason that the user was not sent to the destination."""


class CanvasSendToDestinationSent(CanvasDestinationEvent):
    """
    A Canvas step sent a user on to a destination.

    That is not yet a message: ``destination_variant_type`` can be a control group.
    Users who did not get through are in ``sendtodestination.NotSent``.
    """

    destination_variant_type: str | None = None
    """Branch of the user: ``variation`` or ``control group``, not a recipient."""

    destination_variation_name: str | None = None
    """Name of the branch of the user in the destination."""


class CanvasStepProgression(CanvasEvent, HasDevice, HasWorkspace, HasNamedCanvas):
    """
    A user moved through a step of a Canvas.

    For paths and drop-off: join events on ``canvas_entry_id`` and follow
    ``next_step_id``. Passing a step does not mean that its message was sent.
    """

    progression_type: str | None = None
    """Type of exit from the step, an open list. See ``exit_reason``."""

    is_canvas_entry: bool | None = None
    """Whether the journey begins at this step."""

    exit_reason: str | None = None
    """Reason that the user left the Canvas here. ``None`` if the journey goes on."""

    canvas_entry_id: str | None = None
    """One journey of one user. Joins its steps, and separates repeated entries."""

    next_step_id: str | None = None
    """Next step of the user: ``canvas_step_id`` of their next progression."""
