"""Canvas: how people enter, pass and leave a journey."""

from braze_heap.events._declare import storage_only
from braze_heap.events.groups import (
    HasApp,
    HasContentCombination,
    HasConversion,
    HasDataObjectProvenance,
    HasDevice,
    HasDeviceOverHttp,
    HasDispatch,
    HasNamedCanvas,
    HasTimezone,
    HasUser,
    HasWorkspace,
)


class CanvasEvent(HasUser):
    """Something happened in a Canvas."""


class CanvasExitEvent(CanvasEvent, HasWorkspace, HasNamedCanvas):
    """A user left a Canvas by its exit criteria."""

    app_group_api_id: str | None = storage_only(deprecated=True)
    """Deprecated by Braze and empty in its own samples. Read ``app_group_id``."""

    canvas_api_id: str | None = storage_only(deprecated=True)
    """Deprecated by Braze and empty in its own samples. Read ``canvas_id``."""

    canvas_variation_api_id: str | None = storage_only(deprecated=True)
    """
    Deprecated by Braze and empty in its own samples. Read
    ``canvas_variation_id``.
    """

    canvas_step_api_id: str | None = storage_only(deprecated=True)
    """Deprecated by Braze and empty in its own samples. Read ``canvas_step_id``."""


class CanvasExperimentStepEvent(CanvasEvent, HasNamedCanvas):
    """Something happened at an experiment step of a Canvas."""

    experiment_step_id: str | None = None
    """
    The experiment within the Canvas. Compare its ``experiment_split_id`` values with
    each other.
    """

    experiment_split_id: str | None = None
    """
    The path of the experiment that the user was put on. Joins ``SplitEntry`` with
    ``Conversion``.
    """

    experiment_split_name: str | None = None
    """
    Label of the path. Can be stale or missing for an hour after an edit: key on
    ``experiment_split_id``.
    """


class CanvasDestinationEvent(CanvasEvent, HasWorkspace, HasNamedCanvas):
    """A Canvas step was to hand a user to a destination."""

    canvas_step_type: str | None = None
    """FieldType of Canvas step that handled the user, as Braze words it."""

    destination_api_id: str | None = None
    """
    The entity that users are sent on to. Joins ``sendtodestination.Sent`` with
    ``sendtodestination.NotSent``.
    """

    destination_name: str | None = None
    """
    Label of the destination. Key on ``destination_api_id``, because labels change.
    """

    destination_type: str | None = None
    """Kind of entity that the destination is."""


class CanvasConversion(
    CanvasEvent,
    HasTimezone,
    HasDeviceOverHttp,
    HasWorkspace,
    HasApp,
    HasNamedCanvas,
    HasConversion,
    event_type="users.canvas.Conversion",
    display_name="Canvas Conversion",
):
    """
    A user met a conversion goal of a Canvas.

    Braze's own attribution for the whole Canvas; goals of an experiment inside it are
    ``experimentstep.Conversion``. ``conversion_behavior_index`` is the goal. Join
    ``canvas.Entry`` on ``canvas_id`` and ``user_id``, and compare by
    ``canvas_variation_id``.
    """


class CanvasEntry(
    CanvasEvent,
    HasTimezone,
    HasDeviceOverHttp,
    HasWorkspace,
    HasNamedCanvas,
    HasDataObjectProvenance,
    event_type="users.canvas.Entry",
    display_name="Canvas Entry",
):
    """
    A user entered a Canvas.

    Sent for the control group as well: check ``in_control_group`` before calling it a
    treatment. Entry is not a message; messages have events of their own that share
    ``canvas_id``. Users can enter the same Canvas again.
    """

    in_control_group: bool | None = None
    """``True`` for users who were drawn into the control group and get no messages."""


class CanvasCoStepConversion(
    CanvasEvent,
    HasWorkspace,
    HasDispatch,
    HasContentCombination,
    event_type="users.canvas.costep.Conversion",
    display_name="Canvas Content Optimizer Step Conversion",
    release=11,
):
    """
    A user opened or clicked a message sent by a Content Optimizer step.

    ``conversion_type`` names it. It has neither ``canvas_variation_id`` nor
    ``content_optimizer_step_id``: join ``costep.Send`` on ``combination_token`` and
    ``dispatch_id``. Not a conversion goal of the Canvas, which is
    ``canvas.Conversion``.
    """

    channel: str | None = None
    """Channel of the message that converted."""

    conversion_type: str | None = None
    """Interaction that counted as success: ``open`` or ``click``."""

    dispatch_id: str | None = None
    """
    The transmission that converted. Joins, with ``combination_token``, to
    ``costep.Send``.
    """


