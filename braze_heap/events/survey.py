"""Surveys: answers given on landing pages and in apps."""

from braze_heap.events._declare import JsonText, field, personal
from braze_heap.events.groups import (
    HasAdvertisingId,
    HasApp,
    HasBrowser,
    HasDevice,
    HasLandingPage,
    HasMessageExtras,
    HasNamedCampaign,
    HasNamedCanvas,
    HasPlatform,
    HasTimezone,
    HasUser,
    HasWorkspace,
)


class SurveyResponse(
    HasUser,
    HasTimezone,
    HasDevice,
    HasWorkspace,
    HasApp,
    HasPlatform,
    HasAdvertisingId,
    HasNamedCampaign,
    HasNamedCanvas,
    HasMessageExtras,
    HasLandingPage,
    HasBrowser,
    event_type="users.messages.survey.Response",
    display_name="Survey Response",
    release=11,
):
    """
    A user answered one question of a survey.

    One event per question: group by ``survey_session_id`` for the whole questionnaire,
    and count sessions, not events, as respondents. ``answer_type`` names the filled
    ``answer_*`` field. Unlike elsewhere, Braze marks ``device_id`` as personal data
    here.
    """

    answer_long_string: str | None = personal()
    """
    Text that the respondent typed into an open question. Filled for free-text answers
    only; see ``answer_type``.
    """

    answer_multiple_strings: JsonText | None = personal()
    """
    All options ticked in a multiple-choice question: JSON text of an array of
    strings. ``None`` for other kinds of answers.
    """

    answer_single_boolean: bool | None = personal()
    """State of a lone checkbox. ``None`` for other kinds of answers."""

    answer_single_number: float | None = personal()
    """
    Number given as answer, for example a rating or an NPS score. ``None`` for other
    kinds of answers.
    """

    answer_single_string: str | None = personal()
    """
    The one option picked in a single-choice question. ``None`` for other kinds of
    answers.
    """

    answer_type: str | None = None
    """
    The ``answer_*`` column to read, for example ``single_choice``, ``multiple_choice``,
    ``free_form_text`` or ``nps``. Two vocabularies are documented, so match leniently.
    """

    canvas_step_message_variation_api_id: str | None = field(
        storage="canvas_step_message_variation_id"
    )
    """
    Message variation of the Canvas step that was served. Storage files call the same
    thing ``canvas_step_message_variation_id``.
    """

    carrier: str | None = None
    """Mobile network operator, as the device reports it."""

    country: str | None = personal()
    """
    Country of the user according to the profile, usually an ISO-3166-1 alpha-2 code
    such as ``FR``. Not the place of the event.
    """

    device_id: str | None = personal(place="user")

    gender: str | None = personal()
    """
    Gender on the profile: ``M`` male, ``F`` female, ``O`` other, ``N`` not
    applicable, ``P`` prefer not to say. ``None`` when unknown.
    """

    question_id: str | None = None
    """
    The question, as a UUID. Within one ``survey_id`` it groups answers to the same
    question.
    """

    question_reporting_id: str | None = None
    """
    Alternative key of the question, meant for reports. ``question_id`` is the safer
    one.
    """

    response_id: str | None = None
    """
    This answer. Distinct from ``survey_session_id``, which spans all answers of one
    sitting.
    """

    sdk_version: str | None = None
    """
    Version of the Braze SDK inside the app or site. Empty when the event came from
    the backend.
    """

    survey_completion_status: str | None = None
    """
    Progress of the respondent: ``completed`` (also spelled ``complete``) or
    ``incomplete``.
    """

    survey_id: str | None = None
    """The survey, as a UUID. Joins the answers of all its respondents."""

    survey_session_id: str | None = None
    """
    One sitting of one respondent. Group by it to put a whole questionnaire back
    together.
    """
