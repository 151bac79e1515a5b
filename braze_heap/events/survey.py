"""Surveys: answers given on landing pages and in apps."""

from braze_heap.events._declare import JsonText, personal
from braze_heap.events.groups import *


class SurveyResponse(
    HasUserOnDevice,
    HasWorkspace,
    HasApp,
    HasPlatform,
    HasAdvertisingId,
    HasCampaignOrCanvas,
    HasServedVariation,
    HasMessageExtras,
    HasLandingPage,
    HasBrowser,
):
    """
    A user answered one question of a survey.

    One event per question: group by ``survey_session_id`` for the whole questionnaire,
    and count sessions, not events, as respondents. ``answer_type`` names the
    ``answer_*`` field. Only here does Braze mark ``device_id`` as personal data.
    """

    answer_long_string: str | None = personal()
    """Answer to an open question."""

    answer_multiple_strings: JsonText | None = personal()
    """Answers to a multiple-choice question: JSON text of an array of strings."""

    answer_single_boolean: bool | None = personal()
    """State of a single checkbox."""

    answer_single_number: float | None = personal()
    """Answer that is a number, such as a rating or an NPS score."""

    answer_single_string: str | None = personal()
    """Answer to a single-choice question."""

    answer_type: str | None = None
    """
    The ``answer_*`` field to read, such as ``single_choice``, ``multiple_choice``,
    ``free_form_text`` or ``nps``. Braze documents two vocabularies: match leniently.
    """

    carrier: str | None = None
    """Mobile network operator, as the device reports it."""

    country: str | None = personal()
    """Country on the profile, usually ISO-3166-1 alpha-2. Not that of the event."""

    device_id: str | None = personal(place="user")

    gender: str | None = personal()
    """``M`` male, ``F`` female, ``O`` other, ``N`` not applicable, ``P`` withheld."""

    question_id: str | None = None
    """The question, a UUID. Groups answers to it within one ``survey_id``."""

    question_reporting_id: str | None = None
    """Other key of the question, for reports. ``question_id`` is safer."""

    response_id: str | None = None
    """This answer. ``survey_session_id`` has all answers of one sitting."""

    sdk_version: str | None = None
    """Version of the Braze SDK in the app or site. Empty for the backend."""

    survey_completion_status: str | None = None
    """``completed`` (also spelled ``complete``) or ``incomplete``."""

    survey_id: str | None = None
    """The survey, a UUID. Joins the answers of all its respondents."""

    survey_session_id: str | None = None
    """One sitting of one respondent. Joins the answers of a questionnaire."""