class CanvasCoStepSend(
    CanvasEvent,
    HasWorkspace,
    HasDispatch,
    HasContentCombination,
    event_type="users.canvas.costep.Send",
    display_name="Canvas Content Optimizer Step Send",
    release=10,
):
    """
    A Content Optimizer step sent a user one combination of content.

    Combination that the user got. Its content is in
    ``contentoptimizer.ComponentStore``, under the same ``combination_token``. The
    channel's own send event may report the same message: do not count both.
    """

    channel: str | None = None
    """Channel through which the chosen combination was sent."""

    canvas_variation_id: str | None = None
    """
    The Canvas variant the user is in; the unit to compare in an A/B test. ``None``
    outside Canvases.
    """

    content_optimizer_step_id: str | None = None
    """
    The optimizer step in the Canvas, under Braze's internal id. Joins
    ``costep.Send`` with ``contentoptimizer.ComponentStore``, not with
    ``canvas_step_id``.
    """


class CanvasExitMatchedAudience(
    CanvasExitEvent,
    event_type="users.canvas.exit.MatchedAudience",
    display_name="Exit Match Audience",
):
    """
    A user left a Canvas because they came to match its exit audience.

    An early exit by rule, not the end of the journey. The counterpart for exits by
    action is ``exit.PerformedEvent``. The four ``*_api_id`` fields are deprecated
    twins.
    """


class CanvasExitPerformedEvent(
    CanvasExitEvent,
    event_type="users.canvas.exit.PerformedEvent",
    display_name="Exit Perform Event",
):
    """
    A user left a Canvas because they performed its exit event.

    An early exit by rule, not the end of the journey. The counterpart for exits by
    segment is ``exit.MatchedAudience``. The four ``*_api_id`` fields are deprecated
    twins.
    """


class CanvasExperimentStepConversion(
    CanvasExperimentStepEvent,
    HasApp,
    HasConversion,
    event_type="users.canvas.experimentstep.Conversion",
    display_name="Experiment Step Conversion",
):
    """
    A user met a conversion goal after entering an experiment in a Canvas.

    Attributed to the path in ``experiment_split_id``. Join
    ``experimentstep.SplitEntry`` on it for the denominator. Goals of the Canvas as a
    whole are ``canvas.Conversion``: do not add the two up.
    """


class CanvasExperimentStepSplitEntry(
    CanvasExperimentStepEvent,
    event_type="users.canvas.experimentstep.SplitEntry",
    display_name="Experiment Split Entry",
):
    """
    A user was put on one of the paths of an experiment in a Canvas.

    The exposure record of the test, control group included (``in_control_group``). Join
    ``experimentstep.Conversion`` on ``experiment_split_id`` and ``user_id``. Canvas
    variants are another split, seen in ``canvas.Entry``.
    """

    in_control_group: bool | None = None
    """
    ``True`` for users whom the experiment put into its control group. They are the
    baseline for the other paths.
    """


class CanvasSendToDestinationNotSent(
    CanvasDestinationEvent,
    event_type="users.canvas.sendtodestination.NotSent",
    display_name="User is not sent to destination",
    release=13,
):
    """
    A Canvas step did not pass a user on to a destination.

    ``reason`` has the cause. The users who got through are in
    ``sendtodestination.Sent``, under the same ``destination_api_id``. Added in release
    v13.
    """

    reason: str | None = None
    """Reason that the user was not sent to the destination."""


class CanvasSendToDestinationSent(
    CanvasDestinationEvent,
    event_type="users.canvas.sendtodestination.Sent",
    display_name="User is sent to destination",
    release=13,
):
    """
    A Canvas step passed a user on to a destination.

    Being passed on is not being messaged: ``destination_variant_type`` can be a control
    group. The users who did not get through are in ``sendtodestination.NotSent``. Added
    in release v13.
    """

    destination_variant_type: str | None = None
    """
    Role of the branch the user got: ``variation`` or ``control group``. Exclude the
    control group when counting recipients.
    """

    destination_variation_name: str | None = None
    """Label of the branch that the user got inside the destination."""


class CanvasStepProgression(
    CanvasEvent,
    HasDevice,
    HasWorkspace,
    HasNamedCanvas,
    event_type="users.canvasstep.Progression",
    display_name="Canvas Step Progression",
):
    """
    A user moved through a step of a Canvas.

    The raw material for paths and drop-off: string events together on
    ``canvas_entry_id``, and follow ``next_step_id``. Passing a step does not mean that
    its message was sent; ``exit_reason`` is set when the user left there.
    """

    progression_type: str | None = None
    """
    Type of exit from the step. An open list; ``exit_reason`` explains the users who
    left.
    """

    is_canvas_entry: bool | None = None
    """``True`` at the step where the journey begins."""

    exit_reason: str | None = None
    """
    Reason that the user left the Canvas at this step. ``None`` while the journey goes
    on.
    """

    canvas_entry_id: str | None = None
    """
    One journey of one user through the Canvas. Tells repeated entries of the same
    user apart and strings the steps of one journey together.
    """

    next_step_id: str | None = None
    """
    The step that the user moves on to. Joins with ``canvas_step_id`` of that user's
    next progression.
    """
